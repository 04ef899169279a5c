//! A real `player` on a spool.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::lab::Lab;
use crate::place::Place;
use crate::process::Process;
use crate::turns;

/// A player that had no turn for so long may have had nothing decoded when it had one again: it decodes a little ahead.
const NO_TURN: Duration = Duration::from_millis(150);

/// How a player is started: always with `--json`.
#[derive(Clone, Debug)]
pub struct PlayerOptions {
    /// `window`, `terminal` or `null`.
    pub output: String,
    /// More arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub place: Place,
}

impl Default for PlayerOptions {
    fn default() -> Self {
        Self {
            output: "null".to_owned(),
            args: Vec::new(),
            place: Place::default(),
        }
    }
}

impl PlayerOptions {
    /// To nowhere, until so many chunks were shown.
    pub fn chunks(count: u64) -> Self {
        Self {
            args: vec!["--chunks".to_owned(), count.to_string()],
            ..Self::default()
        }
    }
}

/// A running player; killed when dropped.
#[derive(Debug)]
pub struct Player {
    process: Process,
}

/// What a player says at its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shown {
    /// Chunks shown to their end.
    pub chunks_shown: u64,
    /// Chunks that never came.
    pub chunks_missing: u64,
    /// Chunks that could not be shown.
    pub chunks_bad: u64,
    /// Chunks that were shown in part.
    pub chunks_damaged: u64,
    /// Chunks that came after their turn.
    pub chunks_late: u64,
    /// The first.
    pub first_seq: Option<u64>,
    /// The last.
    pub last_seq: Option<u64>,
    /// Pictures shown.
    pub frames_shown: u64,
    /// Pictures left out.
    pub frames_dropped: u64,
    /// Times that it had to wait.
    pub stalls: u64,
    /// How long.
    pub stall_ms: u64,
}

impl Shown {
    /// Panics unless so many chunks were shown, nothing between them was missing, and it never waited, other than on a
    /// machine on which nobody had a turn.
    ///
    /// # Panics
    /// See above.
    #[track_caller]
    pub fn assert_smooth(&self, chunks: u64) {
        assert_eq!(
            (self.chunks_shown, self.chunks_missing),
            (chunks, 0),
            "{self:?}"
        );
        let (stalls, worst) = (self.stalls, turns::worst());
        assert!(
            stalls == 0 || worst >= NO_TURN,
            "{self:?}; nobody had a turn for {worst:?} at most"
        );
    }
}

impl Player {
    pub(crate) fn start(lab: &Lab, spool: &Path, options: PlayerOptions) -> Self {
        let mut args: Vec<OsString> = vec!["--spool".into(), spool.into()];
        args.extend(["--output", &options.output, "--json"].map(Into::into));
        args.extend(options.args.iter().map(Into::into));
        let command = options.place.command(&lab.program("player"), &args);
        let process = lab
            .process(&lab.fresh("player"), command)
            .unwrap_or_else(|why| panic!("the player does not start: {why}"));
        Self { process }
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it has ended, and gives what it said.
    ///
    /// # Panics
    /// When it does not end, or fails.
    #[track_caller]
    pub fn end(&self, deadline: Duration) -> Shown {
        let ended = self.process.wait_exit(deadline);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let line = ended.stdout.lines().last().unwrap_or("");
        serde_json::from_str(line).unwrap_or_else(|why| panic!("{why} in {line:?}"))
    }
}
