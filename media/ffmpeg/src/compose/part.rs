//! One chunk while it is being made, and its file.

use ffmpeg_next::Packet;
use ffmpeg_next::codec::packet::Flags;
use media_packet::{SoundPacket, VideoPacket};

use super::{MAX_CHUNK_US, MAX_PART_BYTES, MAX_PART_PICTURES, MAX_PART_SOUNDS, tracks};
use crate::cut::mux::{self, MuxError, MuxJob, MuxPacket};
use crate::cut::{Container, CutChunk, CutError, How, chunk_file_name};

/// For messages.
const INPUT: &str = "the packets";

/// Time between pictures where there is one only: for decoders that want to know one. A guess.
const FRAME_NS: i64 = 33_333_333;

#[derive(Debug)]
pub(super) struct Part {
    pub(super) start_us: u64,
    /// Once it is known.
    pub(super) end_us: Option<u64>,
    video: Vec<VideoPacket>,
    sound: Vec<SoundPacket>,
    bytes: usize,
}

impl Part {
    /// One that starts with this keyframe.
    pub(super) fn new(keyframe: VideoPacket) -> Self {
        Self {
            start_us: keyframe.at_us,
            end_us: None,
            bytes: keyframe.data.len(),
            video: vec![keyframe],
            sound: Vec::new(),
        }
    }

    /// Whether a picture is of the same form as those that are here.
    pub(super) fn fits(&self, packet: &VideoPacket) -> bool {
        let form = |of: &VideoPacket| (of.codec, of.width, of.height);
        self.video
            .first()
            .is_some_and(|first| form(first) == form(packet))
    }

    /// Whether nothing more goes in at this time.
    pub(super) fn is_full(&self, at_us: u64) -> bool {
        at_us.saturating_sub(self.start_us) >= MAX_CHUNK_US
            || self.bytes >= MAX_PART_BYTES
            || self.video.len() >= MAX_PART_PICTURES
    }

    pub(super) fn push_picture(&mut self, packet: VideoPacket) {
        self.bytes += packet.data.len();
        self.video.push(packet);
    }

    /// `false`: there is no room.
    pub(super) fn push_sound(&mut self, packet: SoundPacket) -> bool {
        let room = self.sound.len() < MAX_PART_SOUNDS && self.bytes < MAX_PART_BYTES;
        if room {
            self.bytes += packet.data.len();
            self.sound.push(packet);
        }
        room
    }

    /// Says where it ends, unless that is known: at least behind its last picture, at most at the longest time.
    pub(super) fn end_at(&mut self, at_us: u64) {
        let last = self.video.last().map_or(self.start_us, |last| last.at_us);
        let end = at_us.min(self.start_us + MAX_CHUNK_US).max(last + 1_000);
        self.end_us.get_or_insert(end);
    }

    /// The chunk's file.
    pub(super) fn write(
        &self,
        name: &str,
        index: u32,
        zero_us: u64,
        with_sound: bool,
    ) -> Result<CutChunk, CutError> {
        let end_us = self.end_us.unwrap_or(self.start_us + 1_000);
        let start_us = self.start_us.saturating_sub(zero_us);
        let duration_us = end_us - self.start_us;
        let with_sound = with_sound || !self.sound.is_empty();
        let failed = |e| CutError::ffmpeg(INPUT, "writing a chunk", e);
        let first = self.video.first().expect("a part starts with a keyframe");
        let mut all_tracks = vec![tracks::picture(first).map_err(failed)?];
        if with_sound {
            all_tracks.push(tracks::sound().map_err(failed)?);
        }
        let mut packets = vec![self.pictures(end_us)];
        if with_sound {
            packets.push(self.sounds());
        }
        let job = MuxJob {
            container: Container::Mkv,
            tracks: &all_tracks,
            start_ns: nanos(self.start_us),
            keeps_priming: false,
            frame_ns: FRAME_NS,
            tags: [
                (crate::probe::START_TAG, start_us.to_string()),
                (crate::probe::DURATION_TAG, duration_us.to_string()),
            ],
        };
        let bytes = mux::mux(&job, packets).map_err(|e| match e {
            MuxError::Ffmpeg(e) => failed(e),
            MuxError::TooBig => CutError::Bound {
                input: INPUT.to_owned(),
                reason: "a chunk of them is larger than 64 MiB".to_owned(),
            },
        })?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(CutChunk {
            index,
            name: chunk_file_name(name, index, Container::Mkv),
            start_us,
            duration_us,
            bytes,
            video: Some(How::Copied),
            sound: with_sound.then_some(How::Copied),
            frames: count(self.video.len()),
            keyframes: count(self.video.iter().filter(|packet| packet.keyframe).count()),
        })
    }

    fn pictures(&self, end_us: u64) -> Vec<MuxPacket> {
        let nexts = self.video.iter().skip(1).map(|next| next.at_us);
        let of = |(picture, next_us): (&VideoPacket, u64)| {
            let mut packet = Packet::copy(&picture.data);
            if picture.keyframe {
                packet.set_flags(Flags::KEY);
            }
            muxed(packet, picture.at_us, next_us.saturating_sub(picture.at_us))
        };
        self.video
            .iter()
            .zip(nexts.chain([end_us]))
            .map(of)
            .collect()
    }

    fn sounds(&self) -> Vec<MuxPacket> {
        let of = |sound: &SoundPacket| {
            let mut packet = Packet::copy(&sound.data);
            packet.set_flags(Flags::KEY);
            muxed(packet, sound.at_us, u64::from(sound.duration_us))
        };
        self.sound.iter().map(of).collect()
    }
}

fn muxed(packet: Packet, at_us: u64, duration_us: u64) -> MuxPacket {
    MuxPacket {
        packet,
        pts_ns: nanos(at_us),
        dur_ns: nanos(duration_us),
        skip: 0,
        discard: 0,
    }
}

fn nanos(us: u64) -> i64 {
    i64::try_from(us)
        .unwrap_or(i64::MAX / 1_000)
        .saturating_mul(1_000)
}
