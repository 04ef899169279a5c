//! Plays a channel's chunks to its stage: packets leave at their times, as long as somebody watches.
//!
//! Starts with the newest chunk from its beginning, so that whoever comes first sees a picture at once. That chunk may be
//! up to its own length old; when the next one comes its rest is left out, so that from then on viewers are no further behind
//! than a chunk and its way. Who comes later gets the keyframe with which the next chunk begins. Drop policy: when more than
//! [`MAX_WAITING`] chunks wait, or [`MAX_BEHIND`] times in a row one waits already when another begins, the oldest is left
//! out. This file must never know where chunks come from.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use media_ffmpeg::packets::{ChunkPackets, ChunkReader, PacketsError};
use media_packet::{SoundPacket, VideoCodec, VideoPacket};
use server_bridge::{Demand, Stage};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::air::OnAir;
use crate::clock;
use crate::line::Line;

/// Chunks that wait behind the one that is shown and the next, which is being taken apart. A guess: what a peer that was
/// cut off for some seconds gets at once.
const MAX_WAITING: usize = 2;

/// Chunks in a row that may begin while another waits behind the next. After that what held them up is over. A guess.
const MAX_BEHIND: u32 = 2;

/// The rest of the first chunk that is not worth to be left out, microseconds. A guess.
const SHORT_REST_US: u64 = 250_000;

/// What a channel's viewers see at the moment, for people.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Shown {
    /// Chunks that were shown to somebody.
    pub(crate) chunks: u64,
    /// Chunks that were left out.
    pub(crate) left_out: u64,
    /// The picture or sound had to be encoded anew.
    pub(crate) reencoded: bool,
    /// Why the last chunk could not be shown.
    pub(crate) problem: Option<String>,
}

/// Shared with whoever asks.
pub(crate) type Board = Arc<Mutex<Shown>>;

/// Why the player ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The channel or its stage is gone.
    Gone,
    /// Its picture has another codec now, for which another stage is needed.
    OtherCodec,
}

/// See the module.
pub(crate) struct Player {
    pub(crate) channel: u32,
    pub(crate) codec: VideoCodec,
    pub(crate) stage: Stage,
    pub(crate) newest: watch::Receiver<Option<Arc<OnAir>>>,
    pub(crate) board: Board,
}

/// Chunks on their way into packets.
struct Shelf {
    waiting: VecDeque<Arc<OnAir>>,
    /// At most one is taken apart at a time, since sound goes on from one to the next.
    reading: Option<JoinHandle<Read>>,
    reader: Option<ChunkReader>,
    /// Where the next chunk starts in the stream.
    next_us: u64,
}

struct Read {
    reader: ChunkReader,
    start_us: u64,
    packets: Result<ChunkPackets, PacketsError>,
}

enum Packet {
    Video(VideoPacket),
    Sound(SoundPacket),
}

impl Player {
    /// Plays until the channel is gone.
    pub(crate) async fn run(mut self) -> Ended {
        let mut demand = self.stage.demand();
        loop {
            if demand.wait_for(|now| now.viewers > 0).await.is_err() {
                return Ended::Gone;
            }
            tracing::debug!(channel = self.channel, "somebody watches");
            if let Some(ended) = self.watched(&mut demand).await {
                return ended;
            }
            tracing::debug!(channel = self.channel, "nobody watches any more");
        }
    }

