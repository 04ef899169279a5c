//! Comparing a cut with its film: decodes both with the `ffmpeg` program, so that the judge is not our own code.
//!
//! For tests and measurements. Needs `ffmpeg` in the search path.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cut::{Container, Manifest};
use crate::probe::{self, StreamKind};

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Frames of the film, decoded.
    pub film_frames: u64,
    /// Frames of all chunks, each decoded by itself.
    pub chunk_frames: u64,
    /// Whether the frames are the same, bit by bit and in order.
    pub same_frames: bool,
    /// Largest difference of a frame's time, microseconds, both counted from the first frame.
    pub worst_time_us: u64,
    /// Samples per channel of the film, decoded.
    pub film_samples: u64,
    /// Samples per channel of all chunks, each decoded by itself.
    pub chunk_samples: u64,
    /// Whether the samples (16 bit) are the same, bit by bit, where one decoder goes through all chunks.
    pub same_samples: bool,
}

impl Comparison {
    /// Nothing lost, nothing twice: as many frames at the same times, the same frames if they were `copied`, and
    /// the same samples. `time_us` is how far times may be off: half a tick of the chunks' container.
    pub fn holds(&self, copied: bool, time_us: u64) -> bool {
        self.film_frames == self.chunk_frames
            && (self.same_frames || !copied)
            && self.worst_time_us <= time_us
            && self.film_samples == self.chunk_samples
            && self.same_samples
    }
}

/// How far a frame's time in a Matroska chunk may be off, microseconds: both the film's and the chunk's clock may
/// count milliseconds, each rounded to the nearest.
pub const MKV_TIME_US: u64 = 1_000;

/// Decodes the film and the chunks that the list names in `dir` and compares them. Blocks; needs disk space for
/// nothing, memory for the hashes of all frames.
pub fn compare(film: &Path, dir: &Path, manifest: &Manifest) -> io::Result<Comparison> {
    let mut found = Comparison {
        same_frames: true,
        same_samples: true,
        ..Comparison::default()
    };
    let sample_bytes = 2 * channels(film)?;
    let whole = decode(film)?;
    let mut frames = Vec::new();
    let mut sounding = Vec::new();
    for listed in &manifest.chunks {
        let path = dir.join(&listed.file);
        let chunk = decode(&path)?;
        let start = listed.start_us as f64;
        frames.extend(chunk.frames.into_iter().map(|f| Frame {
            time_us: f.time_us + start,
            ..f
        }));
        found.chunk_samples += chunk.sound_bytes / sample_bytes;
        if chunk.sound_bytes > 0 {
            sounding.push(path);
        }
    }
    if manifest.video.is_some() {
        found.film_frames = whole.frames.len() as u64;
        found.chunk_frames = frames.len() as u64;
        let hashes = |frames: &[Frame]| frames.iter().map(|f| f.hash.clone()).collect::<Vec<_>>();
        found.same_frames = hashes(&whole.frames) == hashes(&frames);
        found.worst_time_us = worst_time_us(&whole.frames, &frames);
    }
    if manifest.sound.is_some() {
        found.film_samples = whole.sound_bytes / sample_bytes;
        // In MP4 a track without content is missing, so the sound is found by its number.
        let number = 1 + u8::from(manifest.video.is_some());
        let mut list = match manifest.format {
            Container::Mkv => String::new(),
            Container::Mp4 => format!("stream\nexact_stream_id {number}\n"),
        };
        for chunk in &sounding {
            list.push_str(&format!("file 'file:{}'\n", chunk.display()));
        }
        let concat = "-f concat -safe 0 -protocol_whitelist file,pipe -i pipe:0";
        let concat: Vec<&OsStr> = concat.split(' ').map(AsRef::as_ref).collect();
        let film: [&OsStr; 2] = ["-i".as_ref(), film.as_ref()];
        found.same_samples = sound_hash(&concat, Some(&list))? == sound_hash(&film, None)?;
    }
    Ok(found)
}

