//! A MariaDB server of this process: its own folder, socket and port; gone when it is dropped, or with this process.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A busy machine with two cores starts one in seconds.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Where a server has its temporary tables. One that starts removes those that it finds, its neighbours' too.
const TEMPORARY: &str = "TMPDIR";

/// A running server, or one that was killed and may be started again.
pub(crate) struct MariaDb {
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl MariaDb {
    /// Makes the folder of a new server and starts it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Command::new(program("mariadb-install-db"))
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", "--user=root"])
            .arg(format!("--datadir={}", data(folder.path()).display()))
            .env(TEMPORARY, folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("mariadb-install-db runs; tools/setup.sh --test installs it");
        assert!(
            made.status.success(),
            "mariadb-install-db: {}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
        let mut server = Self {
            folder,
            port: free_port(),
            child: None,
        };
        server.start_again();
        server
    }

    /// Starts it on the folder and port that it had.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::create(self.log()).expect("a log");
        let mut command = Command::new(program("mariadbd"));
        command
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--datadir={}", data(self.folder.path()).display()))
            .args([
                "--innodb-buffer-pool-size=32M",
                "--innodb-flush-log-at-trx-commit=1",
            ])
            .env(TEMPORARY, self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        // SAFETY: prctl is async-signal-safe and touches nothing of ours; it ends the server with the thread that
        // started it, should the test be killed.
        unsafe {
            command.pre_exec(
                || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                },
            );
        }
        self.child = Some(command.spawn().expect("mariadbd starts"));
        let deadline = Instant::now() + START_DEADLINE;
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            let child = self.child.as_mut().expect("just started");
            let ended = child.try_wait().expect("its state");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "mariadbd: {ended:?}, {}",
                std::fs::read_to_string(self.log()).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As if its machine lost power, but for the disk's own memory.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
        std::fs::remove_file(self.socket()).ok();
    }

    /// It stops answering, and keeps its connections. Until all of its threads have stopped some may still answer: waits for that.
    pub(crate) fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        let id = self.child.as_ref().expect("it runs").id();
        let what = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT;
        // SAFETY: all zeros are a valid siginfo_t, and it is valid for the call, which only looks at a child of ours.
        let waited = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, id, &raw mut info, what)
        };
        assert_eq!(waited, 0, "{}", std::io::Error::last_os_error());
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// The address of a database as the server's owner, through the socket.
    pub(crate) fn by_socket(&self, database: &str) -> String {
        format!(
            "mysql://root@localhost/{database}?socket={}",
            self.socket().display()
        )
    }

    /// The address of a database as somebody whom a password lets in, over TCP.
    pub(crate) fn by_port(&self, user: &str, password: &str, database: &str) -> String {
        format!(
            "mysql://{user}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    fn signal(&self, signal: i32) {
        let id = self.child.as_ref().expect("it runs").id();
        // SAFETY: the process is our child and not waited for yet, so the number is its.
        let sent = unsafe { libc::kill(id.cast_signed(), signal) };
        assert_eq!(sent, 0);
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Servers are where only root looks for programs.
fn program(name: &str) -> PathBuf {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; tools/setup.sh --test installs it"))
}

/// A port that stays free while the server is down: below those that systems give to whoever asks for any.
fn free_port() -> u16 {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    let many = PORTS.end - PORTS.start;
    // Tests run in processes of their own, and begin to look in different places.
    let first = u16::try_from(std::process::id() % u32::from(many)).expect("less than a u16");
    (0..many)
        .map(|step| PORTS.start + (first + step) % many)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of thousands is free")
}
