//! What the scenarios of the coordinator share: how one is started, and what its visitors say.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tests::{Coordinator, CoordinatorOptions, Lab, Wss};

/// What session servers run here.
pub(crate) const CHESS: &str = "Chess";

/// `date` with this format, of a day so far ahead, UTC. A day to come is counted from the first question on: it stays the
/// same when the day changes while a test runs.
pub(crate) fn date(format: &str, days_ahead: u32) -> String {
    static BEGAN: LazyLock<String> = LazyLock::new(|| run_date("now", "%F"));
    let day = match days_ahead {
        0 => "now".to_owned(),
        ahead => format!("{} +{ahead} day", *BEGAN),
    };
    run_date(&day, format)
}

fn run_date(day: &str, format: &str) -> String {
    let output = Command::new("date")
        .args(["-u", "-d", day, &format!("+{format}")])
        .output()
        .expect("date runs");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// A day in the form of old clients.
pub(crate) fn day(days_ahead: u32) -> String {
    date("%d/%m/%Y", days_ahead)
}

pub(crate) fn coordinator(lab: &Lab, args: &[&str]) -> Coordinator {
    Coordinator::start(
        lab,
        CoordinatorOptions {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..CoordinatorOptions::default()
        },
    )
}

/// A coordinator that lets one address ask as fast as a test does.
pub(crate) fn patient(lab: &Lab) -> Coordinator {
    coordinator(lab, PATIENT)
}

pub(crate) const PATIENT: &[&str] = &["--requests-per-second", "100000", "--burst", "100000"];

pub(crate) fn plan(client: &mut Wss, days_ahead: u32, time: &str) -> Value {
    client.ask(&json!({
        "verb": "PLAN_SESSION", "date": day(days_ahead), "time": time, "rc_name": CHESS,
    }))
}

/// The code of a booking that is granted.
#[track_caller]
pub(crate) fn code_of(answer: &Value) -> String {
    assert_eq!(answer["msg"], "CONNECTION_CODE", "{answer}");
    let code = answer["code"].as_str().expect("a code");
    assert!(
        code.len() == 4 && code.bytes().all(|digit| digit.is_ascii_digit()),
        "{code}"
    );
    code.to_owned()
}

#[track_caller]
pub(crate) fn start(client: &mut Wss) -> Value {
    let answer = client.ask(&json!({"verb": "START_SESSION", "rc_name": CHESS}));
    assert_eq!(answer["msg"], "SESSION_CONNECTION_DATA", "{answer}");
    answer
}

pub(crate) fn connect(client: &mut Wss, code: &str) -> Value {
    client.ask(&json!({"verb": "CONNECT_SESSION_WITH_CODE", "code": code}))
}

pub(crate) fn status(client: &mut Wss, code: &str) -> Value {
    client.ask(&json!({"verb": "SESSION_STATUS", "code": code}))
}
