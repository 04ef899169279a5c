//! Collects packets into chunks and hands each chunk on as soon as nothing more can come for it.

use std::collections::VecDeque;

use super::mux::{self, MuxError, MuxJob, MuxPacket, MuxTrack};
use super::{Container, CutChunk, CutError, GRID_NS, How, chunk_file_name, overall};

/// Most bytes of packets that wait for the other track: interleaving in ordinary files is below a second, that is
/// a few MB; this is 60 s of 35 Mbit/s (a guess).
const MAX_HELD_BYTES: usize = 256 * 1024 * 1024;

/// How many chunks one track of a live input may be ahead of the other before the chunk is closed without it: a
/// camera's microphone that went silent must not stop its picture. A guess.
const LIVE_HOLD_CHUNKS: usize = 3;

/// Picture or sound; also the index of the track where both exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Sound,
}

/// Where chunks start.
#[derive(Clone, Debug)]
pub(crate) enum Starts {
    /// Known beforehand: a film.
    Fixed(Vec<i64>),
    /// Every two seconds from here on, without an end: a live input.
    Even(i64),
}

impl Starts {
    /// Start of chunk `k`; beyond a film's last chunk there is none.
    pub(crate) fn start_ns(&self, k: usize) -> Option<i64> {
        match self {
            Self::Fixed(starts) => starts.get(k).copied(),
            Self::Even(anchor) => Some(anchor + k as i64 * GRID_NS),
        }
    }

    /// The chunk in whose span this time lies; before the start: chunk 0.
    pub(crate) fn chunk_of(&self, time_ns: i64) -> usize {
        match self {
            Self::Fixed(starts) => starts.partition_point(|s| *s <= time_ns).saturating_sub(1),
            Self::Even(anchor) => ((time_ns - anchor).max(0) / GRID_NS) as usize,
        }
    }

    fn is_live(&self) -> bool {
        matches!(self, Self::Even(_))
    }
}

/// What all chunks of a cut have in common.
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) container: Container,
    pub(crate) starts: Starts,
    pub(crate) frame_ns: i64,
    /// The film or input, for errors.
    pub(crate) input: String,
    pub(crate) video: Option<(MuxTrack, How)>,
    pub(crate) sound: Option<(MuxTrack, How)>,
}

#[derive(Default)]
struct Open {
    video: Vec<MuxPacket>,
    sound: Vec<MuxPacket>,
}

/// Collects packets; see the module.
pub(crate) struct Assembler<'s> {
    shape: Shape,
    tracks: Vec<MuxTrack>,
    video_how: Option<How>,
    sound_how: Option<How>,
    open: VecDeque<Open>,
    /// Number of the first chunk in `open`.
    first: usize,
    /// Chunks below this number get no more packets of the track; `usize::MAX` once the track has ended.
    done: [usize; 2],
    held: usize,
    sound_begun: bool,
    late: u64,
    emitted_us: u64,
    sink: Box<dyn FnMut(CutChunk) -> Result<(), CutError> + 's>,
}

impl<'s> Assembler<'s> {
    pub(crate) fn new(
        mut shape: Shape,
        sink: impl FnMut(CutChunk) -> Result<(), CutError> + 's,
    ) -> Self {
        let ended = |there: bool| if there { 0 } else { usize::MAX };
        let done = [ended(shape.video.is_some()), ended(shape.sound.is_some())];
        let (video, video_how) = shape.video.take().unzip();
        let (sound, sound_how) = shape.sound.take().unzip();
        Self {
            tracks: video.into_iter().chain(sound).collect(),
            video_how,
            sound_how,
            shape,
            open: VecDeque::new(),
            first: 0,
            done,
            held: 0,
            sound_begun: false,
            late: 0,
            emitted_us: 0,
            sink: Box::new(sink),
        }
    }

    /// Takes a packet for chunk `k`. One that comes for a chunk that is already out (live only) goes into the next.
    pub(crate) fn push(&mut self, kind: Kind, k: usize, packet: MuxPacket) -> Result<(), CutError> {
        let mut packet = packet;
        let mut k = k;
        if k < self.first {
            self.late += 1;
            k = self.first;
            packet.pts_ns = packet.pts_ns.max(self.start_ns(k));
        }
        self.held += packet.packet.size();
        if self.held > MAX_HELD_BYTES {
            return Err(CutError::Bound {
                input: self.shape.input.clone(),
                reason: "picture and sound are stored too far apart; remux it first (ffmpeg -i FILM -c copy NEW.mkv)"
                    .to_owned(),
            });
        }
        let at = k - self.first;
        while self.open.len() <= at {
            self.open.push_back(Open::default());
        }
        match kind {
            Kind::Video => self.open[at].video.push(packet),
            Kind::Sound => self.open[at].sound.push(packet),
        }
        Ok(())
    }

    /// Takes re-encoded video, each packet with its chunk.
    pub(crate) fn push_video(&mut self, packets: Vec<(usize, MuxPacket)>) -> Result<(), CutError> {
        for (k, packet) in packets {
            let key = packet.packet.is_key();
            self.push(Kind::Video, k, packet)?;
            // Groups of pictures are closed, so nothing for an earlier chunk follows a keyframe.
            if key {
                self.done_below(Kind::Video, k)?;
            }
        }
        Ok(())
    }

