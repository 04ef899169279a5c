//! I7: from 300 kb/s to 3 Mb/s. The way to the browser carries 300 kb/s, and from a moment on 3 Mb/s; what counts is how long
//! after that moment the picture has 2.5 Mb/s, averaged over a second. The application flickers all over, so that its picture
//! wants all of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tests::{Lab, free_port};

use crate::chromium::Chromium;
use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::theatre::Alone;

/// From targets.md.
const TARGET_S: f64 = 3.0;
const NARROW_KBPS: u32 = 300;
const WIDE_KBPS: u32 = 3_000;
/// What counts as having it.
const WANTED_BPS: f64 = 2.5e6;
/// What the picture may take at most.
const LIMIT_KBPS: u32 = 4_000;
/// What may wait for the narrow way, as routers at home have it: half a second of it.
const QUEUE_BYTES: u32 = 20_000;
const RAMPS: usize = 3;
const NARROW: Duration = Duration::from_secs(15);
const WATCHED_MS: u32 = 20_000;
/// Rates are taken so often, and averaged over so many.
const EVERY_MS: u32 = 100;
const AVERAGED: usize = 10;

/// Measures.
///
/// # Errors
/// When the server or the browser fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let udp = free_port();
    let more = json!({"webrtc": {"udp_port": udp}});
    let application = json!({"bitrate_kbps": LIMIT_KBPS});
    let mut server = Alone::start(&lab, &more, &application, &["--busy", "--silent"], None)?;
    let mut way = lab.netem(([127, 0, 0, 1], udp).into(), &[]);
    let mut chromium = Chromium::start()?;
    let show = server.begin()?;
    let detour = json!({"from": udp, "to": way.addr.port()});
    chromium
        .ask(&json!({"do": "open", "page": "viewer", "url": show.own_url(), "detour": detour}))?;
    let (mut took, mut narrow_kbps, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RAMPS {
        way.tell(&format!("to-client queue {QUEUE_BYTES}"));
        way.tell(&format!("to-client rate {NARROW_KBPS}"));
        std::thread::sleep(NARROW);
        let before = chromium.watch("viewer", 2_000)?;
        narrow_kbps.push(before.rate("bytesReceived") * 8.0 / 1e3);
        chromium.order(
            &json!({"do": "rates", "page": "viewer", "ms": WATCHED_MS, "every_ms": EVERY_MS}),
        )?;
        way.tell("to-client queue 250000");
        way.tell(&format!("to-client rate {WIDE_KBPS}"));
        let moment = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3;
        let answer = chromium.answer()?;
        let rates: Vec<(f64, f64)> = answer
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some((one[0].as_f64()? - moment, one[1].as_f64()?)))
            .collect();
        let mean = |window: &[(f64, f64)]| {
            window.iter().map(|one| one.1).sum::<f64>() / window.len() as f64
        };
        let there = rates.windows(AVERAGED).find_map(|window| {
            let (at, _) = *window.last()?;
            (at > 0.0 && mean(window) >= WANTED_BPS).then_some(at / 1e3)
        });
        took.push(there.unwrap_or(f64::from(WATCHED_MS) / 1e3));
        let whole_seconds = rates.chunks(AVERAGED);
        let words: Vec<String> = whole_seconds
            .take(10)
            .map(|second| format!("{:.0}", mean(second) / 1e3))
            .collect();
        steps.push(words.join(" "));
    }
    let took = Samples::new(took);
    let narrow = Samples::new(narrow_kbps);
    let mut lines = vec![format!(
        "at {NARROW_KBPS} kb/s the picture had {:.0} to {:.0} kb/s",
        narrow.min(),
        narrow.max()
    )];
    lines.extend(
        steps
            .iter()
            .map(|words| format!("kb/s, second by second: {words}")),
    );
    Ok(Report {
        id: "I7",
        what: format!(
            "from {NARROW_KBPS} kb/s to {WIDE_KBPS} kb/s, {RAMPS} times, until the picture has {:.1} Mb/s averaged over a second, Chromium {}",
            WANTED_BPS / 1e6,
            chromium.version
        ),
        figure: format!(
            "{:.1} s (fastest {:.1}, slowest {:.1}); {:.0} s: not at all",
            took.p50(),
            took.min(),
            took.max(),
            f64::from(WATCHED_MS) / 1e3
        ),
        reference: "the library's own estimator 25 s".to_owned(),
        target: format!("<= {TARGET_S:.0} s"),
        met: took.max() <= TARGET_S,
        lines,
        data: json!({"seconds": took.json(), "narrow_kbps": narrow.json(), "kbps_by_second": steps}),
    })
}
