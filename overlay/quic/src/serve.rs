//! Blocks that go out: one task for each child and stripe, walking along the stripe's log; and answers to pulls.
//!
//! The tasks share nothing that is awaited: a child whose link is full stops its own task and nobody else's.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use overlay_core::{Input, PeerId, Want};
use quinn::{SendStream, WriteError};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::channel::Channel;
use crate::cursor::{Batch, Cursor, MAX_WAIT, Next};
use crate::frame::{Kind, StreamCode, StreamHead};
use crate::link::LinkRef;
use crate::log::What;

/// Chunks above this size, bytes, are hashed and coded on a thread of their own: below it takes under 2 ms (measured:
/// 3 GB/s).
pub(crate) const BLOCKING_LEN: u64 = 4 * 1024 * 1024;

/// Older chunks first: they are on air sooner. The numbers wrap after 68 years of chunks.
pub(crate) fn priority(seq: u64) -> i32 {
    -((seq & 0x3fff_ffff) as i32)
}

/// A stream of blocks that goes out. It ends properly only by [`Outgoing::finish`]: if it is dropped, or its task is
/// stopped in the middle of a frame, it is reset, so that the other end never takes a torn frame for a forged one.
struct Outgoing {
    seq: u64,
    epoch: u64,
    stream: SendStream,
    over: bool,
}

impl Outgoing {
    async fn open(link: &LinkRef, head: StreamHead) -> Result<Self, WriteError> {
        let stream = link.conn.open_uni().await?;
        let mut outgoing = Self {
            seq: head.seq,
            epoch: head.epoch,
            stream,
            over: false,
        };
        // An error says that the stream is over, and then the write says so.
        let _ = outgoing.stream.set_priority(priority(head.seq));
        outgoing.stream.write_chunk(head.encode()).await?;
        Ok(outgoing)
    }

    fn finish(mut self) {
        self.over = true;
        // An error says that the stream is over already.
        let _ = self.stream.finish();
    }

    fn reset(mut self, code: StreamCode) {
        self.over = true;
        // An error says that the stream is over already.
        let _ = self.stream.reset(code.into());
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if !self.over {
            // An error says that the stream is over already.
            let _ = self.stream.reset(StreamCode::NotServed.into());
        }
    }
}

/// Serves a child in a stripe until it is stopped (aborted) or the link ends.
pub(crate) async fn serve(
    channel: Arc<Channel>,
    link: LinkRef,
    stripe: u8,
    want: Want,
    wake: Arc<Notify>,
) {
    tracing::debug!(peer = %link.peer.short(), stripe, ?want, "serving");
    let mut cursor = Cursor::new(
        link.peer,
        stripe,
        want,
        &channel.lock().window,
        Instant::now(),
    );
    let mut streams: Vec<Outgoing> = Vec::new();
    loop {
        let next = {
            let mut state = channel.lock();
            let next = cursor.next(&state.window, Instant::now());
            if let Next::Send(batch) = &next {
                state.counters.blocks_sent += batch.blocks;
                state.counters.block_bytes_sent += batch.payload_bytes;
                if let Some(link) = state.links.get_mut(&link.peer) {
                    link.took(stripe, batch.payload_bytes);
                }
            }
            next
        };
        match next {
            Next::Wait => wake.notified().await,
            Next::Behind => behind(&channel, &link, stripe, &mut streams),
            Next::Send(batch) => {
                let (seq, epoch) = (batch.seq, batch.epoch);
                match tokio::time::timeout(MAX_WAIT, send(&link, stripe, batch, &mut streams)).await
                {
                    Ok(Ok(())) => {}
                    Ok(Err(WriteError::Stopped(_))) => {
                        streams.retain(|stream| (stream.seq, stream.epoch) != (seq, epoch));
                        cursor.refused(seq, epoch);
                    }
                    // The link's end is noticed, with its cause, where streams are accepted.
                    Ok(Err(_)) => return,
                    Err(_) => {
                        cursor.skip(&channel.lock().window, Instant::now());
                        behind(&channel, &link, stripe, &mut streams);
                    }
                }
            }
        }
    }
}

