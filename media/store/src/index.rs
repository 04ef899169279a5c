//! The index file: a first line with a generation, then one line a stored chunk.
//!
//! Lines are appended; now and then the file is replaced as a whole by one with the next generation. So a reader
//! that saw generation g up to byte n goes on there as long as the generation stays, and starts anew otherwise.
//! What was appended before stays byte for byte, but for a line that has not ended yet.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::{MAX_PENDING, MAX_REMEMBERED};

/// Longest line that is read: a name of 200 bytes, a hash and seven numbers are below 600.
const MAX_LINE_LEN: u64 = 1024;

/// Most lines of an index that are read: twice what the writer lets one grow to.
const MAX_LINES: usize = 2 * (MAX_PENDING + MAX_REMEMBERED);

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    treecast_spool: u32,
    generation: u64,
}

/// The version of the index in `Header::treecast_spool`.
const VERSION: u32 = 1;

/// How far an index was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    generation: u64,
    offset: u64,
}

impl Position {
    /// The generation of the index when it was last read.
    pub(crate) fn generation(self) -> u64 {
        self.generation
    }
}

/// What was found since a position.
pub(crate) struct Growth {
    /// Whether everything known before is void.
    pub(crate) anew: bool,
    /// The records, in the order of the file.
    pub(crate) records: Vec<Record>,
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Reads the next line that has ended, without its end; `None` when there is none yet.
fn next_line(file: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
    line.clear();
    let read = file.take(MAX_LINE_LEN).read_until(b'\n', line)? as u64;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        Ok(Some(read))
    } else if read == MAX_LINE_LEN {
        Err(invalid("a line is too long"))
    } else {
        Ok(None)
    }
}

/// Reads what the index at `path` has got since `position`, and moves it on. Lines that are no records are passed
/// over.
///
/// # Errors
/// When the file cannot be read or is not an index; `position` stays then.
pub(crate) fn read_growth(path: &Path, position: &mut Position) -> io::Result<Growth> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    let Some(mut offset) = next_line(&mut file, &mut line)? else {
        return Ok(Growth {
            anew: false,
            records: Vec::new(),
        });
    };
    let header: Header =
        serde_json::from_slice(&line).map_err(|_| invalid("it is not an index"))?;
    if header.treecast_spool != VERSION {
        return Err(invalid("it is an index of another version"));
    }
    let anew = header.generation != position.generation || position.offset < offset;
    if !anew {
        offset = position.offset;
        file.seek(SeekFrom::Start(offset))?;
    }
    let (mut records, mut lines) = (Vec::new(), 0);
    while let Some(read) = next_line(&mut file, &mut line)? {
        lines += 1;
        if lines > MAX_LINES {
            return Err(invalid("it has too many lines"));
        }
        offset += read;
        records.extend(Record::parse(&line));
    }
    *position = Position {
        generation: header.generation,
        offset,
    };
    Ok(Growth { anew, records })
}

/// The writer's hold on the index.
#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    file: File,
    generation: u64,
    /// Bytes of whole lines in the file.
    len: u64,
    /// Lines since it was last replaced.
    lines: usize,
}

impl Index {
    /// Replaces whatever index is at `path` by one of the next generation with `records`.
    pub(crate) fn create<'a>(
        path: PathBuf,
        generation: u64,
        records: impl Iterator<Item = &'a Record>,
    ) -> io::Result<Self> {
        let header = Header {
            treecast_spool: VERSION,
            generation,
        };
        let mut text = serde_json::to_vec(&header)?;
        text.push(b'\n');
        let mut lines = 0;
        for record in records {
            text.extend(record.line());
            lines += 1;
        }
        let fresh = path.with_extension("new");
        // The same open file goes on being written under its final name.
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&fresh)
            .and_then(|mut file| file.write_all(&text).map(|()| file))
            .and_then(|file| fs::rename(&fresh, &path).map(|()| file));
        let file = written.inspect_err(|_| {
            // What is left of it would only take space.
            let _ = fs::remove_file(&fresh);
        })?;
        let len = text.len() as u64;
        Ok(Self {
            path,
            file,
            generation,
            len,
            lines,
        })
    }

    /// The same with other records, as the next generation.
    pub(crate) fn replace<'a>(
        &mut self,
        records: impl Iterator<Item = &'a Record>,
    ) -> io::Result<()> {
        *self = Self::create(self.path.clone(), self.generation + 1, records)?;
        Ok(())
    }

    /// Lines in the file.
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Appends a record. When that fails, for example on a full disk, the file is as before.
    pub(crate) fn append(&mut self, record: &Record) -> io::Result<()> {
        let line = record.line();
        let written = self
            .file
            .seek(SeekFrom::Start(self.len))
            .and_then(|_| self.file.write_all(&line));
        if let Err(error) = written {
            // No reader takes in a line without its end, so the part that was written may go.
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += line.len() as u64;
        self.lines += 1;
        Ok(())
    }
}
