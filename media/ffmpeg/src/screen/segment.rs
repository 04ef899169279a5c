//! Memory that is shared with the X server. It has no name and no key: when the last of both processes is gone, however
//! it ended, so is the memory.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A mapping of our own of some shared memory.
pub(super) struct Segment {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone; no thread has anything of it.
unsafe impl Send for Segment {}

impl Segment {
    /// `len` bytes (more than 0) and the descriptor to hand to the server. Errors: no memory, no descriptor.
    pub(super) fn new(len: usize) -> io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = memfd_create("treecast-screen", flags)?;
        ftruncate(&fd, len as u64)?;
        seal(&fd)?;
        let flags = ProtFlags::READ | ProtFlags::WRITE;
        Ok((Self::map(&fd, len, flags)?, fd))
    }

    /// All of some memory that has a size already, to be read. Errors: it is empty, or no such memory.
    pub(super) fn of(fd: &OwnedFd) -> io::Result<Self> {
        seal(fd)?;
        let len = usize::try_from(fstat(fd)?.st_size).map_err(io::Error::other)?;
        if len == 0 {
            return Err(io::Error::other("there is nothing in it"));
        }
        Self::map(fd, len, ProtFlags::READ)
    }

    fn map(fd: &OwnedFd, len: usize, protection: ProtFlags) -> io::Result<Self> {
        // SAFETY: a fresh mapping of a file that has this length and keeps it (sealed); no address is asked for, nothing is
        // replaced.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED,
                fd,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// The bytes, as they are now. To be read only while the server does not write them.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as self lives, and initialised (a new file reads as zeros). The server writes what it
        // shares with us only while it answers a grab, and its screen never while it is grabbed; the caller holds a slice
        // of the one only when it does not ask, and of the other only then: see `Display::grab`. A display server that
        // breaks this gets a torn picture; every byte is a valid u8.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

/// It keeps its length: a server that made it shorter would end our process (SIGBUS).
fn seal(memory: &OwnedFd) -> io::Result<()> {
    Ok(fcntl_add_seals(
        memory,
        SealFlags::SHRINK | SealFlags::GROW,
    )?)
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and nothing borrows it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}
