//! Ctrl-C and the system's requests to end, as a flag. The only asynchronous code of the player, on a thread of
//! its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that is set when the program is asked to end.
///
/// # Errors
/// If the system does not let us listen.
pub(crate) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Listening begins here, not when the thread gets its turn.
    let asked = {
        let _context = runtime.enter();
        listen()?
    };
    let set = Arc::clone(&flag);
    // The thread sleeps until a signal comes or the program ends; it holds nothing that must be put in order.
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(asked);
            set.store(true, Ordering::SeqCst);
        })?;
    Ok(flag)
}

#[cfg(unix)]
fn listen() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn listen() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // If Ctrl-C cannot be heard, the program ends by its window or its limits.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
