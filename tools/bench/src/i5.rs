//! I5: viewers of one session per core. Viewers that decode nothing come by WHEP; what each costs the server's process is
//! what it takes with all of them beyond what it takes with one, so that capture and encoding, which are done once, are not
//! counted.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::Lab;

use crate::cost::{shares, threads, tree, words};
use crate::report::{Error, Report};
use crate::theatre::Alone;
use crate::viewers::{Got, Viewers};

/// From targets.md.
const TARGET: f64 = 250.0;
/// Viewers in all: what a generator of one core can take.
const VIEWERS: usize = 60;
const MEASURED: Duration = Duration::from_secs(15);
const SETTLING: Duration = Duration::from_secs(6);
/// Between two joins, so that none is refused and nobody's connecting is measured.
const PAUSE: Duration = Duration::from_millis(60);

struct Phase {
    /// Percent of a core, of the server's process.
    server: f64,
    threads: String,
    got: Got,
    crowd: f64,
}

/// Measures.
///
/// # Errors
/// When the server or the crowd fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let more = json!({"users_per_session": 256});
    let mut server = Alone::start(&lab, &more, &json!({}), &[], None)?;
    let show = server.begin()?;
    let mut viewers = Viewers::start(&lab, Some("1"))?;
    viewers.join(&server, &show)?;
    pin(server.pid())?;
    std::thread::sleep(SETTLING);
    let one = during(&server, &mut viewers)?;
    for _ in 1..VIEWERS {
        viewers.join(&server, &show)?;
        std::thread::sleep(PAUSE);
    }
    std::thread::sleep(SETTLING);
    let many = during(&server, &mut viewers)?;
    let each = (many.server - one.server) / (VIEWERS - 1) as f64;
    let figure = 100.0 / each;
    let seconds = MEASURED.as_secs_f64();
    let kbps = many.got.bytes * 8.0 / 1e3 / seconds / VIEWERS as f64;
    let rate = many.got.pictures / seconds / VIEWERS as f64;
    let line = |what: &str, phase: &Phase| {
        format!(
            "{what}: server {:.1} % of a core ({}), crowd {:.1} %",
            phase.server, phase.threads, phase.crowd
        )
    };
    Ok(Report {
        id: "I5",
        what: format!(
            "viewers of one 720p60 session per core: {VIEWERS} against 1, by WHEP, the server on one core, the viewers on another"
        ),
        figure: format!(
            "{figure:.0} viewers a core, at {kbps:.0} kb/s and {rate:.1} pictures a second each"
        ),
        reference: "LiveKit about 187".to_owned(),
        target: format!(">= {TARGET:.0}"),
        met: figure >= TARGET,
        lines: vec![
            line("1 viewer", &one),
            line(&format!("{VIEWERS} viewers"), &many),
            format!(
                "{each:.2} % of a core for each more; {} connected, {:.0} packets a second to each, fewest pictures of one {:.1} a second",
                many.got.connected,
                many.got.packets / seconds / VIEWERS as f64,
                many.got.fewest / seconds
            ),
        ],
        data: json!({
            "viewers_per_core": figure, "one_percent": one.server, "many_percent": many.server, "viewers": VIEWERS,
            "kbps": kbps, "rate": rate, "crowd_percent": many.crowd,
        }),
    })
}

fn during(server: &Alone, viewers: &mut Viewers) -> Result<Phase, Error> {
    let look = |viewers: &mut Viewers| {
        Ok::<_, Error>((
            tree(server.pid())?,
            threads(server.pid())?,
            viewers.got()?,
            viewers.cost()?,
        ))
    };
    let (before, began) = (look(viewers)?, Instant::now());
    std::thread::sleep(MEASURED);
    let (after, seconds) = (look(viewers)?, began.elapsed().as_secs_f64());
    let costs = shares(&before.0, &after.0, seconds);
    Ok(Phase {
        server: costs.get("server").copied().unwrap_or(0.0),
        threads: words(&shares(&before.1, &after.1, seconds)),
        got: Got {
            connected: after.2.connected,
            packets: after.2.packets - before.2.packets,
            bytes: after.2.bytes - before.2.bytes,
            pictures: after.2.pictures - before.2.pictures,
            fewest: after.2.fewest - before.2.fewest,
        },
        crowd: (after.3 - before.3) / seconds * 100.0,
    })
}

/// Gives a process the first processor, if there is another for the crowd.
fn pin(pid: i32) -> Result<(), Error> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Ok(());
    }
    let done = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", "0", &pid.to_string()])
        .output()?;
    if done.status.success() {
        Ok(())
    } else {
        Err(format!("taskset: {}", String::from_utf8_lossy(&done.stderr)).into())
    }
}
