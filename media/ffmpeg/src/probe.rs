//! What a film or a ready chunk is, without cutting or decoding it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{fs, io};

use ffmpeg_next::media;

use crate::cut::input::{Input, check_file};
use crate::cut::{Container, CutError};

/// Metadata of a chunk: microseconds from the film's start to the chunk's.
pub const START_TAG: &str = "TREECAST_START_US";

/// Metadata of a chunk: length of its span in microseconds.
pub const DURATION_TAG: &str = "TREECAST_DURATION_US";

/// Longest chunk that is believed, microseconds: one minute. Ready chunks from elsewhere may be longer than ours; a
/// number beyond this is an error (a guess).
pub const MAX_CHUNK_US: u64 = 60_000_000;

/// Most ready chunks of a folder: 48 hours of two seconds each.
pub const MAX_READY_CHUNKS: usize = 86_400;

/// A film, as far as its header tells.
#[derive(Clone, Debug)]
pub struct FilmInfo {
    /// FFmpeg's name of the container.
    pub format: String,
    /// Length of the file, bytes.
    pub bytes: u64,
    /// Length in microseconds as the container says it; `None`: it does not.
    pub duration_us: Option<u64>,
    /// Every track, in the container's order.
    pub streams: Vec<StreamInfo>,
}

/// One track of a film.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// Index in the container.
    pub index: usize,
    /// What it is.
    pub kind: StreamKind,
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// Whether it is one of the two tracks that are cut.
    pub chosen: bool,
    /// Picture size in pixels, 0 for everything but video.
    pub width: u32,
    /// See `width`.
    pub height: u32,
    /// Average frames a second, `None`: unknown or no video.
    pub frame_rate: Option<f64>,
    /// Samples a second, 0 for everything but sound.
    pub sample_rate: u32,
    /// Channels, 0 for everything but sound.
    pub channels: u32,
}

/// Kinds of tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Picture.
    Video,
    /// Sound.
    Sound,
    /// Subtitles.
    Subtitle,
    /// Anything else.
    Other,
}

/// Looks at a film's header. Blocks; errors as for cutting.
pub fn probe(film: &Path) -> Result<FilmInfo, CutError> {
    let bytes = check_file(film)?.len();
    let input = open(film)?;
    let chosen: Vec<usize> = [&input.video, &input.sound]
        .into_iter()
        .flatten()
        .map(|t| t.index)
        .collect();
    let streams = input
        .all_streams()
        .streams()
        .map(|stream| {
            let track = crate::cut::Track::of(&stream);
            let kind = match stream.parameters().medium() {
                media::Type::Video => StreamKind::Video,
                media::Type::Audio => StreamKind::Sound,
                media::Type::Subtitle => StreamKind::Subtitle,
                _ => StreamKind::Other,
            };
            StreamInfo {
                index: stream.index(),
                kind,
                codec: track.codec_name().to_owned(),
                chosen: chosen.contains(&stream.index()),
                width: track.width(),
                height: track.height(),
                frame_rate: track
                    .rate
                    .filter(|_| kind == StreamKind::Video)
                    .map(f64::from),
                sample_rate: track.sample_rate(),
                channels: track.channels(),
            }
        })
        .collect();
    Ok(FilmInfo {
        format: input.format_name(),
        bytes,
        duration_us: input.promised_us.and_then(|us| u64::try_from(us).ok()),
        streams,
    })
}

/// Length of a ready chunk in microseconds: what our own metadata says, else the container, else its packets.
/// Blocks; errors as for cutting, and if the length is 0 or beyond [`MAX_CHUNK_US`].
pub fn probe_chunk(chunk: &Path) -> Result<u64, CutError> {
    let mut input = open(chunk)?;
    let tag = input
        .all_streams()
        .metadata()
        .get(DURATION_TAG)
        .and_then(|text| text.parse().ok());
    let promised = input.promised_us.and_then(|us| u64::try_from(us).ok());
    let length = match tag.or(promised) {
        Some(us) => us,
        None => measured_us(&mut input)?,
    };
    if length == 0 || length > MAX_CHUNK_US {
        return Err(CutError::Bound {
            input: chunk.display().to_string(),
            reason: format!(
                "a chunk of {:.1} s; 0 to 60 s are possible",
                length as f64 / 1e6
            ),
        });
    }
    Ok(length)
}

fn measured_us(input: &mut Input) -> Result<u64, CutError> {
    let mut span: Option<(i64, i64)> = None;
    while let Some(read) = input.next()? {
        let Some(pts) = read.pts_ns else { continue };
        let end = pts.saturating_add(read.dur_ns);
        span = Some(span.map_or((pts, end), |(a, b)| (a.min(pts), b.max(end))));
    }
    let ns = span.map_or(0, |(a, b)| b.saturating_sub(a));
    Ok(u64::try_from(ns / 1000).unwrap_or(0))
}

fn open(path: &Path) -> Result<Input, CutError> {
    Input::film(path, Arc::new(AtomicBool::new(false)))
}

/// A chunk file that was there before, made by `slice` or by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadyChunk {
    /// Name before the number.
    pub film: String,
    /// Its number.
    pub number: u64,
    /// The file.
    pub path: PathBuf,
}

/// Takes `<film>_<digits>.mkv|mp4` apart: film, number, container. `None`: not a chunk's name.
pub fn parse_chunk_name(name: &str) -> Option<(&str, u64, Container)> {
    let (stem, container) = match name.rsplit_once('.')? {
        (stem, "mkv") => (stem, Container::Mkv),
        (stem, "mp4") => (stem, Container::Mp4),
        _ => return None,
    };
    let (film, digits) = stem.rsplit_once('_')?;
    let good = !film.is_empty() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    Some((film, digits.parse().ok().filter(|_| good)?, container))
}

/// The chunks of a folder: regular files with a chunk's name, by film and number. At most [`MAX_READY_CHUNKS`];
/// anything else in the folder is passed over.
pub fn ready_chunks(folder: &Path) -> io::Result<Vec<ReadyChunk>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((film, number, _)) = name.to_str().and_then(parse_chunk_name) else {
            continue;
        };
        if !entry.file_type()?.is_file() {
            continue;
        }
        if found.len() == MAX_READY_CHUNKS {
            return Err(io::Error::other(format!(
                "more than {MAX_READY_CHUNKS} chunks"
            )));
        }
        found.push(ReadyChunk {
            film: film.to_owned(),
            number,
            path: entry.path(),
        });
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_chunks_are_taken_apart() {
        assert_eq!(
            parse_chunk_name("a_b_00012.mkv"),
            Some(("a_b", 12, Container::Mkv))
        );
        assert_eq!(
            parse_chunk_name("f_123456.mp4"),
            Some(("f", 123_456, Container::Mp4))
        );
        for other in [
            "f.mkv",
            "_00001.mkv",
            "f_.mkv",
            "f_1x.mkv",
            "f_00001.json",
            ".f_1.part",
        ] {
            assert_eq!(parse_chunk_name(other), None, "{other}");
        }
    }
}
