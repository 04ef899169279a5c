//! The memory in which an Xvfb keeps its screen: read where it is, nothing has to be copied for us.
//!
//! Xvfb makes that memory a file if it is told a folder (`-fbdir`, Xvfb(1)), in the form of an X window dump. The file here is
//! a link to its own standard input, which is memory without a name: it needs no clean-up, no disk ever sees it, and it is
//! gone with the last of both processes. What is in it is a whole picture only while the server paints nothing: see
//! `Display::grab`.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create};

use super::display::PIXEL_LEN;
use super::segment::Segment;

/// The file of an Xvfb's first screen.
const FILE: &str = "Xvfb_screen0";

/// Where a process finds its own standard input.
const STANDARD_INPUT: &str = "/proc/self/fd/0";

/// Memory for the screen of an Xvfb.
#[derive(Clone, Debug)]
pub struct Framebuffer(Arc<OwnedFd>);

impl PartialEq for Framebuffer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Framebuffer {}

impl Framebuffer {
    /// Memory for an Xvfb that is to be started with `-fbdir FOLDER` and [`Framebuffer::input`] as its standard input. Writes a link
    /// into the folder, which the server removes when it ends by itself.
    ///
    /// # Errors
    /// The folder takes no link; the system has no descriptor left.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = memfd_create("treecast-framebuffer", flags)?;
        let link = folder.join(FILE);
        match std::fs::remove_file(&link) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => symlink(STANDARD_INPUT, link)?,
        }
        Ok(Self(Arc::new(memory)))
    }

    /// What the server is to have as its standard input.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn input(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// The pixels, once the server runs; they have at least this width and height. Errors say what is wrong, for people.
    pub(super) fn open(&self, picture: (u32, u32)) -> Result<Shown, String> {
        let memory = Segment::of(&self.0).map_err(|why| why.to_string())?;
        let layout = Layout::of(memory.bytes())?;
        let room = u64::from(layout.stride) * u64::from(layout.height);
        if (memory.bytes().len() as u64) < u64::from(layout.begin) + room {
            return Err("it is too short".to_owned());
        }
        if layout.width < picture.0 || layout.height < picture.1 {
            return Err(format!("it has {}x{} pixels", layout.width, layout.height));
        }
        Ok(Shown { memory, layout })
    }
}

/// A screen's pixels.
pub(super) struct Shown {
    memory: Segment,
    layout: Layout,
}

impl Shown {
    /// Row after row from the upper left corner, each this many bytes after the one before.
    pub(super) fn pixels(&self) -> (&[u8], usize) {
        let pixels = &self.memory.bytes()[self.layout.begin as usize..];
        (pixels, self.layout.stride as usize)
    }
}

/// Where pixels are in a window dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    begin: u32,
    stride: u32,
    width: u32,
    height: u32,
}

impl Layout {
    /// Reads the header (`XWDFile.h` of the X11 protocol's headers): 25 numbers of 32 bits, big-endian.
    fn of(dump: &[u8]) -> Result<Self, String> {
        const NUMBERS: usize = 25;
        /// Of a colour table's entry.
        const COLOUR_LEN: u32 = 12;
        let header = dump.first_chunk::<{ NUMBERS * 4 }>();
        let (numbers, _) = header.ok_or("it has no header")?.as_chunks::<4>();
        let number = |at: usize| u32::from_be_bytes(numbers[at]);
        let expected = [
            ("version", 1, 7),
            ("form (whole pixels)", 2, 2),
            ("order of bytes", 7, 0),
            ("bits of a pixel", 11, PIXEL_LEN * 8),
            ("mask of red", 14, 0xff_0000),
            ("mask of green", 15, 0xff00),
            ("mask of blue", 16, 0xff),
        ];
        for (what, at, expected) in expected {
            if number(at) != expected {
                let found = number(at);
                return Err(format!("its {what} is {found:#x} instead of {expected:#x}"));
            }
        }
        let [length, width, height, stride, colours] = [0, 4, 5, 12, 19].map(number);
        let colours = colours.checked_mul(COLOUR_LEN);
        let begin = colours.and_then(|colours| colours.checked_add(length));
        let begin = begin.ok_or("its pixels begin nowhere")?;
        if width.checked_mul(PIXEL_LEN).is_none_or(|row| row > stride) {
            return Err("its rows are too short".to_owned());
        }
        Ok(Self {
            begin,
            stride,
            width,
            height,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Xvfb writes it for 1366x768 pixels.
    fn header() -> Vec<u8> {
        let masks = [0xff_0000, 0xff00, 0xff];
        let mut numbers = vec![160, 7, 2, 24, 1366, 768, 0, 0, 32, 0, 32, 32, 5464, 4];
        numbers.extend(masks);
        numbers.extend([8, 256, 256, 1366, 768, 0, 0, 0]);
        numbers.into_iter().flat_map(u32::to_be_bytes).collect()
    }

    #[test]
    fn a_dump_is_understood_and_another_form_is_named() {
        let layout = Layout {
            begin: 160 + 256 * 12,
            stride: 5464,
            width: 1366,
            height: 768,
        };
        assert_eq!(Layout::of(&header()), Ok(layout));
        let mut other = header();
        other[11 * 4 + 3] = 16;
        assert_eq!(
            Layout::of(&other),
            Err("its bits of a pixel is 0x10 instead of 0x20".to_owned())
        );
        assert_eq!(
            Layout::of(&header()[..99]),
            Err("it has no header".to_owned())
        );
    }

    proptest! {
        #[test]
        fn rows_are_as_long_as_their_pixels_whatever_a_dump_says(
            changes in prop::collection::vec((0usize..25, any::<u32>()), 0..3),
        ) {
            let mut dump = header();
            for (at, value) in changes {
                dump[at * 4..][..4].copy_from_slice(&value.to_be_bytes());
            }
            if let Ok(layout) = Layout::of(&dump) {
                prop_assert!(u64::from(layout.stride) >= u64::from(layout.width) * 4);
            }
        }
    }
}
