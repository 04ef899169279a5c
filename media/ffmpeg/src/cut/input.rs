//! Opening a film or live input and reading its packets, one video and one sound track at most.
//!
//! Hostile or broken input ends in a [`CutError`] or in a warning, never in a panic.

use std::ffi::{CString, c_int, c_void};
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ffmpeg_next::{Error, Packet, Rescale, ffi, format, media};

use super::tracks::{NS, Track};
use super::{CutError, Kind};
use crate::live::pipe::Pipe;

/// A jump of the clock beyond this, in formats that may jump, is a new clock and not a pause: 10 s, FFmpeg's own
/// threshold (`-dts_delta_threshold`).
const CLOCK_JUMP_NS: i64 = 10_000_000_000;

/// Pause before asking a live input again that has nothing yet. A guess: a tenth of a frame.
const LIVE_POLL: Duration = Duration::from_millis(4);

/// Demuxers that take any text or picture for a film.
const NOT_FILMS: [&str; 6] = ["tty", "bin", "xbin", "adf", "idf", "image2"];

/// A packet of a chosen track, its times already on one continuous clock.
pub(crate) struct SourcePacket {
    pub(crate) kind: Kind,
    pub(crate) packet: Packet,
    pub(crate) pts_ns: Option<i64>,
    pub(crate) dur_ns: i64,
}

/// Where packets come from.
pub(crate) struct Input {
    // Dropped first: closing may still ask `stop` and read `pipe`.
    ctx: format::context::Input,
    _pipe: Option<Pipe>,
    stop: Arc<AtomicBool>,
    pub(crate) name: String,
    pub(crate) video: Option<Track>,
    pub(crate) sound: Option<Track>,
    pub(crate) left_out: Vec<String>,
    /// What went wrong while reading.
    pub(crate) warnings: Vec<String>,
    /// Length that the container promises, microseconds.
    pub(crate) promised_us: Option<i64>,
    may_jump: bool,
    offset_ns: i64,
    last_ns: Option<i64>,
    corrupt: u64,
}

/// Looks at the file before FFmpeg does, so that the plain cases get plain words.
pub(crate) fn check_file(path: &Path) -> Result<fs::Metadata, CutError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => CutError::Missing { path: path.into() },
        _ => CutError::Unreadable {
            path: path.into(),
            source,
        },
    };
    let meta = fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(CutError::NotAFile { path: path.into() });
    }
    if meta.len() == 0 {
        return Err(CutError::Empty { path: path.into() });
    }
    fs::File::open(path).map_err(unreadable)?;
    Ok(meta)
}

impl Input {
    /// Opens a film's file.
    pub(crate) fn film(path: &Path, stop: Arc<AtomicBool>) -> Result<Self, CutError> {
        check_file(path)?;
        let shown = path.display().to_string();
        let Some(text) = path.to_str() else {
            return Err(CutError::NotAFilm {
                input: shown,
                reason: "its name is not UTF-8; rename it".to_owned(),
            });
        };
        // The protocol is named, so that no film's name can be taken for a URL.
        let url = format!("file:{text}");
        let film_error = |e: Error| match e {
            Error::Exit => CutError::Stopped,
            _ if is_mp4(path) => CutError::CutOff {
                input: shown.clone(),
                reason: "its index (moov) cannot be read".to_owned(),
            },
            _ => CutError::NotAFilm {
                input: shown.clone(),
                reason: "FFmpeg knows no such format".to_owned(),
            },
        };
        let ctx = open(&url, ptr::null(), &[], &stop, None).map_err(film_error)?;
        let input = Self::wrap(ctx, None, stop, shown)?;
        let format = input.ctx.format();
        let format = format.name();
        if NOT_FILMS.contains(&format) || format.ends_with("_pipe") {
            return Err(CutError::NotAFilm {
                input: input.name,
                reason: "it is a text or a single picture".to_owned(),
            });
        }
        Ok(input)
    }

