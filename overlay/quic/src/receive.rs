//! Blocks that come in: each is verified, kept, announced to the state machine and so to the children's senders, before
//! the next one is looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use media_model::{BlockHead, FRAME_HEAD_LEN, SignedSpan};
use overlay_core::Input;
use quinn::RecvStream;

use crate::authority::{Authorities, Verdict};
use crate::channel::Channel;
use crate::frame::{self, BlockFrame, FrameError, STREAM_HEAD_LEN, StreamCode, StreamHead};
use crate::link::{self, LinkRef};
use crate::pieces::{Pieces, PiecesError};
use crate::window::{BlockOutcome, SpanOutcome};

/// How long blocks of an unknown root wait for its key: an old server's word and a round trip, several times. A guess.
const ROOT_PATIENCE: Duration = Duration::from_secs(5);

/// Why a stream's reading ended before its end.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Head(#[from] media_model::HeadError),
    #[error(transparent)]
    Span(#[from] media_model::SpanError),
    #[error(transparent)]
    Block(#[from] media_model::BlockError),
    #[error("a span of another chunk or epoch than its stream's")]
    OtherChunk,
    #[error("far more duplicates than new blocks")]
    Flood,
    #[error("the stream ends in the middle of a frame")]
    Truncated,
    /// Not a fault: it is not wanted.
    #[error("not wanted: {0:?}")]
    Unwanted(StreamCode),
    /// Not the sender's fault: the stream was reset, or the link ended.
    #[error("the stream broke off")]
    BrokenOff,
}

impl From<PiecesError> for Refused {
    fn from(why: PiecesError) -> Self {
        match why {
            PiecesError::Truncated => Refused::Truncated,
            PiecesError::Read(_) => Refused::BrokenOff,
        }
    }
}

/// Takes the streams of a link, until the link ends; then says so. The transport bounds how many there are at once.
pub(crate) async fn accept(channel: Arc<Channel>, link: LinkRef) {
    loop {
        match link.conn.accept_uni().await {
            Ok(stream) => {
                tokio::spawn(receive(channel.clone(), link.clone(), stream));
            }
            Err(why) => {
                channel.link_lost(&link, link::cause_of(&why));
                return;
            }
        }
    }
}

async fn receive(channel: Arc<Channel>, link: LinkRef, stream: RecvStream) {
    let mut pieces = Pieces::new(stream);
    match read(&channel, &link, &mut pieces).await {
        Ok(()) | Err(Refused::BrokenOff) => {}
        Err(Refused::Unwanted(code)) => {
            pieces.stop(code.into());
            channel.lock().counters.streams_unwanted += 1;
        }
        Err(why) => {
            tracing::debug!(peer = %link.peer.short(), %why, "stream refused");
            channel.corrupt(&link);
        }
    }
}

async fn read(channel: &Arc<Channel>, link: &LinkRef, pieces: &mut Pieces) -> Result<(), Refused> {
    let mut buffer = Vec::with_capacity(STREAM_HEAD_LEN);
    // However late: a later stream's packet opens this one too, while its own may be lost and must be sent again. What
    // waits here is bounded by the streams that a link may have.
    pieces.rest_into(&mut buffer, STREAM_HEAD_LEN).await?;
    let head = StreamHead::parse(buffer[..].try_into().expect("its length was read"))?;
    channel
        .lock()
        .window
        .admits(&head)
        .map_err(Refused::Unwanted)?;
    while pieces.next_into(&mut buffer, 1).await? {
        match buffer[0] {
            frame::SPAN => span(channel, link, &head, pieces, &mut buffer).await?,
            frame::BLOCK => {
                if block(channel, link, &head, pieces, &mut buffer).await? {
                    channel.check_whole(head.seq).await;
                }
            }
            other => return Err(FrameError::Kind(other).into()),
        }
    }
    Ok(())
}

async fn span(
    channel: &Arc<Channel>,
    link: &LinkRef,
    head: &StreamHead,
    pieces: &mut Pieces,
    buffer: &mut Vec<u8>,
) -> Result<(), Refused> {
    pieces.rest_into(buffer, 2).await?;
    let len = frame::span_len([buffer[0], buffer[1]])?;
    pieces.rest_into(buffer, len).await?;
    if channel.lock().window.knows_span(head, buffer) {
        return Ok(());
    }
    let span = verified(channel, head, buffer).await?;
    let mut state = channel.lock();
    if !state.has_link(link) {
        return Err(Refused::BrokenOff);
    }
    match state.window.add_span(&span, Instant::now()) {
        SpanOutcome::New { rows, last } => {
            for stripe in 0..span.header().coding.stripes() {
                channel.wake_senders(&state, stripe);
            }
            channel.drive(
                &mut state,
                Input::Span {
                    epoch: head.epoch,
                    seq: head.seq,
                    rows,
                    last,
                },
            );
            Ok(())
        }
        SpanOutcome::Known => Ok(()),
        SpanOutcome::Refused(code) => Err(Refused::Unwanted(code)),
        SpanOutcome::OriginFault(why) => {
            tracing::warn!(channel = channel.number, seq = head.seq, %why, "the origin contradicts itself: span dropped");
            Err(Refused::Unwanted(StreamCode::Have))
        }
    }
}

/// Checks who signed a span. If it is a root of whom was not told yet, that is waited for: the stream, and what is behind
/// it within its flow control's bound, waits with it, so nothing is lost while a new root becomes known.
async fn verified(
    channel: &Channel,
    head: &StreamHead,
    buffer: &[u8],
) -> Result<SignedSpan, Refused> {
    let patience = tokio::time::sleep(ROOT_PATIENCE);
    tokio::pin!(patience);
    loop {
        let mut changed = std::pin::pin!(channel.trust_changed.notified());
        changed.as_mut().enable();
        let unverified = SignedSpan::decode(buffer)?;
        let claimed = unverified.claimed();
        if (claimed.channel, claimed.epoch, claimed.seq) != (channel.number, head.epoch, head.seq) {
            return Err(Refused::OtherChunk);
        }
        let (key, fixed, is_old) = {
            let state = channel.lock();
            let known = &state.authorities;
            let is_old = known
                .newest_epoch()
                .is_some_and(|newest| head.epoch < newest);
            (known.key_at(head.epoch), known.is_fixed(), is_old)
        };
        // Not under the channel's lock: a signature takes long enough to hold others up.
        match Authorities::judge(unverified, key, fixed) {
            Verdict::Good(span) => return Ok(*span),
            Verdict::Corrupt => return Err(media_model::SpanError::Signature.into()),
            Verdict::UnknownRoot if is_old => {
                return Err(Refused::Unwanted(StreamCode::OldEpoch));
            }
            Verdict::UnknownRoot => {}
        }
        tokio::select! {
            () = changed => {}
            () = &mut patience => return Err(Refused::Unwanted(StreamCode::NotServed)),
        }
    }
}

/// Takes one block; says whether the chunk's data is complete with it.
async fn block(
    channel: &Arc<Channel>,
    link: &LinkRef,
    head: &StreamHead,
    pieces: &mut Pieces,
    buffer: &mut Vec<u8>,
) -> Result<bool, Refused> {
    pieces.rest_into(buffer, FRAME_HEAD_LEN).await?;
    let BlockHead {
        row,
        proof_len,
        payload_len,
    } = BlockHead::parse(buffer)?;
    // The frame as it came, in a buffer of its own: it goes to the children as it is, in one piece.
    let mut whole = Vec::with_capacity(frame::BLOCK_HEAD_LEN + proof_len + payload_len);
    whole.push(frame::BLOCK);
    whole.extend_from_slice(buffer);
    pieces.append(&mut whole, proof_len + payload_len).await?;
    let whole = BlockFrame::new(whole.into(), proof_len);
    let mut state = channel.lock();
    // A link that was closed brings nothing more: the state machine does not know it any longer.
    if !state.has_link(link) {
        return Err(Refused::BrokenOff);
    }
    match state
        .window
        .insert(head, row, whole, link.peer, Instant::now())
    {
        BlockOutcome::New {
            restorable,
            complete,
        } => {
            channel.wake_senders(&state, head.stripe);
            state.counters.blocks_verified += 1;
            state.counters.block_bytes_received += payload_len as u64;
            if let Some(link) = state.links.get_mut(&link.peer) {
                link.brought_new(head.stripe, payload_len);
            }
            if restorable {
                channel.restorable(&mut state, head.seq, row);
            }
            let input = Input::Block {
                seq: head.seq,
                row,
                stripe: head.stripe,
                from: Some(link.peer),
            };
            channel.drive(&mut state, input);
            Ok(complete)
        }
        BlockOutcome::Duplicate => {
            state.counters.blocks_duplicate += 1;
            let flood = state
                .links
                .get_mut(&link.peer)
                .is_some_and(|link| link.brought_duplicate(payload_len));
            if flood {
                Err(Refused::Flood)
            } else {
                Ok(false)
            }
        }
        BlockOutcome::Refused(code) => Err(Refused::Unwanted(code)),
        BlockOutcome::Corrupt(why) => Err(why.into()),
    }
}