async fn send(
    link: &LinkRef,
    stripe: u8,
    batch: Batch,
    streams: &mut Vec<Outgoing>,
) -> Result<(), WriteError> {
    let Batch {
        seq,
        epoch,
        mut frames,
        ends,
        closed,
        ..
    } = batch;
    for chunk in closed {
        if let Some(index) = streams
            .iter()
            .position(|stream| (stream.seq, stream.epoch) == chunk)
        {
            streams.swap_remove(index).finish();
        }
    }
    // The same chunk in a lower epoch is void.
    if let Some(index) = streams
        .iter()
        .position(|stream| stream.seq == seq && stream.epoch < epoch)
    {
        streams.swap_remove(index).reset(StreamCode::OldEpoch);
    }
    let there = streams
        .iter()
        .position(|stream| (stream.seq, stream.epoch) == (seq, epoch));
    let index = match there {
        Some(index) => index,
        None if frames.is_empty() => return Ok(()),
        None => {
            streams.push(
                Outgoing::open(
                    link,
                    StreamHead {
                        kind: Kind::Push,
                        stripe,
                        epoch,
                        seq,
                    },
                )
                .await?,
            );
            streams.len() - 1
        }
    };
    streams[index].stream.write_all_chunks(&mut frames).await?;
    if ends {
        streams.swap_remove(index).finish();
    }
    Ok(())
}

fn behind(channel: &Arc<Channel>, link: &LinkRef, stripe: u8, streams: &mut Vec<Outgoing>) {
    tracing::debug!(peer = %link.peer.short(), stripe, "too far behind: resumes at the newest chunk");
    for stream in streams.drain(..) {
        stream.reset(StreamCode::TooFarBehind);
    }
    let mut state = channel.lock();
    state.counters.children_behind += 1;
    if state.has_link(link) {
        channel.drive(
            &mut state,
            Input::ChildSlow {
                peer: link.peer,
                stripe,
            },
        );
    }
}

/// Sends the blocks of one stripe of a chunk that are here, those of `rows` or all, with the spans that they need, once.
pub(crate) async fn answer(
    channel: Arc<Channel>,
    link: LinkRef,
    seq: u64,
    stripe: u8,
    rows: Vec<u8>,
    permit: OwnedSemaphorePermit,
) {
    let Some((epoch, frames)) = collect(&channel, link.peer, seq, stripe, &rows) else {
        return;
    };
    let head = StreamHead {
        kind: Kind::Answer,
        stripe,
        epoch,
        seq,
    };
    let sent = async {
        let mut outgoing = Outgoing::open(&link, head).await?;
        for mut frame in frames {
            outgoing.stream.write_all_chunks(&mut frame).await?;
        }
        outgoing.finish();
        Ok::<(), WriteError>(())
    };
    match tokio::time::timeout(MAX_WAIT, sent).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => {
            tracing::debug!(peer = %link.peer.short(), seq, stripe, %why, "pull not answered")
        }
        Err(_) => {
            tracing::debug!(peer = %link.peer.short(), seq, stripe, "pull not answered in time")
        }
    }
    drop(permit);
}

/// Frames of spans and blocks, in order; `None` when there is no block among them.
fn collect(
    channel: &Channel,
    peer: PeerId,
    seq: u64,
    stripe: u8,
    rows: &[u8],
) -> Option<(u64, Vec<Vec<Bytes>>)> {
    let wanted = |row: u32| {
        rows.is_empty()
            || rows
                .get(row as usize / 8)
                .is_some_and(|bits| bits >> (row % 8) & 1 == 1)
    };
    if usize::from(stripe) >= media_model::MAX_STRIPES {
        return None;
    }
    let mut state = channel.lock();
    let (mut epoch, mut blocks, mut bytes) = (0, 0, 0);
    let mut frames = Vec::new();
    for item in state.window.log(stripe).of_chunk(seq) {
        match &item.what {
            What::Span(frame) => {
                epoch = item.epoch;
                frames.push(vec![frame.clone()]);
            }
            What::Block { row, frame, .. } if wanted(*row) => {
                blocks += 1;
                bytes += frame.payload().len() as u64;
                frames.push(frame.pieces().collect());
            }
            What::Block { .. } | What::Gone => {}
        }
    }
    state.counters.blocks_sent += blocks;
    state.counters.block_bytes_sent += bytes;
    if let Some(link) = state.links.get_mut(&peer) {
        link.took(stripe, bytes);
    }
    (blocks > 0).then_some((epoch, frames))
}
