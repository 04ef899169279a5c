//! Waking a thread that waits for the display: an eventfd, waited for together with the display's socket.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// Wakes the one thread that waits with [`Wake::wait`]; a wake before the wait counts.
pub(super) struct Wake {
    fd: OwnedFd,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Woken {
    /// The socket has what was waited for, or an error.
    pub(super) socket: bool,
    /// [`Wake::wake`] was called since the last wait.
    pub(super) called: bool,
}

impl Wake {
    /// Errors: no descriptor to be had.
    pub(super) fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { fd })
    }

    /// Ends the present or the next wait. Never blocks.
    pub(super) fn wake(&self) {
        // The only error is a full counter, and then the wait ends anyway.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Waits until the socket is ready for `interest`, or somebody calls, or the time is over (`None`: no limit).
    pub(super) fn wait(
        &self,
        socket: BorrowedFd<'_>,
        interest: PollFlags,
        limit_us: Option<u64>,
    ) -> io::Result<Woken> {
        let limit = limit_us.map(|us| Timespec {
            tv_sec: (us / 1_000_000) as i64,
            tv_nsec: (us % 1_000_000 * 1_000) as i64,
        });
        let mut fds = [
            PollFd::from_borrowed_fd(socket, interest),
            PollFd::new(&self.fd, PollFlags::IN),
        ];
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) => {}
            // Whoever waits looks at its clock again anyway.
            Err(Errno::INTR) => {
                return Ok(Woken {
                    socket: false,
                    called: false,
                });
            }
            Err(error) => return Err(error.into()),
        }
        let woken = Woken {
            socket: !fds[0].revents().is_empty(),
            called: !fds[1].revents().is_empty(),
        };
        if woken.called {
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.fd, &mut count);
        }
        Ok(woken)
    }
}
