//! A chunk file, taken apart into the packets of its picture and its sound. The whole file is read at once: it is
//! bounded, and only so can the pictures and the sound be decoded in step however the file interleaves them.
//! Must never decode anything.

use std::collections::VecDeque;
use std::ffi::CString;
use std::path::Path;
use std::ptr;

use ffmpeg_next::codec::Parameters;
use ffmpeg_next::{Packet, Rational, Stream, ffi, format, media};

use super::error::DecodeError;
use super::{MAX_PACKETS, MAX_PIXELS, Span};

/// Names of FFmpeg's demuxers that may read a chunk. Others could name further files or addresses (playlists).
const FORMATS: &str = "matroska,mov";

/// The only way in which FFmpeg may open anything while it reads a chunk.
const PROTOCOLS: &str = "file";

/// Errors in a row after which reading a file is given up (a guess; an intact file has none).
const MAX_READ_ERRORS: usize = 16;

/// One stream of a chunk.
pub(super) struct Track {
    /// What a decoder needs to know.
    pub(super) parameters: Parameters,
    /// Unit of the packets' times, seconds.
    pub(super) time_base: Rational,
    /// The packets in the order of the file.
    pub(super) packets: VecDeque<Packet>,
    /// Usual time from picture to picture, microseconds: of use where packets do not tell their duration.
    pub(super) step_us: i64,
}

/// The streams of a chunk that are played.
pub(super) struct Source {
    /// Its place in its film, if it tells.
    pub(super) span: Option<Span>,
    /// The picture.
    pub(super) video: Option<Track>,
    /// The sound.
    pub(super) sound: Option<Track>,
}

impl Source {
    /// Reads the file at `path`; `sound`: whether its sound is wanted.
    ///
    /// # Errors
    /// All of [`DecodeError`] but those of decoding.
    pub(super) fn read(path: &Path, sound: bool) -> Result<Self, DecodeError> {
        let bytes = std::fs::metadata(path)
            .map_err(DecodeError::Unreadable)?
            .len();
        if bytes > media_model::MAX_CHUNK_LEN {
            return Err(DecodeError::TooLong { bytes });
        }
        // FFmpeg folds a missing permission into other errors; so find out here.
        std::fs::File::open(path).map_err(DecodeError::Unreadable)?;
        let mut input = open(path)?;
        let span = span_of(&input);
        let mut video = input
            .streams()
            .best(media::Type::Video)
            .filter(|s| {
                !s.disposition()
                    .contains(format::stream::Disposition::ATTACHED_PIC)
            })
            .map(|s| (s.index(), Track::of(&s)));
        let mut sound = if sound {
            input
                .streams()
                .best(media::Type::Audio)
                .map(|s| (s.index(), Track::of(&s)))
        } else {
            None
        };
        if let Some((_, track)) = &video {
            track.check_size()?;
        }
        let mut packets = 0;
        let mut errors = 0;
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut input) {
                Ok(()) => errors = 0,
                Err(ffmpeg_next::Error::Eof) => break,
                Err(_) if errors < MAX_READ_ERRORS => {
                    errors += 1;
                    continue;
                }
                Err(_) => break,
            }
            packets += 1;
            if packets > MAX_PACKETS {
                return Err(DecodeError::TooManyPackets);
            }
            for (index, track) in [&mut video, &mut sound].into_iter().flatten() {
                if packet.stream() == *index {
                    track.packets.push_back(packet);
                    break;
                }
            }
        }
        let finish = |track: Option<(usize, Track)>| {
            track
                .filter(|(_, t)| !t.packets.is_empty())
                .map(|(_, t)| t.with_step())
        };
        let source = Self {
            span,
            video: finish(video),
            sound: finish(sound),
        };
        if source.video.is_none() && source.sound.is_none() {
            return Err(DecodeError::Empty);
        }
        Ok(source)
    }
}

impl Track {
    fn of(stream: &Stream<'_>) -> Self {
        let rate = stream.avg_frame_rate();
        Self {
            parameters: stream.parameters(),
            time_base: stream.time_base(),
            packets: VecDeque::new(),
            step_us: micros(1, rate.invert_or_zero()),
        }
    }

