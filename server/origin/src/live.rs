//! A live input as a source: cut while it runs, opened again when it ends or fails.
//!
//! A thread of its own waits for the cutter, because that blocks. This file must never know numbers on a channel.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use media_ffmpeg::cut::{CutChunk, CutOptions};
use media_ffmpeg::live::{LiveCutter, LiveEvent, LiveOptions};
use tokio::sync::mpsc;

/// Chunks on the way to the channel's task, beside those that wait in the cutter. One is being published, one waits.
const WAITING: usize = 1;
/// The pause after an input failed; doubles up to `RETRY_MAX`. A guess: a camera that was unplugged for a moment.
const RETRY_MIN: Duration = Duration::from_millis(500);
/// The longest such pause. A guess at what an operator who repairs something waits for.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// How often the wish to stop is looked at.
const STOP_POLL: Duration = Duration::from_millis(100);

/// What comes from a live input.
#[derive(Debug)]
pub(crate) enum News {
    /// The next chunk; its own number starts at 0 with every opening.
    Chunk(CutChunk),
    /// It ended or failed; it is opened again after the pause, if there is one.
    Trouble {
        /// What happened.
        why: String,
        /// `None`: it cannot be opened again (standard input).
        retry: Option<Duration>,
    },
}

/// What to open.
#[derive(Clone, Debug)]
pub(crate) struct LiveInput {
    pub(crate) input: String,
    pub(crate) format: Option<String>,
    pub(crate) options: Vec<(String, String)>,
}

impl LiveInput {
    /// A name for its chunks, from what is known about it.
    pub(crate) fn name(&self) -> String {
        let path = self.input.split(['?', '#']).next().unwrap_or_default();
        if self.is_stdin() || self.format.is_some() {
            "live".to_owned()
        } else {
            media_ffmpeg::cut::chunk_base_name(Path::new(path))
        }
    }

    fn is_stdin(&self) -> bool {
        matches!(self.input.as_str(), "-" | "pipe:" | "pipe:0")
    }

    fn cut_options(&self, name: &str) -> LiveOptions {
        let mut options = LiveOptions::new(CutOptions::new(name));
        options.input_format.clone_from(&self.format);
        options.input_options.clone_from(&self.options);
        // A recording can be read at any speed; broadcast is real time.
        options.native_rate = fs::metadata(&self.input).is_ok_and(|meta| meta.is_file());
        options
    }
}

/// Starts to cut, until `stop` is set or the receiver is gone.
pub(crate) fn start(
    channel: u32,
    input: LiveInput,
    name: String,
    stop: Arc<AtomicBool>,
) -> io::Result<(mpsc::Receiver<News>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let thread = thread::Builder::new()
        .name(format!("live-{channel}"))
        .spawn(move || pump(&input, &name, &stop, &sender))?;
    Ok((receiver, thread))
}

fn pump(input: &LiveInput, name: &str, stop: &AtomicBool, sender: &mpsc::Sender<News>) {
    let mut pause = RETRY_MIN;
    loop {
        let Some((why, chunks)) = run_once(input, name, stop, sender) else {
            return;
        };
        if chunks > 0 {
            pause = RETRY_MIN;
        }
        let retry = (!input.is_stdin()).then_some(pause);
        if sender.blocking_send(News::Trouble { why, retry }).is_err() {
            return;
        }
        let Some(wait) = retry else { return };
        pause = (pause * 2).min(RETRY_MAX);
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(STOP_POLL);
        }
    }
}

/// From one opening to its end: why it ended, and how many chunks came. `None`: nobody wants more.
fn run_once(
    input: &LiveInput,
    name: &str,
    stop: &AtomicBool,
    sender: &mpsc::Sender<News>,
) -> Option<(String, u32)> {
    let cutter = match LiveCutter::start(&input.input, input.cut_options(name)) {
        Ok(cutter) => cutter,
        Err(why) => return Some((why.to_string(), 0)),
    };
    let mut chunks = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        match cutter.recv_timeout(STOP_POLL) {
            Ok(LiveEvent::Chunk(chunk)) => {
                chunks += 1;
                sender.blocking_send(News::Chunk(chunk)).ok()?;
            }
            Ok(LiveEvent::Ended(summary)) => {
                for warning in &summary.warnings {
                    tracing::warn!(input = input.input, "{warning}");
                }
                return Some((format!("{}: the input ended", input.input), chunks));
            }
            Ok(LiveEvent::Failed(why)) => return Some((why.to_string(), chunks)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Some((format!("{}: the cutter broke", input.input), chunks));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(input: &str, format: Option<&str>) -> LiveInput {
        LiveInput {
            input: input.to_owned(),
            format: format.map(str::to_owned),
            options: Vec::new(),
        }
    }

    #[test]
    fn chunks_of_a_live_input_have_a_name() {
        assert_eq!(live("-", None).name(), "live");
        assert_eq!(live("testsrc=size=64x64", Some("lavfi")).name(), "live");
        let url = "https://example.org/feeds/news.m3u8?token=a/b";
        assert_eq!(live(url, None).name(), "news");
    }

    #[tokio::test]
    async fn an_input_that_cannot_be_opened_is_tried_again_later_and_later() {
        let stop = Arc::new(AtomicBool::new(false));
        let input = live("no-such-input.ts", None);
        let (mut news, thread) =
            start(0, input, "live".to_owned(), stop.clone()).expect("a thread");
        let mut pauses = Vec::new();
        while pauses.len() < 2 {
            match news.recv().await {
                Some(News::Trouble { why, retry }) => {
                    assert!(why.contains("no-such-input.ts"), "{why}");
                    pauses.push(retry.expect("it may come"));
                }
                other => panic!("not trouble: {other:?}"),
            }
        }
        assert!(pauses[0] < pauses[1] && pauses[1] <= RETRY_MAX);
        stop.store(true, Ordering::Relaxed);
        news.close();
        tokio::task::spawn_blocking(|| thread.join())
            .await
            .expect("no panic")
            .expect("it ends when it is told to");
    }
}
