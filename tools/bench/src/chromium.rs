//! A real Chromium, driven by `tools/bench/browser/drive.mjs`: orders and answers, a line of JSON each. This file must never
//! know what is measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::quantiles::Samples;
use crate::report::Error;

/// An order that takes longer has failed: the longest measurement, and a minute for a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(240);
/// Answers that wait: one order is under way at a time.
const ANSWERS: usize = 4;

/// A running browser; it ends when this is dropped.
pub(crate) struct Chromium {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    /// What it says that it is.
    pub(crate) version: String,
}

impl Chromium {
    /// Starts one with an empty profile.
    ///
    /// # Errors
    /// When there is no node, no browser, or what the browser tests install is missing.
    pub(crate) fn start() -> Result<Self, Error> {
        Self::launch(None)
    }

    /// The same for a browser that trusts this certificate, and so keeps what its server lets it keep.
    pub(crate) fn trusting(certificate: &Path) -> Result<Self, Error> {
        Self::launch(Some(certificate))
    }

    fn launch(certificate: Option<&Path>) -> Result<Self, Error> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/drive.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .args(certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| format!("node (18 or later) does not start: {why}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("the browser has no output")?;
        let (sender, answers) = sync_channel(ANSWERS);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut chromium = Self {
            child,
            stdin,
            answers,
            version: String::new(),
        };
        let ready = chromium.hear()?;
        chromium.version = ready["version"].as_str().unwrap_or("unknown").to_owned();
        Ok(chromium)
    }

    fn hear(&mut self) -> Result<Value, Error> {
        let line = self.answers.recv_timeout(PATIENCE);
        let mut answer: Value = serde_json::from_str(&line.map_err(|_| "the browser is silent")?)?;
        match answer["error"].as_str() {
            Some(why) => Err(format!("in the browser: {why}").into()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// Gives an order without waiting for its answer.
    pub(crate) fn order(&mut self, order: &Value) -> Result<(), Error> {
        let stdin = self.stdin.as_mut().ok_or("the browser has ended")?;
        Ok(writeln!(stdin, "{order}")?)
    }

    /// The answer to an order that was given.
    pub(crate) fn answer(&mut self) -> Result<Value, Error> {
        self.hear()
    }

    /// Gives an order; its answer.
    pub(crate) fn ask(&mut self, order: &Value) -> Result<Value, Error> {
        self.order(order)?;
        self.hear()
    }

    /// What a page shows within so many milliseconds.
    pub(crate) fn watch(&mut self, page: &str, ms: u32) -> Result<Watched, Error> {
        Watched::read(&self.ask(&json!({"do": "watch", "page": page, "ms": ms}))?)
    }

    /// What the browser counts for several pages at the same time; no picture is read.
    pub(crate) fn count(&mut self, pages: &[String], ms: u32) -> Result<Vec<Counted>, Error> {
        let answer = self.ask(&json!({"do": "count", "pages": pages, "ms": ms}))?;
        let each = answer.as_array().into_iter().flatten();
        each.map(|one| {
            let seconds = number(one, "seconds")?;
            let change = &one["change"];
            Ok(Counted {
                decoded_rate: number(change, "framesDecoded")? / seconds,
                dropped: number(change, "framesDropped")?,
            })
        })
        .collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It closes the browser when its input ends; if it does not, it is killed.
        self.stdin = None;
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of an answer.
pub(crate) fn number(answer: &Value, key: &str) -> Result<f64, Error> {
    let value = answer[key].as_f64();
    value.ok_or_else(|| format!("no {key} in {answer}").into())
}

/// What the browser counted for one page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Pictures a second that were decoded.
    pub(crate) decoded_rate: f64,
    /// Pictures that came and were not shown.
    pub(crate) dropped: f64,
}

/// What a page showed for a while.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// From the moment at which each picture was painted until it was seen, milliseconds.
    pub(crate) ages_ms: Vec<f64>,
    /// The part of it until the last packet had come.
    pub(crate) received_ms: Vec<f64>,
    /// The part of it from then on: jitter buffer, decoder, the browser's own clock of 60 pictures a second.
    pub(crate) shown_ms: Vec<f64>,
    /// The part of that which the decoder took.
    pub(crate) decode_ms: Vec<f64>,
    /// Between two pictures, as they were painted.
    pub(crate) steps_ms: Vec<f64>,
    /// Pictures a second that were seen.
    pub(crate) seen_rate: f64,
    /// Pictures a second that were decoded.
    pub(crate) decoded_rate: f64,
    /// How long a picture waited in the jitter buffer, on average.
    pub(crate) jitter_buffer_ms: f64,
    /// Pictures whose marks could not be read.
    pub(crate) unread: f64,
    /// Everything else that changed meanwhile, by the names of getStats.
    pub(crate) change: Value,
    /// How long it lasted.
    pub(crate) seconds: f64,
    /// Width and height of the picture.
    pub(crate) size: (u64, u64),
}

impl Watched {
    fn read(answer: &Value) -> Result<Self, Error> {
        let pictures = answer["pictures"].as_array().ok_or("no pictures")?;
        let part = |picture: &Value, at: usize| picture[at].as_f64();
        let all = |of: &dyn Fn(&Value) -> Option<f64>| -> Vec<f64> {
            pictures.iter().filter_map(of).collect()
        };
        let seconds = number(answer, "seconds")?;
        let change = answer["change"].clone();
        let emitted = number(&change, "jitterBufferEmittedCount")?.max(1.0);
        Ok(Self {
            ages_ms: all(&|one| Some(part(one, 1)? - part(one, 0)?)),
            received_ms: all(&|one| Some(part(one, 2)? - part(one, 0)?)),
            shown_ms: all(&|one| Some(part(one, 1)? - part(one, 2)?)),
            decode_ms: all(&|one| part(one, 3)),
            steps_ms: pictures
                .windows(2)
                .filter_map(|pair| Some(part(&pair[1], 0)? - part(&pair[0], 0)?))
                .collect(),
            seen_rate: pictures.len() as f64 / seconds,
            decoded_rate: number(&change, "framesDecoded")? / seconds,
            jitter_buffer_ms: number(&change, "jitterBufferDelay")? * 1000.0 / emitted,
            unread: number(answer, "unread")?,
            seconds,
            size: (
                answer["width"].as_u64().unwrap_or(0),
                answer["height"].as_u64().unwrap_or(0),
            ),
            change,
        })
    }

    /// A count of getStats, a second.
    pub(crate) fn rate(&self, name: &str) -> f64 {
        self.change[name].as_f64().unwrap_or(0.0) / self.seconds
    }

    /// Adds what was watched another time.
    pub(crate) fn add(&mut self, other: &Self) {
        self.ages_ms.extend(&other.ages_ms);
        self.received_ms.extend(&other.received_ms);
        self.shown_ms.extend(&other.shown_ms);
        self.decode_ms.extend(&other.decode_ms);
        self.steps_ms.extend(&other.steps_ms);
        self.unread += other.unread;
    }

    /// Where the time goes, a line for each part.
    pub(crate) fn parts(&self) -> Vec<String> {
        let words = |samples: &Vec<f64>| Samples::new(samples.clone()).words("ms");
        vec![
            format!("painted to received:  {}", words(&self.received_ms)),
            format!(
                "received to seen:     {} (jitter buffer, decoder, the browser's 60 ticks a second)",
                words(&self.shown_ms)
            ),
            format!("decoder:              {}", words(&self.decode_ms)),
            format!(
                "between two pictures: {} (as painted)",
                words(&self.steps_ms)
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_age_are_read_and_unknown_ones_are_left_out() {
        let answer = json!({
            "seconds": 2.0, "unread": 1, "width": 1280, "height": 720,
            "pictures": [[100.0, 112.0, 105.0, 1.0], [116.0, 130.0, null, 2.0]],
            "change": {"framesDecoded": 120, "jitterBufferDelay": 0.06, "jitterBufferEmittedCount": 120, "nackCount": 4},
        });
        let watched = Watched::read(&answer).expect("all of it is there");
        assert_eq!(watched.ages_ms, [12.0, 14.0]);
        assert_eq!(watched.received_ms, [5.0]);
        assert_eq!(watched.shown_ms, [7.0]);
        assert_eq!(watched.steps_ms, [16.0]);
        assert_eq!((watched.seen_rate, watched.decoded_rate), (1.0, 60.0));
        assert!((watched.jitter_buffer_ms - 0.5).abs() < 1e-9);
        assert_eq!(
            (watched.rate("nackCount"), watched.size),
            (2.0, (1280, 720))
        );
        assert!(Watched::read(&json!({"seconds": 1.0})).is_err());
    }
}
