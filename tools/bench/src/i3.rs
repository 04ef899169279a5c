//! I3: joining a session that runs. A browser that was at this session server before opens the session's page in a new tab;
//! what counts is the time from the beginning of the navigation to the first picture. One member is there all the time. The
//! tab's window is there already: Chromium loads pages of its own for a new one.

use std::time::Duration;

use serde_json::json;
use tests::Lab;

use crate::chromium::{Chromium, number};
use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::theatre::Run;

/// From targets.md.
const TARGET_MS: f64 = 300.0;
const JOINS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(700);

/// Measures.
///
/// # Errors
/// When the server or the browser fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let server = Run::start(&lab)?;
    let mut chromium = Chromium::trusting(&server.certificate())?;
    let show = server.begin()?;
    let open = |page: &str, context: &str| {
        json!({
            "do": "open", "page": page, "context": context, "url": show.url(),
        })
    };
    chromium.ask(&open("member", "member"))?;
    // Who joins was here before: the page's files are in the browser's cache.
    chromium.ask(&open("first", "guest"))?;
    chromium.ask(&json!({"do": "close", "page": "first"}))?;
    let (mut frames, mut peers, mut connected) = (Vec::new(), Vec::new(), Vec::new());
    for join in 0..JOINS {
        std::thread::sleep(PAUSE);
        let page = format!("guest-{join}");
        let times = chromium.ask(&open(&page, "guest"))?;
        let (peer, way, frame) = (
            number(&times, "peer_ms")?,
            number(&times, "connected_ms")?,
            number(&times, "frame_ms")?,
        );
        peers.push(peer);
        connected.push(way - peer);
        frames.push(frame);
        chromium.ask(&json!({"do": "close", "page": page}))?;
    }
    let media: Vec<f64> = frames
        .iter()
        .zip(&peers)
        .map(|(frame, peer)| frame - peer)
        .collect();
    let (frames, media) = (Samples::new(frames), Samples::new(media));
    let (peers, connected) = (Samples::new(peers), Samples::new(connected));
    Ok(Report {
        id: "I3",
        what: format!(
            "join of a running session, {JOINS} times in a new tab of a warm browser, from the beginning of the navigation to the first picture, Chromium {}",
            chromium.version
        ),
        figure: format!(
            "p50 {:.0}, p95 {:.0}, max {:.0} ms",
            frames.p50(),
            frames.p95(),
            frames.max()
        ),
        reference: "Epic's own pair 330 ms, Selkies 480-820 ms".to_owned(),
        target: format!("<= {TARGET_MS:.0} ms"),
        met: frames.p50() <= TARGET_MS,
        lines: vec![
            format!(
                "whole:                                      {}",
                frames.words("ms")
            ),
            format!(
                "until the page's first script offers media:   {}",
                peers.words("ms")
            ),
            format!(
                "from there to the first picture:            {}",
                media.words("ms")
            ),
            format!(
                "of which until the connection stood:        {}",
                connected.words("ms")
            ),
        ],
        data: json!({
            "frame_ms": frames.json(), "page_ms": peers.json(), "media_ms": media.json(), "connected_ms": connected.json(),
        }),
    })
}
