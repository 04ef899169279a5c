//! `server check-config`: says of any file that a role reads whether it is good, without starting anything.

use std::path::Path;

use server_booking::Policy;
use server_booking::model::{Change, UnixSeconds};
use server_session::SessionConfig;
use server_state::import::{FILE_MAX, Source, import};

use crate::{Failure, air, configuration, file, print};

/// Checks a file; which kind it is, its name and its first sign say.
///
/// # Errors
/// One line: file, key, what is wrong, what is accepted.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let name = path.display().to_string();
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    if !is_json {
        let config = file::read(path)?;
        let channels = config.origin.channels.len();
        return print(&format!("{name}: good, {channels} channel(s)"));
    }
    let text = configuration::text(path, FILE_MAX as u64)?;
    if is_configuration(&text) {
        let read = configuration::read(path)?;
        return print(&format!("{name}: good, listens at {}", read.listen));
    }
    if has_launches(&text) {
        let read = SessionConfig::read(path).map_err(|why| Failure::Usage(why.to_string()))?;
        let broadcast = air::origin_of(&read);
        let broadcast = broadcast.map_err(|why| Failure::Usage(format!("{name}: {why}")))?;
        let channels = broadcast.map_or(0, |origin| origin.channels.len());
        let applications = read.applications.len();
        return print(&format!(
            "{name}: good, {applications} application(s), {} session(s) at a time, {channels} channel(s) for them",
            read.limit
        ));
    }
    let source = Source {
        name: &name,
        bytes: text.as_bytes(),
    };
    let changes = import(&[source], &Policy::default(), UnixSeconds(0))
        .map_err(|why| Failure::Usage(why.to_string()))?;
    let count = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    print(&format!(
        "{name}: good, {} application(s), {} session server(s), {} booking(s)",
        count(|change| matches!(change, Change::PutApplication(_))),
        count(|change| matches!(change, Change::PutServer(_))),
        count(|change| matches!(change, Change::PutBooking(_))),
    ))
}

/// Whether it is a coordinator's configuration: an object with its own key, or with the two that no other kind has
/// without applications.
fn is_configuration(text: &str) -> bool {
    let Ok(serde_json::Value::Object(keys)) = serde_json::from_str(text) else {
        return false;
    };
    let has = |key| keys.contains_key(key);
    has("time_between_updates_seconds") || (has("port") && !has("applications") && !has("rc"))
}

/// Whether it is a session server's configuration of today: applications, with how each is launched.
fn has_launches(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return false;
    };
    let applications = value["applications"].as_array();
    applications.is_some_and(|all| all.iter().any(|one| one.get("command").is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coordinators_configuration_is_told_from_a_session_servers() {
        assert!(is_configuration(
            r#"{"ip": "x", "port": 1, "time_between_updates_seconds": 3}"#
        ));
        assert!(is_configuration(r#"{"ip": "x", "port": 1}"#));
        assert!(!is_configuration(
            r#"{"ip": "x", "port": 1, "applications": []}"#
        ));
        assert!(!is_configuration("[]"));
        assert!(!is_configuration("{"));
    }
}
