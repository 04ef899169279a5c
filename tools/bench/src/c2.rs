//! C2: 10,000 requests race for the last place; exactly one may win, on SQLite and on MariaDB.

use std::process::Command;

use serde_json::{Value, json};
use tests::{Coordinator, CoordinatorOptions, Lab, MariaDb};
use tokio::task::JoinSet;

use crate::c1::tomorrow;
use crate::crowd::Visitor;
use crate::report::{Error, Report};

const CONNECTIONS: u32 = 1_000;
/// Requests that each connection sends at once; 10,000 in all.
const EACH: usize = 10;
/// Races for different times of one day.
const TIMES: [&str; 3] = ["09:00", "12:00", "15:00"];

/// What one race gave.
struct Race {
    name: String,
    answers: usize,
    winners: usize,
    busy: usize,
}

/// Measures.
///
/// # Errors
/// When a coordinator, a database or a visitor fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let mariadb = MariaDb::start(&lab);
    let mut races = on(&lab, "SQLite", &[])?;
    races.extend(on(&lab, "MariaDB", &["--database", &mariadb.url()])?);
    let good = |race: &Race| race.winners == 1 && race.winners + race.busy == race.answers;
    let won = races.iter().filter(|race| good(race)).count();
    let all: usize = races.iter().map(|race| race.answers).sum();
    let lines = races.iter().map(|race| {
        let Race {
            name,
            answers,
            winners,
            busy,
        } = race;
        format!("{name:44} {answers} answers, {winners} winner(s), {busy} SERVERS_BUSY")
    });
    Ok(Report {
        id: "C2",
        what: format!(
            "races of {CONNECTIONS} connections with {EACH} requests each for the last place"
        ),
        figure: format!(
            "exactly one winner in {won} of {} races ({all} requests)",
            races.len()
        ),
        reference: "none: a place is given once or the program is wrong".to_owned(),
        target: "exactly 1 winner, always".to_owned(),
        met: won == races.len(),
        lines: lines.collect(),
        data: json!({ "races": races.len(), "races_with_one_winner": won, "requests": all }),
    })
}

fn on(lab: &Lab, database: &str, args: &[&str]) -> Result<Vec<Race>, Error> {
    let options = CoordinatorOptions {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..CoordinatorOptions::default()
    };
    let coordinator = Coordinator::start(lab, options);
    let _stage = coordinator.stage("one", 1, &["Chess"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut visitors = Visitor::many(CONNECTIONS, coordinator.address).await?;
        let mut races = Vec::new();
        for time in TIMES {
            let plan = plan(&tomorrow()?, time);
            let name = format!("{database}, PLAN_SESSION for {time}");
            races.push(race(&name, &mut visitors, &plan, &plan).await?);
        }
        // The minute that runs is not past, so a booking for it and a session now want the same place.
        let plan = plan(&now("%d/%m/%Y")?, &now("%H:%M")?);
        let start = json!({"verb": "START_SESSION", "rc_name": "Chess"}).to_string();
        let name = format!("{database}, PLAN_SESSION and START_SESSION for now");
        races.push(race(&name, &mut visitors, &plan, &start).await?);
        Ok(races)
    })
}

/// All send all of their requests, then all hear their answers. Every second connection begins with the other request.
async fn race(
    name: &str,
    visitors: &mut Vec<Visitor>,
    one: &str,
    other: &str,
) -> Result<Race, Error> {
    let mut tasks = JoinSet::new();
    for (number, mut visitor) in visitors.drain(..).enumerate() {
        let requests = [one.to_owned(), other.to_owned()];
        tasks.spawn(async move {
            for turn in 0..EACH {
                visitor.say(&requests[(number + turn) % 2]).await?;
            }
            let mut answers = Vec::new();
            for _ in 0..EACH {
                let answer: Value = serde_json::from_str(&visitor.hear().await?)?;
                answers.push(answer["msg"].as_str().unwrap_or("").to_owned());
            }
            Ok::<_, Error>((visitor, answers))
        });
    }
    let mut answers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (visitor, more) = done??;
        visitors.push(visitor);
        answers.extend(more);
    }
    let count = |words: &[&str]| {
        let is = |answer: &&String| words.contains(&answer.as_str());
        answers.iter().filter(is).count()
    };
    Ok(Race {
        name: name.to_owned(),
        answers: answers.len(),
        winners: count(&["CONNECTION_CODE", "SESSION_CONNECTION_DATA"]),
        busy: count(&["SERVERS_BUSY"]),
    })
}

fn plan(day: &str, time: &str) -> String {
    json!({"verb": "PLAN_SESSION", "rc_name": "Chess", "date": day, "time": time}).to_string()
}

/// Now, in UTC, as `date` writes it.
fn now(format: &str) -> Result<String, Error> {
    let said = Command::new("date")
        .args(["-u", &format!("+{format}")])
        .output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}
