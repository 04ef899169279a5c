//! In place of `bridge.rs` where the program is built without FFmpeg: there is no door for browsers.

use std::convert::Infallible;

use crate::args::Join;
use crate::error::PeerError;
use crate::notice::Notice;
use crate::storing::Taker;

/// Of the threads for what blocks, which do not recurse.
pub(crate) const BLOCKING_STACK: usize = 512 * 1024;

/// There is none.
pub(crate) struct Bridge(Infallible);

impl Bridge {
    pub(crate) fn notice(&self) -> Notice {
        match self.0 {}
    }

    pub(crate) fn taker(&self) -> Taker {
        match self.0 {}
    }
}

/// Opens nothing.
pub(crate) async fn open(args: &Join, _: u32) -> Result<Option<Bridge>, PeerError> {
    Ok(args.bridge.map(Bridge))
}
