//! Where a process runs: in which network, with which disk, as whom.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk of its own that only the process sees.
#[derive(Clone, Debug)]
pub struct Tmpfs {
    /// Where it is mounted; made if it is not there.
    pub at: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Where a process runs. The default is here, like the test itself.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Name of a network namespace; needs root.
    pub netns: Option<String>,
    /// A disk of its own; needs root.
    pub tmpfs: Option<Tmpfs>,
    /// A folder that it may only read; needs root.
    pub read_only: Option<PathBuf>,
    /// More environment variables.
    pub env: Vec<(String, String)>,
}

impl Place {
    /// In a network namespace.
    pub fn in_netns(name: &str) -> Self {
        Self {
            netns: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// `program args` at this place. The process that is started becomes the program: its pid is the program's.
    pub(crate) fn command(&self, program: &Path, args: &[OsString]) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(name) = &self.netns {
            words.extend(["ip", "netns", "exec", name].map(OsString::from));
        }
        let mut mounts = String::new();
        if let Some(disk) = &self.tmpfs {
            let at = quoted(&disk.at);
            mounts += &format!(
                "mkdir -p {at} && mount -t tmpfs -o size={} tmpfs {at} && ",
                disk.bytes
            );
        }
        if let Some(folder) = &self.read_only {
            let at = quoted(folder);
            mounts += &format!("mount --bind {at} {at} && mount -o remount,bind,ro {at} && ");
        }
        if !mounts.is_empty() {
            words.extend(["unshare", "--mount", "sh", "-c"].map(OsString::from));
            words.push(format!("{mounts}exec \"$0\" \"$@\"").into());
        }
        words.push(program.into());
        words.extend(args.iter().cloned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .envs(self.env.iter().map(|(key, value)| (key, value)));
        command
    }

    /// How a path looks from outside: through the process, where it has a disk of its own.
    pub(crate) fn seen(&self, pid: i32, path: &Path) -> PathBuf {
        if self.tmpfs.is_none() {
            return path.to_owned();
        }
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc")
            .join(pid.to_string())
            .join("root")
            .join(inside)
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
