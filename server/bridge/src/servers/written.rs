//! STUN and TURN servers as an operator writes them on a command line: an address, or a file with the list that the
//! configuration of session servers has as `webrtc.ice_servers`.
//!
//! It must never know what they are used for.

use super::{ServerKind, ServerPlace};
use crate::IceServer;
use serde::Deserialize;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

/// A longer file is none of ours. A server has about 200 bytes.
const MAX_FILE_LEN: u64 = 64 * 1024;

/// Servers of one list: browsers warn from 5 on.
const MAX_SERVERS: usize = 16;

/// Some servers, from one option. Passwords stand in a file, as everybody on the computer sees a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServers(pub Vec<IceServer>);

/// As browsers take them too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(alias = "url")]
    urls: Urls,
    username: Option<String>,
    credential: Option<String>,
    secret: Option<String>,
    #[serde(rename = "credentialType")]
    _credential_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Many(Vec<String>),
}

impl IceServers {
    /// A list in JSON.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn read(json: &str) -> Result<IceServers, String> {
        let written: Vec<Written> = serde_json::from_str(json).map_err(|why| {
            format!("a list like [{{\"urls\": \"stun:host:port\"}}] is accepted: {why}")
        })?;
        if written.len() > MAX_SERVERS {
            return Err(format!("at most {MAX_SERVERS} servers are accepted"));
        }
        let mut all = Vec::with_capacity(written.len());
        for (at, one) in written.into_iter().enumerate() {
            let server = IceServer {
                urls: match one.urls {
                    Urls::One(url) => vec![url],
                    Urls::Many(urls) => urls,
                },
                username: one.username,
                credential: one.credential,
                secret: one.secret,
            };
            if server.urls.len() > MAX_SERVERS {
                return Err(format!("[{at}].urls: at most {MAX_SERVERS} are accepted"));
            }
            let checked = server.checked();
            all.extend(checked.map_err(|wrong| format!("[{at}].{wrong}"))?);
        }
        Ok(IceServers(all))
    }
}

impl FromStr for IceServers {
    type Err = String;

    fn from_str(text: &str) -> Result<IceServers, String> {
        if let Some(place) = ServerPlace::read(text) {
            if place.kind == ServerKind::Turn {
                return Err(
                    "a TURN server needs a user name and a password: name a file with them".into(),
                );
            }
            return Ok(IceServers(vec![IceServer {
                urls: vec![text.to_owned()],
                username: None,
                credential: None,
                secret: None,
            }]));
        }
        let refused = |why: std::io::Error| {
            format!("neither stun:host:port nor a file that can be read: {why}")
        };
        let mut json = String::new();
        File::open(Path::new(text))
            .and_then(|file| file.take(MAX_FILE_LEN).read_to_string(&mut json))
            .map_err(refused)?;
        IceServers::read(&json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_file_with_the_list_of_a_session_servers_configuration() {
        let one: IceServers = "stun:a.example:3478".parse().expect("an address");
        assert_eq!(one.0[0].urls, ["stun:a.example:3478"]);
        let list = r#"[{"urls": ""}, {"url": ["turn:a", "turns:a"], "username": "u", "credential": "c", "credentialType": "password"},
            {"urls": "turn:b", "secret": "s"}]"#;
        let read = IceServers::read(list).expect("a list");
        assert_eq!(read.0.len(), 2);
        assert_eq!(read.0[1].secret.as_deref(), Some("s"));
        for (wrong, words) in [
            ("{}", "a list like"),
            (r#"[{"urls": "turn:a"}]"#, "[0].username: a text is needed"),
            (r#"[{"urls": "x"}]"#, "[0].urls: \"x\" is no address"),
            (r#"[{"urls": "stun:a", "password": "p"}]"#, "password"),
        ] {
            let why = IceServers::read(wrong).expect_err("wrong");
            assert!(why.contains(words), "{why}");
        }
        for (wrong, words) in [
            ("turn:a", "name a file"),
            ("no/such/file.json", "neither stun:host:port nor a file"),
        ] {
            let why = wrong.parse::<IceServers>().expect_err("wrong");
            assert!(why.contains(words), "{why}");
        }
    }
}