    /// Opens a live input: a URL, a device (with its format's name), a pipe (`-`, `pipe:0` or the path of a FIFO).
    pub(crate) fn live(
        name: &str,
        format: Option<&str>,
        options: &[(String, String)],
        stop: Arc<AtomicBool>,
    ) -> Result<Self, CutError> {
        crate::init();
        let failed = |e: Error| match e {
            Error::Exit => CutError::Stopped,
            Error::InvalidData => CutError::NotAFilm {
                input: name.to_owned(),
                reason: "FFmpeg knows no such format; name it with the input format".to_owned(),
            },
            e => CutError::Open {
                input: name.to_owned(),
                reason: e.to_string(),
            },
        };
        let demuxer = match format {
            None => ptr::null(),
            Some(wanted) => find_format(wanted).ok_or_else(|| CutError::NoSuchFormat {
                format: wanted.to_owned(),
            })?,
        };
        let mut pipe = Pipe::open(name, &stop).map_err(|e| CutError::Open {
            input: name.to_owned(),
            reason: e.to_string(),
        })?;
        let ctx = open(name, demuxer, options, &stop, pipe.as_mut()).map_err(failed)?;
        let mut input = Self::wrap(ctx, pipe, stop, name.to_owned())?;
        // A live input's clock may jump whatever its format says.
        input.may_jump = true;
        Ok(input)
    }

    fn wrap(
        mut ctx: format::context::Input,
        pipe: Option<Pipe>,
        stop: Arc<AtomicBool>,
        name: String,
    ) -> Result<Self, CutError> {
        let video = pick(&ctx, media::Type::Video);
        let sound = pick(&ctx, media::Type::Audio);
        if video.is_none() && sound.is_none() {
            return Err(CutError::NotAFilm {
                input: name,
                reason: "it has neither picture nor sound that this FFmpeg can decode".to_owned(),
            });
        }
        let chosen = |i: usize| {
            video.as_ref().is_some_and(|t| t.index == i)
                || sound.as_ref().is_some_and(|t| t.index == i)
        };
        let left_out = ctx
            .streams()
            .filter(|s| !chosen(s.index()))
            .map(|s| {
                let kind = match s.parameters().medium() {
                    media::Type::Video => "video",
                    media::Type::Audio => "sound",
                    media::Type::Subtitle => "subtitle",
                    _ => "data",
                };
                format!("{kind} track {} is left out", s.index())
            })
            .take(16)
            .collect();
        // SAFETY: the context is open, so `streams` has `nb_streams` valid entries and `iformat` is set.
        let may_jump = unsafe {
            let p = ctx.as_mut_ptr();
            for i in 0..(*p).nb_streams as usize {
                if !chosen(i) {
                    (**(*p).streams.add(i)).discard = ffi::AVDiscard::AVDISCARD_ALL;
                }
            }
            (*(*p).iformat).flags & ffi::AVFMT_TS_DISCONT != 0
        };
        let promised_us = Some(ctx.duration()).filter(|d| *d > 0);
        Ok(Self {
            ctx,
            _pipe: pipe,
            stop,
            name,
            video,
            sound,
            left_out,
            warnings: Vec::new(),
            promised_us,
            may_jump,
            offset_ns: 0,
            last_ns: None,
            corrupt: 0,
        })
    }

    pub(crate) fn format_name(&self) -> String {
        self.ctx.format().name().to_owned()
    }

    pub(crate) fn all_streams(&self) -> &format::context::Input {
        &self.ctx
    }

    /// The next packet of a chosen track; `None` at the end. An error of the source is its end too, with a
    /// warning, as for FFmpeg's own tools.
    pub(crate) fn next(&mut self) -> Result<Option<SourcePacket>, CutError> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(CutError::Stopped);
            }
            let mut packet = Packet::empty();
            match packet.read(&mut self.ctx) {
                Ok(()) => {}
                Err(Error::Eof) => return Ok(None),
                Err(Error::Exit) => return Err(CutError::Stopped),
                Err(Error::Other {
                    errno: libc::EAGAIN,
                }) => {
                    std::thread::sleep(LIVE_POLL);
                    continue;
                }
                Err(error) => {
                    if self.stop.load(Ordering::Relaxed) {
                        return Err(CutError::Stopped);
                    }
                    self.warnings.push(format!("reading ended early: {error}"));
                    return Ok(None);
                }
            }
            let index = packet.stream();
            let (kind, track) = match (&self.video, &self.sound) {
                (Some(t), _) if t.index == index => (Kind::Video, t),
                (_, Some(t)) if t.index == index => (Kind::Sound, t),
                _ => continue,
            };
            if packet.is_corrupt() {
                self.corrupt += 1;
            }
            let time_base = track.time_base;
            if self.may_jump {
                if let Some(ticks) = packet.dts().or(packet.pts()) {
                    let now = ticks.rescale(time_base, NS).saturating_add(self.offset_ns);
                    let last = self.last_ns.unwrap_or(now);
                    let jump = now.saturating_sub(last);
                    if jump.saturating_abs() > CLOCK_JUMP_NS {
                        self.offset_ns = self.offset_ns.saturating_sub(jump);
                    }
                    self.last_ns = Some(if jump.saturating_abs() > CLOCK_JUMP_NS {
                        last
                    } else {
                        now
                    });
                }
                let shift = self.offset_ns.rescale(NS, time_base);
                packet.set_pts(packet.pts().map(|t| t.saturating_add(shift)));
                packet.set_dts(packet.dts().map(|t| t.saturating_add(shift)));
            }
            return Ok(Some(SourcePacket {
                kind,
                pts_ns: packet.pts().map(|t| t.rescale(time_base, NS)),
                dur_ns: packet.duration().max(0).rescale(time_base, NS),
                packet,
            }));
        }
    }

    /// Packets that the demuxer marked as damaged.
    pub(crate) fn corrupt(&self) -> u64 {
        self.corrupt
    }
}

