//! STUN and TURN servers: their addresses (RFC 7064, RFC 7065), and what of them a browser is told.
//!
//! It must never know a socket.

mod written;

use crate::IceServer;
use data_encoding::BASE64;
use rtc::crypto::HmacAlgorithm;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use written::IceServers;

/// Before the user name of who asks, in credentials that last for a time.
const BROWSER: &str = "viewer";

/// The same for the bridge itself.
const BRIDGE: &str = "bridge";

/// How long a browser's last: a day, as draft-uberti-behave-turn-rest-00 section 2.2 recommends.
const FOR_BROWSERS: Duration = Duration::from_secs(24 * 60 * 60);

/// The bridge's own never leave it, and an allocation cannot be taken over with new ones: whoever is relayed joins again
/// when they end.
pub(crate) const FOR_THE_BRIDGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// HMAC-SHA1.
const MAC_LEN: usize = 20;

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// It says where one is seen.
    Stun,
    /// It passes on, for who has credentials.
    Turn,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPlace {
    /// What it is for.
    pub kind: ServerKind,
    /// Name or address, without brackets.
    pub host: String,
    /// Port, the usual one if none is named.
    pub port: u16,
    /// It is reached over plain UDP.
    pub udp: bool,
    /// It is reached over plain TCP; if neither, over TLS.
    pub tcp: bool,
}

impl ServerPlace {
    /// Reads `stun:host:port`, `turn:host:port?transport=udp` and the like; `None`: it is none of them.
    #[must_use]
    pub fn read(url: &str) -> Option<ServerPlace> {
        let (scheme, rest) = url.split_once(':')?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let (kind, is_secure) = match scheme {
            "stun" => (ServerKind::Stun, false),
            "stuns" => (ServerKind::Stun, true),
            "turn" => (ServerKind::Turn, false),
            "turns" => (ServerKind::Turn, true),
            _ => return None,
        };
        let over_udp = match (query, kind) {
            (None, _) => !is_secure,
            (Some("transport=udp"), ServerKind::Turn) => !is_secure,
            (Some("transport=tcp"), ServerKind::Turn) => false,
            _ => return None,
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.starts_with('[') => {
                (host, Some(port))
            }
            _ => (place, None),
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            // RFC 7064 section 3.2, RFC 7065 section 3.2.
            None if is_secure => 5349,
            None => 3478,
        };
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']')?,
            None => host,
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        let is_good = !host.is_empty() && host.bytes().all(is_host);
        is_good.then(|| ServerPlace {
            kind,
            host: host.to_owned(),
            port,
            udp: over_udp,
            tcp: !over_udp && !is_secure,
        })
    }
}

/// What is wrong with a server as an operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct WrongServer {
    /// Which key: `urls`, `username`, `credential`, `secret`.
    pub key: &'static str,
    /// Why, with what is accepted.
    pub why: String,
}

impl IceServer {
    /// As an operator wrote it. `None`: it has no address; browsers throw on such a one, so that nobody would be connected.
    ///
    /// # Errors
    /// An address that is none, or one of TURN without what it takes to be let in.
    pub fn checked(mut self) -> Result<Option<IceServer>, WrongServer> {
        let wrong = |key, why: &str| {
            Err(WrongServer {
                key,
                why: why.to_owned(),
            })
        };
        self.urls.retain(|url| !url.trim().is_empty());
        let mut is_turn = false;
        for url in &self.urls {
            let Some(place) = ServerPlace::read(url) else {
                let why = format!(
                    "\"{url}\" is no address; stun:host:port, turn:host:port and turns:host:port are accepted"
                );
                return wrong("urls", &why);
            };
            is_turn |= place.kind == ServerKind::Turn;
        }
        if self.urls.is_empty() {
            return Ok(None);
        }
        let is_there = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        match &self.secret {
            Some(secret) if secret.is_empty() => return wrong("secret", "a text is needed"),
            Some(_) if self.credential.is_some() => {
                return wrong(
                    "secret",
                    "one of credential and secret is accepted, not both",
                );
            }
            Some(_) => {}
            None => {
                for (key, text) in [
                    ("username", &self.username),
                    ("credential", &self.credential),
                ] {
                    if is_turn && !is_there(text) {
                        let why = "a text is needed with a turn: address, or a secret";
                        return wrong(key, why);
                    }
                }
            }
        }
        Ok(Some(self))
    }

    /// The same for a browser: with `secret` it gets a user name and a password that are good for a day.
    #[must_use]
    pub fn for_browsers(&self, now: SystemTime) -> IceServer {
        self.with_credentials(BROWSER, now + FOR_BROWSERS)
    }

