//! Packets put together into chunks while they come: what a session's encoder makes goes on air without being decoded.
//!
//! A chunk starts with a keyframe and ends where the next one that is at least [`MIN_CHUNK_US`] later begins; whoever
//! feeds it has a keyframe made about every two seconds. Pictures may come at any distance from each other: one that
//! stays is one packet a chunk. The chunks are as those of live inputs: Matroska, H.264 (or VP8) and Opus, times from 0.
//! This module must never know who encodes, or what becomes of the chunks.

mod part;
mod tracks;

use std::collections::VecDeque;

use media_packet::{Rendition, SoundPacket, VideoPacket};

use crate::cut::{CutChunk, CutError, check_name};
use part::Part;

/// Shortest chunk that a keyframe ends: keyframes are asked for by viewers too, whenever they need one, and every chunk
/// has its price on its way. A guess, three quarters of the usual two seconds.
pub const MIN_CHUNK_US: u64 = 1_500_000;

/// Longest chunk; one for which no keyframe comes ends here, and the picture goes on with the next keyframe. A guess:
/// peers keep about 20 s.
pub const MAX_CHUNK_US: u64 = 8_000_000;

/// Most bytes of a chunk that is being made: half of what a chunk may have, 128 Mbit/s over two seconds.
pub const MAX_PART_BYTES: usize = crate::cut::MAX_CHUNK_LEN / 2;

/// Most pictures of a chunk: 240 a second for its longest time.
pub const MAX_PART_PICTURES: usize = 1_920;

/// Most packets of sound of a chunk: 2.5 ms each, Opus' shortest, for its longest time.
pub const MAX_PART_SOUNDS: usize = 3_200;

/// How long a chunk waits for the sound of its end once the picture went on: encoders of sound are some tens of
/// milliseconds behind. Sound that did not come for a whole chunk is not waited for. A guess.
const SOUND_WAIT_US: u64 = 300_000;

/// Puts chunks together; see the module. Blocking, but each call takes less than a few milliseconds.
#[derive(Debug)]
pub struct Composer {
    name: String,
    /// The newest is being made; those before it wait for their sound.
    parts: VecDeque<Part>,
    /// When the first chunk started.
    zero_us: Option<u64>,
    picture_at_us: u64,
    sound_until_us: Option<u64>,
    next_index: u32,
    dropped: u64,
    /// The newest part is over, and no keyframe has come since.
    lacks_keyframe: bool,
}

impl Composer {
    /// One whose chunks have this name.
    ///
    /// # Errors
    /// The name cannot be the name of chunks.
    pub fn new(name: &str) -> Result<Self, CutError> {
        check_name(name)?;
        crate::init();
        Ok(Self {
            name: name.to_owned(),
            parts: VecDeque::new(),
            zero_us: None,
            picture_at_us: 0,
            sound_until_us: None,
            next_index: 0,
            dropped: 0,
            lacks_keyframe: true,
        })
    }

    /// Takes a picture; of several renditions only the full one. What comes before the first keyframe is dropped. Returns
    /// the chunks that are complete, oldest first: mostly none.
    ///
    /// # Errors
    /// When a chunk cannot be written; it is left out.
    pub fn video(&mut self, packet: &VideoPacket) -> Result<Vec<CutChunk>, CutError> {
        if packet.rendition != Rendition::Full {
            return Ok(Vec::new());
        }
        let mut packet = packet.clone();
        if !self.parts.is_empty() {
            // Times rise: one that stands still or goes back is put behind the last.
            packet.at_us = packet.at_us.max(self.picture_at_us + 1);
        }
        let begins = packet.keyframe
            && (self.lacks_keyframe
                || self.parts.back().is_none_or(|part| {
                    packet.at_us - part.start_us >= MIN_CHUNK_US || !part.fits(&packet)
                }));
        if begins {
            self.zero_us.get_or_insert(packet.at_us);
            if let Some(part) = self.parts.back_mut() {
                part.end_at(packet.at_us);
            }
            self.picture_at_us = packet.at_us;
            self.lacks_keyframe = false;
            self.parts.push_back(Part::new(packet));
        } else if self.lacks_keyframe || self.parts.back().is_none_or(|part| !part.fits(&packet)) {
            self.dropped += 1;
        } else if let Some(part) = self.parts.back_mut() {
            self.picture_at_us = packet.at_us;
            if part.is_full(packet.at_us) {
                part.end_at(packet.at_us);
                self.lacks_keyframe = true;
                self.dropped += 1;
            } else {
                part.push_picture(packet);
            }
        }
        self.complete()
    }

    /// Takes sound; what was heard before the first picture is dropped. Returns the chunks that are complete.
    ///
    /// # Errors
    /// When a chunk cannot be written; it is left out.
    pub fn sound(&mut self, packet: &SoundPacket) -> Result<Vec<CutChunk>, CutError> {
        let mut packet = packet.clone();
        // As for pictures.
        packet.at_us = packet
            .at_us
            .max(self.sound_until_us.map_or(0, |last| last + 1));
        self.sound_until_us = Some(packet.at_us);
        let of_it = self.parts.iter_mut().rev().find(|part| {
            part.start_us <= packet.at_us && part.end_us.is_none_or(|end| packet.at_us < end)
        });
        match of_it {
            Some(part) => self.dropped += u64::from(!part.push_sound(packet)),
            None => self.dropped += 1,
        }
        self.complete()
    }

    /// Nothing more comes, or what comes next has no connection with what was: gives out the chunk that is being made, if
    /// there is one. The next picture that is taken is a keyframe, and its chunk has the next number.
    ///
    /// # Errors
    /// When a chunk cannot be written; it is left out.
    pub fn finish(&mut self) -> Result<Vec<CutChunk>, CutError> {
        let end_us = self.picture_at_us.max(self.sound_until_us.unwrap_or(0));
        if let Some(part) = self.parts.back_mut() {
            part.end_at(end_us);
        }
        let parts = std::mem::take(&mut self.parts);
        self.lacks_keyframe = true;
        let heard = self.sound_until_us.take().is_some();
        parts.iter().map(|part| self.write(part, heard)).collect()
    }

    /// Packets that fitted nowhere.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn complete(&mut self) -> Result<Vec<CutChunk>, CutError> {
        let mut chunks = Vec::new();
        let complete = |part: &Part| Some((part.start_us, part.end_us?));
        while let Some((start_us, end_us)) = self.parts.front().and_then(complete) {
            let heard = self.sound_until_us.is_none_or(|until| until >= end_us);
            let gone = self.sound_until_us.is_some_and(|until| until < start_us);
            let late = self.picture_at_us >= end_us.saturating_add(SOUND_WAIT_US);
            if !heard && !gone && !late {
                break;
            }
            if let Some(part) = self.parts.pop_front() {
                chunks.push(self.write(&part, self.sound_until_us.is_some())?);
            }
        }
        Ok(chunks)
    }

    fn write(&mut self, part: &Part, with_sound: bool) -> Result<CutChunk, CutError> {
        let zero_us = self.zero_us.unwrap_or(part.start_us);
        let chunk = part.write(&self.name, self.next_index, zero_us, with_sound)?;
        self.next_index += 1;
        Ok(chunk)
    }
}
