//! The application of a session: started under its guardian, its output kept in a bounded file, ended with all it started.
//!
//! It must never know codes, users or coordinators.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::config::{Application, Limits};
use crate::guardian::Limit;
use crate::kept::{self, Kept, NO_CORE};
use crate::places::Places;
use crate::sweep::MARK;

/// How long an application may take to end by itself when it is asked to. A guess: time to save something small.
const ASKED_PATIENCE: Duration = Duration::from_secs(3);
/// How long the last output may take to arrive in the file when nobody can write more.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of output that are kept, from the beginning: what went wrong at the start is there.
const MAX_LOG_LEN: u64 = 1024 * 1024;
/// What stands at the end of a file that is full.
const LOG_FULL: &[u8] = b"\n(the rest is left out)\n";

/// Variables of the session server that an application inherits; nothing else of its environment. Nothing that leads to
/// the user's D-Bus: what is started over it is a child of the user's manager, where no guardian sees it.
const INHERITED: [&str; 7] = ["PATH", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL"];

/// A started application. Dropping it kills everything that it started.
#[derive(Debug)]
pub(crate) struct Program {
    kept: Kept,
    output: JoinHandle<()>,
}

/// Starts an application with these variables beside those that every application gets; done when it was executed.
///
/// # Errors
/// What failed, for people; nothing runs then.
pub(crate) async fn launch(
    application: &Application,
    mark: &str,
    places: &Places,
    variables: BTreeMap<String, String>,
) -> Result<Program, String> {
    let no_pipe = |why: io::Error| format!("cannot make a pipe: {why}");
    let (output, writer) = io::pipe().map_err(no_pipe)?;
    let errors = writer.try_clone().map_err(no_pipe)?;
    let mut command = Command::new(&application.command);
    let folder = application.working_directory.as_ref();
    command
        .args(&application.arguments)
        .env_clear()
        .envs(environment(application, mark, &places.work, variables))
        .current_dir(folder.unwrap_or(&places.work))
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(writer))
        .stderr(OwnedFd::from(errors));
    let kept = kept::start(command, limits(&application.limits))
        .await
        .map_err(|why| format!("cannot run {}: {why}", application.command.display()))?;
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output)).map_err(no_pipe)?;
    Ok(Program {
        kept,
        output: tokio::spawn(keep(output, places.log.clone())),
    })
}

impl Program {
    /// Waits until the application has ended by itself, with all that it started; says how, for people. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> String {
        words(self.kept.wait().await)
    }

    /// Asks it to end, and kills it when it has not in time; then nothing of it runs, and its output is in the file.
    pub(crate) async fn end(&mut self) {
        self.kept.end(ASKED_PATIENCE).await;
        if tokio::time::timeout(OUTPUT_PATIENCE, &mut self.output)
            .await
            .is_err()
        {
            self.output.abort();
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

fn environment(
    application: &Application,
    mark: &str,
    work: &Path,
    variables: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
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
    all.extend(variables);
    all.extend(application.environment.clone());
    all.insert(MARK.to_owned(), mark.to_owned());
    all
}

fn limits(limits: &Limits) -> Vec<Limit> {
    const MIB: u64 = 1024 * 1024;
    let mut all = vec![NO_CORE];
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
