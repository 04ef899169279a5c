//! One running application: started under its guardian, its output kept in a bounded file, ended with all it started.
//!
//! It must never know codes, users or coordinators.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, PipeWriter, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Application, Limits};
use crate::guardian::{self, ASK_TO_END, Limit};
use crate::sweep::{MARK, sweep};

/// How long an application may take to end by itself when it is asked to. A guess: time to save something small.
const ASKED_PATIENCE: Duration = Duration::from_secs(3);
/// How long the guardian may take to kill what is left; it needs milliseconds.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last output may take to arrive in the file when nobody can write more.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of output that are kept, from the beginning: what went wrong at the start is there.
const MAX_LOG_LEN: u64 = 1024 * 1024;
/// What stands at the end of a file that is full.
const LOG_FULL: &[u8] = b"\n(the rest is left out)\n";

/// Variables of the session server that an application inherits; nothing else of its environment. `XAUTHORITY` because an
/// X client would look for it in `HOME`, which is another. Nothing that leads to the user's D-Bus: what is started over it
/// is a child of the user's manager, where no guardian sees it.
const INHERITED: [&str; 9] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "USER",
    "LOGNAME",
    "SHELL",
    "DISPLAY",
    "XAUTHORITY",
];

/// Where one session keeps its files.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Its working directory, removed when it is over.
    pub(crate) work: PathBuf,
    /// Its output.
    pub(crate) log: PathBuf,
}

/// A started application. Dropping it kills everything that it started.
#[derive(Debug)]
pub(crate) struct Program {
    guardian: Child,
    /// The guardian's pipe; none: closed, which kills.
    strings: Option<PipeWriter>,
    output: JoinHandle<()>,
    mark: String,
    work: PathBuf,
}

/// Starts an application; blocks until it was executed. Needs a tokio runtime.
///
/// # Errors
/// What failed, for people; nothing is left then.
pub(crate) fn start(
    application: &Application,
    mark: &str,
    places: &Places,
) -> Result<Program, String> {
    try_start(application, mark, places).map_err(|(what, why)| {
        remove(&places.work);
        format!("{what}: {why}")
    })
}

fn try_start(
    application: &Application,
    mark: &str,
    places: &Places,
) -> Result<Program, (String, io::Error)> {
    let no_folder = |why| ("cannot make a working directory".to_owned(), why);
    private_folder(&places.work).map_err(no_folder)?;
    let no_pipe = |why| ("cannot make a pipe".to_owned(), why);
    let (output, writer) = io::pipe().map_err(no_pipe)?;
    let errors = writer.try_clone().map_err(no_pipe)?;
    let (held, strings) = io::pipe().map_err(no_pipe)?;
    let limits = limits(&application.limits);
    let descriptor = held.as_raw_fd();
    let mut command = Command::new(&application.command);
    let folder = application.working_directory.as_ref();
    command
        .args(&application.arguments)
        .env_clear()
        .envs(environment(application, mark, &places.work))
        .current_dir(folder.unwrap_or(&places.work))
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(writer))
        .stderr(OwnedFd::from(errors));
    // SAFETY: `split` is made for this place, and `held` stays open until the command was spawned.
    unsafe { command.pre_exec(move || guardian::split(descriptor, &limits)) };
    let guardian = command
        .spawn()
        .map_err(|why| (format!("cannot run {}", application.command.display()), why))?;
    drop(command);
    drop(held);
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output)).map_err(no_pipe)?;
    Ok(Program {
        guardian,
        strings: Some(strings),
        output: tokio::spawn(keep(output, places.log.clone())),
        mark: mark.to_owned(),
        work: places.work.clone(),
    })
}

