//! Output to nowhere, for servers and tests: every picture is decoded and takes its time, none is seen.

use std::time::Duration;

use media_ffmpeg::decode::{Picture, Pictures};

use super::{Command, Output, OutputError, Status};

/// How long the player may sleep: nobody presses a key here.
const PATIENCE: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct Null;

impl Output for Null {
    fn pictures(&self) -> Pictures {
        Pictures::AsDecoded
    }

    fn late_limit_us(&self) -> Option<i64> {
        // Showing costs nothing here, so nothing is gained by leaving a picture out.
        None
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn show(&mut self, _: &Picture) -> Result<(), OutputError> {
        Ok(())
    }

    fn status(&mut self, _: &Status) {}

    fn notice(&mut self, line: &str) {
        eprintln!("player: {line}");
    }

    fn commands(&mut self) -> Vec<Command> {
        Vec::new()
    }
}
