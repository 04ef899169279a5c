//! What the server is told, with the values of the original where it has any; checked.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::request::CHANNELS;

/// The port of requests, which old clients know.
pub const DEFAULT_PORT: u16 = 6060;
/// The port on which old clients take answers and blocks.
pub const DEFAULT_CLIENT_PORT: u16 = 9091;
/// Clients of a channel if nothing is said. The original allows one; each costs the whole rate of the channel, so this
/// is a guess at what a rented machine carries: 100 times 4 Mbit/s.
pub const DEFAULT_MAX_CLIENTS: usize = 100;
/// Clients of a channel at most: each is a connection in every round. A guess, far above what was measured.
pub const MAX_CLIENTS: usize = 20_000;
/// How long a client that refuses connections is tried again before that counts: old clients ask before they listen.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may take for a block. A round is 2 s; what is left is for the end of the turn itself.
pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(1_900);
/// The pause between the rounds of a channel that keeps its own time. The original's value.
pub const DEFAULT_PAUSE: Duration = Duration::from_millis(1_800);
/// How long a request may take. The original's value.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Request connections at once. A guess: 500 clients that start together, and as many that ask something.
const MAX_REQUESTS: usize = 1_024;
/// The same from one address. A guess: one client an address, which joins and asks and leaves without waiting.
const MAX_REQUESTS_PER_ADDRESS: usize = 4;
/// The shortest pause between rounds: with no client there is nothing else that takes time. A guess.
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// No time above this is meant. A guess.
const MAX_TIME: Duration = Duration::from_secs(3_600);

/// The server's settings.
#[derive(Clone, Debug)]
pub struct LegacyConfig {
    /// Where requests are taken, TCP; port 0: any free one.
    pub listen: SocketAddr,
    /// The channels, 0 to 9, each with its clients at most, 1 to [`MAX_CLIENTS`].
    pub channels: BTreeMap<u8, usize>,
    /// The port on which clients listen.
    pub client_port: u16,
    /// The address from which clients are connected to; `None`: the system's choice.
    pub source: Option<IpAddr>,
    /// Where the answer to `11X` goes.
    pub list_answer: ListAnswer,
    /// How long a client that refuses connections is tried again, when it joins and at its first block.
    pub patience: Duration,
    /// How long a client may take for a block, from the moment when the block goes on air.
    pub deadline: Duration,
    /// The pause between the rounds of a channel that keeps its own time ([`LegacyServer::play`]), 0.1 s or more.
    ///
    /// [`LegacyServer::play`]: crate::LegacyServer::play
    pub pause: Duration,
    /// How long a request may take, from the connection to its last byte.
    pub request_timeout: Duration,
    /// Request connections at once; more wait in the system's queue.
    pub max_requests: usize,
    /// The same from one address; more are closed unread.
    pub max_requests_per_address: usize,
}

/// Where the answer to `11X` goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListAnswer {
    /// On the connection that asked, as the original does.
    #[default]
    OnRequest,
    /// On a connection to the caller's client port, as the written specification says.
    ConnectBack,
}

/// What is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct ConfigError {
    /// The name of the setting.
    pub key: &'static str,
    /// What is wrong, and what is accepted.
    pub why: String,
}

impl LegacyConfig {
    /// The original's ways, at `listen`, for these channels.
    pub fn new(listen: SocketAddr, channels: BTreeMap<u8, usize>) -> Self {
        Self {
            listen,
            channels,
            client_port: DEFAULT_CLIENT_PORT,
            source: None,
            list_answer: ListAnswer::default(),
            patience: DEFAULT_PATIENCE,
            deadline: DEFAULT_DEADLINE,
            pause: DEFAULT_PAUSE,
            request_timeout: REQUEST_TIMEOUT,
            max_requests: MAX_REQUESTS,
            max_requests_per_address: MAX_REQUESTS_PER_ADDRESS,
        }
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// The first setting that is out of them.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, why| Err(ConfigError { key, why });
        for (&channel, &clients) in &self.channels {
            if usize::from(channel) >= CHANNELS {
                let why = format!("{channel} is no digit; channels 0 to 9 have old clients");
                return refuse("channel", why);
            }
            if !(1..=MAX_CLIENTS).contains(&clients) {
                let why = format!("{clients} is not possible; 1 to {MAX_CLIENTS} are");
                return refuse("legacy_clients", why);
            }
        }
        if self.client_port == 0 {
            return refuse(
                "legacy_client_port",
                "0 is not possible; 1 to 65535 are".to_owned(),
            );
        }
        let least = Duration::from_millis(1);
        for (key, time, least) in [
            ("legacy_patience", self.patience, least),
            ("legacy_deadline", self.deadline, least),
            ("legacy_pause", self.pause, MIN_PAUSE),
            ("request_timeout", self.request_timeout, least),
        ] {
            if time < least || time > MAX_TIME {
                let why = format!("{time:?} is not possible; {least:?} to an hour are");
                return refuse(key, why);
            }
        }
        for (key, number) in [
            ("max_requests", self.max_requests),
            ("max_requests_per_address", self.max_requests_per_address),
        ] {
            if !(1..=MAX_CLIENTS).contains(&number) {
                let why = format!("{number} is not possible; 1 to {MAX_CLIENTS} are");
                return refuse(key, why);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut LegacyConfig);

    #[test]
    fn what_is_out_of_bounds_is_named_with_what_is_accepted() {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let good = LegacyConfig::new(listen, BTreeMap::from([(0, 1), (9, MAX_CLIENTS)]));
        assert_eq!(good.check(), Ok(()));
        let changes: [(&str, Change); 8] = [
            ("channel", |config| {
                config.channels.insert(10, 1);
            }),
            ("legacy_clients", |config| {
                config.channels.insert(1, 0);
            }),
            ("legacy_client_port", |config| config.client_port = 0),
            ("legacy_patience", |config| config.patience = MAX_TIME * 2),
            ("legacy_deadline", |config| config.deadline = Duration::ZERO),
            ("legacy_pause", |config| config.pause = MIN_PAUSE / 2),
            ("max_requests", |config| config.max_requests = 0),
            ("max_requests_per_address", |config| {
                config.max_requests_per_address = 0;
            }),
        ];
        for (key, change) in changes {
            let mut config = good.clone();
            change(&mut config);
            let why = config.check().expect_err(key);
            assert_eq!(why.key, key);
            assert!(why.to_string().contains("possible") || key == "channel");
        }
    }
}
