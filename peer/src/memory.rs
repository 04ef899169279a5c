//! Keeps the process small: what the system's allocator is told at the start, and nothing else.

/// Tells glibc's allocator to use one arena and to give memory back. With an arena a thread, what one thread frees is
/// not there for another, and a relay, whose blocks are all freed elsewhere than they were made, grows to a multiple
/// of what it holds. Other systems' allocators do well without.
pub(crate) fn stay_small() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Free memory at the top of the heap above this, bytes, goes back to the system: some chunks' worth.
        const TRIM_ABOVE: libc::c_int = 4 * 1024 * 1024;
        for (what, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TRIM_THRESHOLD, TRIM_ABOVE)] {
            // SAFETY: mallopt takes two integers, keeps no pointer, and is called before there is a second thread. A
            // refusal (0) leaves the default, which is only larger.
            unsafe { libc::mallopt(what, value) };
        }
    }
}
