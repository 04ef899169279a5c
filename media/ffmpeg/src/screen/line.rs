//! One rendition on its way: its encoder, its schedule, and the stamps of its packets.

use ffmpeg_next::frame;
use media_packet::{Rendition, VideoPacket};

use super::changes::Changes;
use super::control::Counters;
use super::encoder::{Encoder, Form};
use super::pace::{Outcome, Schedule};
use super::{Content, ScreenError};
use crate::clock::now_us;

/// Pictures in a row for which an encoder may give nothing: it is told never to leave one out.
const MAX_EMPTY: u32 = 30;

pub(super) struct Line {
    rendition: Rendition,
    encoder: Encoder,
    pub(super) schedule: Schedule,
    /// What changed since the last picture that was encoded.
    pub(super) changes: Changes,
    /// When the encoder was opened, the last time.
    pub(super) opened_us: u64,
    last_at_us: u64,
    empty: u32,
}

impl Line {
    pub(super) fn open(rendition: Rendition, form: Form) -> Result<Self, ScreenError> {
        Ok(Self {
            rendition,
            encoder: Encoder::open(form)?,
            schedule: match form.content {
                Content::Any => Schedule::new(form.frame_rate),
                Content::Screen => Schedule::new(form.frame_rate).for_screen(),
            },
            changes: Changes::all(form.width, form.height),
            opened_us: now_us(),
            last_at_us: 0,
            empty: 0,
        })
    }

    pub(super) fn form(&self) -> Form {
        self.encoder.form()
    }

    /// There is a new picture, in which this changed.
    pub(super) fn changed(&mut self, changes: &Changes) {
        self.changes.add(changes);
        self.schedule.changed();
    }

    /// Bits a second from the next picture on.
    pub(super) fn set_bitrate(&mut self, bps: u32) -> Result<(), ScreenError> {
        if self.encoder.set_bitrate(bps)? {
            self.schedule.want_keyframe();
            self.opened_us = now_us();
        }
        Ok(())
    }

    /// Encodes the picture that was grabbed at `grabbed_us` if it is due.
    pub(super) fn encode_if_due(
        &mut self,
        picture: &mut frame::Video,
        grabbed_us: u64,
        counters: &Counters,
    ) -> Result<Option<VideoPacket>, ScreenError> {
        let begun = now_us();
        let Some(keyframe) = self.schedule.due(begun) else {
            return Ok(None);
        };
        // Sent again, it is the picture of now.
        let at_us = if self.schedule.is_stale() {
            grabbed_us
        } else {
            begun
        };
        let encoded = self.encoder.encode(picture, &self.changes, keyframe)?;
        self.changes.clear();
        let now = now_us();
        Counters::add(&counters.encode_us, now - begun);
        let form = self.form();
        let mut outcome = Outcome {
            keyframe,
            qp: None,
            bits: 0,
            bitrate_bps: form.bitrate_bps,
        };
        let Some(encoded) = encoded else {
            self.empty += 1;
            if self.empty > MAX_EMPTY {
                let reason = format!("{MAX_EMPTY} pictures gave no packet");
                return Err(ScreenError::Encoder(reason));
            }
            self.schedule.encoded(begun, now, outcome);
            if keyframe {
                self.schedule.want_keyframe();
            }
            return Ok(None);
        };
        self.empty = 0;
        outcome.keyframe |= encoded.keyframe;
        outcome.qp = encoded.qp;
        outcome.bits = encoded.data.len() as u64 * 8;
        self.schedule.encoded(begun, now, outcome);
        self.last_at_us = at_us.max(self.last_at_us + 1);
        let frames = match self.rendition {
            Rendition::Full => &counters.frames,
            Rendition::Low => &counters.low_frames,
        };
        Counters::add(frames, 1);
        Counters::add(&counters.keyframes, u64::from(encoded.keyframe));
        Counters::add(&counters.bytes, encoded.data.len() as u64);
        Ok(Some(VideoPacket {
            codec: form.codec,
            rendition: self.rendition,
            data: encoded.data,
            at_us: self.last_at_us,
            keyframe: encoded.keyframe,
            width: form.width,
            height: form.height,
        }))
    }
}
