//! The signals that ask a process to end, and the one that says it runs again.

use std::io;

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Ctrl-C, SIGTERM, or the terminal is gone.
    End,
    /// The process was stopped and runs again: the terminal may look different.
    Again,
}

/// The signals, from when this was made.
pub(crate) struct Signals {
    #[cfg(unix)]
    unix: [(tokio::signal::unix::Signal, Heard); 4],
}

impl Signals {
    /// Begins to listen; what these signals do by themselves is over. Must be called within the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // The one that the kernel sends on `fg`; the same number as libc's SIGCONT.
            let again = SignalKind::from_raw(SIGCONT);
            Ok(Self {
                unix: [
                    (signal(SignalKind::interrupt())?, Heard::End),
                    (signal(SignalKind::terminate())?, Heard::End),
                    (signal(SignalKind::hangup())?, Heard::End),
                    (signal(again)?, Heard::Again),
                ],
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Heard {
        #[cfg(unix)]
        {
            let [(int, a), (term, b), (hup, c), (cont, d)] = &mut self.unix;
            tokio::select! {
                _ = int.recv() => *a,
                _ = term.recv() => *b,
                _ = hup.recv() => *c,
                _ = cont.recv() => *d,
            }
        }
        #[cfg(not(unix))]
        {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Heard::End
        }
    }
}

/// SIGCONT (signal(7)): it has no name in tokio, and different numbers.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SIGCONT: i32 = 18;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const SIGCONT: i32 = 19;
