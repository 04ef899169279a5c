//! I9: everything at once. Four sessions at 720p30, each with three users: one real Chromium page and two viewers that decode
//! nothing, all on this machine. What counts is that no picture is dropped.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::Lab;

use crate::chromium::Chromium;
use crate::cost::{shares, tree, words};
use crate::report::{Error, Report};
use crate::theatre::Alone;
use crate::viewers::Viewers;

const SESSIONS: usize = 4;
/// Users of each beside the page.
const OTHERS: usize = 2;
const RATE: f64 = 30.0;
/// Of the pictures, these have to come.
const TARGET: f64 = 0.99;
const WATCHED_MS: u32 = 15_000;
const SETTLING: Duration = Duration::from_secs(5);

/// Measures.
///
/// # Errors
/// When the server, the browser or the crowd fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let mut server = Alone::start(
        &lab,
        &json!({"allowed_sessions": SESSIONS}),
        &json!({"frame_rate": RATE as u32}),
        &[],
        None,
    )?;
    let mut chromium = Chromium::start()?;
    let mut viewers = Viewers::start(&lab, None)?;
    let mut pages = Vec::new();
    for session in 0..SESSIONS {
        let show = server.begin()?;
        for _ in 0..OTHERS {
            viewers.join(&server, &show)?;
        }
        let page = format!("page-{session}");
        chromium.ask(&json!({"do": "open", "page": page, "url": show.own_url()}))?;
        pages.push(page);
    }
    std::thread::sleep(SETTLING);
    let (costs, got, began) = (tree(server.pid())?, viewers.got()?, Instant::now());
    let watched = chromium.watch_all(&pages, WATCHED_MS)?;
    let seconds = began.elapsed().as_secs_f64();
    let costs = shares(&costs, &tree(server.pid())?, seconds);
    let now = viewers.got()?;
    let count = (SESSIONS * OTHERS) as f64;
    let rates: Vec<f64> = watched.iter().map(|one| one.decoded_rate).collect();
    let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let others = (now.pictures - got.pictures) / seconds / count;
    let fewest = (now.fewest - got.fewest) / seconds;
    let dropped: f64 = watched
        .iter()
        .map(|one| one.change["framesDropped"].as_f64().unwrap_or(0.0))
        .sum();
    let worst = slowest.min(fewest);
    Ok(Report {
        id: "I9",
        what: format!(
            "{SESSIONS} sessions at 720p30 with sound, each with {} users: one Chromium page and {OTHERS} others",
            OTHERS + 1
        ),
        figure: format!(
            "slowest user {worst:.1} of {RATE:.0} pictures a second; {dropped:.0} dropped in the browser"
        ),
        reference:
            "a machine of two cores that runs the applications, the browser and the other users too"
                .to_owned(),
        target: "no picture dropped (99 % of 30 a second at every user)".to_owned(),
        met: worst >= RATE * TARGET && dropped == 0.0,
        lines: vec![
            format!(
                "pages: {} a second decoded",
                rates
                    .iter()
                    .map(|rate| format!("{rate:.1}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            format!(
                "others: {others:.1} a second on average, {} of {count} connected",
                now.connected
            ),
            format!("of a core: {}", words(&costs)),
        ],
        data: json!({"page_rates": rates, "others_rate": others, "others_fewest": fewest, "dropped": dropped, "costs_percent": costs}),
    })
}
