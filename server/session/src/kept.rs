//! One process that is kept under a guardian, with all that it starts: an application, a display, a sound server.
//!
//! What becomes of a guardian's end: [`Kept::end`] asks first, dropping kills. It must never know what the process is for.

use std::io::{self, PipeWriter, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::guardian::{self, ASK_TO_END, Limit};

/// How long the guardian may take to kill what is left; it needs milliseconds.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a process's last words that are kept.
const MAX_WORDS_LEN: usize = 4 * 1024;
/// How long the last words may take to arrive when nobody can say more.
const WORDS_PATIENCE: Duration = Duration::from_secs(2);

/// No core files: for what is our own helper.
pub(crate) const NO_CORE: Limit = Limit {
    resource: libc::RLIMIT_CORE,
    value: 0,
};

/// A process under its guardian. Dropping it kills everything that it started.
#[derive(Debug)]
pub(crate) struct Kept {
    guardian: Child,
    /// The guardian's pipe; none: closed, which kills.
    strings: Option<PipeWriter>,
}

/// Starts a command under a guardian; done when it was executed. Dropped before that, nothing is left of it.
///
/// # Errors
/// When the system refuses, or the program cannot be executed; nobody is left then.
pub(crate) async fn start(command: Command, limits: Vec<Limit>) -> io::Result<Kept> {
    // A copy of a large process takes a while.
    let started = tokio::task::spawn_blocking(move || start_here(command, limits)).await;
    started.unwrap_or_else(|why| Err(io::Error::other(why)))
}

fn start_here(mut command: Command, limits: Vec<Limit>) -> io::Result<Kept> {
    let (held, strings) = io::pipe()?;
    let descriptor = held.as_raw_fd();
    // SAFETY: `split` is made for this place, and `held` stays open until the command was spawned.
    unsafe { command.pre_exec(move || guardian::split(descriptor, &limits)) };
    let guardian = command.spawn()?;
    Ok(Kept {
        guardian,
        strings: Some(strings),
    })
}

impl Kept {
    /// Waits for the end of the process and of all that it started. Cancel-safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.guardian.wait().await
    }

    /// Asks the process to end, and kills it when it has not in time; nothing of it runs afterwards.
    pub(crate) async fn end(&mut self, patience: Duration) {
        if let Some(strings) = &mut self.strings {
            // The guardian may be gone already; then there is nobody to ask.
            let _ = strings.write_all(&[ASK_TO_END]);
        }
        if tokio::time::timeout(patience, self.guardian.wait())
            .await
            .is_ok()
        {
            return;
        }
        self.strings = None;
        if tokio::time::timeout(KILL_PATIENCE, self.guardian.wait())
            .await
            .is_err()
        {
            tracing::error!(
                "a guardian does not end; it is killed, and its processes are looked for"
            );
            let _ = self.guardian.kill().await;
        }
    }
}

/// The last words of a process: the end of what it writes to its standard error.
#[derive(Debug)]
pub(crate) struct LastWords {
    text: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

impl LastWords {
    /// Listens to a new pipe; its other end is the process's standard error. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system has no pipe.
    pub(crate) fn listen() -> io::Result<(Self, OwnedFd)> {
        let (words, writer) = io::pipe()?;
        let mut words = pipe::Receiver::from_owned_fd(OwnedFd::from(words))?;
        let text = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&text);
        let listener = tokio::spawn(async move {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = words.read(&mut buffer).await {
                let mut kept = lock(&kept);
                kept.extend_from_slice(&buffer[..read]);
                let too_many = kept.len().saturating_sub(MAX_WORDS_LEN);
                kept.drain(..too_many);
            }
        });
        Ok((Self { text, listener }, OwnedFd::from(writer)))
    }

    /// What it said last, as one line; to be asked when the process has ended.
    pub(crate) async fn hear(&mut self) -> String {
        // A task that has been waited for must not be waited for again.
        if !self.listener.is_finished() {
            let _ = tokio::time::timeout(WORDS_PATIENCE, &mut self.listener).await;
        }
        let kept = lock(&self.text);
        let text = String::from_utf8_lossy(&kept);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("; ")
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
