//! The guardian: a small process between the session server and a session's application, which leaves nothing behind.
//!
//! It is made between `fork` and `exec`: what the session server forked becomes the guardian, and a second fork goes on
//! to `exec` the application. The guardian is a child subreaper (prctl(2)): whatever the application's descendants do,
//! also `setsid` and a double fork, an orphan becomes the guardian's own child. So "kill my children until I have none"
//! reaches all of them, without a list that could be out of date. It does that when the application ends, when it is
//! told to, and when the session server is gone, which it sees at the end of a pipe; a parent-death signal would not do
//! there, because that follows the thread that forked.
//!
//! All of this runs in a copy of a process that had several threads, so there is no allocation, no lock and no panic
//! here: system calls only (signal-safety(7)). It must never know what a session is.

use std::io;
use std::os::fd::RawFd;

/// Written into the guardian's pipe: ask the application to end (SIGTERM to its group). The pipe's end kills everything.
pub(crate) const ASK_TO_END: u8 = b'T';

/// What a process and its descendants may use at most: a resource of setrlimit(2) and its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) resource: libc::__rlimit_resource_t,
    pub(crate) value: u64,
}

/// How long the guardian sleeps between two rounds of killing. A guess: a kill takes microseconds.
const KILL_PAUSE_MS: libc::c_int = 2;
/// How long it sleeps at most when nothing happens; a signal or the pipe wakes it.
const WATCH_PAUSE_S: libc::time_t = 5;
/// Exit status of the guardian when the application was ended by a signal, as shells have it: this plus the signal.
const SIGNALLED: libc::c_int = 128;

/// Splits the caller into the guardian, which stays in here until the end, and the application's process, which returns.
///
/// # Errors
/// When the system refuses; nobody has been made then.
///
/// # Safety
/// To be called between `fork` and `exec` only, with `pipe` the reading end of an open pipe.
pub(crate) unsafe fn split(pipe: RawFd, limits: &[Limit]) -> io::Result<()> {
    // SAFETY: plain system calls on values of this function; the signal set is initialised by sigemptyset.
    unsafe {
        for signal in 1..=31 {
            libc::signal(signal, libc::SIG_DFL);
        }
        check(libc::setsid())?;
        check(libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))?;
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut blocked);
        libc::sigaddset(&mut blocked, libc::SIGCHLD);
        let mut before: libc::sigset_t = std::mem::zeroed();
        check(libc::sigprocmask(libc::SIG_BLOCK, &blocked, &mut before))?;
        let guardian = libc::getpid();
        // The bare call: fork(3) would run handlers of libraries that this copy of a process cannot trust.
        match libc::syscall(
            libc::SYS_clone,
            libc::c_long::from(libc::SIGCHLD),
            0,
            0,
            0,
            0,
        ) {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                check(libc::sigprocmask(
                    libc::SIG_SETMASK,
                    &before,
                    std::ptr::null_mut(),
                ))?;
                become_application(guardian, limits)
            }
            application => guard(pipe, application as libc::pid_t, &before),
        }
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// # Safety
/// As [`split`].
unsafe fn become_application(guardian: libc::pid_t, limits: &[Limit]) -> io::Result<()> {
    // SAFETY: plain system calls on values of this function.
    unsafe {
        // The guardian has one thread, so here the signal follows the process.
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
        if libc::getppid() != guardian {
            libc::_exit(SIGNALLED + libc::SIGKILL);
        }
        // A group and session of its own, so that it can be asked to end with all that belongs to it.
        check(libc::setsid())?;
        keep_descriptors_from_the_application();
        // A program that changes its user could not be killed any more.
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        for limit in limits {
            let value = libc::rlimit {
                rlim_cur: limit.value,
                rlim_max: limit.value,
            };
            check(libc::setrlimit(limit.resource, &value))?;
        }
    }
    Ok(())
}

