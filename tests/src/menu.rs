//! A real `peer` with its menus, in a terminal that this process reads and types into.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::lab::Lab;
use crate::origin::json_of;
use crate::peer::PeerOptions;
use crate::place::Place;
use crate::process::Process;
use crate::status::Status;
use crate::wait::{SOON, eventually, holds};

/// A peer in a terminal of 100 columns and 30 lines; killed when dropped.
#[derive(Debug)]
pub struct Menu {
    lab: Lab,
    /// The terminal. When it goes, the peer gets a hang-up.
    terminal: Process,
    socket: PathBuf,
    /// The peer's spool.
    pub spool: PathBuf,
    code: PathBuf,
}

impl Menu {
    pub(crate) fn start(lab: &Lab, invite: &str, options: PeerOptions) -> Self {
        let name = lab.fresh("menu");
        // A socket's path has 107 bytes at most: not in the laboratory's folder, whose name is long.
        let socket = std::env::temp_dir().join(format!("{name}-{}.tmux", std::process::id()));
        let spool = options
            .spool
            .clone()
            .unwrap_or_else(|| lab.dir().join(&name));
        let code = lab.dir().join(format!("{name}.code"));
        let mut server = Command::new("tmux");
        // In the foreground: a daemon would outlive the test.
        server
            .args(["-D", "-f", "/dev/null", "-S"])
            .arg(&socket)
            .env("TERM", "xterm-256color");
        let terminal = lab
            .process(&name, server)
            .unwrap_or_else(|why| panic!("tmux: {why}"));
        eventually(SOON, "the terminal opens", || {
            holds(socket.exists(), || format!("no {}", socket.display()))
        });
        let mut words = vec![quoted(&lab.program("peer").to_string_lossy())];
        let args = options.words(invite, &spool);
        words.extend(args.iter().map(|word| quoted(&word.to_string_lossy())));
        let log = spool.join(".treecast/peer.log");
        lab.show_when_failing(&name, &log);
        let line = format!(
            "{}; echo $? >{}; sleep 600",
            words.join(" "),
            quoted(&code.to_string_lossy())
        );
        let menu = Self {
            lab: lab.clone(),
            terminal,
            socket,
            spool,
            code,
        };
        menu.tmux(&["new-session", "-d", "-x", "100", "-y", "30", &line]);
        menu
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(args)
            .output();
        let output = output.unwrap_or_else(|why| panic!("tmux: {why}"));
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "tmux {args:?}: {words}; {}",
            self.terminal.err()
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What stands on the screen.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Presses keys, by tmux's names: `q`, `Enter`, `Escape`, `C-c`.
    #[track_caller]
    pub fn press(&self, keys: &[&str]) {
        let mut args = vec!["send-keys"];
        args.extend(keys);
        self.tmux(&args);
    }

    /// Waits until all `words` are on the screen, and gives it.
    ///
    /// # Panics
    /// When they do not come.
    #[track_caller]
    pub fn await_words(&self, words: &[&str]) -> String {
        eventually(SOON, &format!("the screen shows {words:?}"), || {
            let screen = self.screen();
            match words.iter().find(|word| !screen.contains(**word)) {
                None => Ok(screen),
                Some(word) => Err(format!("{word:?} is not in\n{screen}")),
            }
        })
    }

    /// `peer status --json` of the peer in it.
    ///
    /// # Errors
    /// What it said instead.
    pub fn status(&self) -> Result<Status, String> {
        let args = [
            "status".into(),
            "--spool".into(),
            self.spool.clone().into(),
            "--json".into(),
        ];
        json_of(Place::default().command(&self.lab.program("peer"), &args))
    }

    /// Waits until the peer has ended, and gives its exit code and the screen that it left.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn wait_exit(&self, deadline: Duration) -> (i32, String) {
        let code = eventually(deadline, "the peer in the terminal ends", || {
            let text = std::fs::read_to_string(&self.code).unwrap_or_default();
            text.trim().parse().map_err(|_| self.screen())
        });
        (code, self.screen())
    }
}

impl Drop for Menu {
    fn drop(&mut self) {
        // The panes are not in the terminal's process group.
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
