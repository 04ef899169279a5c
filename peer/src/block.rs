//! Whether what an old server sent is a whole block: a Matroska or MP4 file whose own lengths end where it ends.
//!
//! The old protocol ends a block with the end of the connection, so a connection that broke looks like a short block; the
//! file's own structure tells them apart. Pure, and a reader of foreign bytes: it follows lengths and reads nothing else.

/// EBML header (RFC 8794 section 11.2.1).
const EBML: u32 = 0x1A45_DFA3;
/// Matroska's Segment (RFC 9559 section 5.1).
const SEGMENT: u32 = 0x1853_8067;

/// What kind of file a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `.mkv`
    Matroska,
    /// `.mp4`
    Mp4,
}

impl Container {
    /// The ending of its file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Container::Matroska => "mkv",
            Container::Mp4 => "mp4",
        }
    }
}

/// Why something is no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// It begins like no film that we know.
    #[error("it is neither a Matroska nor an MP4 file")]
    Rubbish,
    /// It ends before its end.
    #[error("it ends in the middle, after {0} bytes")]
    Truncated(usize),
}

/// Checks a block.
///
/// # Errors
/// When it is something else, or not all of it.
pub fn check(bytes: &[u8]) -> Result<Container, BlockFault> {
    let cut = BlockFault::Truncated(bytes.len());
    if bytes.get(..4) == Some(&EBML.to_be_bytes()) {
        matroska(bytes).ok_or(cut)
    } else if bytes.get(4..8) == Some(b"ftyp") {
        mp4(bytes).ok_or(cut)
    } else {
        Err(BlockFault::Rubbish)
    }
}

/// Elements one after the other; one of unknown length is entered instead of passed over (RFC 8794 section 6.2). `None`:
/// it ends within an element, or has no segment.
fn matroska(bytes: &[u8]) -> Option<Container> {
    let mut rest = bytes;
    let mut segment = false;
    while !rest.is_empty() {
        let (id, after_id) = element_id(rest)?;
        let (len, body) = element_len(after_id)?;
        segment |= id == SEGMENT;
        rest = match len {
            Some(len) => body.get(usize::try_from(len).ok()?..)?,
            None => body,
        };
    }
    segment.then_some(Container::Matroska)
}

/// An element's ID with its marker bit: 1 to 4 bytes (RFC 8794 section 5).
fn element_id(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let id = bytes.get(..len).filter(|_| len <= 4)?;
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    Some((id, &bytes[len..]))
}

/// An element's length: 1 to 8 bytes, all ones for unknown (RFC 8794 section 6).
fn element_len(bytes: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let field = bytes.get(..len).filter(|_| len <= 8)?;
    let value = field.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    let bits = 7 * len as u32;
    let mask = (1u64 << bits) - 1;
    let value = value & mask;
    Some(((value != mask).then_some(value), &bytes[len..]))
}

/// Boxes one after the other (ISO/IEC 14496-12 section 4.2). `None`: it ends within a box, or has neither kind of index.
fn mp4(bytes: &[u8]) -> Option<Container> {
    let mut rest = bytes;
    let mut index = false;
    while !rest.is_empty() {
        let size = u32::from_be_bytes(*rest.first_chunk()?);
        let kind: &[u8; 4] = rest.get(4..8)?.try_into().ok()?;
        index |= kind == b"moov" || kind == b"moof";
        let len = match size {
            0 => rest.len(),
            1 => {
                let long = u64::from_be_bytes(rest.get(8..16)?.try_into().ok()?);
                usize::try_from(long).ok().filter(|len| *len >= 16)?
            }
            size => Some(size as usize).filter(|len| *len >= 8)?,
        };
        rest = rest.get(len..)?;
    }
    index.then_some(Container::Mp4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = id.to_vec();
        out.extend((0x0100_0000_0000_0000u64 | body.len() as u64).to_be_bytes());
        out.extend(body);
        out
    }

    fn film(clusters: usize) -> Vec<u8> {
        let cluster = element(&[0x1F, 0x43, 0xB6, 0x75], &[7; 300]);
        let mut out = element(&EBML.to_be_bytes(), b"matroska");
        out.extend(element(&SEGMENT.to_be_bytes(), &cluster.repeat(clusters)));
        out
    }

    fn live_film(clusters: usize) -> Vec<u8> {
        let cluster = element(&[0x1F, 0x43, 0xB6, 0x75], &[7; 300]);
        let mut out = element(&EBML.to_be_bytes(), b"matroska");
        out.extend(SEGMENT.to_be_bytes());
        out.push(0xFF);
        out.extend(cluster.repeat(clusters));
        out
    }

    fn boxes() -> Vec<u8> {
        let one = |kind: &[u8; 4], len: usize| {
            let mut out = (len as u32 + 8).to_be_bytes().to_vec();
            out.extend(kind);
            out.resize(len + 8, 1);
            out
        };
        [one(b"ftyp", 16), one(b"moov", 100), one(b"mdat", 500)].concat()
    }

    #[test]
    fn whole_films_are_blocks() {
        assert_eq!(check(&film(3)), Ok(Container::Matroska));
        assert_eq!(check(&live_film(3)), Ok(Container::Matroska));
        assert_eq!(check(&boxes()), Ok(Container::Mp4));
    }

    #[test]
    fn half_a_film_is_none_wherever_it_was_cut() {
        for whole in [film(3), boxes()] {
            for len in 8..whole.len() {
                let half = check(&whole[..len]);
                // Between the boxes of an index and its data nothing tells that something follows.
                let between = len == 24 + 108;
                assert!(half == Err(BlockFault::Truncated(len)) || between, "{len}");
            }
        }
    }

    #[test]
    fn rubbish_is_said_to_be_rubbish() {
        for wrong in [&b""[..], b"x", b"GET / HTTP/1.1\r\n\r\n", &[0; 4096]] {
            assert_eq!(check(wrong), Err(BlockFault::Rubbish));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(mut bytes: Vec<u8>, kind in 0..3) {
            if kind == 1 {
                bytes.splice(..0, EBML.to_be_bytes());
            } else if kind == 2 {
                bytes.splice(..0, *b"\0\0\0\x10ftyp");
            }
            let _ = check(&bytes);
        }
    }
}
