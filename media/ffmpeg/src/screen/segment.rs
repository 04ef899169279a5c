//! Memory that is shared with the X server. It has no name and no key: when the last of both processes is gone, however
//! it ended, so is the memory.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
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
        // A server that made it shorter would end our process (SIGBUS).
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: a fresh mapping of a file of exactly this length; no address is asked for, nothing is replaced.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &fd,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok((Self { start, len }, fd))
    }

    /// The bytes, as they are now. To be read only while the server has no request of ours that writes them.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as self lives, and initialised (a new file reads as zeros). The server writes it
        // only while it answers a grab, and the caller holds no slice then: see `Display::grab`, the only user. A
        // display server that breaks this gets a torn picture; every byte is a valid u8.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and nothing borrows it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}
