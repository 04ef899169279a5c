//! Pipes as input: standard input and FIFOs, read so that a wait for a writer can be ended.
//!
//! FFmpeg's own protocols for them block inside the system, where no interrupt reaches.

use std::ffi::{c_int, c_void};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::ffi;

/// Bytes that are read at once: a pipe's capacity on Linux.
const BUFFER_LEN: usize = 64 * 1024;

/// How long a wait for the writer goes on before the stop flag is looked at again, milliseconds.
const WAIT_MS: c_int = 50;

struct Reader {
    file: File,
    stop: Arc<AtomicBool>,
}

/// A pipe that FFmpeg reads through us. Must outlive the FFmpeg context that reads it.
pub(crate) struct Pipe {
    avio: *mut ffi::AVIOContext,
    reader: *mut Reader,
}

// SAFETY: both pointers are owned by this value alone, and FFmpeg uses them only on the thread that reads.
unsafe impl Send for Pipe {}

impl Pipe {
    /// Opens `-`, `pipe:`, `pipe:0` (standard input) or the path of a FIFO; `None`: the name is something else.
    pub(crate) fn open(name: &str, stop: &Arc<AtomicBool>) -> io::Result<Option<Self>> {
        let file = if matches!(name, "-" | "pipe:" | "pipe:0") {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            let path = name.strip_prefix("file:").unwrap_or(name);
            match std::fs::metadata(path) {
                Ok(meta) if meta.file_type().is_fifo() => OpenOptions::new()
                    .read(true)
                    .custom_flags(libc::O_NONBLOCK)
                    .open(path)?,
                _ => return Ok(None),
            }
        };
        let reader = Box::into_raw(Box::new(Reader {
            file,
            stop: Arc::clone(stop),
        }));
        // SAFETY: the buffer is allocated by FFmpeg, as it must be since FFmpeg may replace it; the reader lives
        // until `drop`. On failure what was allocated is freed here.
        unsafe {
            let buffer = ffi::av_malloc(BUFFER_LEN).cast::<u8>();
            let avio = if buffer.is_null() {
                std::ptr::null_mut()
            } else {
                ffi::avio_alloc_context(
                    buffer,
                    BUFFER_LEN as c_int,
                    0,
                    reader.cast(),
                    Some(read),
                    None,
                    None,
                )
            };
            if avio.is_null() {
                ffi::av_free(buffer.cast());
                drop(Box::from_raw(reader));
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            Ok(Some(Self { avio, reader }))
        }
    }

    /// For `AVFormatContext.pb`; FFmpeg does not free it.
    pub(crate) fn as_avio(&mut self) -> *mut ffi::AVIOContext {
        self.avio
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // SAFETY: both were made in `open` and nothing uses them any more; the buffer is the one the context has
        // now, which FFmpeg allocated.
        unsafe {
            ffi::av_freep((&raw mut (*self.avio).buffer).cast());
            ffi::avio_context_free(&mut self.avio);
            drop(Box::from_raw(self.reader));
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, length: c_int) -> c_int {
    // SAFETY: `opaque` is the Reader of `Pipe::open`, used by this thread only; `buffer` has `length` bytes.
    let (reader, buffer) = unsafe {
        (
            &mut *opaque.cast::<Reader>(),
            std::slice::from_raw_parts_mut(buffer, usize::try_from(length).unwrap_or(0)),
        )
    };
    reader.read(buffer)
}

impl Reader {
    fn read(&mut self, buffer: &mut [u8]) -> c_int {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return ffi::AVERROR_EXIT;
            }
            let mut wanted = libc::pollfd {
                fd: self.file.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            };
            // A FIFO that has not had a writer yet is not ready; one whose last writer left is, and reads as ended.
            // SAFETY: one valid pollfd.
            let ready = unsafe { libc::poll(&mut wanted, 1, WAIT_MS) };
            if ready <= 0 {
                continue;
            }
            match self.file.read(buffer) {
                Ok(0) => return ffi::AVERROR_EOF,
                Ok(n) => return n as c_int,
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(e) => return ffi::AVERROR(e.raw_os_error().unwrap_or(libc::EIO)),
            }
        }
    }
}
