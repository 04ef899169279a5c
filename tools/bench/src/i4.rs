//! I4: what one session costs the processor from capture to wire, with one viewer: a moving picture, and one that stands
//! still.
//!
//! Counted is the server's process: capture, encoders of picture and sound, WebRTC, signalling. The X display, the
//! application, the sound server and the browser are named beside it.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::Lab;

use crate::chromium::Chromium;
use crate::cost::{Costs, shares, threads, tree, words};
use crate::report::{Error, Report};
use crate::theatre::Run;

/// From targets.md, percent of a core.
const TARGETS: [f64; 2] = [15.0, 1.0];
/// How long each is watched.
const WATCHED: Duration = Duration::from_secs(20);
const SETTLING: Duration = Duration::from_secs(4);

/// Measures.
///
/// # Errors
/// When the server or the browser fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let server = Run::start(&lab)?;
    let mut chromium = Chromium::start()?;
    let show = server.begin()?;
    chromium.ask(&json!({"do": "open", "page": "viewer", "url": show.own_url()}))?;
    chromium.ask(&json!({"do": "drives", "page": "viewer"}))?;
    std::thread::sleep(SETTLING);
    let moving = during(server.pid())?;
    let pictures = chromium.watch("viewer", 3_000)?;
    chromium.ask(&json!({"do": "press", "page": "viewer", "key": "F2"}))?;
    std::thread::sleep(SETTLING);
    let still = during(server.pid())?;
    let still_pictures = chromium.watch("viewer", 3_000)?;
    let of = |costs: &Costs, name: &str| costs.get(name).copied().unwrap_or(0.0);
    let found = [of(&moving.0, "server"), of(&still.0, "server")];
    let mut lines = Vec::new();
    for (what, one, watched) in [
        ("moving", &moving, &pictures),
        ("still", &still, &still_pictures),
    ] {
        lines.push(format!(
            "{what}: {}; {:.1} pictures and {:.0} kb/s to the viewer",
            words(&one.0),
            watched.decoded_rate,
            watched.rate("bytesReceived") * 8.0 / 1e3
        ));
        lines.push(format!("    threads of the server: {}", words(&one.1)));
    }
    Ok(Report {
        id: "I4",
        what: format!(
            "CPU of the server from capture to wire, 720p60 with sound, one viewer, {} s each",
            WATCHED.as_secs()
        ),
        figure: format!(
            "moving {:.1} %, still {:.1} % of a core",
            found[0], found[1]
        ),
        reference: "Selkies 22-24 % (moving)".to_owned(),
        target: "<= 15 % moving, <= 1 % still".to_owned(),
        met: found
            .iter()
            .zip(TARGETS)
            .all(|(found, target)| *found <= target),
        lines,
        data: json!({
            "moving": moving.0, "moving_threads": moving.1, "still": still.0, "still_threads": still.1,
            "rate": pictures.decoded_rate, "still_rate": still_pictures.decoded_rate,
        }),
    })
}

/// Percent of a core of each process, and of each thread of the server.
fn during(pid: i32) -> Result<(Costs, Costs), Error> {
    let (before, parts, began) = (tree(pid)?, threads(pid)?, Instant::now());
    std::thread::sleep(WATCHED);
    let (after, now, seconds) = (tree(pid)?, threads(pid)?, began.elapsed().as_secs_f64());
    Ok((
        shares(&before, &after, seconds),
        shares(&parts, &now, seconds),
    ))
}
