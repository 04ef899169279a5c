//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Most chunks that `--buffer` takes: a minute at two seconds each; who wants more waits by hand.
const MAX_BUFFER: u64 = 30;

/// Plays the chunks that a peer stores in its spool, without a gap, and deletes each after it was shown.
#[derive(Debug, Parser)]
#[command(name = "player", version, about)]
pub(crate) struct Args {
    /// The spool: the directory of the peer's --spool. May still be empty or not there; the player waits
    #[arg(long, value_name = "DIR")]
    pub(crate) spool: PathBuf,
    /// Where to show it
    #[arg(long, value_enum, default_value_t = OutputKind::Window)]
    pub(crate) output: OutputKind,
    /// Keep the chunks; each is shown once in this run all the same
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print the summary as one line of JSON, the last line of standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Chunks that must wait before playing begins. Two: one to show, one as a margin for those that come late
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=MAX_BUFFER))]
    pub(crate) buffer: u64,
    /// End when nothing was there to show for so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) until_idle: Option<Duration>,
    /// End after so many chunks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) chunks: Option<u64>,
    /// Fail at once if the spool is not there yet
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Play no sound
    #[arg(long)]
    pub(crate) mute: bool,
}

/// The outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputKind {
    /// A window (f: full screen, space: pause, q: quit)
    Window,
    /// The terminal, in true colour
    Terminal,
    /// Nowhere: everything is decoded in real time and counted
    Null,
}

impl OutputKind {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Terminal => "terminal",
            Self::Null => "null",
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "a number of seconds is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "a number of seconds, 0 or more, is expected".to_owned())
}
