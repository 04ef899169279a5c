//! A process of a test: in a group of its own, its words in files, killed when it is dropped or the test dies.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::wait::{SOON, eventually};

/// A started program. Signals go to its whole process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: i32,
    child: RefCell<Child>,
    /// Everything that it wrote to standard output.
    pub stdout: PathBuf,
    /// Everything that it wrote to standard error.
    pub stderr: PathBuf,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Process {
    /// Starts `command` with its words in `<base>.out` and `<base>.err`. Standard input is empty.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, base: &Path, command: Command) -> io::Result<Self> {
        Self::start_with(name, base, command, Stdio::null())
    }

    /// The same with a standard input to write to: [`Process::stdin`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_piped(name: &str, base: &Path, command: Command) -> io::Result<Self> {
        Self::start_with(name, base, command, Stdio::piped())
    }

    fn start_with(name: &str, base: &Path, mut command: Command, stdin: Stdio) -> io::Result<Self> {
        let (stdout, stderr) = (with_ending(base, "out"), with_ending(base, "err"));
        command
            .stdin(stdin)
            .stdout(append(&stdout)?)
            .stderr(append(&stderr)?)
            .process_group(0);
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches no memory of ours.
        unsafe {
            command.pre_exec(|| {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                    Ok(())
                } else {
                    Err(io::Error::last_os_error())
                }
            });
        }
        let child = spawn(command)?;
        Ok(Self {
            name: name.to_owned(),
            pid: i32::try_from(child.id()).map_err(|_| io::Error::other("a strange pid"))?,
            child: RefCell::new(child),
            stdout,
            stderr,
        })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process, which is its process group too.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its standard input, once, if it was started with one.
    pub fn stdin(&self) -> Option<ChildStdin> {
        self.child.borrow_mut().stdin.take()
    }

    /// Whether it runs (or is stopped).
    pub fn is_running(&self) -> bool {
        self.status().is_none()
    }

    fn status(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().ok().flatten()
    }

    /// Sends a signal to its group; nothing if it has ended.
    pub fn signal(&self, signal: i32) {
        // A process that was waited for is not there, and its number may be another's by now.
        if self.is_running() {
            send(-self.pid, signal);
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill9(&self) {
        self.signal(libc::SIGKILL);
        // Fails only if it was waited for already.
        let _ = self.child.borrow_mut().wait();
    }

    /// Stops it, as Ctrl-Z does but without asking, and waits until all of its threads have stopped.
    pub fn sigstop(&self) {
        self.signal(libc::SIGSTOP);
        let what = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT;
        // SAFETY: all zeros are a valid siginfo_t, and it is valid for the call, which only looks at a child of ours. One that
        // was waited for already is an error, and nothing is to be waited for then.
        unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, self.pid.cast_unsigned(), &raw mut info, what);
        }
    }

    /// Lets it go on.
    pub fn sigcont(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Asks it to end.
    pub fn sigterm(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Ctrl-C.
    pub fn sigint(&self) {
        self.signal(libc::SIGINT);
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it still runs after `deadline`.
    #[track_caller]
    pub fn wait_exit(&self, deadline: Duration) -> Ended {
        let status = eventually(deadline, &format!("{} ends", self.name), || {
            self.status()
                .ok_or_else(|| format!("it runs; its last words: {}", tail(&self.err(), 5)))
        });
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: self.out(),
            stderr: self.err(),
        }
    }

    /// What it wrote to standard output so far.
    pub fn out(&self) -> String {
        read(&self.stdout)
    }

    /// What it wrote to standard error so far.
    pub fn err(&self) -> String {
        read(&self.stderr)
    }

    /// The rest of the first line of standard output that begins with `prefix`.
    pub fn line(&self, prefix: &str) -> Option<String> {
        let out = self.out();
        // A last line without its end is still being written.
        let whole = &out[..out.rfind('\n').map_or(0, |end| end + 1)];
        whole
            .lines()
            .find_map(|line| line.strip_prefix(prefix).map(str::to_owned))
    }

    /// Panics if it panicked, or if a member of its process group outlived it.
    ///
    /// # Panics
    /// See above.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert_no_panic(&self.name, &self.err());
        if !self.is_running() {
            eventually(SOON, "no orphan is left behind", || {
                if group_is_empty(self.pid) {
                    Ok(())
                } else {
                    Err(format!("{} left processes of its group", self.name))
                }
            });
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        // The rest of the group, if it left any: the number is not given to others while one of them lives.
        if !group_is_empty(self.pid) {
            send(-self.pid, libc::SIGKILL);
        }
        if !thread::panicking() {
            assert_no_panic(&self.name, &self.err());
        }
    }
}

impl Ended {
    /// Panics unless it failed with `code` and one line on standard error that has all `words`.
    ///
    /// # Panics
    /// See above.
    #[track_caller]
    pub fn assert_failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_no_panic("it", &self.stderr);
        let line = self.last_line();
        for word in words {
            assert!(
                line.to_lowercase().contains(&word.to_lowercase()),
                "{word:?} is not in its last line {line:?}"
            );
        }
    }

    /// The last line of standard error.
    pub fn last_line(&self) -> &str {
        self.stderr
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("")
    }
}

#[track_caller]
fn assert_no_panic(name: &str, stderr: &str) {
    for sign in [
        "panicked at",
        "stack backtrace",
        "SAFETY",
        "AddressSanitizer",
    ] {
        assert!(
            !stderr.contains(sign),
            "{name} panicked: {}",
            tail(stderr, 20)
        );
    }
}

fn group_is_empty(group: i32) -> bool {
    // SAFETY: signal 0 asks only whether the group exists.
    let found = unsafe { libc::kill(-group, 0) };
    found != 0
}

fn send(pid: i32, signal: i32) {
    // SAFETY: kill has no preconditions on memory; the pid is that of a process group which we started.
    let _ = unsafe { libc::kill(pid, signal) };
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// The last `lines` lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn with_ending(base: &Path, ending: &str) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts a process from one thread that lives as long as this process: the kernel's "kill it when its parent dies" means
/// the thread that forked.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<SyncSender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        // Whoever wants a process waits for it: nothing piles up.
        let (orders, inbox) = sync_channel::<Order>(1);
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                while let Ok((mut command, answer)) = inbox.recv() {
                    // Nobody listens only if that thread died.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        orders
    });
    let (answer, started) = sync_channel(1);
    spawner
        .send((command, answer))
        .map_err(|_| io::Error::other("the spawner is gone"))?;
    started
        .recv()
        .map_err(|_| io::Error::other("the spawner is gone"))?
}
