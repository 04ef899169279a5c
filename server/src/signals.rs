//! How the program is told to end: Ctrl-C, SIGTERM, or its terminal going away.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// The status of a program that was ended by Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 130;

/// Done at the first wish to end; the second one ends the program at once, without goodbye. Needs a tokio runtime.
///
/// # Errors
/// When the system refuses a handler.
pub(crate) fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        tracing::info!("saying goodbye; once more ends it at once");
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(INTERRUPTED);
        });
    })
}
