//! A loop's chunk files one after the other, for a way out that keeps its own time instead of the channel's.
//!
//! The folder is looked at anew for each chunk, so a film that is being cut is followed. This file must never know when
//! chunks are due.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media_ffmpeg::cut::{MAX_CHUNK_LEN, read_manifest};
use media_ffmpeg::probe::{ReadyChunk, ready_chunks};

use crate::config::{ChannelConfig, Source};
use crate::data_dir;
use crate::files;
use crate::film::CUT_FOLDER;

/// Where such a way out stands in a channel's loop.
#[derive(Clone, Debug)]
pub struct Reel {
    dir: PathBuf,
    /// Whether more chunks may come, until the cut's list says that it is complete.
    is_being_cut: bool,
    last: Option<ReadyChunk>,
}

impl Reel {
    /// The loop of a channel, from its beginning; `None`: a live input, which has no other time than its own. The
    /// channel must be on air: what another film has left in its folder is gone by then.
    pub fn of(data_dir: &Path, channel: &ChannelConfig) -> Option<Self> {
        let (dir, is_being_cut) = match &channel.source {
            Source::Film(_) => {
                let dir = data_dir::channel_dir(data_dir, channel.channel);
                (dir.join(CUT_FOLDER), true)
            }
            Source::Chunks(dir) => (dir.clone(), false),
            Source::Live { .. } | Source::Fed(_) => return None,
        };
        Some(Self {
            dir,
            is_being_cut,
            last: None,
        })
    }

    /// Reads the next chunk; after the last one comes the first. `None`: it is not cut yet. Blocking.
    ///
    /// # Errors
    /// When the folder, or the chunk, cannot be read; the call after that goes on with the chunk behind it.
    pub fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let chunks = ready_chunks(&self.dir)?;
        let next = match &self.last {
            Some(last) => chunks.iter().find(|chunk| *chunk > last),
            None => chunks.first(),
        };
        let next = match (next, chunks.first()) {
            (Some(next), _) => next,
            (None, Some(first)) if !self.may_grow(first) => first,
            _ => return Ok(None),
        };
        self.last = Some(next.clone());
        let named = |why: io::Error| {
            let path = next.path.display();
            io::Error::new(why.kind(), format!("{path}: {why}"))
        };
        match files::read_small(&next.path, MAX_CHUNK_LEN as u64).map_err(named)? {
            Some(empty) if empty.is_empty() => Err(named(io::Error::other("it is empty"))),
            read => Ok(read.map(Bytes::from)),
        }
    }

    /// Whether more chunks of the same film as this one may come.
    fn may_grow(&mut self, chunk: &ReadyChunk) -> bool {
        if self.is_being_cut {
            let list = read_manifest(&self.dir, &chunk.film);
            self.is_being_cut = !list.is_some_and(|list| list.complete);
        }
        self.is_being_cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_model::Coding;
    use std::fs;

    fn channel(source: Source) -> ChannelConfig {
        ChannelConfig {
            channel: 4,
            source,
            name: None,
            coding: Coding::default(),
            max_direct_peers: 8,
            invite_valid: None,
        }
    }

    #[test]
    fn a_folder_is_read_in_order_and_begins_again() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["f_00000.mkv", "f_00001.mkv", "f_00010.mkv"] {
            fs::write(dir.path().join(name), name).expect("writable");
        }
        fs::write(dir.path().join("f.json"), "no list").expect("writable");
        let channel = channel(Source::Chunks(dir.path().to_owned()));
        let mut reel = Reel::of(Path::new("data"), &channel).expect("a loop");
        for name in ["f_00000.mkv", "f_00001.mkv", "f_00010.mkv", "f_00000.mkv"] {
            assert_eq!(reel.next_chunk().expect("read").expect("there"), name);
        }
        fs::remove_file(dir.path().join("f_00001.mkv")).expect("there");
        let next = reel.next_chunk().expect("read").expect("there");
        assert_eq!(next, "f_00010.mkv", "what has gone is passed over");
        fs::write(dir.path().join("f_00000.mkv"), "").expect("writable");
        let why = reel.next_chunk().expect_err("empty").to_string();
        assert!(why.contains("f_00000.mkv"), "{why}");
        let next = reel.next_chunk().expect("read").expect("there");
        assert_eq!(next, "f_00010.mkv", "it goes on behind it");
        fs::remove_dir_all(dir.path()).expect("there");
        assert!(reel.next_chunk().is_err());
    }

    #[test]
    fn a_film_that_is_being_cut_is_waited_for_and_a_live_input_has_no_loop() {
        let data = tempfile::tempdir().expect("a folder");
        let dir = data.path().join("channel-4").join("chunks");
        fs::create_dir_all(&dir).expect("writable");
        let film = channel(Source::Film("f.mkv".into()));
        let mut reel = Reel::of(data.path(), &film).expect("a loop");
        assert_eq!(reel.next_chunk().expect("read"), None);
        fs::write(dir.join("f_00000.mkv"), "0").expect("writable");
        assert_eq!(reel.next_chunk().expect("read").expect("there"), "0");
        assert_eq!(reel.next_chunk().expect("read"), None, "there is no list");
        fs::write(dir.join("f_00001.mkv"), "1").expect("writable");
        assert_eq!(reel.next_chunk().expect("read").expect("there"), "1");
        let live = channel(Source::Live {
            input: "-".to_owned(),
            format: None,
            options: Vec::new(),
        });
        assert!(Reel::of(data.path(), &live).is_none());
    }
}
