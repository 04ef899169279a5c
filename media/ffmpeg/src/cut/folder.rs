//! Cutting into a folder, with a list of the cut beside the chunks by which a complete earlier cut is recognised.
//!
//! Every file appears under its name only when it is whole: it is written beside it and renamed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::input::check_file;
use super::{Container, CutChunk, CutError, CutOptions, How, check_name, cut_film};
use crate::probe::parse_chunk_name;

/// Version of the list's form.
const VERSION: u32 = 1;

/// Bytes at the film's start and end that its fingerprint covers.
const FINGERPRINT_LEN: u64 = 1024 * 1024;

/// Longest list that is read: 86,400 chunks (48 hours) of 300 bytes, twice.
const MAX_MANIFEST_LEN: u64 = 64 * 1024 * 1024;

/// Which film was cut: enough to see that it has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// Length of the film's file.
    pub bytes: u64,
    /// Its modification time, microseconds since 1970; 0 if the system has none.
    pub modified_us: u64,
    /// BLAKE3 of its length, first MiB and last MiB, in hexadecimal.
    pub fingerprint: String,
}

impl SourceIdentity {
    /// Reads the identity of a film's file.
    pub fn of(film: &Path) -> Result<Self, CutError> {
        let meta = check_file(film)?;
        let modified_us = meta
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |d| d.as_micros() as u64);
        let fingerprint = fingerprint(film, meta.len()).map_err(|source| CutError::Unreadable {
            path: film.into(),
            source,
        })?;
        Ok(Self {
            bytes: meta.len(),
            modified_us,
            fingerprint,
        })
    }

    /// The same content, as far as the fingerprint tells, whenever it was written.
    fn same_film(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.fingerprint == other.fingerprint
    }
}

fn fingerprint(film: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(film)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes.to_le_bytes());
    io::copy(
        &mut Read::by_ref(&mut file).take(FINGERPRINT_LEN),
        &mut hasher,
    )?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(FINGERPRINT_LEN)))?;
    io::copy(&mut file.take(FINGERPRINT_LEN), &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The list of a cut, `NAME.json` beside its chunks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of this list.
    pub version: u32,
    /// The film's file name.
    pub film: String,
    /// The film as it was when it was cut.
    pub source: SourceIdentity,
    /// Container of the chunks.
    pub format: Container,
    /// Settings of re-encoding: preset, CRF, and whether it was forced.
    pub settings: String,
    /// Whether all chunks are there.
    pub complete: bool,
    /// What was done to the video; absent: no video.
    pub video: Option<How>,
    /// What was done to the sound; absent: no sound.
    pub sound: Option<How>,
    /// Sum of the chunks' durations, microseconds.
    pub duration_us: u64,
    /// See `CutSummary`.
    pub notes: Vec<String>,
    /// See `CutSummary`.
    pub warnings: Vec<String>,
    /// The chunks in order.
    pub chunks: Vec<ManifestChunk>,
}

/// A chunk in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestChunk {
    /// File name, in the list's own folder.
    pub file: String,
    /// Start of its span, microseconds from the film's start.
    pub start_us: u64,
    /// Length of its span, microseconds.
    pub duration_us: u64,
    /// Length of the file.
    pub bytes: u64,
    /// BLAKE3 of the file, in hexadecimal.
    pub blake3: String,
    /// Copied or re-encoded.
    pub how: How,
}

impl ManifestChunk {
    fn of(chunk: &CutChunk) -> Self {
        Self {
            file: chunk.name.clone(),
            start_us: chunk.start_us,
            duration_us: chunk.duration_us,
            bytes: chunk.bytes.len() as u64,
            blake3: blake3::hash(&chunk.bytes).to_hex().to_string(),
            how: chunk.how(),
        }
    }
}

/// Reads the list of a cut; `None`: there is none, or what is there is not one.
pub fn read_manifest(dir: &Path, name: &str) -> Option<Manifest> {
    let file = File::open(manifest_path(dir, name)).ok()?;
    if file.metadata().ok()?.len() > MAX_MANIFEST_LEN {
        return None;
    }
    let manifest: Manifest = serde_json::from_reader(io::BufReader::new(file)).ok()?;
    // The names in it are opened later, so they must be names of chunks and nothing else.
    let good = manifest
        .chunks
        .iter()
        .all(|c| parse_chunk_name(&c.file).is_some_and(|(film, ..)| film == name));
    (manifest.version == VERSION && good).then_some(manifest)
}

fn manifest_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.json"))
}