    /// Takes sound in the order of its times.
    pub(crate) fn push_sound(&mut self, packets: Vec<MuxPacket>) -> Result<(), CutError> {
        for packet in packets {
            let k = self.shape.starts.chunk_of(packet.pts_ns);
            self.push(Kind::Sound, k, packet)?;
            self.done_below(Kind::Sound, k)?;
        }
        Ok(())
    }

    /// Says that chunks below `k` get no more packets of this track, and hands on what is complete.
    pub(crate) fn done_below(&mut self, kind: Kind, k: usize) -> Result<(), CutError> {
        let at = kind as usize;
        self.done[at] = self.done[at].max(k);
        let mut complete = self.done[0].min(self.done[1]);
        if self.shape.starts.is_live() && complete != usize::MAX {
            let ahead = self.done.iter().filter(|d| **d != usize::MAX).max();
            complete = complete.max(ahead.map_or(0, |d| d.saturating_sub(LIVE_HOLD_CHUNKS)));
        }
        while self.first < complete && (complete != usize::MAX || !self.open.is_empty()) {
            let last = complete == usize::MAX && self.open.len() == 1;
            // A film's chunks are counted by its plan, whether or not something is left for the last of them.
            if last
                && self.shape.starts.start_ns(self.first + 1).is_some()
                && !self.shape.starts.is_live()
            {
                self.open.push_back(Open::default());
                continue;
            }
            self.emit(last)?;
        }
        Ok(())
    }

    /// Ends both tracks and hands on the rest. Returns the number of chunks and their length in microseconds.
    pub(crate) fn finish(&mut self) -> Result<(u32, u64), CutError> {
        if let Starts::Fixed(starts) = &self.shape.starts
            && self.first < starts.len()
            && self.open.is_empty()
        {
            self.open.push_back(Open::default());
        }
        self.done_below(Kind::Video, usize::MAX)?;
        self.done_below(Kind::Sound, usize::MAX)?;
        Ok((self.first as u32, self.emitted_us))
    }

    /// Packets of a live input that came after their chunk was closed.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    fn start_ns(&self, k: usize) -> i64 {
        self.shape.starts.start_ns(k).unwrap_or(i64::MAX)
    }

    fn emit(&mut self, last: bool) -> Result<(), CutError> {
        let open = self.open.pop_front().unwrap_or_default();
        let k = self.first;
        let start_ns = self.start_ns(k);
        let zero_ns = self.start_ns(0);
        let ends = open.video.iter().chain(&open.sound);
        let end_ns = match self.shape.starts.start_ns(k + 1) {
            Some(next) if !last => next,
            _ => {
                let end = ends
                    .clone()
                    .map(|p| p.pts_ns + p.dur_ns)
                    .max()
                    .unwrap_or(start_ns);
                // What hangs over the last grid point is played into the next round, like everywhere else.
                let full = start_ns + GRID_NS;
                if ends.clone().all(|p| p.pts_ns < full) {
                    end.min(full)
                } else {
                    end
                }
            }
        };
        let size: usize = ends.map(|p| p.packet.size()).sum();
        let frames = open.video.len() as u32;
        let keyframes = open.video.iter().filter(|p| p.packet.is_key()).count() as u32;
        let micros = |ns: i64| u64::try_from((ns + 500) / 1000).unwrap_or(0);
        let start_us = micros(start_ns - zero_ns);
        let duration_us = micros(end_ns - zero_ns).saturating_sub(start_us);
        let job = MuxJob {
            container: self.shape.container,
            tracks: &self.tracks,
            start_ns,
            keeps_priming: !self.sound_begun,
            frame_ns: self.shape.frame_ns,
            tags: [
                (crate::probe::START_TAG, start_us.to_string()),
                (crate::probe::DURATION_TAG, duration_us.to_string()),
            ],
        };
        self.sound_begun |= !open.sound.is_empty();
        let mut packets = Vec::new();
        if self.video_how.is_some() {
            packets.push(open.video);
        }
        if self.sound_how.is_some() {
            packets.push(open.sound);
        }
        let bytes = mux::mux(&job, packets).map_err(|e| match e {
            MuxError::Ffmpeg(e) => CutError::ffmpeg(&self.shape.input, "writing a chunk", e),
            MuxError::TooBig => CutError::Bound {
                input: self.shape.input.clone(),
                reason: format!(
                    "chunk {k} is larger than 64 MiB; re-encode the film to a lower bit rate"
                ),
            },
        })?;
        self.first += 1;
        self.held -= size;
        self.emitted_us += duration_us;
        tracing::debug!(chunk = k, bytes = bytes.len(), how = %overall(self.video_how, self.sound_how), "cut");
        (self.sink)(CutChunk {
            index: k as u32,
            name: chunk_file_name(&self.shape.name, k as u32, self.shape.container),
            start_us,
            duration_us,
            bytes,
            video: self.video_how,
            sound: self.sound_how,
            frames,
            keyframes,
        })
    }
}