impl Program {
    /// Waits for the end, or brings it about when `end` says so (or its sender is gone); then nothing of the
    /// application runs any more and its working directory is gone. Says how it ended, for people.
    pub(crate) async fn tend(mut self, end: oneshot::Receiver<()>) -> String {
        let own = tokio::select! {
            status = self.guardian.wait() => Some(status),
            _ = end => None,
        };
        let how = match own {
            Some(status) => words(status),
            None => {
                self.end().await;
                "it was ended".to_owned()
            }
        };
        self.strings = None;
        if tokio::time::timeout(OUTPUT_PATIENCE, &mut self.output)
            .await
            .is_err()
        {
            self.output.abort();
        }
        let (mark, work) = (self.mark.clone(), self.work.clone());
        let cleaned = tokio::task::spawn_blocking(move || {
            sweep(&mark);
            remove(&work);
        });
        if cleaned.await.is_err() {
            tracing::error!("the clean-up of {} broke off", self.work.display());
        }
        how
    }

    async fn end(&mut self) {
        if let Some(strings) = &mut self.strings {
            // The guardian may be gone already; then there is nobody to ask.
            let _ = strings.write_all(&[ASK_TO_END]);
        }
        if tokio::time::timeout(ASKED_PATIENCE, self.guardian.wait())
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

fn words(status: io::Result<ExitStatus>) -> String {
    match status.map(|status| status.code()) {
        Ok(Some(code)) => format!("the application ended with status {code}"),
        Ok(None) => "the application's guardian was killed".to_owned(),
        Err(why) => format!("the application cannot be waited for: {why}"),
    }
}

/// A folder that only this user may look into.
fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Removes a session's folder; one that does not go away is named and left.
pub(crate) fn remove(work: &Path) {
    match fs::remove_dir_all(work) {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => tracing::warn!("{} cannot be removed: {why}", work.display()),
    }
}

fn environment(application: &Application, mark: &str, work: &Path) -> BTreeMap<String, String> {
    let inherited = INHERITED.iter().filter_map(|name| {
        let value = std::env::var(name).ok()?;
        Some(((*name).to_owned(), value))
    });
    let mut all: BTreeMap<String, String> = inherited.collect();
    let folder = work.display().to_string();
    for (name, value) in [
        ("HOME", folder.clone()),
        ("TMPDIR", folder.clone()),
        ("XDG_RUNTIME_DIR", folder),
        ("TREECAST_APPLICATION", application.name.to_string()),
        ("TREECAST_WIDTH", application.width.to_string()),
        ("TREECAST_HEIGHT", application.height.to_string()),
        ("TREECAST_FRAME_RATE", application.frame_rate.to_string()),
    ] {
        all.insert(name.to_owned(), value);
    }
    all.extend(application.environment.clone());
    all.insert(MARK.to_owned(), mark.to_owned());
    all
}

fn limits(limits: &Limits) -> Vec<Limit> {
    const MIB: u64 = 1024 * 1024;
    let mut all = vec![Limit {
        resource: libc::RLIMIT_CORE,
        value: 0,
    }];
    let mut add = |resource, value: Option<u64>| {
        all.extend(value.map(|value| Limit { resource, value }));
    };
    add(libc::RLIMIT_AS, limits.memory_mib.map(|mib| mib * MIB));
    add(libc::RLIMIT_FSIZE, limits.file_mib.map(|mib| mib * MIB));
    add(libc::RLIMIT_NPROC, limits.processes);
    add(libc::RLIMIT_NOFILE, limits.open_files);
    add(libc::RLIMIT_CPU, limits.cpu_seconds);
    all
}

/// Keeps the beginning of the output, and takes the rest too, so that the application never waits for it.
async fn keep(mut output: pipe::Receiver, path: PathBuf) {
    let mut file = match tokio::fs::File::create(&path).await {
        Ok(file) => Some(file),
        Err(why) => {
            tracing::warn!("{} cannot be written: {why}", path.display());
            None
        }
    };
    let mut room = MAX_LOG_LEN;
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        let Some(open) = &mut file else { continue };
        let kept = read.min(usize::try_from(room).unwrap_or(read));
        room -= kept as u64;
        let mut written = open.write_all(&buffer[..kept]).await;
        if room == 0 && written.is_ok() {
            written = open.write_all(LOG_FULL).await;
        }
        if let Err(why) = written {
            tracing::warn!("{} cannot be written: {why}", path.display());
            file = None;
        } else if room == 0 {
            let _ = open.flush().await;
            file = None;
        }
    }
    if let Some(mut open) = file {
        let _ = open.flush().await;
    }
}