/// Largest difference of times, each counted from its own first frame.
fn worst_time_us(film: &[Frame], cut: &[Frame]) -> u64 {
    let (Some(a), Some(b)) = (film.first(), cut.first()) else {
        return 0;
    };
    let off = |(f, c): (&Frame, &Frame)| ((f.time_us - a.time_us) - (c.time_us - b.time_us)).abs();
    film.iter().zip(cut).map(off).fold(0.0, f64::max).round() as u64
}

struct Frame {
    time_us: f64,
    hash: String,
}

#[derive(Default)]
struct Decoded {
    frames: Vec<Frame>,
    /// Bytes of 16-bit samples.
    sound_bytes: u64,
}

/// Decodes a file by itself: hashes and times of all frames, bytes of samples.
fn decode(file: &Path) -> io::Result<Decoded> {
    let both = decode_tracks(file, "-map 0:v:0? -map 0:a:0?")?;
    if both.sound_bytes > 0 || !both.frames.is_empty() {
        return Ok(both);
    }
    // Where one track is empty, ffmpeg writes nothing of the other either.
    Ok(Decoded {
        frames: decode_tracks(file, "-map 0:v:0?")?.frames,
        sound_bytes: decode_tracks(file, "-map 0:a:0?")?.sound_bytes,
    })
}

fn decode_tracks(file: &Path, maps: &str) -> io::Result<Decoded> {
    const RAW: &str = "-fps_mode passthrough -enc_time_base -1 -c:a pcm_s16le -f framemd5 -";
    let mut command = ffmpeg();
    command.arg("-copyts").arg("-i").arg(file);
    command.args(maps.split(' ')).args(RAW.split(' '));
    let mut found = Decoded::default();
    let mut sound_track = None;
    // Of the first track, which is the video if there is any.
    let mut tick_us: Option<f64> = None;
    run(command, None, |out| {
        for line in BufReader::new(out).lines() {
            let line = line?;
            if let Some(header) = line.strip_prefix('#') {
                let (key, value) = header.split_once(": ").unwrap_or((header, ""));
                match key.split_once(' ') {
                    Some(("media_type", n)) if value == "audio" => sound_track = Some(n.to_owned()),
                    // The line of a track's clock stands before the one that says what it is.
                    Some(("tb", _)) if tick_us.is_none() => {
                        let (num, den) = value.split_once('/').unwrap_or((value, "1"));
                        let number = |t: &str| t.trim().parse().unwrap_or(1.0);
                        tick_us = Some(number(num) * 1e6 / number(den));
                    }
                    _ => {}
                }
                continue;
            }
            // Track, decoding time, time, duration, size, hash.
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let &[track, _, pts, _, size, hash] = &fields[..] else {
                continue;
            };
            if sound_track.as_deref() == Some(track) {
                found.sound_bytes += size.parse().unwrap_or(0);
            } else {
                let pts: f64 = pts.parse().unwrap_or(f64::NAN);
                found.frames.push(Frame {
                    time_us: pts * tick_us.unwrap_or(1.0),
                    hash: hash.to_owned(),
                });
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Hash of all samples that one decoder gives.
fn sound_hash(input: &[&OsStr], stdin: Option<&str>) -> io::Result<blake3::Hash> {
    let mut command = ffmpeg();
    command.args(input);
    command.args("-map 0:a:0 -f s16le -c:a pcm_s16le -".split(' '));
    let mut hasher = blake3::Hasher::new();
    run(command, stdin, |mut out| {
        io::copy(&mut out, &mut hasher).map(drop)
    })?;
    Ok(hasher.finalize())
}

fn channels(film: &Path) -> io::Result<u64> {
    let info = probe::probe(film).map_err(io::Error::other)?;
    let sound = info
        .streams
        .iter()
        .find(|s| s.chosen && s.kind == StreamKind::Sound);
    Ok(sound.map_or(1, |s| u64::from(s.channels.max(1))))
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-v", "error"]);
    command
}

/// Runs the program and feeds its output to `take`. What it says about damaged films is not our business.
fn run(
    mut command: Command,
    stdin: Option<&str>,
    take: impl FnOnce(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut child = command
        .stdin(if stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        pipe.write_all(text.as_bytes())?;
    }
    let taken = match child.stdout.take() {
        Some(mut out) => take(&mut out),
        None => Ok(()),
    };
    let ended = child.wait();
    taken?;
    ended.map(drop)
}
