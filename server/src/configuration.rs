//! `configuration.json`: where a coordinator listens, as the first stage wrote it, and what came later.
//!
//! Numbers may be written as strings. Unknown keys are left alone, as older programs left alone those of today.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use server_coordinator::DEFAULT_UPDATE;
use server_state::StateUrl;

use crate::Failure;

/// A longer file is no configuration: the longest has a few hundred bytes.
const MAX_LEN: u64 = 64 * 1024;
/// Seconds between two looks at the files, at most: a day.
const MAX_UPDATE_SECONDS: u64 = 86_400;

/// What the file says; paths are relative to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub(crate) listen: SocketAddr,
    pub(crate) update_every: Duration,
    pub(crate) database: Option<StateUrl>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) time_zone: Option<String>,
}

/// Reads and checks a file.
///
/// # Errors
/// One line: file, key, what is wrong, what is accepted.
pub(crate) fn read(path: &Path) -> Result<Configuration, Failure> {
    let text = text(path, MAX_LEN)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, folder).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
}

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// When it cannot be read or is longer.
pub(crate) fn text(path: &Path, most: u64) -> Result<String, Failure> {
    let failed = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let len = fs::metadata(path)
        .map_err(|why| failed(format!("cannot be read: {why}")))?
        .len();
    if len > most {
        return Err(failed(format!("{len} bytes; at most {most} are read")));
    }
    fs::read_to_string(path).map_err(|why| failed(format!("cannot be read: {why}")))
}

fn parse(text: &str, folder: &Path) -> Result<Configuration, String> {
    let keys: Map<String, Value> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|why| format!("not a JSON object: {why}"))?;
    let ip = word(&keys, "ip")?.ok_or("ip: it is missing; an address such as \"0.0.0.0\"")?;
    let ip: IpAddr = ip
        .parse()
        .map_err(|_| format!("ip: {ip:?} is no address, such as \"0.0.0.0\" or \"::\""))?;
    let port = number(&keys, "port", u64::from(u16::MAX))?
        .ok_or("port: it is missing; 1 to 65535, or 0 for any free one")?;
    let port = u16::try_from(port).map_err(|_| "port: 0 to 65535".to_owned())?;
    let seconds = number(&keys, "time_between_updates_seconds", MAX_UPDATE_SECONDS)?;
    if seconds == Some(0) {
        return Err(format!(
            "time_between_updates_seconds: 0 is not accepted; 1 to {MAX_UPDATE_SECONDS} are"
        ));
    }
    let database = word(&keys, "database")?
        .map(|url| url.parse().map_err(|why| format!("database: {why}")))
        .transpose()?;
    let path = |key| Ok::<_, String>(word(&keys, key)?.map(|path| folder.join(path)));
    Ok(Configuration {
        listen: SocketAddr::new(ip, port),
        update_every: seconds.map_or(DEFAULT_UPDATE, Duration::from_secs),
        database,
        data_dir: path("data_dir")?,
        tls_cert: path("tls_cert")?,
        tls_key: path("tls_key")?,
        time_zone: word(&keys, "time_zone")?,
    })
}

fn word(keys: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
        Some(_) => Err(format!("{key}: a text in quotes is accepted")),
    }
}

fn number(keys: &Map<String, Value>, key: &str, most: u64) -> Result<Option<u64>, String> {
    let found = match keys.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64(),
    };
    found
        .filter(|number| *number <= most)
        .map(Some)
        .ok_or_else(|| format!("{key}: a whole number from 0 to {most} is accepted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Configuration, String> {
        parse(text, Path::new("/etc/treecast"))
    }

    #[test]
    fn the_file_of_the_first_stage_is_read_as_it_is() {
        let text = r#"{"ip": "0.0.0.2", "port": "333", "time_between_updates_seconds": "30"}"#;
        let read = read_text(text).expect("good");
        assert_eq!(read.listen.to_string(), "0.0.0.2:333");
        assert_eq!(read.update_every, Duration::from_secs(30));
        assert_eq!(read.database, None);
        let text = r#"{"ip": "::", "port": 333, "more": [1]}"#;
        assert_eq!(read_text(text).expect("good").listen.port(), 333);
    }

    #[test]
    fn what_came_later_is_relative_to_the_file() {
        let text = r#"{"ip": "::1", "port": 0, "database": "mysql://a:b@h/d", "tls_cert": "a.crt", "tls_key": "/k"}"#;
        let read = read_text(text).expect("good");
        assert_eq!(read.tls_cert, Some("/etc/treecast/a.crt".into()));
        assert_eq!(read.tls_key, Some("/k".into()));
        assert!(matches!(read.database, Some(StateUrl::MySql(_))));
    }

    #[test]
    fn each_mistake_is_named_by_its_key() {
        for (text, key) in [
            ("[]", "object"),
            (r#"{"port": 1}"#, "ip"),
            (r#"{"ip": "here", "port": 1}"#, "ip"),
            (r#"{"ip": 4, "port": 1}"#, "ip"),
            (r#"{"ip": "::"}"#, "port"),
            (r#"{"ip": "::", "port": "65536"}"#, "port"),
            (r#"{"ip": "::", "port": -1}"#, "port"),
            (
                r#"{"ip": "::", "port": 1, "time_between_updates_seconds": 0}"#,
                "time_between_updates_seconds",
            ),
            (
                r#"{"ip": "::", "port": 1, "database": "oracle://x"}"#,
                "database",
            ),
        ] {
            let why = read_text(text).expect_err(text);
            assert!(why.contains(key), "{text}: {why}");
        }
    }
}
