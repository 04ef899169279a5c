//! A channel that is fed from within the process: packets of whatever is encoded there anyway, a session's picture.
//!
//! Packets wait in a bounded queue, which never makes the one who feeds wait: when it is full all that waits is dropped,
//! because a picture without the one before it is worth nothing, and the channel goes on with the next keyframe. A
//! thread of its own makes chunks of them. This file must never know who feeds, or numbers on a channel.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use media_ffmpeg::compose::Composer;
use media_ffmpeg::cut::{CutChunk, CutError};
use media_packet::{Rendition, SoundPacket, VideoPacket};
use tokio::sync::mpsc;

/// Packets that wait: some 10 s of 60 pictures and 100 packets of sound a second. A guess.
const MAX_WAITING: usize = 2_048;
/// Bytes of them: 10 s of 25 Mbit/s. A guess.
const MAX_WAITING_BYTES: usize = 32 * 1024 * 1024;
/// Chunks on the way to the channel's task, beside the one that is being published.
const WAITING_CHUNKS: usize = 1;
/// How often the wish to stop is looked at.
const STOP_POLL: Duration = Duration::from_millis(100);

/// The way in of one channel: given to its configuration and to whoever feeds it. All clones are the same.
#[derive(Clone, Default)]
pub struct Feed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
    invite: OnceLock<String>,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    dropped: u64,
}

enum Item {
    Video(VideoPacket),
    Sound(SoundPacket),
    /// What follows has no connection with what was before.
    Break,
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Video(packet) => packet.data.len(),
            Self::Sound(packet) => packet.data.len(),
            Self::Break => 0,
        }
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Feed")
    }
}

impl Feed {
    /// One that nobody feeds yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a picture; of several renditions only the full one is broadcast. Never blocks.
    pub fn video(&self, packet: &VideoPacket) {
        if packet.rendition == Rendition::Full {
            self.push(Item::Video(packet.clone()));
        }
    }

    /// Takes sound. Never blocks.
    pub fn sound(&self, packet: &SoundPacket) {
        self.push(Item::Sound(packet.clone()));
    }

    /// Nothing more comes for now: what there is becomes the last chunk, and the channel is silent until it is fed again.
    pub fn silence(&self) {
        self.push(Item::Break);
    }

    /// What viewers of the channel type; none before its origin is on air.
    #[must_use]
    pub fn invite(&self) -> Option<String> {
        self.0.invite.get().cloned()
    }

    /// Packets that were dropped because the channel did not get on with them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(crate) fn set_invite(&self, invite: String) {
        // A feed belongs to one channel, which goes on air once.
        let _ = self.0.invite.set(invite);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, item: Item) {
        let mut waiting = self.lock();
        let full =
            waiting.items.len() >= MAX_WAITING || waiting.bytes + item.bytes() > MAX_WAITING_BYTES;
        if full {
            waiting.dropped += waiting.items.len() as u64;
            waiting.items.clear();
            waiting.bytes = 0;
            waiting.items.push_back(Item::Break);
        }
        waiting.bytes += item.bytes();
        waiting.items.push_back(item);
        drop(waiting);
        self.0.news.notify_one();
    }

    /// The next packet; `None`: nothing came for a while.
    fn next(&self) -> Option<Item> {
        let waiting = self.lock();
        let woken = self
            .0
            .news
            .wait_timeout_while(waiting, STOP_POLL, |waiting| waiting.items.is_empty());
        let mut waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        let item = waiting.items.pop_front()?;
        waiting.bytes -= item.bytes();
        Some(item)
    }
}

/// Starts to make chunks, until `stop` is set or the receiver is gone.
pub(crate) fn start(
    channel: u32,
    feed: Feed,
    name: String,
    stop: Arc<AtomicBool>,
) -> io::Result<(mpsc::Receiver<CutChunk>, JoinHandle<()>)> {
    let composer = Composer::new(&name).map_err(io::Error::other)?;
    let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
    let thread = thread::Builder::new()
        .name(format!("fed-{channel}"))
        .spawn(move || pump(channel, &feed, composer, &stop, &sender))?;
    Ok((receiver, thread))
}

fn pump(
    channel: u32,
    feed: &Feed,
    mut composer: Composer,
    stop: &AtomicBool,
    sender: &mpsc::Sender<CutChunk>,
) {
    while !stop.load(Ordering::Relaxed) {
        let Some(item) = feed.next() else { continue };
        let made = match item {
            Item::Video(packet) => composer.video(&packet),
            Item::Sound(packet) => composer.sound(&packet),
            Item::Break => composer.finish(),
        };
        let chunks = made.unwrap_or_else(|why: CutError| {
            tracing::warn!(channel, "a chunk is left out: {why}");
            Vec::new()
        });
        for chunk in chunks {
            if sender.blocking_send(chunk).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use media_packet::VideoCodec;

    use super::*;

    fn picture(at_us: u64, bytes: usize) -> VideoPacket {
        VideoPacket {
            codec: VideoCodec::Vp8,
            rendition: Rendition::Full,
            data: vec![0; bytes].into(),
            at_us,
            keyframe: true,
            width: 64,
            height: 64,
        }
    }

    #[test]
    fn who_feeds_never_waits_and_a_break_stands_where_packets_were_dropped() {
        let feed = Feed::new();
        for at in 0..=MAX_WAITING as u64 {
            feed.video(&picture(at, 10));
        }
        assert_eq!(feed.dropped(), MAX_WAITING as u64);
        assert!(matches!(feed.next(), Some(Item::Break)));
        assert!(matches!(feed.next(), Some(Item::Video(last)) if last.at_us == MAX_WAITING as u64));
        assert!(feed.next().is_none());
        for at in 0..5 {
            feed.video(&picture(at, MAX_WAITING_BYTES / 4));
        }
        assert_eq!(feed.lock().bytes, MAX_WAITING_BYTES / 4);
    }

    #[test]
    fn only_the_full_rendition_is_broadcast() {
        let feed = Feed::new();
        let mut low = picture(0, 1);
        low.rendition = Rendition::Low;
        feed.video(&low);
        assert!(feed.next().is_none());
    }
}
