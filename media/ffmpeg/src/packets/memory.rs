//! A chunk in memory, read by FFmpeg's demuxers for Matroska and MP4 and by no other, into the packets of its tracks.
//!
//! Nothing is decoded or probed here: both containers tell everything in their headers.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr;

use ffmpeg_next::{Packet, ffi, format, media};

use super::{MAX_DURATION_US, PacketsError};
use crate::cut::Track;
use crate::decode::{MAX_PACKETS, MAX_PIXELS};

/// Demuxers that may read a chunk. Others could name further files or addresses.
const FORMATS: &str = "matroska,mov";

/// Bytes that a demuxer takes at once: FFmpeg's own size for files.
const BUFFER_LEN: usize = 32 * 1024;

/// Errors in a row after which reading is given up; an intact chunk has none. A guess.
const MAX_READ_ERRORS: usize = 16;

/// A track and its packets in the order of decoding, times in microseconds from the chunk's start.
pub(super) struct ChunkTrack {
    pub(super) track: Track,
    pub(super) packets: Vec<ChunkPacket>,
}

/// One packet.
pub(super) struct ChunkPacket {
    pub(super) packet: Packet,
    pub(super) at_us: u64,
}

/// What is in a chunk.
pub(super) struct Source {
    pub(super) video: Option<ChunkTrack>,
    pub(super) sound: Option<ChunkTrack>,
    /// As the chunk tells it.
    pub(super) duration_us: Option<u64>,
}

impl Source {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PacketsError> {
        if bytes.len() > crate::cut::MAX_CHUNK_LEN {
            return Err(PacketsError::Bound("it is longer than 64 MiB"));
        }
        crate::init();
        let mut file = MemoryFile::open(bytes)?;
        let metadata = file.input.metadata();
        let duration_us = metadata
            .get(crate::probe::DURATION_TAG)
            .and_then(|text| text.trim().parse::<i64>().ok())
            .filter(|us| (1..=MAX_DURATION_US).contains(us))
            .map(i64::cast_unsigned);
        let track = |kind| {
            let stream = file.input.streams().best(kind)?;
            let is_cover = stream
                .disposition()
                .contains(format::stream::Disposition::ATTACHED_PIC);
            (!is_cover).then(|| ChunkTrack {
                track: Track::of(&stream),
                packets: Vec::new(),
            })
        };
        let mut video = track(media::Type::Video);
        let mut sound = track(media::Type::Audio);
        if let Some(ChunkTrack { track, .. }) = &video
            && i64::from(track.width()) * i64::from(track.height()) > MAX_PIXELS
        {
            return Err(PacketsError::Bound("its picture is too large"));
        }
        let (mut count, mut errors) = (0, 0);
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut file.input) {
                Ok(()) => errors = 0,
                Err(ffmpeg_next::Error::Eof) => break,
                Err(_) if errors < MAX_READ_ERRORS => {
                    errors += 1;
                    continue;
                }
                Err(_) => break,
            }
            count += 1;
            if count > MAX_PACKETS {
                return Err(PacketsError::Bound("it has too many packets"));
            }
            let of_it = [&mut video, &mut sound]
                .into_iter()
                .flatten()
                .find(|track| track.track.index == packet.stream());
            let Some(track) = of_it else { continue };
            let Some(pts) = packet.pts() else { continue };
            let at_us = track.track.to_ns(pts) / 1000;
            if at_us > MAX_DURATION_US {
                return Err(PacketsError::Bound("its times are too large"));
            }
            // What is before its start is an encoder's lead.
            let at_us = at_us.max(0).cast_unsigned();
            track.packets.push(ChunkPacket { packet, at_us });
        }
        let filled = |track: Option<ChunkTrack>| track.filter(|track| !track.packets.is_empty());
        let (video, sound) = (filled(video), filled(sound));
        Ok(Self {
            video,
            sound,
            duration_us,
        })
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// An open chunk.
struct MemoryFile<'a> {
    // Dropped first: closing may still read.
    input: format::context::Input,
    _avio: Avio<'a>,
}

