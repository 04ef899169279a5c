//! A session's own X display: an `Xvfb` of its own, closed to everybody who does not have its cookie.
//!
//! It must never know what is painted there.

use std::fs;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media_ffmpeg::screen::Framebuffer;
use rand::Rng as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::Command;
use x11rb::errors::ConnectError;
use x11rb::rust_connection::{DefaultStream, RustConnection};

use crate::kept::{self, Kept, LastWords, NO_CORE};
use crate::sweep::MARK;

/// The program, and the Debian package that has it.
const PROGRAM: &str = "Xvfb";
const PACKAGE: &str = "xvfb";
/// How long it may take until it takes connections; it needs a tenth of a second on a quiet computer.
const READY_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to end when it is asked to; it needs milliseconds.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// How long a thread may take to end its connection by itself; it needs less than a millisecond.
const LAST_WORDS_PATIENCE: Duration = Duration::from_millis(100);
/// Between two looks whether it has.
const LOOK_PAUSE: Duration = Duration::from_millis(1);
/// How long a key is held until it repeats, and the pause between repeats, in milliseconds: what most desktops begin with.
/// The display is the only one that repeats keys; what users' browsers repeat is not pressed again.
pub(crate) const REPEAT_DELAY_MS: u32 = 500;
pub(crate) const REPEAT_PAUSE_MS: u32 = 33;
/// Numbers that are drawn: far from the low ones that people give, and below 59536, where TCP ports would end.
const NUMBERS: std::ops::Range<u32> = 1000..59_000;
/// How many numbers are tried. One that is taken is rarer than one in a thousand.
const ATTEMPTS: usize = 8;
/// Where sockets of displays are (X.Org, `Xtranssock.c`).
const SOCKETS: &str = "/tmp/.X11-unix";
/// The only way to prove oneself that all X servers know.
const COOKIE_NAME: &[u8] = b"MIT-MAGIC-COOKIE-1";
/// The file of the display's number, for a clean-up after a crash.
const NUMBER_FILE: &str = "display";

/// Where a display is, and how one proves oneself there.
#[derive(Clone)]
pub(crate) struct Address {
    number: u32,
    cookie: [u8; 16],
    authority: PathBuf,
    framebuffer: Framebuffer,
}

impl Address {
    /// As in `DISPLAY`.
    pub(crate) fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// As in `XAUTHORITY`.
    pub(crate) fn authority(&self) -> &Path {
        &self.authority
    }

    /// The memory of its screen.
    pub(crate) fn framebuffer(&self) -> Framebuffer {
        self.framebuffer.clone()
    }

    /// This display, with another one's cookie.
    #[cfg(test)]
    pub(crate) fn with_cookie_of(&self, other: &Self) -> Self {
        Self {
            cookie: other.cookie,
            ..self.clone()
        }
    }

    /// A connection of one's own; blocks for milliseconds.
    ///
    /// # Errors
    /// When the display does not answer.
    pub(crate) fn connect(&self) -> Result<RustConnection, ConnectError> {
        let stream = UnixStream::connect(socket_of(self.number))?;
        let (stream, _) = DefaultStream::from_unix_stream(stream)?;
        RustConnection::connect_to_stream_with_auth_info(
            stream,
            0,
            COOKIE_NAME.to_vec(),
            self.cookie.to_vec(),
        )
    }
}

/// Ends a connection from outside its thread, however long the display does not answer there.
pub(crate) struct Hangup(UnixStream);