/// The best track of a kind that can be decoded at all; cover pictures are none.
fn pick(ctx: &format::context::Input, kind: media::Type) -> Option<Track> {
    let usable = |s: &format::stream::Stream<'_>| {
        let track = Track::of(s);
        let cover = s
            .disposition()
            .contains(format::stream::Disposition::ATTACHED_PIC);
        let known = ffmpeg_next::decoder::find(track.codec()).is_some();
        let sized = match kind {
            media::Type::Video => track.width() > 0 && track.height() > 0,
            _ => track.sample_rate() > 0 && track.channels() > 0,
        };
        !cover && known && sized
    };
    let best = ctx.streams().best(kind).filter(|s| usable(s));
    let any = || {
        ctx.streams()
            .find(|s| s.parameters().medium() == kind && usable(s))
    };
    best.or_else(any).map(|s| Track::of(&s))
}

fn find_format(name: &str) -> Option<*const ffi::AVInputFormat> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is NUL-terminated and outlives the calls; the devices' list is static.
    unsafe {
        let found = ffi::av_find_input_format(name.as_ptr());
        (!found.is_null()).then_some(found)
    }
}

/// Whether the file starts like an MP4: then an unreadable one is cut off rather than no film.
fn is_mp4(path: &Path) -> bool {
    let mut head = [0; 12];
    fs::File::open(path)
        .and_then(|mut f| f.read_exact(&mut head))
        .is_ok_and(|()| &head[4..8] == b"ftyp")
}

extern "C" fn interrupted(opaque: *mut c_void) -> c_int {
    // SAFETY: `opaque` is the AtomicBool behind the Arc that the `Input` keeps longer than the context.
    let stop = unsafe { &*opaque.cast::<AtomicBool>() };
    c_int::from(stop.load(Ordering::Relaxed))
}

fn open(
    url: &str,
    demuxer: *const ffi::AVInputFormat,
    options: &[(String, String)],
    stop: &Arc<AtomicBool>,
    pipe: Option<&mut Pipe>,
) -> Result<format::context::Input, Error> {
    crate::init();
    let url = CString::new(url).map_err(|_| Error::InvalidData)?;
    let mut dict = ffmpeg_next::Dictionary::new();
    for (key, value) in options {
        if key.contains('\0') || value.contains('\0') {
            return Err(Error::InvalidData);
        }
        dict.set(key, value);
    }
    // SAFETY: the context is allocated here and either closed by FFmpeg on failure (avformat_open_input frees
    // it and nulls the pointer) or owned by the returned wrapper; the callback's opaque pointer outlives it
    // because `Input` holds the Arc; the dictionary is taken back so that it is freed.
    unsafe {
        let mut ctx = ffi::avformat_alloc_context();
        if ctx.is_null() {
            return Err(Error::Other {
                errno: libc::ENOMEM,
            });
        }
        (*ctx).interrupt_callback = ffi::AVIOInterruptCB {
            callback: Some(interrupted),
            opaque: Arc::as_ptr(stop).cast_mut().cast(),
        };
        if let Some(pipe) = pipe {
            (*ctx).pb = pipe.as_avio();
        }
        let mut raw = dict.disown();
        let opened = ffi::avformat_open_input(&mut ctx, url.as_ptr(), demuxer.cast_mut(), &mut raw);
        drop(ffmpeg_next::Dictionary::own(raw));
        if opened < 0 {
            return Err(Error::from(opened));
        }
        let wrapped = format::context::Input::wrap(ctx);
        match ffi::avformat_find_stream_info(ctx, ptr::null_mut()) {
            e if e < 0 => Err(Error::from(e)),
            _ => Ok(wrapped),
        }
    }
}