    /// The same for one allocation of the bridge's own: with `secret` good for [`FOR_THE_BRIDGE`].
    pub(crate) fn for_the_bridge(&self, now: SystemTime) -> IceServer {
        self.with_credentials(BRIDGE, now + FOR_THE_BRIDGE)
    }

    fn with_credentials(&self, who: &str, until: SystemTime) -> IceServer {
        let Some(secret) = &self.secret else {
            return self.clone();
        };
        let who = self.username.as_deref().unwrap_or(who);
        let (username, credential) = time_limited(secret, who, until).unzip();
        IceServer {
            urls: self.urls.clone(),
            username,
            credential,
            secret: None,
        }
    }
}

/// User name and password of draft-uberti-behave-turn-rest-00 section 2.2, which coturn's `use-auth-secret` checks.
fn time_limited(secret: &str, who: &str, until: SystemTime) -> Option<(String, String)> {
    let seconds = until.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let username = format!("{seconds}:{who}");
    let provider = rtc::crypto::default_provider().ok()?;
    let mut mac = [0; MAC_LEN];
    provider
        .crypto()
        .new_hmac(HmacAlgorithm::Sha1, secret.as_bytes())
        .and_then(|mut key| key.sign(&[username.as_bytes()], &mut mac))
        .ok()?;
    Some((username, BASE64.encode(&mac)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Option<(ServerKind, String, u16, bool)> {
        let place = ServerPlace::read(url)?;
        assert!(!(place.udp && place.tcp), "{url}");
        assert_eq!(place.tcp, url.starts_with("turn:") && !place.udp, "{url}");
        Some((place.kind, place.host, place.port, place.udp))
    }

    #[test]
    fn addresses_of_servers_are_read_as_the_standards_write_them() {
        let (stun, turn) = (ServerKind::Stun, ServerKind::Turn);
        for (url, wanted) in [
            ("stun:a.example", (stun, "a.example", 3478, true)),
            ("stun:192.0.2.9:19302", (stun, "192.0.2.9", 19302, true)),
            ("stuns:a", (stun, "a", 5349, false)),
            ("turn:a:1?transport=udp", (turn, "a", 1, true)),
            ("turn:a?transport=tcp", (turn, "a", 3478, false)),
            ("turns:a?transport=udp", (turn, "a", 5349, false)),
            ("turn:[2001:db8::1]:7", (turn, "2001:db8::1", 7, true)),
            ("turn:2001:db8::1", (turn, "2001:db8::1", 3478, true)),
        ] {
            let (kind, host, port, udp) = wanted;
            assert_eq!(
                place(url),
                Some((kind, host.to_owned(), port, udp)),
                "{url}"
            );
        }
        for wrong in [
            "",
            "stun:",
            "http://a",
            "stun:a:b",
            "stun:a:0",
            "turn:[a",
            "stun:a?transport=udp",
            "turn:a?transport=sctp",
            "turn:a b",
            "stun://a",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    fn turn(username: &str, credential: Option<&str>, secret: Option<&str>) -> IceServer {
        IceServer {
            urls: vec!["".into(), "turn:a".into()],
            username: Some(username.into()),
            credential: credential.map(Into::into),
            secret: secret.map(Into::into),
        }
    }

    #[test]
    fn what_lets_nobody_in_is_refused_and_names_the_key() {
        let key = |server: IceServer| server.checked().expect_err("wrong").key;
        assert_eq!(key(turn("", Some("c"), None)), "username");
        assert_eq!(key(turn("u", None, None)), "credential");
        assert_eq!(key(turn("u", None, Some(""))), "secret");
        assert_eq!(key(turn("u", Some("c"), Some("s"))), "secret");
        let good = turn("u", None, Some("s")).checked().expect("good");
        assert_eq!(good.map(|server| server.urls), Some(vec!["turn:a".into()]));
        let none = IceServer {
            urls: vec![" ".into()],
            ..turn("", None, None)
        };
        assert_eq!(none.checked(), Ok(None));
    }

    #[test]
    fn a_secret_becomes_credentials_that_end_and_stays_here() {
        let server = IceServer {
            urls: vec!["turn:a".into()],
            username: None,
            credential: None,
            secret: Some("north".into()),
        };
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let told = server.for_browsers(now);
        assert_eq!(told.username.as_deref(), Some("1700086400:viewer"));
        // printf %s 1700086400:viewer | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(
            told.credential.as_deref(),
            Some("KjXXRZ8n2EK/ZeUUm6uiwXVLUAA=")
        );
        assert_eq!(told.secret, None);
        let json = serde_json::to_string(&server).expect("JSON");
        assert!(!json.contains("north"), "{json}");
        assert_ne!(server.for_the_bridge(now).username, told.username);

        let plain = IceServer {
            secret: None,
            ..server
        };
        assert_eq!(plain.for_browsers(now), plain);
    }
}
