//! I6: five packets of a hundred lost, each way. The browser's candidates are led through a proxy that loses them; what counts
//! is how many pictures a second are seen.

use std::time::Duration;

use serde_json::json;
use tests::{Lab, free_port};

use crate::chromium::{Chromium, Watched};
use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::theatre::Alone;

/// From targets.md.
const TARGET: f64 = 55.0;
const LOSS: &str = "0.05";
const WATCHED_MS: u32 = 20_000;
const SETTLING: Duration = Duration::from_secs(4);

/// Measures.
///
/// # Errors
/// When the server or the browser fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let udp = free_port();
    let more = json!({"webrtc": {"udp_port": udp}});
    let mut server = Alone::start(&lab, &more, &json!({}), &[], None)?;
    let mut way = lab.netem(([127, 0, 0, 1], udp).into(), &[]);
    let mut chromium = Chromium::start()?;
    let show = server.begin()?;
    let detour = json!({"from": udp, "to": way.addr.port()});
    chromium
        .ask(&json!({"do": "open", "page": "viewer", "url": show.own_url(), "detour": detour}))?;
    std::thread::sleep(SETTLING);
    let whole = chromium.watch("viewer", WATCHED_MS / 2)?;
    way.tell(&format!("loss {LOSS}"));
    std::thread::sleep(SETTLING);
    let lossy = chromium.watch("viewer", WATCHED_MS)?;
    let line = |what: &str, watched: &Watched| {
        format!(
            "{what}: {:.1} decoded and {:.1} seen a second; freezes {}, {:.1} s in all; glass to glass {}; {:.0} kb/s, {:.1} packets lost, {:.1} NACKs, {:.2} PLIs a second",
            watched.decoded_rate,
            watched.seen_rate,
            watched.change["freezeCount"],
            watched.change["totalFreezesDuration"]
                .as_f64()
                .unwrap_or(0.0),
            Samples::new(watched.ages_ms.clone()).words("ms"),
            watched.rate("bytesReceived") * 8.0 / 1e3,
            watched.rate("packetsLost"),
            watched.rate("nackCount"),
            watched.rate("pliCount"),
        )
    };
    Ok(Report {
        id: "I6",
        what: format!(
            "720p60 with 5 % of the packets lost each way, {} s, Chromium {}",
            WATCHED_MS / 1_000,
            chromium.version
        ),
        figure: format!("{:.1} pictures a second", lossy.decoded_rate),
        reference: format!(
            "without loss in the same run {:.1}; another implementation 44-50 of 50 with RTX",
            whole.decoded_rate
        ),
        target: format!(">= {TARGET:.0} of 60"),
        met: lossy.decoded_rate >= TARGET,
        lines: vec![line("without loss", &whole), line("5 % loss", &lossy)],
        data: json!({
            "decoded_rate": lossy.decoded_rate, "seen_rate": lossy.seen_rate, "whole_rate": whole.decoded_rate,
            "age_ms": Samples::new(lossy.ages_ms.clone()).json(), "change": lossy.change,
        }),
    })
}
