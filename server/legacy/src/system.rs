//! What the system's libraries for sockets do not offer: file handles, the thread's rank, what a socket still holds.
//!
//! The only foreign calls of this crate.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The largest number of file handles that the process may have, raised towards `wanted` where the system allows it.
pub(crate) fn file_handles(wanted: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a local that is live and of the right type.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max {
        let raised = libc::rlimit {
            rlim_cur: wanted.min(limit.rlim_max),
            ..limit
        };
        // SAFETY: as above; the call reads only.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
            limit = raised;
        }
    }
    Ok(limit.rlim_cur)
}

/// Puts the calling thread behind those of the same process where the processor is scarce. Elsewhere than on Linux the
/// call would concern the whole process, so nothing happens.
pub(crate) fn step_back() {
    /// Half as much time as a thread of rank 0 gets, roughly. A guess.
    #[cfg(target_os = "linux")]
    const NICE: libc::c_int = 3;
    // SAFETY: plain numbers; 0 is the calling thread.
    #[cfg(target_os = "linux")]
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } != 0 {
        tracing::debug!("the thread keeps its rank: {}", io::Error::last_os_error());
    }
}

/// Bytes (and the end of the stream, which counts as one) that the other side has not acknowledged.
pub(crate) fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the socket is open while it is borrowed; the pointer is to a local of the type that this request writes.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Binds an address of this machine for a connection to elsewhere, without taking a port of that address before the
/// destination is known: with thousands of connections a minute there would not be enough of them.
pub(crate) fn bind_source(socket: BorrowedFd<'_>, source: SocketAddr) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let yes: libc::c_int = 1;
        let len = u32::try_from(size_of_val(&yes)).expect("a small type");
        // SAFETY: the socket is open while it is borrowed; pointer and length are of one live local.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_IP,
                libc::IP_BIND_ADDRESS_NO_PORT,
                (&raw const yes).cast(),
                len,
            )
        };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    socket2::SockRef::from(&socket).bind(&source.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_the_other_side_has_not_taken_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut out = TcpStream::connect(listener.local_addr().expect("bound")).expect("a link");
        let (mut taken, _) = listener.accept().expect("a link");
        assert_eq!(unacknowledged(&out).expect("open"), 0);
        out.set_nonblocking(true).expect("a setting");
        let mut written = 0;
        while let Ok(more) = out.write(&[7; 65_536]) {
            written += more;
        }
        assert!(unacknowledged(&out).expect("open") > 0);
        out.shutdown(std::net::Shutdown::Write).expect("open");
        let mut rest = Vec::new();
        taken.read_to_end(&mut rest).expect("whole");
        assert_eq!(rest.len(), written);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while unacknowledged(&out).expect("open") > 0 {
            assert!(std::time::Instant::now() < deadline, "acknowledged");
            std::thread::yield_now();
        }
    }

    #[test]
    fn file_handles_are_never_fewer_than_before() {
        let before = file_handles(0).expect("a limit");
        assert!(file_handles(before + 1).expect("a limit") >= before);
    }
}
