//! `servers.json` of the first stage, read again and again while the coordinator runs.
//!
//! A file that is broken keeps what was read last, and is reported once, until it is good again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use server_booking::Caller;
use server_booking::files::{Files, reconcile};
use server_state::import::{FILE_MAX, Source, servers_file};
use tokio::time::{MissedTickBehavior, interval};

use crate::service::{COORDINATOR, Service};

/// What `servers.json` says.
///
/// # Errors
/// One line: what is wrong with it, and where.
pub fn read_servers(path: &Path) -> Result<Files, String> {
    let name = path.display().to_string();
    let failed = |why: std::io::Error| format!("{name}: cannot be read: {why}");
    let len = fs::metadata(path).map_err(failed)?.len();
    if len > FILE_MAX as u64 {
        return Err(format!("{name}: {len} bytes; at most {FILE_MAX} are read"));
    }
    let bytes = fs::read(path).map_err(failed)?;
    let source = Source {
        name: &name,
        bytes: &bytes,
    };
    servers_file(source).map_err(|why| why.to_string())
}

/// Keeps step with a file until it is cancelled. Cancel safe.
pub(crate) async fn watch(service: Arc<Service>, path: PathBuf, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<Files> = None;
    let mut reported: Option<String> = None;
    loop {
        ticks.tick().await;
        let reading = path.clone();
        let read = tokio::task::spawn_blocking(move || read_servers(&reading)).await;
        let files = match read {
            Ok(Ok(files)) => files,
            Ok(Err(why)) => {
                if reported.as_ref() != Some(&why) {
                    tracing::error!(why, "what was read last is kept until it is good again");
                    reported = Some(why);
                }
                continue;
            }
            // The runtime is ending.
            Err(_) => return,
        };
        if reported.take().is_some() {
            tracing::info!(file = %path.display(), "good again");
        }
        if take_over(&service, &path, before.clone(), files.clone()).await {
            before = Some(files);
        }
    }
}

/// Whether it could be written down.
async fn take_over(
    service: &Arc<Service>,
    path: &Path,
    before: Option<Files>,
    after: Files,
) -> bool {
    let rules = Arc::clone(service);
    let decided = service.desk.decide(move |ledger, now| {
        let actor = COORDINATOR;
        let caller = Caller { now, actor };
        Ok(reconcile(
            ledger,
            &rules.policy,
            &caller,
            before.as_ref(),
            &after,
        ))
    });
    match decided.await {
        Ok(done) => {
            for line in &done.ignored {
                tracing::warn!(file = %path.display(), line, "left out");
            }
            if !done.put.is_empty() || !done.removed.is_empty() {
                let (put, removed) = (done.put.len(), done.removed.len());
                tracing::info!(file = %path.display(), put, removed, "session servers were read");
            }
            true
        }
        Err(why) => {
            tracing::debug!(%why, "the file is taken over later");
            false
        }
    }
}
