//! A part of the list of session servers, as `GET_SERVERS` asks for it: `"X-Y"`, both included, from 0.

use crate::decision::Refusal;
use crate::limits::MAX_RANGE;
use crate::model::{SessionServer, World};

/// Bytes of a range that are shown when it is refused.
const SHOWN_BYTES: usize = 40;

/// From the X-th to the Y-th server, both included; the first is number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRange {
    first: usize,
    count: usize,
}

impl ServerRange {
    /// Reads `X-Y`.
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] for what is no range, is turned round, or asks for more than [`MAX_RANGE`] servers.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let bad = || {
            let shown: String = text.chars().take(SHOWN_BYTES).collect();
            Refusal::bad(format!(
                "range {shown:?} is not two numbers, such as \"0-9\""
            ))
        };
        let number = |text: &str| -> Result<usize, Refusal> {
            let text = text.trim();
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then_some(text)
                .ok_or_else(bad)?
                .parse()
                .map_err(|_| bad())
        };
        let (first, last) = text.split_once('-').ok_or_else(bad)?;
        let (first, last) = (number(first)?, number(last)?);
        let Some(more) = last.checked_sub(first) else {
            return Err(Refusal::bad(format!(
                "range {first}-{last} is turned round: the first number is the smaller one"
            )));
        };
        if more >= MAX_RANGE {
            return Err(Refusal::bad(format!(
                "range {first}-{last} asks for too many: at most {MAX_RANGE} servers at a time"
            )));
        }
        Ok(Self {
            first,
            count: more + 1,
        })
    }

    /// Those servers, by name; fewer where the list ends, none beyond it.
    pub fn of(self, world: &World) -> impl Iterator<Item = &SessionServer> {
        world.servers.values().skip(self.first).take(self.count)
    }
}
