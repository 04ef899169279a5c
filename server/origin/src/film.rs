//! A film as a source: cut once into the channel's folder, by a thread that the broadcast does not wait for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use media_ffmpeg::cut::{
    CutError, CutOptions, ManifestChunk, SourceIdentity, cut_to_folder, read_manifest,
};

use crate::error::OriginError;
use crate::library::{Library, LoopFile};

/// Where a channel keeps the cut of its film.
pub(crate) const CUT_FOLDER: &str = "chunks";

/// Which film it is: the same name stands for the same content. Reads two MiB at most. Blocking.
pub(crate) fn fingerprint(channel: u32, film: &Path) -> Result<String, OriginError> {
    let identity = SourceIdentity::of(film).map_err(|why| source_error(channel, &why))?;
    Ok(format!("film {}", identity.fingerprint))
}

fn source_error(channel: u32, why: &CutError) -> OriginError {
    OriginError::Source {
        channel,
        why: why.to_string(),
    }
}

/// Starts to cut `film` into `channel_dir`, or finds it cut there. Chunks come into the library as they are done.
pub(crate) fn start(
    channel: u32,
    film: PathBuf,
    channel_dir: &Path,
    name: String,
    library: Arc<Library>,
) -> io::Result<JoinHandle<()>> {
    let dir = channel_dir.join(CUT_FOLDER);
    thread::Builder::new()
        .name(format!("cut-{channel}"))
        .spawn(move || {
            let outcome = cut(channel, &film, &dir, &name, &library);
            let (last, result) = match outcome {
                Ok(reused) => (reused, Ok(())),
                Err(why) => (Vec::new(), Err(why.to_string())),
            };
            library.end(last, result);
        })
}

/// Cuts. Chunks of a cut that is used again are given back instead of added one by one: only when all of them are known
/// it is known where in the loop the broadcast stands.
fn cut(
    channel: u32,
    film: &Path,
    dir: &Path,
    name: &str,
    library: &Library,
) -> Result<Vec<LoopFile>, CutError> {
    forget_other_film(film, dir, name)?;
    let mut reused = Vec::new();
    let manifest = cut_to_folder(film, dir, &CutOptions::new(name), |chunk, again| {
        if library.is_stopped() {
            return Err(CutError::Stopped);
        }
        let file = loop_file(dir, chunk);
        if again {
            reused.push(file);
        } else {
            library.add([file]);
        }
        Ok(())
    })?;
    for note in &manifest.notes {
        tracing::info!(channel, "{note}");
    }
    for warning in &manifest.warnings {
        tracing::warn!(channel, film = %film.display(), "{warning}");
    }
    let chunks = manifest.chunks.len();
    let seconds = manifest.duration_us as f64 / 1e6;
    let how = if reused.is_empty() {
        "cut now"
    } else {
        "cut before"
    };
    tracing::info!(channel, chunks, seconds, how, "the film is cut");
    Ok(reused)
}

/// The folder is the channel's own and holds one cut: that of another film, or under another name, is of no use.
fn forget_other_film(film: &Path, dir: &Path, name: &str) -> Result<(), CutError> {
    let source = SourceIdentity::of(film)?;
    let same = read_manifest(dir, name)
        .is_some_and(|earlier| earlier.source.fingerprint == source.fingerprint);
    if same {
        return Ok(());
    }
    match fs::remove_dir_all(dir) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(CutError::Write {
            path: dir.to_owned(),
            source: why,
        }),
        _ => Ok(()),
    }
}

pub(crate) fn loop_file(dir: &Path, chunk: &ManifestChunk) -> LoopFile {
    LoopFile {
        path: dir.join(&chunk.file),
        extension: if chunk.file.ends_with(".mp4") {
            "mp4"
        } else {
            "mkv"
        },
        bytes: chunk.bytes,
        duration_us: chunk.duration_us,
    }
}
