//! What a channel's task does: wait for its source, go on air, stay there.

use std::sync::Arc;
use std::time::Duration;

use media_ffmpeg::cut::CutChunk;
use overlay_quic::Root;
use tokio::sync::mpsc;

use crate::channel::{Channel, Ready, begin};
use crate::error::OriginError;
use crate::library::Library;
use crate::live::News;
use crate::playout::Playout;
use crate::state::{self, ChannelState};

/// Over which part of its duration a live chunk is let go: who watches live waits for it. A guess.
const LIVE_PACE: u32 = 4;

/// The same for a chunk of a session: those who watch it talk to those who drive it, so every quarter of a second counts.
const FED_PACE: u32 = 8;

/// How long an ended input's channel stays open, so that its last chunk reaches everybody. A guess: some chunks' way
/// through a deep forest.
const LAST_CHUNK_WAIT: Duration = Duration::from_secs(2);

/// Broadcasts a loop until the channel is closed. `source` says which loop it is.
///
/// # Errors
/// When it never gets on air, or was closed.
pub(crate) async fn looped(
    channel: Arc<Channel>,
    library: Arc<Library>,
    source: String,
) -> Result<(), OriginError> {
    first_chunk(&channel, &library).await?;
    let (state, again) = start(&channel, &source)?;
    let root = channel.go_on_air(&state)?;
    Playout::new(channel, root, library, state, again)
        .run()
        .await
}

async fn first_chunk(channel: &Channel, library: &Library) -> Result<(), OriginError> {
    let mut progress = library.progress();
    let ready = progress.wait_for(|progress| progress.files > 0 || progress.ended.is_some());
    let ready = ready.await.expect("its sender is the library's").clone();
    let refused = |why| {
        let channel = channel.number();
        Err(OriginError::Source { channel, why })
    };
    match ready.ended {
        Some(Err(why)) if ready.files == 0 => refused(why),
        Some(Ok(())) if ready.files == 0 => refused("nothing of it can be broadcast".to_owned()),
        _ => Ok(()),
    }
}

fn start(channel: &Channel, source: &str) -> Result<(ChannelState, bool), OriginError> {
    let station = &channel.station;
    let earlier = state::load(&channel.dir)?;
    Ok(begin(
        earlier,
        source,
        station.key_is_new,
        station.clock.now_us(),
    ))
}

/// Broadcasts a live input until it is over for good or the channel is closed.
///
/// # Errors
/// When the only channel's input cannot be read at all, the channel cannot be opened, or was closed.
pub(crate) async fn live(
    channel: Arc<Channel>,
    mut news: mpsc::Receiver<News>,
) -> Result<(), OriginError> {
    let mut on_air: Option<(Root, ChannelState)> = None;
    let mut failing = false;
    while let Some(event) = news.recv().await {
        // Bad news of an only channel, before anything came, is the end; else the invite must be there while it is
        // tried again.
        let hopeless = match &event {
            News::Trouble { why, retry } if on_air.is_none() => {
                (channel.station.only_channel || retry.is_none()).then(|| why.clone())
            }
            _ => None,
        };
        if let Some(why) = hopeless {
            let channel = channel.number();
            return Err(OriginError::Source { channel, why });
        }
        let (root, state) = match &mut on_air {
            Some(on_air) => on_air,
            None => {
                let source = channel.config.source.to_string();
                let (state, _) = start(&channel, &source)?;
                let root = channel.go_on_air(&state)?;
                on_air.insert((root, state))
            }
        };
        match event {
            News::Chunk(chunk) => {
                if failing {
                    failing = false;
                    tracing::info!(channel = channel.number(), "the input is back");
                    channel.board.write(|air| air.problem = None);
                }
                publish(&channel, root, state, chunk, LIVE_PACE).await?;
            }
            News::Trouble { why, retry } => {
                failing = true;
                channel.problem(&why);
                match retry {
                    Some(pause) => tracing::warn!(
                        channel = channel.number(),
                        retry_ms = pause.as_millis(),
                        "{why}; trying again"
                    ),
                    None => tracing::warn!(channel = channel.number(), "{why}"),
                }
            }
        }
    }
    tokio::time::sleep(LAST_CHUNK_WAIT).await;
    Ok(())
}

/// Broadcasts what the process feeds, whenever it does, until the channel is closed. On air from the start, so that there
/// is an invite; silent until it is fed.
///
/// # Errors
/// When the channel cannot be opened, or was closed.
pub(crate) async fn fed(
    channel: Arc<Channel>,
    mut chunks: mpsc::Receiver<CutChunk>,
) -> Result<(), OriginError> {
    let (mut state, _) = start(&channel, &channel.config.source.to_string())?;
    let root = channel.go_on_air(&state)?;
    while let Some(chunk) = chunks.recv().await {
        publish(&channel, &root, &mut state, chunk, FED_PACE).await?;
    }
    Ok(())
}

async fn publish(
    channel: &Channel,
    root: &Root,
    state: &mut ChannelState,
    chunk: CutChunk,
    pace: u32,
) -> Result<(), OriginError> {
    // A live channel's numbers have no holes: what was not captured is no chunk that anybody misses.
    let seq = match state.last_published_seq {
        Some(last) => last + 1,
        None => state.anchor.base_seq,
    };
    channel.board.write(|air| air.seq_on_air = Some(seq));
    let over = Duration::from_micros(chunk.duration_us) / pace;
    let ready = Ready {
        seq,
        extension: if chunk.name.ends_with(".mp4") {
            "mp4"
        } else {
            "mkv"
        },
        wall_time_us: channel.station.clock.now_us(),
        duration_us: chunk.duration_us.max(1),
        data: chunk.bytes.into(),
    };
    channel.publish(root, state, ready, over).await?;
    Ok(())
}
