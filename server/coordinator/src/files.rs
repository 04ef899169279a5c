//! `servers.json` of the first stage, read again and again while the coordinator runs.
//!
//! A file that is broken keeps what was read last, and is reported once, until it is good again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use server_booking::Caller;
use server_booking::files::{FileServer, Files, reconcile};
use server_booking::model::{Application, ServerId};
use server_wire::ServerEntry;
use tokio::time::{MissedTickBehavior, interval};

use crate::service::{COORDINATOR, Service};

/// A longer file is no list of servers: 2,000 entries take about 1 MB.
const MAX_LEN: u64 = 8 * 1024 * 1024;

/// What `servers.json` says.
///
/// # Errors
/// One line: what is wrong with it.
pub fn read_servers(path: &Path) -> Result<Files, String> {
    let len = fs::metadata(path)
        .map_err(|why| format!("cannot be read: {why}"))?
        .len();
    if len > MAX_LEN {
        return Err(format!("{len} bytes; at most {MAX_LEN} are read"));
    }
    let text = fs::read_to_string(path).map_err(|why| format!("cannot be read: {why}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Files, String> {
    let text = text.trim_start_matches('\u{feff}');
    let entries: Vec<ServerEntry> = serde_json::from_str(text)
        .map_err(|why| format!("not the list of session servers: {why}"))?;
    let mut files = Files::default();
    let mut applications: BTreeMap<String, Application> = BTreeMap::new();
    for entry in entries {
        let name = entry.rc_name.as_str().to_owned();
        let application = applications.entry(name.clone()).or_default();
        application.name = name.clone();
        for (language, text) in &entry.deskription {
            let words = text.as_str().to_owned();
            application
                .description
                .entry(language.clone())
                .or_insert(words);
        }
        let (host, port) = (entry.ip.as_str(), entry.port.number());
        let same = |known: &&mut FileServer| {
            known.id.0 == entry.server_name.as_str() && known.host == host && known.port == port
        };
        // A server with several applications has a line for each.
        if let Some(known) = files.servers.iter_mut().find(same) {
            known.applications.push(name);
        } else {
            files.servers.push(FileServer {
                id: ServerId(entry.server_name.as_str().to_owned()),
                host: host.to_owned(),
                port,
                applications: vec![name],
                limit: None,
            });
        }
    }
    files.applications = applications.into_values().collect();
    Ok(files)
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
                    tracing::error!(file = %path.display(), why, "what was read last is kept until it is good again");
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

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"[
        {"server_name1": "One", "ip": "10.0.0.1", "port": "111",
         "rc_info": {"rc_name": "SomeRC", "info": {"deskription": [{"en": "best RC"}, {"ru": "лучший"}]}}},
        {"server_name2": "Two", "ip": "10.0.0.2", "port": 222,
         "rc_info": {"rc_name": "SomeRC", "info": {"description": [{"de": "der beste"}]}}},
        {"server_name": "One", "ip": "10.0.0.1", "port": "111", "rc_info": {"rc_name": "Other"}}
    ]"#;

    #[test]
    fn the_file_of_the_first_stage_is_understood() {
        let files = parse(OLD).expect("good");
        assert_eq!(files.servers.len(), 2);
        assert_eq!(files.servers[0].applications, ["SomeRC", "Other"]);
        assert_eq!(files.servers[1].port, 222);
        let some = files
            .applications
            .iter()
            .find(|one| one.name == "SomeRC")
            .expect("there");
        assert_eq!(some.description.len(), 3);
    }

    #[test]
    fn what_is_no_list_is_refused_in_one_line() {
        for text in [
            "",
            "{}",
            "[1]",
            "[{\"server_name\": \"x\"}]",
            "[[[[[",
            "\u{0}",
        ] {
            let why = parse(text).expect_err("refused");
            assert!(!why.contains('\n'), "{why}");
        }
    }
}