    /// Plays until nobody watches (`None`) or it is over.
    async fn watched(&mut self, demand: &mut watch::Receiver<Demand>) -> Option<Ended> {
        let mut line = Line::default();
        let mut shelf = Shelf {
            waiting: VecDeque::new(),
            reading: None,
            reader: Some(ChunkReader::default()),
            next_us: 0,
        };
        let first = self.newest.borrow_and_update().clone();
        shelf.waiting.extend(first.filter(|chunk| chunk.is_fresh()));
        let (mut is_first, mut behind) = (true, 0);
        loop {
            shelf.start_reading();
            let Some(reading) = &mut shelf.reading else {
                // Nothing is there to be shown.
                tokio::select! {
                    changed = self.newest.changed() => {
                        if changed.is_err() {
                            return Some(Ended::Gone);
                        }
                        self.take_newest(&mut shelf);
                    }
                    left = demand.wait_for(|now| now.viewers == 0) => return left.is_err().then_some(Ended::Gone),
                }
                continue;
            };
            let read = reading.await;
            shelf.reading = None;
            // It was not aborted, so it panicked, which the panic hook has told; the next chunk may be better.
            let Ok(read) = read else {
                shelf.reader = Some(ChunkReader::default());
                continue;
            };
            shelf.reader = Some(read.reader);
            let packets = match read.packets {
                Ok(packets) => packets,
                Err(why) => {
                    self.problem(&why.to_string());
                    continue;
                }
            };
            shelf.next_us = read.start_us + packets.duration_us;
            if packets
                .video
                .first()
                .is_some_and(|first| first.codec != self.codec)
            {
                return Some(Ended::OtherCodec);
            }
            behind = if shelf.waiting.is_empty() {
                0
            } else {
                behind + 1
            };
            if behind > MAX_BEHIND {
                behind = 0;
                shelf.waiting.pop_front();
                self.lock().left_out += 1;
            }
            // The next is taken apart while this one is shown.
            shelf.start_reading();
            self.note(&packets);
            let offset_us = line.begin(read.start_us, clock::now_us());
            let end_us = offset_us + shelf.next_us;
            for packet in in_order(packets) {
                let due_us = offset_us + packet.at_us();
                if let Some(ended) = self.until(due_us, &mut shelf, demand).await {
                    return ended;
                }
                if is_first && shelf.reading.is_some() && due_us + SHORT_REST_US < end_us {
                    line.jump();
                    break;
                }
                packet.send(&self.stage, due_us);
            }
            // After a jump the next begins now.
            if line.is_set()
                && let Some(ended) = self.until(end_us, &mut shelf, demand).await
            {
                return ended;
            }
            is_first = false;
        }
    }

    /// Waits for the time, and takes in what comes meanwhile. `Some`: nobody watches, or it is over.
    async fn until(
        &mut self,
        due_us: u64,
        shelf: &mut Shelf,
        demand: &mut watch::Receiver<Demand>,
    ) -> Option<Option<Ended>> {
        let due = clock::instant(due_us).into();
        loop {
            tokio::select! {
                biased;
                left = demand.wait_for(|now| now.viewers == 0) => {
                    return Some(left.is_err().then_some(Ended::Gone));
                }
                changed = self.newest.changed() => {
                    if changed.is_err() {
                        return Some(Some(Ended::Gone));
                    }
                    self.take_newest(shelf);
                    shelf.start_reading();
                }
                () = tokio::time::sleep_until(due) => return None,
            }
        }
    }

    fn take_newest(&mut self, shelf: &mut Shelf) {
        let newest = self.newest.borrow_and_update().clone();
        shelf.waiting.extend(newest);
        while shelf.waiting.len() > MAX_WAITING {
            shelf.waiting.pop_front();
            self.lock().left_out += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, packets: &ChunkPackets) {
        use media_ffmpeg::cut::How;
        let anew = Some(How::Reencoded);
        let mut shown = self.lock();
        shown.chunks += 1;
        shown.reencoded = packets.video_how == anew || packets.sound_how == anew;
        shown.problem = None;
    }

    fn problem(&self, why: &str) {
        let mut shown = self.lock();
        shown.left_out += 1;
        // Said once, not with every chunk.
        if shown.problem.as_deref() != Some(why) {
            tracing::warn!(channel = self.channel, "browsers miss a chunk: {why}");
            shown.problem = Some(why.to_owned());
        }
    }
}

impl Shelf {
    /// Starts to take the next chunk apart, if there is one and none is in work.
    fn start_reading(&mut self) {
        if self.reading.is_some() {
            return;
        }
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        let Some(chunk) = self.waiting.pop_front() else {
            self.reader = Some(reader);
            return;
        };
        let start_us = self.next_us;
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let packets = reader.read(&chunk.file(), start_us);
            Read {
                reader,
                start_us,
                packets,
            }
        }));
    }
}

impl Packet {
    fn at_us(&self) -> u64 {
        match self {
            Self::Video(packet) => packet.at_us,
            Self::Sound(packet) => packet.at_us,
        }
    }

    fn send(self, stage: &Stage, at_us: u64) {
        match self {
            Self::Video(packet) => stage.video(VideoPacket { at_us, ..packet }),
            Self::Sound(packet) => stage.sound(SoundPacket { at_us, ..packet }),
        }
    }
}

/// Picture and sound in the order of their times.
fn in_order(packets: ChunkPackets) -> Vec<Packet> {
    let video = packets.video.into_iter().map(Packet::Video);
    let sound = packets.sound.into_iter().map(Packet::Sound);
    let mut all: Vec<Packet> = video.chain(sound).collect();
    all.sort_by_key(Packet::at_us);
    all
}
