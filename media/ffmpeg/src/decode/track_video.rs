//! The pictures of one chunk, pulled one by one. Must never know of sound or of time on a screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::codec::{Context, decoder, threading};
use ffmpeg_next::{Discard, Error, Rational, frame};

use super::error::DecodeError;
use super::source::{Track, micros};
use super::{MAX_PIXELS, picture};

/// Picture elements up to which one thread decodes: 720p takes a few milliseconds a picture.
const ONE_THREAD_PIXELS: i64 = 1280 * 720;

/// Most threads of a decoder; more only add memory, a picture each (a guess).
const MAX_THREADS: usize = 4;

/// Duration of a picture of which nothing tells it: 25 a second.
const USUAL_STEP_US: i64 = 40_000;

/// A picture with its place in the file's time, both in microseconds.
pub(super) struct Pulled {
    pub(super) time_us: i64,
    pub(super) duration_us: i64,
    pub(super) frame: frame::Video,
    pub(super) bytes: usize,
}

/// A decoder and what it has still to decode.
pub(super) struct VideoTrack {
    decoder: decoder::Video,
    time_base: Rational,
    packets: std::collections::VecDeque<ffmpeg_next::Packet>,
    step_us: i64,
    last_us: Option<i64>,
    drained: bool,
    hurry: Arc<AtomicBool>,
    hurried: bool,
    sent: u64,
    received: u64,
    /// Packets that could not be decoded, and what FFmpeg said of the first.
    pub(super) damaged: (u64, Option<Error>),
}

impl VideoTrack {
    /// # Errors
    /// [`DecodeError::NoDecoder`].
    pub(super) fn open(track: Track, hurry: Arc<AtomicBool>) -> Result<Self, DecodeError> {
        let no_decoder = |e: Error| DecodeError::NoDecoder {
            kind: "picture",
            what: e.to_string(),
        };
        let mut context = Context::from_parameters(track.parameters).map_err(no_decoder)?;
        // SAFETY: plain fields of a context that is ours and not open yet.
        let pixels = unsafe {
            let raw = context.as_mut_ptr();
            (*raw).max_pixels = MAX_PIXELS;
            i64::from((*raw).width) * i64::from((*raw).height)
        };
        if pixels > ONE_THREAD_PIXELS {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            context.set_threading(threading::Config {
                kind: threading::Type::Frame,
                count: cores.min(MAX_THREADS),
                ..threading::Config::default()
            });
        }
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(track.time_base);
        let decoder = decoder.video().map_err(no_decoder)?;
        Ok(Self {
            decoder,
            time_base: track.time_base,
            packets: track.packets,
            step_us: if track.step_us > 0 {
                track.step_us
            } else {
                USUAL_STEP_US
            },
            last_us: None,
            drained: false,
            hurry,
            hurried: false,
            sent: 0,
            received: 0,
            damaged: (0, None),
        })
    }

    /// The next picture; `None` after the last.
    pub(super) fn pull(&mut self) -> Option<Pulled> {
        loop {
            let mut frame = frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    self.received += 1;
                    return Some(self.placed(frame));
                }
                Err(Error::Eof) => return None,
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {}
                Err(e) => {
                    self.note(e);
                    if self.drained {
                        return None;
                    }
                }
            }
            self.feed()?;
        }
    }

    /// Gives the decoder one more packet; `None` if even the end of the stream was told already.
    fn feed(&mut self) -> Option<()> {
        let hurry = self.hurry.load(Ordering::Relaxed);
        self.hurried |= hurry;
        self.decoder.skip_frame(if hurry {
            Discard::NonReference
        } else {
            Discard::Default
        });
        let sent = match self.packets.pop_front() {
            Some(packet) => {
                self.sent += 1;
                self.decoder.send_packet(&packet)
            }
            None if self.drained => return None,
            None => {
                self.drained = true;
                self.decoder.send_eof()
            }
        };
        if let Err(e) = sent {
            self.note(e);
        }
        Some(())
    }

    fn note(&mut self, error: Error) {
        self.damaged.0 += 1;
        self.damaged.1.get_or_insert(error);
    }

    fn placed(&mut self, frame: frame::Video) -> Pulled {
        let duration = micros(frame.packet().duration, self.time_base);
        let duration_us = if duration > 0 { duration } else { self.step_us };
        let told = frame.timestamp().map(|t| micros(t, self.time_base));
        let time_us = match (told, self.last_us) {
            (Some(told), Some(last)) => told.max(last),
            (Some(told), None) => told,
            (None, Some(last)) => last.saturating_add(self.step_us),
            (None, None) => 0,
        };
        self.last_us = Some(time_us);
        let bytes = picture::bytes_of(&frame);
        Pulled {
            time_us,
            duration_us,
            frame,
            bytes,
        }
    }

    /// Pictures left out for hurry, as far as packets tell (one picture each).
    pub(super) fn skipped(&self) -> u64 {
        if self.hurried {
            self.sent
                .saturating_sub(self.received)
                .saturating_sub(self.damaged.0)
        } else {
            0
        }
    }
}
