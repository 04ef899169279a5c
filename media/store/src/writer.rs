//! The peer's side of a spool: whole chunk files, within a limit, listed in the index.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use media_model::check_chunk_name;

use crate::dirs::{index_path, lock, regular_len, state_dir};
use crate::error::is_full;
use crate::index::{Index, Position, read_growth};
use crate::record::{Record, sort_for_showing};
use crate::{ChunkMeta, MAX_PENDING, MAX_REMEMBERED, PendingChunk, StoreError};

/// The index is written anew when it has this many lines more than records (a guess: half an hour's).
const COMPACT_AFTER: usize = 1_024;

/// What became of a chunk that was put into the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored now.
    Stored {
        /// It.
        chunk: PendingChunk,
        /// The oldest chunks, which nobody had shown yet, that had to go for it because of the limit; also one of
        /// the same name from an earlier broadcast.
        evicted: Vec<PendingChunk>,
    },
    /// It waits there already.
    AlreadyThere,
    /// It was there, and was shown or evicted since.
    AlreadyShown,
}

/// A record and whether its file may still be there.
#[derive(Debug)]
struct Entry {
    record: Record,
    /// Rises with each chunk stored.
    order: u64,
    gone: bool,
}

/// The one writer of a spool.
#[derive(Debug)]
pub struct Writer {
    spool: PathBuf,
    tmp: PathBuf,
    limit: Option<u64>,
    index: Index,
    /// By file name: pending ones and, up to [`MAX_REMEMBERED`], ones that are gone.
    entries: BTreeMap<String, Entry>,
    next_order: u64,
    /// Held while the writer lives.
    _lock: File,
}

impl Writer {
    /// Takes the spool at `dir`, makes it if need be, and clears away what a crash has left: files half written,
    /// files shorter than the index says. `limit_bytes` bounds all pending chunks together.
    ///
    /// # Errors
    /// [`StoreError::NotWritable`] or [`StoreError::Busy`].
    pub fn open(dir: &Path, limit_bytes: Option<u64>) -> Result<Self, StoreError> {
        let state = state_dir(dir)?;
        let lock = lock(dir, &state)?;
        let not_writable = |source| StoreError::NotWritable {
            dir: dir.to_owned(),
            source,
        };
        let spool = fs::canonicalize(dir).map_err(not_writable)?;
        let (tmp, index) = (state.join("tmp"), index_path(&spool));
        let mut position = Position::default();
        let records = match read_growth(&index, &mut position) {
            Ok(growth) => growth.records,
            // No index, or none of ours: what is in the spool is not ours either, and stays.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidData
                ) =>
            {
                Vec::new()
            }
            Err(error) => return Err(not_writable(error)),
        };
        let entries = surviving(records, &spool, &tmp).map_err(not_writable)?;
        clear_tmp(&tmp).map_err(not_writable)?;
        writable(&spool, &tmp).map_err(not_writable)?;
        let next_order = entries.len() as u64;
        let sorted = in_order(&entries);
        // By the clock, so that it differs from that of an index which somebody has deleted.
        let generation = now_us().max(position.generation().saturating_add(1));
        let index = Index::create(index, generation, sorted.into_iter()).map_err(not_writable)?;
        Ok(Self {
            spool,
            tmp,
            limit: limit_bytes,
            index,
            entries,
            next_order,
            _lock: lock,
        })
    }

    /// The spool's directory.
    pub fn dir(&self) -> &Path {
        &self.spool
    }

    /// Stores a whole, verified chunk. `parts` are its bytes in order. When this returns, the file is there under
    /// its name or nothing of it is. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the others; the spool stays usable.
    pub fn put(
        &mut self,
        meta: &ChunkMeta,
        parts: impl Iterator<Item = Bytes>,
    ) -> Result<Put, StoreError> {
        check_chunk_name(&meta.name)?;
        let parts: Vec<Bytes> = parts.collect();
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        let record = Record::new(meta, bytes, now_us());
        if !record.within_bounds() {
            return Err(StoreError::Bounds { name: record.name });
        }
        self.look();
        let path = self.spool.join(&meta.name);
        let mut evicted = Vec::new();
        match self.entries.get(&meta.name) {
            Some(there) if there.record.same_broadcast(meta.seq, meta.wall_us) => {
                return Ok(if there.gone {
                    Put::AlreadyShown
                } else {
                    Put::AlreadyThere
                });
            }
            Some(there) if !there.gone => evicted.push(there.record.pending(&self.spool)),
            _ if fs::symlink_metadata(&path).is_ok() => return Err(StoreError::InTheWay { path }),
            _ => {}
        }
        self.make_room(&meta.name, bytes, &mut evicted)?;
        self.write(&record, &parts, &path)?;
        let chunk = record.pending(&self.spool);
        let order = self.next_order;
        self.next_order += 1;
        self.entries.insert(
            meta.name.clone(),
            Entry {
                record,
                order,
                gone: false,
            },
        );
        self.forget_old();
        if self.index.lines() > self.entries.len() + COMPACT_AFTER {
            // When it fails, the next chunk tries again.
            let _ = self.index.replace(in_order(&self.entries).into_iter());
        }
        Ok(Put::Stored { chunk, evicted })
    }

    /// The chunks that wait, in the order in which they are to be shown.
    pub fn pending(&mut self) -> Vec<PendingChunk> {
        self.look();
        self.listed()
    }

    fn listed(&self) -> Vec<PendingChunk> {
        let there = self.entries.values().filter(|entry| !entry.gone);
        let mut pending: Vec<_> = there
            .map(|entry| entry.record.pending(&self.spool))
            .collect();
        sort_for_showing(&mut pending);
        pending
    }

    /// Notes which files are gone.
    fn look(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| !entry.gone) {
            entry.gone =
                regular_len(&self.spool.join(&entry.record.name)) != Some(entry.record.bytes);
        }
    }

    /// Deletes the oldest pending chunks until one of `bytes` bytes, which will replace `name`, fits.
    fn make_room(
        &mut self,
        name: &str,
        bytes: u64,
        evicted: &mut Vec<PendingChunk>,
    ) -> Result<(), StoreError> {
        let limit = self.limit.unwrap_or(u64::MAX);
        if bytes > limit {
            return Err(StoreError::LargerThanLimit {
                name: name.to_owned(),
                bytes,
                limit,
            });
        }
        let mut others = self.listed();
        others.retain(|chunk| chunk.name != name);
        let mut sum: u64 = others.iter().map(|chunk| chunk.bytes).sum();
        let mut count = others.len();
        for oldest in others {
            if count < MAX_PENDING && sum <= limit - bytes {
                break;
            }
            // One that is held open, on a system which forbids deleting it then, stays; the next goes instead.
            if fs::remove_file(&oldest.path).is_ok() {
                (count, sum) = (count - 1, sum - oldest.bytes);
                if let Some(entry) = self.entries.get_mut(&oldest.name) {
                    entry.gone = true;
                }
                evicted.push(oldest);
            }
        }
        Ok(())
    }

    fn write(&mut self, record: &Record, parts: &[Bytes], path: &Path) -> Result<(), StoreError> {
        let tmp = self.tmp.join(&record.name);
        let written = write_parts(&tmp, parts).and_then(|()| self.index.append(record));
        let renamed = match written {
            Ok(()) => fs::rename(&tmp, path).inspect_err(|_| {
                // The line is there but the file is not: without the line it may be stored another time. If this
                // fails too, it counts as shown: nobody waits for it, and nothing wrong is in the spool.
                let _ = self.index.replace(in_order(&self.entries).into_iter());
            }),
            failed => failed,
        };
        renamed.map_err(|source| {
            // What is left of it would only take space; the next start clears it if this fails.
            let _ = fs::remove_file(&tmp);
            if is_full(&source) {
                let (dir, name) = (self.spool.clone(), record.name.clone());
                StoreError::Full {
                    dir,
                    name,
                    bytes: record.bytes,
                }
            } else {
                StoreError::Io {
                    what: "writing",
                    path: path.to_owned(),
                    source,
                }
            }
        })
    }

    fn forget_old(&mut self) {
        let mut gone: Vec<u64> = self
            .entries
            .values()
            .filter(|e| e.gone)
            .map(|e| e.order)
            .collect();
        if gone.len() > MAX_REMEMBERED {
            gone.sort_unstable();
            let first_kept = gone[gone.len() - MAX_REMEMBERED];
            self.entries
                .retain(|_, entry| !entry.gone || entry.order >= first_kept);
        }
    }
}

