//! A spool in a directory of its own, and chunks to put into it.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media_store::{ChunkMeta, PendingChunk, Put, Reader, StoreError, Writer};
use tempfile::TempDir;

/// A directory for a spool, gone at the end of the test.
pub(crate) struct Lab(TempDir);

impl Lab {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.path(".treecast/index.jsonl")
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(self.dir(), None).expect("a writable directory")
    }

    pub(crate) fn limited(&self, bytes: u64) -> Writer {
        Writer::open(self.dir(), Some(bytes)).expect("a writable directory")
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(self.dir()).expect("a directory")
    }

    /// Names of everything in the spool but `.treecast`.
    pub(crate) fn files(&self) -> Vec<String> {
        names_in(self.dir())
            .into_iter()
            .filter(|name| name != ".treecast")
            .collect()
    }

    pub(crate) fn tmp_files(&self) -> Vec<String> {
        names_in(&self.path(".treecast/tmp"))
    }
}

pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Chunk `seq` of the broadcast that began at second 1000.
pub(crate) fn meta(seq: u64) -> ChunkMeta {
    ChunkMeta {
        name: format!("film_{seq:05}.mkv"),
        seq,
        epoch: 1,
        duration_us: 2_000_000,
        wall_us: 1_000_000_000 + seq * 2_000_000,
        hash: [seq as u8; 32],
    }
}

/// What chunk `seq` holds: `len` bytes.
pub(crate) fn body(seq: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (at * 31 + seq) as u8).collect()
}

/// Puts chunk `seq` of `len` bytes, in parts of which some are empty.
pub(crate) fn put(writer: &mut Writer, seq: u64, len: usize) -> Result<Put, StoreError> {
    let body = Bytes::from(body(seq, len));
    let parts: Vec<Bytes> = (0..len)
        .step_by(700)
        .flat_map(|at| [Bytes::new(), body.slice(at..len.min(at + 700))])
        .collect();
    writer.put(&meta(seq), parts.into_iter())
}

pub(crate) fn seqs(chunks: &[PendingChunk]) -> Vec<u64> {
    chunks.iter().map(|chunk| chunk.seq).collect()
}

/// The seqs that went for a chunk that was stored.
pub(crate) fn evicted(put: &Result<Put, StoreError>) -> Vec<u64> {
    match put {
        Ok(Put::Stored { evicted, .. }) => seqs(evicted),
        other => panic!("not stored: {other:?}"),
    }
}
