//! Ctrl-C as a flag: whoever waits looks at it, ends with an error, and so takes all processes down in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::SwarmError;

/// Whether somebody wants the end. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to Ctrl-C, SIGTERM and the terminal's end from now on, on a thread of its own.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub fn listen() -> io::Result<Self> {
        let flag = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (mut interrupt, mut terminate, mut hang_up) = {
            let _context = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            )
        };
        let set = flag.clone();
        // It sleeps until a signal comes or the program ends, and holds nothing that must be put in order.
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        _ = hang_up.recv() => {}
                    }
                });
                set.0.store(true, Ordering::SeqCst);
            })?;
        Ok(flag)
    }

    /// An error once somebody wants the end.
    ///
    /// # Errors
    /// [`SwarmError::Interrupted`].
    pub fn check(&self) -> Result<(), SwarmError> {
        if self.0.load(Ordering::SeqCst) {
            Err(SwarmError::Interrupted)
        } else {
            Ok(())
        }
    }
}
