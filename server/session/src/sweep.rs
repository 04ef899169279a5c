//! The second net under the guardian: finds processes by the mark in their environment, and kills them.
//!
//! Needed when a guardian was killed itself, and at the start after a crash. Each process is held by a pidfd before its
//! environment is read, so a number that was given to somebody else meanwhile is never hit. It must never know what a
//! session is.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::thread;
use std::time::Duration;

/// The variable that every process of a session inherits.
pub(crate) const MARK: &str = "TREECAST_SESSION";

/// Rounds of looking through all processes: who is found may have just forked. A guess.
const ROUNDS: usize = 50;
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(20);
/// An environment is not read further: the mark is put first.
const MAX_ENVIRONMENT: usize = 256 * 1024;

/// Kills all processes with this mark and says how many it met; blocks for a few milliseconds, or up to a second if
/// they do not go away.
pub(crate) fn sweep(mark: &str) -> usize {
    let wanted = format!("{MARK}={mark}");
    let mut met = 0;
    for _ in 0..ROUNDS {
        let found = marked(&wanted);
        if found.is_empty() {
            return met;
        }
        met += found.len();
        for process in found {
            kill(&process);
        }
        thread::sleep(PAUSE);
    }
    tracing::error!("processes with {wanted} do not end; end them by hand");
    met
}

fn marked(wanted: &str) -> Vec<OwnedFd> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| hold(pid, wanted)).collect()
}

/// A hold on the process, if it has the mark.
fn hold(pid: libc::pid_t, wanted: &str) -> Option<OwnedFd> {
    let own = libc::pid_t::try_from(std::process::id()).ok()?;
    if pid == own {
        return None;
    }
    // SAFETY: a system call on plain numbers; its result is a descriptor that nobody else owns.
    let process = unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        let descriptor = libc::c_int::try_from(descriptor).ok()?;
        (descriptor >= 0).then(|| OwnedFd::from_raw_fd(descriptor))?
    };
    has(pid, wanted).ok()?.then_some(process)
}

fn has(pid: libc::pid_t, wanted: &str) -> io::Result<bool> {
    use io::Read as _;
    let mut environment = Vec::new();
    fs::File::open(format!("/proc/{pid}/environ"))?
        .take(MAX_ENVIRONMENT as u64)
        .read_to_end(&mut environment)?;
    Ok(environment
        .split(|&byte| byte == 0)
        .any(|variable| variable == wanted.as_bytes()))
}

fn kill(process: &OwnedFd) {
    // SAFETY: the descriptor is open; no information goes with the signal.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            libc::SIGKILL,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        );
    }
}
