//! Where pictures go: a window, a terminal, or nowhere. Each says what the user wants (quit, pause) and shows what
//! the player says; none of them decides when a picture is shown.

pub(crate) mod fit;
pub(crate) mod null;
pub(crate) mod terminal;
pub(crate) mod window;

use std::time::Duration;

use media_ffmpeg::decode::{Picture, Pictures};

/// How late a picture may be and still be shown although the next one is due: shorter hiccups are caught up by
/// showing pictures faster, as two of them at 25 a second (a guess).
pub(crate) const LATE_LIMIT_US: i64 = 80_000;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To end.
    Quit,
    /// To hold the picture, or go on.
    TogglePause,
}

/// What the player is doing, for a title or a status line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// Name of the chunk on show; empty: none.
    pub(crate) chunk: String,
    /// `playing`, `paused`, ...
    pub(crate) state: &'static str,
    /// Chunks that wait behind it.
    pub(crate) waiting: usize,
    /// Chunks that never came.
    pub(crate) missing: u64,
    /// Pictures that were too late.
    pub(crate) dropped: u64,
    /// Times that the clock waited for data.
    pub(crate) stalls: u64,
}

/// The output is lost: the window cannot be drawn, the terminal is gone.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OutputError(pub(crate) String);

/// See the module.
pub(crate) trait Output {
    /// The form in which pictures are wanted.
    fn pictures(&self) -> Pictures;
    /// See [`crate::screen::Screen::new`].
    fn late_limit_us(&self) -> Option<i64>;
    /// How often [`Output::commands`] must be called at least.
    fn patience(&self) -> Duration;
    /// Shows a picture now.
    fn show(&mut self, picture: &Picture) -> Result<(), OutputError>;
    /// Shows what is going on; called when it changed.
    fn status(&mut self, status: &Status);
    /// Tells the user one line.
    fn notice(&mut self, line: &str);
    /// What the user wants, since the last call.
    fn commands(&mut self) -> Vec<Command>;
}
