//! A MariaDB server of a test: its own folder and socket, with one empty database.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;
use crate::process::Process;
use crate::wait::{SOON, eventually};

/// A running server, or one that was killed and may be started again; killed when dropped.
#[derive(Debug)]
pub struct MariaDb {
    lab: Lab,
    name: String,
    folder: PathBuf,
    process: Option<Process>,
}

impl MariaDb {
    /// Makes the folder of a new server and starts it.
    ///
    /// # Panics
    /// When it does not start; `tools/setup.sh --test` installs it.
    #[track_caller]
    pub fn start(lab: &Lab) -> Self {
        let name = lab.fresh("mariadb");
        let folder = lab.dir().join(&name);
        fs::create_dir_all(&folder).expect("the laboratory is writable");
        let made = Command::new(program("mariadb-install-db"))
            .args(["--no-defaults", "--auth-root-authentication-method=normal"])
            .args(["--skip-test-db", "--user=root"])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .output()
            .expect("mariadb-install-db runs");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "mariadb-install-db: {said}");
        let first = "CREATE DATABASE IF NOT EXISTS treecast;";
        fs::write(folder.join("first.sql"), first).expect("the laboratory is writable");
        let mut server = Self {
            lab: lab.clone(),
            name,
            folder,
            process: None,
        };
        server.start_again();
        server
    }

    /// Starts it on the folder that it had.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        let mut command = Command::new(program("mariadbd"));
        let set = |key: &str, path: &Path| format!("--{key}={}", path.display());
        command
            .args(["--no-defaults", "--user=root", "--skip-networking"])
            .arg(set("socket", &self.socket()))
            .arg(set("datadir", &self.folder.join("data")))
            .arg(set("init-file", &self.folder.join("first.sql")))
            .args([
                "--innodb-buffer-pool-size=32M",
                "--innodb-flush-log-at-trx-commit=1",
            ]);
        let process = self
            .lab
            .process(&self.name, command)
            .expect("mariadbd starts");
        eventually(SOON, "the database takes connections", || {
            assert!(process.is_running(), "mariadbd ended: {}", process.err());
            UnixStream::connect(self.socket()).map_err(|why| why.to_string())
        });
        self.process = Some(process);
    }

    /// `kill -9`.
    pub fn kill9(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill9();
        }
        // What a killed server leaves would look like a server that listens.
        let _ = fs::remove_file(self.socket());
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        format!(
            "mysql://root@localhost/treecast?socket={}",
            self.socket().display()
        )
    }

    /// A path that is short enough for a socket, whatever the test is called.
    fn socket(&self) -> PathBuf {
        let name = format!("treecast-{}-{}.sock", std::process::id(), self.name);
        std::env::temp_dir().join(name)
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill9();
    }
}

fn program(name: &str) -> PathBuf {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; tools/setup.sh --test installs it"))
}
