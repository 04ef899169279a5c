//! I9: everything at once. Four sessions at 720p30, each with three users: one real Chromium page and two viewers that decode
//! nothing, all on this machine. What counts is that no picture is dropped.
//!
//! The page's window is that of a small laptop; a second part has larger ones, in which this browser, without a graphics
//! processor, makes each picture larger on the same two cores. Says both.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::Lab;

use crate::chromium::Chromium;
use crate::cost::{Costs, shares, tree, words};
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
/// Inside of a small laptop's window, CSS pixels.
const WINDOW: (u32, u32) = (1280, 800);
/// Inside of a window in which 1280x720 is shown larger than it is.
const LARGE_WINDOW: (u32, u32) = (1600, 900);
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
    let small = measure(&mut chromium, &mut viewers, &pages, server.pid(), WINDOW)?;
    let large = measure(
        &mut chromium,
        &mut viewers,
        &pages,
        server.pid(),
        LARGE_WINDOW,
    )?;
    Ok(Report {
        id: "I9",
        what: format!(
            "{SESSIONS} sessions at 720p30 with sound, each with {} users: one Chromium page and {OTHERS} others",
            OTHERS + 1
        ),
        figure: format!(
            "slowest user {:.1} of {RATE:.0} pictures a second; {:.0} dropped in the browser",
            small.worst(),
            small.dropped
        ),
        reference:
            "a machine of two cores that runs the applications, the browser and the other users too"
                .to_owned(),
        target: "no picture dropped (99 % of 30 a second at every user)".to_owned(),
        met: small.worst() >= RATE * TARGET && small.dropped == 0.0,
        lines: [(WINDOW, &small), (LARGE_WINDOW, &large)]
            .into_iter()
            .flat_map(|(window, all)| all.lines(window))
            .collect(),
        data: json!({"small": small.data(), "large": large.data()}),
    })
}

/// What all users got for a while.
struct Seen {
    page_rates: Vec<f64>,
    others_rate: f64,
    others_fewest: f64,
    connected: f64,
    dropped: f64,
    costs: Costs,
}

impl Seen {
    fn worst(&self) -> f64 {
        let slowest = self
            .page_rates
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        slowest.min(self.others_fewest)
    }

    fn lines(&self, (width, height): (u32, u32)) -> [String; 2] {
        let rates: Vec<String> = self
            .page_rates
            .iter()
            .map(|rate| format!("{rate:.1}"))
            .collect();
        [
            format!(
                "pages of {width}x{height}: {} a second decoded, {:.0} dropped; others {:.1} on average, {:.1} at the slowest, {} of {} connected",
                rates.join(", "),
                self.dropped,
                self.others_rate,
                self.others_fewest,
                self.connected,
                SESSIONS * OTHERS
            ),
            format!("of a core: {}", words(&self.costs)),
        ]
    }

    fn data(&self) -> Value {
        json!({
            "page_rates": self.page_rates, "others_rate": self.others_rate, "others_fewest": self.others_fewest,
            "dropped": self.dropped, "costs_percent": self.costs,
        })
    }
}

fn measure(
    chromium: &mut Chromium,
    viewers: &mut Viewers,
    pages: &[String],
    server: i32,
    (width, height): (u32, u32),
) -> Result<Seen, Error> {
    let viewport = json!({"width": width, "height": height});
    chromium.ask(&json!({"do": "resize", "pages": pages, "viewport": viewport}))?;
    std::thread::sleep(SETTLING);
    let (costs, got, began) = (tree(server)?, viewers.got()?, Instant::now());
    let counted = chromium.count(pages, WATCHED_MS)?;
    let seconds = began.elapsed().as_secs_f64();
    let costs = shares(&costs, &tree(server)?, seconds);
    let now = viewers.got()?;
    let count = (SESSIONS * OTHERS) as f64;
    Ok(Seen {
        page_rates: counted.iter().map(|one| one.decoded_rate).collect(),
        others_rate: (now.pictures - got.pictures) / seconds / count,
        others_fewest: (now.fewest - got.fewest) / seconds,
        connected: now.connected,
        dropped: counted.iter().map(|one| one.dropped).sum(),
        costs,
    })
}
