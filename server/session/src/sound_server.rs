//! A session's own sound: a PulseAudio server with one sink that plays to nobody, so that it can be listened to.
//!
//! It must never know what sounds there. No D-Bus, no shared memory, no file outside the session's folders.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::display::not_started;
use crate::kept::{self, Kept, LastWords, NO_CORE};
use crate::sweep::MARK;

/// The program, and the Debian package that has it.
const PROGRAM: &str = "pulseaudio";
const PACKAGE: &str = "pulseaudio";
/// What can be listened to: what the only sink plays.
pub(crate) const MONITOR: &str = "session.monitor";
/// What applications are told to ask for (`PULSE_LATENCY_MSEC`), so that they are heard soon. A guess: half of what a
/// picture and a sound may be apart unnoticed (ITU-R BT.1359), and enough for a busy computer.
pub(crate) const LATENCY_MS: u32 = 30;
/// How long it may take until it takes connections; it needs a twentieth of a second on a quiet computer.
const READY_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it does.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
/// How long it may take to end when it is asked to.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// A running sound server. Dropping it kills it.
pub(crate) struct SoundServer {
    kept: Kept,
    words: LastWords,
    socket: PathBuf,
}

/// Where its socket is in a session's folder.
pub(crate) fn socket_in(folder: &Path) -> PathBuf {
    folder.join("sound").join("native")
}

/// Raises a sound server, its files in `folder`; done when it takes connections.
///
/// # Errors
/// What failed, for people; nothing runs then.
pub(crate) async fn raise(folder: &Path, mark: &str) -> Result<SoundServer, String> {
    let failed = |what: &str, why: io::Error| format!("the sound server: {what}: {why}");
    let socket = socket_in(folder);
    let home = folder.join("sound");
    fs::create_dir_all(&home).map_err(|why| failed("cannot make its folder", why))?;
    // Of one that was killed; if there is none, so much the better.
    let _ = fs::remove_file(&socket);
    let (mut words, errors) =
        LastWords::listen().map_err(|why| failed("cannot make a pipe", why))?;
    let mut command = Command::new(PROGRAM);
    command
        .args(["-n", "--daemonize=no", "--use-pid-file=no"])
        .args(["--exit-idle-time=-1", "--disable-shm=yes", "--no-cpu-limit"])
        .args(["--realtime=no", "--high-priority=no"])
        .args(["--log-target=stderr", "--log-level=error"])
        .args([
            "-L",
            // Without rewinding: a sink that can rewind plays two seconds ahead at once (PulseAudio 16).
            "module-null-sink sink_name=session format=s16le rate=48000 channels=2 norewinds=1",
        ])
        // Where nobody plays the sink sleeps, which costs nothing; who only listens does not keep it awake.
        .args(["-L", "module-suspend-on-idle timeout=2"])
        .arg("-L")
        // Who reaches the folder is the same user, which is what the server looks for.
        .arg(format!(
            "module-native-protocol-unix auth-cookie-enabled=0 socket={}",
            quoted(&socket)
        ))
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .env(MARK, mark)
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors);
    let mut kept = kept::start(command, vec![NO_CORE])
        .await
        .map_err(|why| not_started(PROGRAM, PACKAGE, &why))?;
    let deadline = tokio::time::Instant::now() + READY_PATIENCE;
    loop {
        if UnixStream::connect(&socket).is_ok() {
            return Ok(SoundServer {
                kept,
                words,
                socket,
            });
        }
        if tokio::time::timeout(LOOK_PAUSE, kept.wait()).await.is_ok() {
            let said = words.hear().await;
            return Err(format!(
                "the sound server ended at its start: {PROGRAM}: {said}"
            ));
        }
        if tokio::time::Instant::now() >= deadline {
            kept.end(Duration::ZERO).await;
            return Err(format!(
                "the sound server was not ready in {} seconds",
                READY_PATIENCE.as_secs()
            ));
        }
    }
}

/// An argument of a module as PulseAudio reads it (`modargs.c`): in quotes, with what ends them escaped.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl SoundServer {
    /// As in `PULSE_SERVER`.
    pub(crate) fn address(&self) -> String {
        address_of(&self.socket)
    }

    /// Waits until it ends, which it does not by itself; says how, for people. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> String {
        let _ = self.kept.wait().await;
        match self.words.hear().await {
            words if words.is_empty() => "the sound server ended".to_owned(),
            words => format!("the sound server ended: {words}"),
        }
    }

    /// Ends it; nothing of it is left but its files in the folder.
    pub(crate) async fn end(&mut self) {
        self.kept.end(END_PATIENCE).await;
    }
}

/// A sound server as `PULSE_SERVER` names it.
pub(crate) fn address_of(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}
