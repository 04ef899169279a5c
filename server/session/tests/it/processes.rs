//! Looking at the real processes of this computer.

use std::fs;
use std::time::{Duration, Instant};

/// How long anything that has to happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is no zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
}

/// All processes whose command line has `words` in it.
pub(crate) fn with(words: &str) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let is_zombie = fields.next()? == "Z";
        let parent = fields.next()?.parse().ok()?;
        (line.contains(words) && !is_zombie).then_some(Process { pid, parent })
    })
    .collect()
}

/// Kills one process of a test.
pub(crate) fn kill(pid: i32) {
    assert!(pid > 1);
    // SAFETY: a signal to a process that this test has started.
    let result = unsafe { libc::kill(pid, libc::SIGKILL) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Waits until `done` gives something; panics with `what` if it does not in time.
pub(crate) async fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = done() {
            return done;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until that many processes have `words` in their command lines.
pub(crate) async fn until_count(words: &str, count: usize) -> Vec<Process> {
    until(&format!("{count} processes with {words}"), || {
        let found = with(words);
        (found.len() == count).then_some(found)
    })
    .await
}
