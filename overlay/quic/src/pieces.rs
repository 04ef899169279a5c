//! A stream that comes in, cut into the lengths that its format has, with one copy and one lock for many packets.

use std::collections::VecDeque;

use bytes::Bytes;
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
    ready: VecDeque<Bytes>,
}

impl Pieces {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            ready: VecDeque::with_capacity(BATCH),
        }
    }

    /// Refuses the rest.
    pub(crate) fn stop(&mut self, code: VarInt) {
        // An error says that the stream is over already.
        let _ = self.stream.stop(code);
    }

    async fn fill(&mut self) -> Result<bool, ReadError> {
        const EMPTY: Bytes = Bytes::new();
        let mut batch = [EMPTY; BATCH];
        let Some(count) = self.stream.read_chunks(&mut batch).await? else {
            return Ok(false);
        };
        self.ready.extend(batch.into_iter().take(count));
        Ok(true)
    }

    fn take(&mut self, out: &mut Vec<u8>, want: usize) {
        while out.len() < want {
            let Some(front) = self.ready.front_mut() else {
                return;
            };
            let part = front.len().min(want - out.len());
            out.extend_from_slice(&front[..part]);
            if part == front.len() {
                self.ready.pop_front();
            } else {
                let _ = front.split_to(part);
            }
        }
    }

    /// The next `len` bytes, in a buffer of their own. `None`: the stream ended properly before the first of them.
    ///
    /// Not cancel-safe: bytes that were taken are lost.
    pub(crate) async fn bytes(&mut self, len: usize) -> Result<Option<Bytes>, PiecesError> {
        let mut out = Vec::with_capacity(len);
        loop {
            self.take(&mut out, len);
            if out.len() == len {
                return Ok(Some(out.into()));
            }
            if !self.fill().await? {
                return if out.is_empty() {
                    Ok(None)
                } else {
                    Err(PiecesError::Truncated)
                };
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

    /// As [`Pieces::bytes`], for what is read into a variable; the caller's buffer is used again.
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
