//! The player's side of a spool: what waits, and deleting what was shown.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use media_model::check_chunk_name;

use crate::dirs::{index_path, regular_len};
use crate::index::{Position, read_growth};
use crate::record::{Record, sort_for_showing};
use crate::{PendingChunk, StoreError};

/// Looks into a spool that another process writes.
#[derive(Debug)]
pub struct Reader {
    spool: PathBuf,
    position: Position,
    /// By file name, those that may still be there.
    records: BTreeMap<String, Record>,
    /// The last line of the index: the only one whose file may be yet to come, as the writer renames a file
    /// before it goes on to the next line.
    newest: Option<String>,
}

impl Reader {
    /// A reader of the spool at `dir`, which must be a directory; a peer need not have written to it yet.
    ///
    /// # Errors
    /// [`StoreError::NoSpool`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let no_spool = || StoreError::NoSpool {
            dir: dir.to_owned(),
        };
        // So that a later change of a symbolic link on the way does not lead elsewhere.
        let spool = fs::canonicalize(dir).map_err(|_| no_spool())?;
        if !spool.is_dir() {
            return Err(no_spool());
        }
        Ok(Self {
            spool,
            position: Position::default(),
            records: BTreeMap::new(),
            newest: None,
        })
    }

    /// The chunks that wait, in the order in which they are to be shown: by time on air, which within a
    /// broadcast is the order of `seq`. Cheap enough for ten calls a second: reads what the index has got since
    /// the last call and asks for each waiting file once.
    ///
    /// # Errors
    /// When there is an index that cannot be read.
    pub fn pending(&mut self) -> Result<Vec<PendingChunk>, StoreError> {
        self.read_index()?;
        let (spool, newest) = (&self.spool, &self.newest);
        let mut pending = Vec::new();
        self.records
            .retain(|name, record| match regular_len(&spool.join(name)) {
                Some(len) if len == record.bytes => {
                    pending.push(record.pending(spool));
                    true
                }
                _ => newest.as_ref() == Some(name),
            });
        sort_for_showing(&mut pending);
        Ok(pending)
    }

    fn read_index(&mut self) -> Result<(), StoreError> {
        let path = index_path(&self.spool);
        let growth = match read_growth(&path, &mut self.position) {
            Ok(growth) => growth,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(StoreError::Io {
                    what: "reading",
                    path,
                    source,
                });
            }
        };
        if growth.anew {
            self.records.clear();
            self.newest = None;
        }
        for record in growth.records {
            self.newest = Some(record.name.clone());
            self.records.insert(record.name.clone(), record);
        }
        Ok(())
    }

    /// Deletes the file of a chunk that was shown. Only a regular file directly in the spool, which the index
    /// lists with this length and which was not replaced since, is deleted. One that is gone already, evicted
    /// for example, is no error.
    ///
    /// # Errors
    /// [`StoreError::NotAChunk`] when it is anything else; [`StoreError::Io`] when the system refuses.
    pub fn delete(&mut self, chunk: &PendingChunk) -> Result<(), StoreError> {
        check_chunk_name(&chunk.name)?;
        self.read_index()?;
        // From the name, not from `chunk.path`, which anybody may have filled in.
        let path = self.spool.join(&chunk.name);
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(StoreError::Io {
                    what: "looking at",
                    path,
                    source,
                });
            }
            Ok(found) => found,
        };
        let listed = self.records.get(&chunk.name);
        let why = match listed {
            None => Some("the spool's index does not list it"),
            Some(record)
                if record.pending(&self.spool)
                    != (PendingChunk {
                        path: path.clone(),
                        ..chunk.clone()
                    }) =>
            {
                Some("the spool has another chunk of this name now")
            }
            Some(_) if !found.is_file() => Some("it is not a regular file"),
            Some(record) if found.len() != record.bytes => {
                Some("its length is not the one in the index")
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            return Err(StoreError::NotAChunk { path, why });
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io {
                what: "deleting",
                path,
                source: error,
            }),
            _ => Ok(()),
        }
    }
}