fn now_us() -> u64 {
    // A clock before 1970 counts as 1970.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

fn in_order(entries: &BTreeMap<String, Entry>) -> Vec<&Record> {
    let mut sorted: Vec<&Entry> = entries.values().collect();
    sorted.sort_by_key(|entry| entry.order);
    sorted.into_iter().map(|entry| &entry.record).collect()
}

/// What of an index found at the start still holds. Removes chunk files that are shorter than recorded.
fn surviving(
    records: Vec<Record>,
    spool: &Path,
    tmp: &Path,
) -> io::Result<BTreeMap<String, Entry>> {
    let mut entries = BTreeMap::new();
    for (order, record) in (0..).zip(records) {
        let name = record.name.clone();
        entries.insert(
            name,
            Entry {
                record,
                order,
                gone: false,
            },
        );
    }
    let mut broken = Vec::new();
    for (name, entry) in &mut entries {
        let path = spool.join(name);
        match fs::symlink_metadata(&path) {
            // Never got its name, so it was never there: not even remembered.
            Err(_) if fs::symlink_metadata(tmp.join(name)).is_ok() => broken.push(name.clone()),
            Err(_) => entry.gone = true,
            Ok(found) if found.is_file() && found.len() == entry.record.bytes => {}
            Ok(found) => {
                if found.is_file() && found.len() < entry.record.bytes {
                    fs::remove_file(&path)?;
                }
                broken.push(name.clone());
            }
        }
    }
    for name in broken {
        entries.remove(&name);
    }
    Ok(entries)
}

/// An empty directory for files being written.
fn clear_tmp(tmp: &Path) -> io::Result<()> {
    fs::create_dir_all(tmp)?;
    for entry in fs::read_dir(tmp)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Finds out now whether a file can be made and moved into the spool, not at the first chunk.
fn writable(spool: &Path, tmp: &Path) -> io::Result<()> {
    let (from, to) = (tmp.join("try"), spool.join(".treecast").join("try"));
    File::create(&from)?;
    fs::rename(&from, &to)?;
    fs::remove_file(&to)
}

/// Writes a new file from its parts, many a system call.
fn write_parts(path: &Path, parts: &[Bytes]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut left = &mut slices[..];
    // Without this an empty slice at the front would make a write of nothing look like an error.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
