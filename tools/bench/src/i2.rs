//! I2: input to picture. A key, a button and moves of the pointer go through the page's own listeners; the application
//! counts what it is given and paints the count, which is read back out of the picture.

use std::time::Duration;

use rand::Rng as _;
use serde_json::{Value, json};
use tests::Lab;

use crate::chromium::Chromium;
use crate::quantiles::Samples;
use crate::report::{Error, Report};
use crate::theatre::Run;

/// From targets.md.
const TARGETS_MS: [f64; 2] = [25.0, 35.0];
/// Starts of a session, as phases are decided there.
const STARTS: u32 = 5;
/// Inputs of each kind, each start.
const TIMES: u32 = 20;
const KINDS: [&str; 3] = ["key", "button", "move"];
const SETTLING: Duration = Duration::from_secs(2);

/// Measures.
///
/// # Errors
/// When the server or the browser fails.
pub(crate) fn run() -> Result<Report, Error> {
    let lab = Lab::new();
    let server = Run::start(&lab)?;
    let mut chromium = Chromium::start()?;
    let mut pictures: [Vec<f64>; 3] = Default::default();
    let mut painted = Vec::new();
    let mut lost = 0;
    for start in 0..STARTS {
        std::thread::sleep(Duration::from_micros(
            rand::rng().random_range(0..1_000_000),
        ));
        let show = server.begin()?;
        let page = format!("page-{start}");
        chromium.ask(&json!({"do": "open", "page": page, "url": show.own_url()}))?;
        chromium.ask(&json!({"do": "drives", "page": page}))?;
        std::thread::sleep(SETTLING);
        for (kind, pictures) in KINDS.iter().zip(&mut pictures) {
            let order = json!({"do": "inputs", "page": page, "kind": kind, "times": TIMES});
            for one in chromium.ask(&order)?.as_array().into_iter().flatten() {
                match one["picture_ms"].as_f64() {
                    Some(ms) => pictures.push(ms),
                    None => lost += 1,
                }
                painted.extend(one["painted_ms"].as_f64());
            }
        }
        chromium.ask(&json!({"do": "close", "page": page}))?;
        server.end(show)?;
    }
    let each: Vec<Samples> = pictures.iter().cloned().map(Samples::new).collect();
    let all = Samples::new(pictures.concat());
    let painted = Samples::new(painted);
    let found = [all.p50(), all.p95()];
    let mut lines = vec![format!("all:      {}", all.words("ms"))];
    for (kind, samples) in KINDS.iter().zip(&each) {
        lines.push(format!("{:<9} {}", format!("{kind}:"), samples.words("ms")));
    }
    lines.push(format!(
        "the part until the application painted it: {}",
        painted.words("ms")
    ));
    lines.push(format!("{lost} inputs that no picture showed within 2 s"));
    let by_kind: Vec<Value> = each.iter().map(Samples::json).collect();
    Ok(Report {
        id: "I2",
        what: format!(
            "input to picture, 720p, 60 pictures a second, {STARTS} starts, {TIMES} each of {}, Chromium {}",
            KINDS.join(", "),
            chromium.version
        ),
        figure: format!("p50 {:.1}, p95 {:.1} ms", found[0], found[1]),
        reference: "measured in the same way: Selkies 31-46 ms, Epic's own pair 48-61 ms"
            .to_owned(),
        target: "p50 <= 25, p95 <= 35 ms".to_owned(),
        met: lost == 0
            && found
                .iter()
                .zip(TARGETS_MS)
                .all(|(found, target)| *found <= target),
        lines,
        data: json!({
            "picture_ms": all.json(), "kinds": KINDS, "by_kind_ms": by_kind, "painted_ms": painted.json(), "lost": lost,
        }),
    })
}
