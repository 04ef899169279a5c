//! A session server in a process of its own, which can be killed and has an environment of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::lab::Coordinator;
use crate::processes::kill;

/// The example that `cargo test` builds beside the tests.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let folder = own
        .parent()
        .and_then(Path::parent)
        .expect("the build's folder");
    folder.join("examples/session_server")
}

/// It is killed with the test.
pub(crate) struct Server(pub(crate) Child);

impl Server {
    pub(crate) fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// With variables beside the test's own.
    pub(crate) fn start_with(config: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program())
            .arg(config)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert!(line.contains(':'), "no address: {line}");
        Self(child)
    }

    pub(crate) fn kill(&mut self) {
        kill(self.0.id().cast_signed());
        self.0.wait().expect("it was ours");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file that has it run one script as "app", for this coordinator.
pub(crate) fn configure(coordinator: &Coordinator, script: &str) -> PathBuf {
    let path = coordinator.folder.path().join("config.json");
    let config = serde_json::json!({
        "ip": "127.0.0.1", "port": 0, "name": "lab", "data_dir": "data",
        "coordinator": coordinator.url(), "secret": "session-secret",
        "applications": [{"name": "app", "display": false, "command": "sh", "arguments": ["-c", script]}],
    });
    std::fs::write(&path, config.to_string()).expect("written");
    path
}