    fn check_size(&self) -> Result<(), DecodeError> {
        // SAFETY: plain fields of parameters that are alive.
        let (width, height) = unsafe {
            let raw = self.parameters.as_ptr();
            ((*raw).width, (*raw).height)
        };
        if i64::from(width) * i64::from(height) > MAX_PIXELS || width < 0 || height < 0 {
            return Err(DecodeError::TooBig {
                width: width.unsigned_abs(),
                height: height.unsigned_abs(),
            });
        }
        Ok(())
    }

    /// Where the file names no frame rate, the mean distance of its packets stands for it.
    fn with_step(mut self) -> Self {
        if self.step_us <= 0 {
            let times = || self.packets.iter().filter_map(Packet::pts);
            if let (Some(first), Some(last)) = (times().min(), times().max()) {
                let steps = i64::try_from(self.packets.len()).unwrap_or(i64::MAX) - 1;
                self.step_us = micros(last.saturating_sub(first), self.time_base) / steps.max(1);
            }
        }
        self
    }
}

/// The span in the container's metadata.
fn span_of(input: &format::context::Input) -> Option<Span> {
    let metadata = input.metadata();
    let number = |key| metadata.get(key)?.trim().parse::<i64>().ok();
    let (start_us, duration_us) = (
        number("TREECAST_START_US")?,
        number("TREECAST_DURATION_US")?,
    );
    let longest = i64::try_from(media_model::MAX_DURATION_US).unwrap_or(i64::MAX);
    (start_us >= 0 && (1..=longest).contains(&duration_us)).then_some(Span {
        start_us,
        duration_us,
    })
}

trait InvertOrZero {
    fn invert_or_zero(self) -> Rational;
}

impl InvertOrZero for Rational {
    fn invert_or_zero(self) -> Rational {
        if self.numerator() > 0 && self.denominator() > 0 {
            Rational(self.denominator(), self.numerator())
        } else {
            Rational(0, 1)
        }
    }
}

/// `value` units of `base` seconds in microseconds, rounded down, saturating.
pub(super) fn micros(value: i64, base: Rational) -> i64 {
    let (num, den) = (i128::from(base.numerator()), i128::from(base.denominator()));
    if den == 0 {
        return 0;
    }
    let us = (i128::from(value) * num * 1_000_000).div_euclid(den);
    i64::try_from(us).unwrap_or(if us < 0 { i64::MIN } else { i64::MAX })
}

/// Opens a file with nothing but the demuxers and the protocol of a chunk. FFmpeg's probing of the streams is
/// left out: Matroska and MP4 tell everything in their headers, and probing would decode pictures of any size.
fn open(path: &Path) -> Result<format::context::Input, DecodeError> {
    // The prefix keeps FFmpeg from taking a part of the name for a protocol.
    let url = format!("file:{}", path.to_str().ok_or(DecodeError::Path)?);
    let url = CString::new(url).map_err(|_| DecodeError::Path)?;
    let options: ffmpeg_next::Dictionary<'_> = [
        ("format_whitelist", FORMATS),
        ("protocol_whitelist", PROTOCOLS),
    ]
    .into_iter()
    .collect();
    let mut input = ptr::null_mut();
    // SAFETY: `url` outlives the call; the dictionary is handed over as FFmpeg's documentation asks and what it
    // leaves of it is owned, and so freed, afterwards; on success `input` is a valid context that
    // `Input::wrap` owns from then on, on failure FFmpeg has freed it.
    unsafe {
        let mut options = options.disown();
        let result =
            ffi::avformat_open_input(&mut input, url.as_ptr(), ptr::null_mut(), &mut options);
        drop(ffmpeg_next::Dictionary::own(options));
        if result < 0 {
            return Err(DecodeError::NotMedia(
                ffmpeg_next::Error::from(result).to_string(),
            ));
        }
        Ok(format::context::Input::wrap(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rescaled_without_overflow() {
        assert_eq!(micros(90_000, Rational(1, 90_000)), 1_000_000);
        assert_eq!(micros(-1, Rational(1, 1_000)), -1_000);
        assert_eq!(micros(i64::MAX, Rational(i32::MAX, 1)), i64::MAX);
        assert_eq!(micros(i64::MIN, Rational(i32::MAX, 1)), i64::MIN);
        assert_eq!(micros(5, Rational(1, 0)), 0);
    }
}