/// FFmpeg's way to the bytes.
struct Avio<'a> {
    raw: *mut ffi::AVIOContext,
    cursor: *mut Cursor<'a>,
    _bytes: PhantomData<&'a [u8]>,
}

impl<'a> MemoryFile<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, PacketsError> {
        let avio = Avio::new(bytes)?;
        let options: ffmpeg_next::Dictionary<'_> =
            [("format_whitelist", FORMATS)].into_iter().collect();
        // SAFETY: the context is allocated here; avformat_open_input frees it on failure and on success it is owned by
        // the wrapper, which is dropped before `avio`; the dictionary is taken back and so freed.
        unsafe {
            let mut ctx = ffi::avformat_alloc_context();
            if ctx.is_null() {
                return Err(PacketsError::Unreadable("out of memory".to_owned()));
            }
            (*ctx).pb = avio.raw;
            let mut raw = options.disown();
            let opened = ffi::avformat_open_input(&mut ctx, ptr::null(), ptr::null(), &mut raw);
            drop(ffmpeg_next::Dictionary::own(raw));
            if opened < 0 {
                let why = ffmpeg_next::Error::from(opened).to_string();
                return Err(PacketsError::Unreadable(why));
            }
            Ok(Self {
                input: format::context::Input::wrap(ctx),
                _avio: avio,
            })
        }
    }
}

impl<'a> Avio<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, PacketsError> {
        let cursor = Box::into_raw(Box::new(Cursor { bytes, at: 0 }));
        // SAFETY: the buffer is FFmpeg's to replace, so allocated by it; `cursor` lives until `drop`; what was made is
        // freed here on failure.
        unsafe {
            let buffer = ffi::av_malloc(BUFFER_LEN).cast::<u8>();
            let raw = if buffer.is_null() {
                ptr::null_mut()
            } else {
                ffi::avio_alloc_context(
                    buffer,
                    BUFFER_LEN as c_int,
                    0,
                    cursor.cast(),
                    Some(read),
                    None,
                    Some(seek),
                )
            };
            if raw.is_null() {
                ffi::av_free(buffer.cast());
                drop(Box::from_raw(cursor));
                return Err(PacketsError::Unreadable("out of memory".to_owned()));
            }
            Ok(Self {
                raw,
                cursor,
                _bytes: PhantomData,
            })
        }
    }
}

impl Drop for Avio<'_> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, and the context that read through it is closed; the buffer is the one that it has now.
        unsafe {
            ffi::av_freep((&raw mut (*self.raw).buffer).cast());
            ffi::avio_context_free(&mut self.raw);
            drop(Box::from_raw(self.cursor));
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, length: c_int) -> c_int {
    // SAFETY: `opaque` is the Cursor of `Avio::new`, used by this thread only; `buffer` has room for `length` bytes.
    unsafe {
        let cursor = &mut *opaque.cast::<Cursor<'_>>();
        let left = cursor.bytes.get(cursor.at..).unwrap_or_default();
        let count = left.len().min(usize::try_from(length).unwrap_or(0));
        if count == 0 {
            return ffi::AVERROR_EOF;
        }
        ptr::copy_nonoverlapping(left.as_ptr(), buffer, count);
        cursor.at += count;
        count as c_int
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as above.
    let cursor = unsafe { &mut *opaque.cast::<Cursor<'_>>() };
    let length = i64::try_from(cursor.bytes.len()).unwrap_or(i64::MAX);
    let at = i64::try_from(cursor.at).unwrap_or(i64::MAX);
    let target = match whence & !ffi::AVSEEK_FORCE {
        ffi::AVSEEK_SIZE => return length,
        libc::SEEK_SET => offset,
        libc::SEEK_CUR => at.saturating_add(offset),
        libc::SEEK_END => length.saturating_add(offset),
        _ => return i64::from(ffi::AVERROR(libc::EINVAL)),
    };
    match usize::try_from(target) {
        Ok(target) if target <= cursor.bytes.len() => {
            cursor.at = target;
            target as i64
        }
        _ => i64::from(ffi::AVERROR(libc::EINVAL)),
    }
}
