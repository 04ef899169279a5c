//! `netem` between a client and a UDP address: delay, loss, rate, a silent cut.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{ChildStdin, Command};

use crate::lab::Lab;
use crate::process::Process;
use crate::wait::{SOON, eventually};

/// A running proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct Netem {
    process: Process,
    input: ChildStdin,
    /// Where clients send to.
    pub addr: SocketAddr,
    answers: usize,
}

impl Netem {
    pub(crate) fn start(lab: &Lab, to: SocketAddr, options: &[&str]) -> Self {
        let mut command = Command::new(lab.program("netem"));
        let target = to.to_string();
        command
            .args(["--listen", "127.0.0.1:0", "--to", &target, "--exit-on-eof"])
            .args(options);
        let process = lab
            .process_piped(&lab.fresh("netem"), command)
            .unwrap_or_else(|why| panic!("netem does not start: {why}"));
        let input = process.stdin().expect("it was started with one");
        let addr = eventually(SOON, "netem is ready", || {
            process
                .line("netem ready ")
                .and_then(|rest| rest.split(' ').next()?.parse().ok())
                .ok_or_else(|| process.err())
        });
        Self {
            process,
            input,
            addr,
            answers: 0,
        }
    }

    /// Gives a control line, such as `down` or `to-client rate 500`, and waits until it is obeyed.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("netem reads");
        self.answers += 1;
        let answer = eventually(SOON, "netem obeys", || {
            // The first line says that it is ready; one without its end is still being written.
            let out = self.process.out();
            out.split_inclusive('\n')
                .nth(self.answers)
                .and_then(|line| line.strip_suffix('\n'))
                .map(str::to_owned)
                .ok_or_else(|| "no answer".to_owned())
        });
        assert_eq!(answer, "ok", "{line}");
    }
}
