//! The machine that a figure was taken on: without it the figure says nothing.

use std::fmt;
use std::fs;
use std::process::Command;

use serde::Serialize;

/// What is said about it. A part that cannot be found out is `unknown`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Processors that this process may use.
    pub(crate) cores: usize,
    /// Their name (proc(5), cpuinfo).
    pub(crate) cpu: String,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The compiler in PATH, which is the one that `cargo` takes.
    pub(crate) rustc: String,
    /// Processes that wanted to run in the last minute when the benchmark began: above a half, others were at work too.
    pub(crate) load_before: String,
}

impl Machine {
    /// Looks at it. Call it before measuring, for the load.
    pub(crate) fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let or_unknown = |text: Option<String>| {
            text.filter(|t| !t.is_empty())
                .unwrap_or_else(|| "unknown".to_owned())
        };
        let cpu = read("/proc/cpuinfo").lines().find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .split_once(':')?
                    .1
                    .trim()
                    .to_owned(),
            )
        });
        let rustc = Command::new("rustc").arg("--version").output().ok();
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: or_unknown(cpu),
            kernel: or_unknown(Some(read("/proc/sys/kernel/osrelease").trim().to_owned())),
            rustc: or_unknown(
                rustc.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()),
            ),
            load_before: or_unknown(read("/proc/loadavg").split(' ').next().map(str::to_owned)),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores of {}, Linux {}, {}, load before {}",
            self.cores, self.cpu, self.kernel, self.rustc, self.load_before
        )
    }
}
