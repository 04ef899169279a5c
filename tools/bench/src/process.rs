//! A process of a benchmark's own: the same program, started in a role, that is told lines and says lines. What it costs
//! the processor and the memory is read from the kernel. This file must never know what the roles do.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::report::Error;

/// A process that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines that a process may be ahead of its reader.
const LINES: usize = 64;

/// Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Process {
    /// Starts `bench ROLE ARGS`, with as many open files as the system lets it have.
    pub(crate) fn start(role: &str, args: &[&str]) -> Result<Self, Error> {
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe()?)
            .arg(role)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().ok_or("the process has no input")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("the process has no output")?);
        let (sender, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            stdin,
            lines,
        })
    }

    /// Its next line, soon.
    pub(crate) fn line(&mut self) -> Result<String, Error> {
        self.line_within(PATIENCE)
    }

    /// Its next line.
    pub(crate) fn line_within(&mut self, patience: Duration) -> Result<String, Error> {
        let line = self.lines.recv_timeout(patience);
        line.map_err(|_| {
            format!("process {} of the benchmark says nothing", self.child.id()).into()
        })
    }

    /// Tells it a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), Error> {
        Ok(writeln!(self.stdin, "{line}")?)
    }

    /// CPU time of all threads that it has, to the nanosecond (proc(5), schedstat).
    pub(crate) fn cpu(&self) -> Result<Duration, Error> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanos = stat
                .split(' ')
                .next()
                .ok_or("an empty schedstat")?
                .parse()?;
            sum += Duration::from_nanos(nanos);
        }
        Ok(sum)
    }

    /// The largest resident memory that it ever had, the program included, megabytes (proc(5), VmHWM).
    pub(crate) fn peak_mb(&self) -> Result<f64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = kib.ok_or("the process has ended")?.parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
