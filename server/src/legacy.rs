//! The origin's channels for old clients: the settings, and the way from the origin to the server of the 2-digit
//! protocol.
//!
//! This file must never know where the settings were written.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use server_legacy::{
    CHANNELS, ConfigError, DEFAULT_CLIENT_PORT, DEFAULT_DEADLINE, DEFAULT_MAX_CLIENTS,
    DEFAULT_PATIENCE, DEFAULT_PORT, LegacyConfig, LegacyError, LegacyServer, ListAnswer,
};
use server_origin::{ChannelConfig, Outlet, Reel};

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
    /// The pause between the rounds of films and folders, which then keep their own time; `None`: each block is sent when
    /// its time on the channel begins, as those of live inputs always are.
    pub(crate) pause: Option<Duration>,
    /// How long a client that refuses connections is tried again.
    pub(crate) patience: Duration,
    /// How long a client may take for a block.
    pub(crate) deadline: Duration,
}

impl Default for LegacySettings {
    fn default() -> Self {
        Self {
            door: Door::default(),
            clients: DEFAULT_MAX_CLIENTS,
            clients_of: BTreeMap::new(),
            client_port: DEFAULT_CLIENT_PORT,
            list_answer: ListAnswer::default(),
            pause: None,
            patience: DEFAULT_PATIENCE,
            deadline: DEFAULT_DEADLINE,
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
        data_dir: &Path,
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
                let own_time = self.pause.map_or_else(BTreeMap::new, |_| {
                    let reels = channels.iter().filter_map(|channel| {
                        let reel = Reel::of(data_dir, channel)?;
                        Some((u8::try_from(channel.channel).ok()?, Some(reel)))
                    });
                    reels.collect()
                });
                let own_time = Mutex::new(own_time);
                Ok(Some(Box::new(OldClients { server, own_time })))
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
        config.pause = self.pause.unwrap_or(config.pause);
        config.patience = self.patience;
        config.deadline = self.deadline;
        config
    }
}

struct OldClients {
    server: LegacyServer,
    /// Channels that keep their own time; their reels until they are on air.
    own_time: Mutex<BTreeMap<u8, Option<Reel>>>,
}

/// The next chunk of a reel; what cannot be read is left out with a line in the log.
fn next_chunk(channel: u8, reel: &mut Reel) -> Option<Bytes> {
    let read = reel.next_chunk();
    read.unwrap_or_else(|why| {
        tracing::warn!(channel, "old clients miss a chunk: {why}");
        None
    })
}

impl Outlet for OldClients {
    fn name(&self) -> &'static str {
        "legacy"
    }

    fn on_air(&self, channel: u32, chunk: &Bytes, lasts: Duration) {
        let Ok(channel) = u8::try_from(channel) else {
            return;
        };
        let mut own_time = self.own_time.lock().unwrap_or_else(PoisonError::into_inner);
        match own_time.get_mut(&channel) {
            None => self.server.broadcast(channel, chunk.clone(), lasts),
            Some(waiting) => {
                if let Some(mut reel) = waiting.take() {
                    let next = move || next_chunk(channel, &mut reel);
                    self.server.play(channel, next);
                }
            }
        }
    }

    fn status(&self) -> Value {
        let counters = serde_json::to_value(self.server.counters());
        json!({
            "listen": self.server.local_addr().to_string(),
            "max_clients": self.server.capacity(),
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
        let nobody = settings
            .open(Path::new("data"), &[channel(10)])
            .expect("no need of a port");
        assert!(nobody.is_none());
    }

    #[test]
    fn an_address_that_was_named_must_be_free() {
        let data = Path::new("data");
        let first = at("127.0.0.1:0").open(data, &[channel(0)]).expect("free");
        let first = first.expect("a channel");
        let addr = first.status()["listen"].clone();
        let taken = at(addr.as_str().expect("text"));
        let why = taken.open(data, &[channel(0)]).err().expect("taken");
        assert!(why.is_port_taken(), "{why}");
        let closed = LegacySettings {
            door: Door::Closed,
            ..taken
        };
        assert!(
            closed
                .open(data, &[channel(0)])
                .expect("not opened")
                .is_none()
        );
    }
}
