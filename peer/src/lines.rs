//! Lines that go out: for scripts to standard output, logs to standard error or a file. A thread of its own writes
//! them, so that a pipe which nobody reads never makes the relay wait.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::logging::LogFile;

/// Lines that may wait. A reader that is further behind loses the newest, and is told how many. A guess.
const MAX_WAITING: usize = 1_024;
/// The thread only copies lines.
const STACK: usize = 128 * 1024;

/// One line on standard error, at once. For when nothing else runs: nobody can be told that it failed.
pub(crate) fn stderr(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// One line on standard output, at once.
pub(crate) fn stdout(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

enum Job {
    Out(String),
    Log(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Where logs go.
pub(crate) enum LogTo {
    /// Standard error.
    Stderr,
    /// A file, while the menus have the terminal.
    File(LogFile),
}

/// The way to the thread that writes. Clones share it.
#[derive(Clone)]
pub(crate) struct Lines {
    jobs: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

impl Lines {
    /// Starts the thread.
    pub(crate) fn start(log: LogTo) -> io::Result<Self> {
        let (jobs, inbox) = sync_channel(MAX_WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        let thread = thread::Builder::new()
            .name("lines".to_owned())
            .stack_size(STACK);
        thread.spawn(move || write(&inbox, log, &counter))?;
        Ok(Self { jobs, dropped })
    }

    /// A line for scripts. Never waits.
    pub(crate) fn out(&self, line: String) {
        self.put(Job::Out(line));
    }

    /// Something for the log, with its end of line. Never waits.
    pub(crate) fn log(&self, bytes: &[u8]) {
        self.put(Job::Log(bytes.to_vec()));
    }

    fn put(&self, job: Job) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything is written, at most `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        let (done, wait) = sync_channel(1);
        if self.jobs.try_send(Job::Flush(done)).is_ok() {
            // Whoever does not read by then does not get the rest.
            let _ = wait.recv_timeout(patience);
        }
    }
}

/// Until the last sender is gone. Failures to write are nobody's to hear: there is no other place to say so.
fn write(inbox: &Receiver<Job>, mut log: LogTo, dropped: &AtomicU64) {
    while let Ok(job) = inbox.recv() {
        match job {
            Job::Out(line) => {
                let mut out = io::stdout().lock();
                let lost = dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = writeln!(out, "lines-lost count={lost}");
                }
                let _ = writeln!(out, "{line}");
                let _ = out.flush();
            }
            Job::Log(bytes) => match &mut log {
                LogTo::Stderr => {
                    let _ = io::stderr().write_all(&bytes);
                }
                LogTo::File(file) => file.write(&bytes),
            },
            Job::Flush(done) => {
                let _ = done.try_send(());
            }
        }
    }
}
