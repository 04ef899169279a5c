//! A stream that comes in, cut into the lengths that its format has, with one copy and one lock for many packets.

use bytes::{Buf as _, Bytes};
use quinn::{ReadError, RecvStream, VarInt};

/// Packets taken from quinn at once: two blocks and a half.
const BATCH: usize = 32;

/// How reading ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PiecesError {
    #[error("the stream ends in the middle of a frame")]
    Truncated,
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Reads exact lengths. What quinn has received is taken as it lies in the packets' buffers and copied once, into a buffer
/// of exactly the wanted size; no packet's buffer is held while waiting for the next.
pub(crate) struct Pieces {
    stream: RecvStream,
    /// What is here and not taken yet lies at `at..end`; the rest is empty.
    batch: Vec<Bytes>,
    at: usize,
    end: usize,
}

impl Pieces {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            batch: vec![Bytes::new(); BATCH],
            at: 0,
            end: 0,
        }
    }

    /// Refuses the rest.
    pub(crate) fn stop(&mut self, code: VarInt) {
        // An error says that the stream is over already.
        let _ = self.stream.stop(code);
    }

    async fn fill(&mut self) -> Result<bool, ReadError> {
        let Some(count) = self.stream.read_chunks(&mut self.batch).await? else {
            return Ok(false);
        };
        (self.at, self.end) = (0, count);
        Ok(true)
    }

    fn take(&mut self, out: &mut Vec<u8>, want: usize) {
        while out.len() < want && self.at < self.end {
            let front = &mut self.batch[self.at];
            let part = front.len().min(want - out.len());
            out.extend_from_slice(&front[..part]);
            if part == front.len() {
                *front = Bytes::new();
                self.at += 1;
            } else {
                front.advance(part);
            }
        }
    }

    /// Appends the next `more` bytes to `out`, which has room for them. Not cancel-safe.
    pub(crate) async fn append(
        &mut self,
        out: &mut Vec<u8>,
        more: usize,
    ) -> Result<(), PiecesError> {
        let end = out.len() + more;
        loop {
            self.take(out, end);
            if out.len() == end {
                return Ok(());
            }
            if !self.fill().await? {
                return Err(PiecesError::Truncated);
            }
        }
    }

    /// The next `max` bytes, fewer only at the end; `None` after it.
    #[cfg(feature = "bare")]
    pub(crate) async fn full(&mut self, max: usize) -> Result<Option<Bytes>, PiecesError> {
        let mut out = Vec::with_capacity(max);
        while out.len() < max {
            self.take(&mut out, max);
            if out.len() < max && !self.fill().await? {
                break;
            }
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }

    /// Replaces what is in `out` by the next `len` bytes; `false`: the stream ended properly before the first of them.
    ///
    /// Not cancel-safe: bytes that were taken are lost.
    pub(crate) async fn next_into(
        &mut self,
        out: &mut Vec<u8>,
        len: usize,
    ) -> Result<bool, PiecesError> {
        out.clear();
        loop {
            self.take(out, len);
            if out.len() == len {
                return Ok(true);
            }
            if !self.fill().await? {
                return if out.is_empty() {
                    Ok(false)
                } else {
                    Err(PiecesError::Truncated)
                };
            }
        }
    }

    /// As [`Pieces::next_into`], but an end before the first byte is an error, too.
    pub(crate) async fn rest_into(
        &mut self,
        out: &mut Vec<u8>,
        len: usize,
    ) -> Result<(), PiecesError> {
        if self.next_into(out, len).await? || len == 0 {
            Ok(())
        } else {
            Err(PiecesError::Truncated)
        }
    }
}
