//! Before others: the threads between an application's painting and the picture that is sent.
//!
//! They sleep nearly always, and each wait for a processor that an application keeps busy is a wait of everybody who
//! watches. It is a wish: not every user may have it, and then all goes on without (setpriority(2), `RLIMIT_NICE`).

use rustix::process::{Pid, getpriority_process, setpriority_process};

/// Nice value that is wished for: PulseAudio's own default is one less.
const NICE: i32 = -10;

/// Puts this thread, or a process of one thread, before others, unless it is already.
pub(super) fn raise(process: Option<Pid>) {
    let is_raised = getpriority_process(process).is_ok_and(|nice| nice <= NICE);
    if is_raised {
        return;
    }
    if let Err(why) = setpriority_process(process, NICE) {
        tracing::debug!(?process, %why, "it stays at the priority of all others");
    }
}