impl Hangup {
    /// For this connection.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub(crate) fn of(connection: &RustConnection) -> io::Result<Self> {
        let descriptor = connection.stream().as_fd().try_clone_to_owned()?;
        Ok(Self(UnixStream::from(descriptor)))
    }

    /// Gives the connection's thread a moment to say its last, then hangs up; blocks that long at most.
    pub(crate) fn after_a_moment(&self, thread: &JoinHandle<()>) {
        let deadline = Instant::now() + LAST_WORDS_PATIENCE;
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(LOOK_PAUSE);
        }
        self.now();
    }

    /// Hangs up.
    pub(crate) fn now(&self) {
        // One that is closed already needs no hanging up.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A running display. Dropping it kills it.
pub(crate) struct Display {
    kept: Kept,
    words: LastWords,
    address: Address,
}

/// Raises a display of this size, its files in `folder`; done when it takes connections.
///
/// # Errors
/// What failed, for people; nothing runs then.
pub(crate) async fn raise(
    folder: &Path,
    mark: &str,
    width: u32,
    height: u32,
) -> Result<Display, String> {
    let authority = folder.join("Xauthority");
    for _ in 0..ATTEMPTS {
        let number = rand::rng().random_range(NUMBERS);
        if socket_of(number).exists() {
            continue;
        }
        let framebuffer = Framebuffer::in_folder(folder)
            .map_err(|why| format!("the display: cannot make room for its screen: {why}"))?;
        let address = Address {
            number,
            cookie: rand::rng().random(),
            authority: authority.clone(),
            framebuffer,
        };
        if let Some(display) = try_raise(folder, mark, width, height, address).await? {
            return Ok(display);
        }
    }
    Err(format!(
        "no number for a display is free in {SOCKETS}; are there sockets of displays that are long gone?"
    ))
}

/// None: the number is taken.
async fn try_raise(
    folder: &Path,
    mark: &str,
    width: u32,
    height: u32,
    address: Address,
) -> Result<Option<Display>, String> {
    let failed = |what: &str, why: io::Error| format!("the display: {what}: {why}");
    write_cookie(&address).map_err(|why| failed("cannot write its cookie", why))?;
    fs::write(folder.join(NUMBER_FILE), address.number.to_string())
        .map_err(|why| failed("cannot write its number", why))?;
    let no_pipe = |why| failed("cannot make a pipe", why);
    let (mut words, errors) = LastWords::listen().map_err(no_pipe)?;
    let (ready, output) = io::pipe().map_err(no_pipe)?;
    let screen = address.framebuffer.input();
    let screen = screen.map_err(|why| failed("cannot share its screen's memory", why))?;
    let mut command = Command::new(PROGRAM);
    command
        .arg(address.name())
        // Says its number on its standard output when it takes connections.
        .args(["-displayfd", "1"])
        .args(["-screen", "0", &format!("{width}x{height}x24")])
        .arg("-fbdir")
        .arg(folder)
        .arg("-auth")
        .arg(&address.authority)
        .args(["-nolisten", "tcp", "-noreset", "-s", "0", "-dpi", "96"])
        .args(["-ardelay", &REPEAT_DELAY_MS.to_string()])
        .args(["-arinterval", &REPEAT_PAUSE_MS.to_string()])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .env(MARK, mark)
        .current_dir(folder)
        .stdin(screen)
        .stdout(OwnedFd::from(output))
        .stderr(errors);
    let mut kept = kept::start(command, vec![NO_CORE])
        .await
        .map_err(|why| not_started(PROGRAM, PACKAGE, &why))?;
    let mut ready = pipe::Receiver::from_owned_fd(OwnedFd::from(ready)).map_err(no_pipe)?;
    // To the end of the line: it is killed by writing the rest if nobody reads it.
    let is_ready = async {
        let mut said = [0; 16];
        while let Ok(read @ 1..) = ready.read(&mut said).await {
            if said[..read].contains(&b'\n') {
                return true;
            }
        }
        false
    };
    match tokio::time::timeout(READY_PATIENCE, is_ready).await {
        Ok(true) => Ok(Some(Display {
            kept,
            words,
            address,
        })),
        Ok(_) => {
            kept.end(END_PATIENCE).await;
            let said = words.hear().await;
            // "Cannot establish any listening sockets - Make sure an X server isn't already running"
            if said.contains("already running") || said.contains("already active") {
                return Ok(None);
            }
            remove_socket(address.number);
            Err(format!("the display ended at its start: {PROGRAM}: {said}"))
        }
        Err(_) => {
            kept.end(Duration::ZERO).await;
            remove_socket(address.number);
            Err(format!(
                "the display was not ready in {} seconds",
                READY_PATIENCE.as_secs()
            ))
        }
    }
}

impl Display {
    /// Where it is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until it ends, which it does not by itself; says how, for people. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> String {
        let _ = self.kept.wait().await;
        match self.words.hear().await {
            words if words.is_empty() => "the display ended".to_owned(),
            words => format!("the display ended: {words}"),
        }
    }

    /// Ends it; nothing of it is left but its files in the folder.
    pub(crate) async fn end(&mut self) {
        self.kept.end(END_PATIENCE).await;
        remove_socket(self.address.number);
    }
}

/// What is left of a display whose server was killed: to be called when its process is gone.
pub(crate) fn clean_up(folder: &Path) {
    let number = fs::read_to_string(folder.join(NUMBER_FILE));
    if let Some(number) = number.ok().and_then(|text| text.parse().ok()) {
        remove_socket(number);
    }
}

/// Removes a display's socket that nobody listens at.
fn remove_socket(number: u32) {
    let path = socket_of(number);
    let refused = UnixStream::connect(&path).is_err_and(|why| {
        // Only a socket of which we know that it is dead: the number may be somebody else's by now.
        why.kind() == io::ErrorKind::ConnectionRefused
    });
    if refused {
        let _ = fs::remove_file(path);
    }
}

fn socket_of(number: u32) -> PathBuf {
    Path::new(SOCKETS).join(format!("X{number}"))
}

/// Writes the Xauthority file (libXau, `AuWrite.c`): each field with its length, big-endian. Family 65535: any address.
fn write_cookie(address: &Address) -> io::Result<()> {
    let mut entry = vec![0xff, 0xff];
    let number = address.number.to_string();
    for field in [&b""[..], number.as_bytes(), COOKIE_NAME, &address.cookie] {
        let len = u16::try_from(field.len()).map_err(io::Error::other)?;
        entry.extend_from_slice(&len.to_be_bytes());
        entry.extend_from_slice(field);
    }
    private_file(&address.authority)?.write_all(&entry)
}

/// A new file that only this user may read.
fn private_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Why a helper does not start, and what to install.
pub(crate) fn not_started(program: &str, package: &str, why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => format!(
            "{program} is not on this computer, and a session needs it; install the Debian package {package}"
        ),
        _ => format!("cannot run {program}: {why}"),
    }
}
