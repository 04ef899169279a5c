//! A folder of ready chunks as a source: read, never written.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use media_ffmpeg::cut::{MAX_CHUNK_LEN, read_manifest};
use media_ffmpeg::probe::{ReadyChunk, parse_chunk_name, probe_chunk, ready_chunks};

use crate::error::OriginError;
use crate::film::loop_file;
use crate::library::{Library, LoopFile};

/// The chunks of a folder, in the order in which they are broadcast.
pub(crate) struct Folder {
    dir: PathBuf,
    chunks: Vec<(ReadyChunk, u64)>,
}

impl Folder {
    /// Lists the folder. Blocking.
    ///
    /// # Errors
    /// When it cannot be read, holds no chunk, or one of another size than chunks have.
    pub(crate) fn read(channel: u32, dir: &Path) -> Result<Self, OriginError> {
        let refused = |why| OriginError::Source { channel, why };
        let listed = ready_chunks(dir)
            .map_err(|why| refused(format!("{}: cannot be read: {why}", dir.display())))?;
        let mut chunks = Vec::with_capacity(listed.len());
        for chunk in listed {
            let shown = chunk.path.display();
            let bytes = fs::metadata(&chunk.path)
                .map_err(|why| refused(format!("{shown}: cannot be read: {why}")))?
                .len();
            if bytes == 0 || bytes > MAX_CHUNK_LEN as u64 {
                return Err(refused(format!(
                    "{shown}: a chunk of {bytes} bytes; 1 to {MAX_CHUNK_LEN} are possible"
                )));
            }
            chunks.push((chunk, bytes));
        }
        if chunks.is_empty() {
            return Err(refused(format!(
                "{}: no chunks in it: files named NAME_00000.mkv or .mp4, as `slice` makes them",
                dir.display()
            )));
        }
        Ok(Self {
            dir: dir.to_owned(),
            chunks,
        })
    }

    /// The name before the number of the first chunk.
    pub(crate) fn name(&self) -> &str {
        &self.chunks[0].0.film
    }

    /// Which chunks these are: by names and lengths.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (chunk, bytes) in &self.chunks {
            let name = chunk.path.file_name().unwrap_or_default();
            hasher.update(&bytes.to_le_bytes());
            hasher.update(name.as_encoded_bytes());
            hasher.update(&[0]);
        }
        format!("chunks {}", hasher.finalize().to_hex())
    }

    /// Starts to find out how long each chunk plays; all of them come into the library together, because only then it
    /// is known where in the loop the broadcast stands.
    pub(crate) fn start(self, channel: u32, library: Arc<Library>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name(format!("folder-{channel}"))
            .spawn(move || {
                let (files, result) = match self.measure(&library) {
                    Ok(files) => (files, Ok(())),
                    Err(why) => (Vec::new(), Err(why)),
                };
                library.end(files, result);
            })
    }

    /// From the cut's list where there is one, else from each file.
    fn measure(&self, library: &Library) -> Result<Vec<LoopFile>, String> {
        let mut listed = BTreeMap::new();
        let mut read = None;
        let mut files = Vec::with_capacity(self.chunks.len());
        for (chunk, bytes) in &self.chunks {
            if library.is_stopped() {
                return Err("stopped".to_owned());
            }
            if read != Some(&chunk.film) {
                let manifest = read_manifest(&self.dir, &chunk.film);
                for entry in manifest.into_iter().flat_map(|list| list.chunks) {
                    let file = loop_file(&self.dir, &entry);
                    listed.insert(file.path.clone(), file);
                }
                read = Some(&chunk.film);
            }
            let known = listed.get(&chunk.path).filter(|file| file.is_there());
            files.push(match known {
                Some(file) => file.clone(),
                None => measure_one(chunk, *bytes)?,
            });
        }
        Ok(files)
    }
}

fn measure_one(chunk: &ReadyChunk, bytes: u64) -> Result<LoopFile, String> {
    let name = chunk.path.file_name().unwrap_or_default().to_string_lossy();
    let container = parse_chunk_name(&name).map(|(_, _, container)| container);
    Ok(LoopFile {
        path: chunk.path.clone(),
        extension: container.unwrap_or_default().extension(),
        bytes,
        duration_us: probe_chunk(&chunk.path).map_err(|why| why.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_chunks_says_how_chunks_are_named() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("film.mkv"), "x").expect("writable");
        let why = Folder::read(3, dir.path()).map(|_| ()).expect_err("empty");
        let why = why.to_string();
        assert!(why.starts_with("channel 3: "), "{why}");
        assert!(why.contains("NAME_00000.mkv"), "{why}");
    }

    #[test]
    fn chunks_are_ordered_by_number_and_known_again() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["f_00010.mkv", "f_00002.mp4", "f_100000.mkv", "notes.txt"] {
            fs::write(dir.path().join(name), "x").expect("writable");
        }
        let folder = Folder::read(0, dir.path()).expect("three chunks");
        let numbers: Vec<u64> = folder.chunks.iter().map(|(c, _)| c.number).collect();
        assert_eq!(numbers, [2, 10, 100_000]);
        assert_eq!(folder.name(), "f");
        let again = Folder::read(0, dir.path()).expect("the same");
        assert_eq!(folder.fingerprint(), again.fingerprint());
        fs::write(dir.path().join("f_00002.mp4"), "xy").expect("writable");
        let other = Folder::read(0, dir.path()).expect("another");
        assert_ne!(folder.fingerprint(), other.fingerprint());
    }

    #[test]
    fn a_file_that_is_no_chunk_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("f_00000.mkv"), "").expect("writable");
        let why = Folder::read(0, dir.path()).map(|_| ()).expect_err("empty");
        assert!(why.to_string().contains("f_00000.mkv"), "{why}");
        fs::write(dir.path().join("f_00000.mkv"), "not a film").expect("writable");
        let folder = Folder::read(0, dir.path()).expect("listed");
        let why = folder.measure(&Library::new()).expect_err("not a film");
        assert!(why.contains("f_00000.mkv"), "{why}");
    }
}