/// Cuts a film into `dir` (created if it is missing) and keeps a list, `NAME.json`. A complete earlier cut of the
/// same, unchanged film with the same options is used again: its chunks are reported with `reused` set.
///
/// `progress` is called for each chunk once it is on disk; its error ends the cut and comes back.
///
/// An interrupted cut, or one of an earlier state of the same film, is done again over its own files. Chunks of this
/// name that belong to another film, or that no list accounts for, are never touched:
/// [`CutError::OtherFilm`]. Blocks; other errors: see [`CutError`].
pub fn cut_to_folder(
    film: &Path,
    dir: &Path,
    options: &CutOptions,
    mut progress: impl FnMut(&ManifestChunk, bool) -> Result<(), CutError>,
) -> Result<Manifest, CutError> {
    check_name(&options.name)?;
    let source = SourceIdentity::of(film)?;
    let settings = format!(
        "{} crf {} forced {}",
        options.preset, options.crf, options.force_reencode
    );
    fs::create_dir_all(dir).map_err(|e| write_error(dir, e))?;
    let earlier = read_manifest(dir, &options.name);
    if let Some(earlier) = &earlier {
        let fits = earlier.complete
            && earlier.source == source
            && earlier.format == options.container
            && earlier.settings == settings
            && earlier.chunks.iter().all(|c| is_whole(dir, c));
        if fits {
            for chunk in &earlier.chunks {
                progress(chunk, true)?;
            }
            return Ok(earlier.clone());
        }
    }
    let ours = earlier
        .as_ref()
        .is_some_and(|e| e.source.same_film(&source));
    let there = own_chunks(dir, &options.name).map_err(|e| write_error(dir, e))?;
    if !ours && (!there.is_empty() || manifest_path(dir, &options.name).exists()) {
        return Err(CutError::OtherFilm {
            dir: dir.into(),
            name: options.name.clone(),
        });
    }
    let mut manifest = Manifest {
        version: VERSION,
        film: film
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        source,
        format: options.container,
        settings,
        complete: false,
        video: None,
        sound: None,
        duration_us: 0,
        notes: Vec::new(),
        warnings: Vec::new(),
        chunks: Vec::new(),
    };
    let mut begun = false;
    let summary = cut_film(film, options, |chunk| {
        if !begun {
            // Only now, when the film is known to be one, is anything of an earlier cut given up.
            write_manifest(dir, &options.name, &manifest)?;
            for old in &there {
                fs::remove_file(old).map_err(|e| write_error(old, e))?;
            }
            begun = true;
        }
        write_whole(dir, &chunk.name, &chunk.bytes)?;
        let listed = ManifestChunk::of(&chunk);
        progress(&listed, false)?;
        manifest.chunks.push(listed);
        Ok(())
    })?;
    manifest.complete = true;
    manifest.video = summary.video;
    manifest.sound = summary.sound;
    manifest.duration_us = summary.duration_us;
    manifest.notes = summary.notes;
    manifest.warnings = summary.warnings;
    write_manifest(dir, &options.name, &manifest)?;
    Ok(manifest)
}

fn is_whole(dir: &Path, chunk: &ManifestChunk) -> bool {
    fs::symlink_metadata(dir.join(&chunk.file)).is_ok_and(|m| m.is_file() && m.len() == chunk.bytes)
}

/// Chunks of this name, and what an interrupted cut left half-written.
fn own_chunks(dir: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let file = entry.file_name();
        let Some(file) = file.to_str() else { continue };
        let plain = file.strip_prefix('.').and_then(|f| f.strip_suffix(".part"));
        if parse_chunk_name(plain.unwrap_or(file)).is_some_and(|(film, ..)| film == name) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn write_manifest(dir: &Path, name: &str, manifest: &Manifest) -> Result<(), CutError> {
    let text =
        serde_json::to_vec_pretty(manifest).expect("a list of numbers and strings is always JSON");
    write_whole(dir, &format!("{name}.json"), &text)
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), CutError> {
    let path = dir.join(name);
    let part = dir.join(format!(".{name}.part"));
    let written = File::create(&part)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.flush()
        })
        .and_then(|()| fs::rename(&part, &path));
    written.map_err(|e| {
        // If it cannot be removed either there is nothing more to do, and the first error says why.
        let _ = fs::remove_file(&part);
        write_error(&path, e)
    })
}

fn write_error(path: &Path, source: io::Error) -> CutError {
    CutError::Write {
        path: path.into(),
        source,
    }
}
