//! The origin's channels for old clients: the settings, and the way from the origin to the server of the 2-digit
//! protocol.
//!
//! This file must never know where the settings were written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use server_legacy::{
    CHANNELS, ConfigError, DEFAULT_CLIENT_PORT, DEFAULT_MAX_CLIENTS, DEFAULT_PORT, LegacyConfig,
    LegacyError, LegacyServer, ListAnswer,
};
use server_origin::{ChannelConfig, Outlet};

/// Where old clients are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Door {
    /// On every address at the port that they know; without them if it cannot be opened.
    #[default]
    Usual,
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Closed,
}

/// What is said about old clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegacySettings {
    pub(crate) door: Door,
    /// Clients of a channel that does not say it itself, at most.
    pub(crate) clients: usize,
    /// The same of channels that do, by number.
    pub(crate) clients_of: BTreeMap<u32, usize>,
    pub(crate) client_port: u16,
    pub(crate) list_answer: ListAnswer,
}

impl Default for LegacySettings {
    fn default() -> Self {
        Self {
            door: Door::default(),
            clients: DEFAULT_MAX_CLIENTS,
            clients_of: BTreeMap::new(),
            client_port: DEFAULT_CLIENT_PORT,
            list_answer: ListAnswer::default(),
        }
    }
}

impl LegacySettings {
    /// Checks what does not depend on the machine.
    ///
    /// # Errors
    /// The first setting that is out of its bounds.
    pub(crate) fn check(&self, channels: &[ChannelConfig]) -> Result<(), ConfigError> {
        self.config(channels).check()
    }

    /// Opens the port, if there is to be one; channels that one digit does not name are not visible there.
    ///
    /// # Errors
    /// When an address that was named cannot be opened.
    pub(crate) fn open(
        &self,
        channels: &[ChannelConfig],
    ) -> Result<Option<Box<dyn Outlet>>, LegacyError> {
        let config = self.config(channels);
        if self.door == Door::Closed || config.channels.is_empty() {
            return Ok(None);
        }
        match LegacyServer::start(config) {
            Ok(server) => {
                tracing::info!(
                    listen = %server.local_addr(),
                    clients = server.capacity(),
                    "old clients are served (--legacy off: not)"
                );
                Ok(Some(Box::new(OldClients(server))))
            }
            Err(why @ LegacyError::Listen { .. }) if self.door == Door::Usual => {
                tracing::warn!(
                    "{why}; the broadcast goes on without them (--legacy ADDR: elsewhere, --legacy off: never)"
                );
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }

    fn config(&self, channels: &[ChannelConfig]) -> LegacyConfig {
        let listen = match self.door {
            Door::At(listen) => listen,
            Door::Usual | Door::Closed => SocketAddr::from(([0, 0, 0, 0], DEFAULT_PORT)),
        };
        let limits = channels.iter().filter_map(|channel| {
            let number = u8::try_from(channel.channel).ok()?;
            let own = self.clients_of.get(&channel.channel);
            (usize::from(number) < CHANNELS).then_some((number, *own.unwrap_or(&self.clients)))
        });
        let mut config = LegacyConfig::new(listen, limits.collect());
        config.client_port = self.client_port;
        config.list_answer = self.list_answer;
        config
    }
}

struct OldClients(LegacyServer);

impl Outlet for OldClients {
    fn name(&self) -> &'static str {
        "legacy"
    }

    fn on_air(&self, channel: u32, chunk: &Bytes, lasts: Duration) {
        if let Ok(channel) = u8::try_from(channel) {
            self.0.broadcast(channel, chunk.clone(), lasts);
        }
    }

    fn status(&self) -> Value {
        let counters = serde_json::to_value(self.0.counters());
        json!({
            "listen": self.0.local_addr().to_string(),
            "max_clients": self.0.capacity(),
            "counters": counters.expect("numbers are always JSON"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use server_origin::{Coding, Source};

    fn channel(channel: u32) -> ChannelConfig {
        ChannelConfig {
            channel,
            source: Source::Film("film.mkv".into()),
            name: None,
            coding: Coding::default(),
            max_direct_peers: 8,
            invite_valid: None,
        }
    }

    fn at(addr: &str) -> LegacySettings {
        LegacySettings {
            door: Door::At(addr.parse().expect("an address")),
            ..LegacySettings::default()
        }
    }

    #[test]
    fn channels_of_one_digit_are_visible_each_with_its_own_limit() {
        let mut settings = at("127.0.0.1:0");
        settings.clients_of.insert(9, 7);
        let config = settings.config(&[channel(0), channel(9), channel(10), channel(256)]);
        assert_eq!(
            config.channels,
            BTreeMap::from([(0, DEFAULT_MAX_CLIENTS), (9, 7)])
        );
        let nobody = settings.open(&[channel(10)]).expect("no need of a port");
        assert!(nobody.is_none());
    }

    #[test]
    fn an_address_that_was_named_must_be_free() {
        let first = at("127.0.0.1:0").open(&[channel(0)]).expect("free");
        let first = first.expect("a channel");
        let addr = first.status()["listen"].clone();
        let taken = at(addr.as_str().expect("text"));
        let why = taken.open(&[channel(0)]).err().expect("taken");
        assert!(why.is_port_taken(), "{why}");
        let closed = LegacySettings {
            door: Door::Closed,
            ..taken
        };
        assert!(closed.open(&[channel(0)]).expect("not opened").is_none());
    }
}