/// Whatever was opened by somebody who did not think of `exec` stays here; input, output and errors go on.
///
/// # Safety
/// As [`split`].
unsafe fn keep_descriptors_from_the_application() {
    // SAFETY: plain system calls; marking a descriptor that is not open fails without harm.
    unsafe {
        let mark = libc::CLOSE_RANGE_CLOEXEC;
        if libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, mark) == -1 {
            // Before Linux 5.11.
            for descriptor in 3..65_536 {
                libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
}

extern "C" fn wake_up(_: libc::c_int) {}

/// # Safety
/// As [`split`]; never returns.
unsafe fn guard(pipe: RawFd, application: libc::pid_t, mask: &libc::sigset_t) -> ! {
    // SAFETY: plain system calls on values of this function; `wake_up` does nothing, so any thread state will do.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"session-guard".as_ptr(), 0, 0, 0);
        for signal in [
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGQUIT,
            libc::SIGPIPE,
            libc::SIGUSR1,
            libc::SIGUSR2,
        ] {
            libc::signal(signal, libc::SIG_IGN);
        }
        let wake_up: extern "C" fn(libc::c_int) = wake_up;
        libc::signal(libc::SIGCHLD, wake_up as libc::sighandler_t);
        // Only the pipe stays open: not the server's sockets, not its lock, not the application's output.
        libc::dup2(pipe, 0);
        close_from_1();
        let mut status = None;
        while status.is_none() {
            status = reap(application);
            if status.is_some() || !watch(application, mask) {
                break;
            }
        }
        loop {
            kill_children();
            let mut last = 0;
            loop {
                let reaped = libc::waitpid(-1, &mut last, libc::WNOHANG);
                if reaped == application {
                    status = Some(last);
                }
                match reaped {
                    0 => break,
                    -1 => libc::_exit(exit_code(status)),
                    _ => {}
                }
            }
            libc::poll(std::ptr::null_mut(), 0, KILL_PAUSE_MS);
        }
    }
}

/// # Safety
/// In the guardian only.
unsafe fn close_from_1() {
    // SAFETY: nothing of the guardian's own lies behind these descriptors.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 1, libc::c_uint::MAX, 0) == -1 {
            // Before Linux 5.9.
            for descriptor in 1..65_536 {
                libc::close(descriptor);
            }
        }
    }
}

/// Takes in who has ended; the application's status if it is among them.
///
/// # Safety
/// In the guardian only.
unsafe fn reap(application: libc::pid_t) -> Option<libc::c_int> {
    let mut found = None;
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    unsafe {
        loop {
            let reaped = libc::waitpid(-1, &mut status, libc::WNOHANG);
            if reaped == application {
                found = Some(status);
            }
            if reaped <= 0 {
                return found;
            }
        }
    }
}

/// Waits until something happens; false: kill everything.
///
/// # Safety
/// In the guardian only.
unsafe fn watch(application: libc::pid_t, mask: &libc::sigset_t) -> bool {
    let mut pipe = libc::pollfd {
        fd: 0,
        events: libc::POLLIN,
        revents: 0,
    };
    let pause = libc::timespec {
        tv_sec: WATCH_PAUSE_S,
        tv_nsec: 0,
    };
    let mut byte = 0_u8;
    // SAFETY: all pointers are to values of this function or of the caller.
    unsafe {
        if libc::ppoll(&mut pipe, 1, &pause, mask) <= 0 {
            return true;
        }
        match libc::read(0, (&raw mut byte).cast(), 1) {
            1 if byte == ASK_TO_END => {
                libc::kill(-application, libc::SIGTERM);
                true
            }
            1 => true,
            _ => false,
        }
    }
}

/// Kills every child; what they leave become children and are killed in the next round.
///
/// # Safety
/// In the guardian only.
unsafe fn kill_children() {
    let mut buffer = [0_u8; 4096];
    // SAFETY: the buffer's length is given; the path is a C string.
    unsafe {
        let list = libc::open(
            c"/proc/thread-self/children".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        if list == -1 {
            return;
        }
        let read = libc::read(list, buffer.as_mut_ptr().cast(), buffer.len());
        libc::close(list);
        let mut number: libc::pid_t = 0;
        // "12 345 6 ": a number that the buffer's end cuts off has no space behind it and waits for the next round.
        for &byte in buffer.iter().take(usize::try_from(read).unwrap_or(0)) {
            if byte.is_ascii_digit() {
                number = number
                    .wrapping_mul(10)
                    .wrapping_add(libc::pid_t::from(byte - b'0'));
            } else {
                if number > 1 {
                    libc::kill(number, libc::SIGKILL);
                }
                number = 0;
            }
        }
    }
}

fn exit_code(status: Option<libc::c_int>) -> libc::c_int {
    match status {
        Some(status) if libc::WIFEXITED(status) => libc::WEXITSTATUS(status),
        Some(status) if libc::WIFSIGNALED(status) => SIGNALLED + libc::WTERMSIG(status),
        _ => SIGNALLED + libc::SIGKILL,
    }
}
