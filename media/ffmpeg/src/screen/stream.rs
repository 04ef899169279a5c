//! The socket to an X server, whose every wait has an end: an answer that does not come, or a stop.
//!
//! x11rb waits inside [`Stream::poll`]; a server that hangs would hang our thread with it. Knows nothing of X requests.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::event::PollFlags;
use x11rb::rust_connection::{DefaultStream, PollMode, Stream};
use x11rb::utils::RawFdContainer;

use super::control::Shared;
use crate::clock::now_us;

/// Longest wait for one answer of the display, microseconds. A grab takes half a millisecond; a machine that swaps may
/// take a second (a guess).
pub(super) const MAX_ANSWER_US: u64 = 5_000_000;

/// What a wait that was ended by [`Shared::stop`] says.
pub(super) const STOPPED: &str = "stopped";

/// x11rb's socket with bounded waits.
pub(super) struct BoundedStream {
    inner: DefaultStream,
    shared: Arc<Shared>,
}

impl BoundedStream {
    pub(super) fn new(inner: DefaultStream, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl Stream for BoundedStream {
    fn poll(&self, mode: PollMode) -> io::Result<()> {
        let mut interest = PollFlags::empty();
        interest.set(PollFlags::IN, mode.readable());
        interest.set(PollFlags::OUT, mode.writable());
        let until = now_us() + MAX_ANSWER_US;
        loop {
            if self.shared.stopped() {
                return Err(io::Error::other(STOPPED));
            }
            let left = until.saturating_sub(now_us());
            if left == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // A call that is no stop is taken up when the thread looks at its orders before its next own wait.
            if self
                .shared
                .wake
                .wait(self.socket(), interest, Some(left))?
                .socket
            {
                return Ok(());
            }
        }
    }

    fn read(&self, buf: &mut [u8], fds: &mut Vec<RawFdContainer>) -> io::Result<usize> {
        self.inner.read(buf, fds)
    }

    fn write(&self, buf: &[u8], fds: &mut Vec<RawFdContainer>) -> io::Result<usize> {
        self.inner.write(buf, fds)
    }

    fn write_vectored(
        &self,
        bufs: &[io::IoSlice<'_>],
        fds: &mut Vec<RawFdContainer>,
    ) -> io::Result<usize> {
        self.inner.write_vectored(bufs, fds)
    }
}
