//! A channel as a member of its forest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use media_model::OriginKey;
use overlay_core::{Bootstrap, Config, Event, Input, Params, PeerId, Role};
use tokio::sync::broadcast;

use crate::channel::Channel;
use crate::chunks::ChunkReceiver;
use crate::counters::ChannelFacts;
use crate::endpoint::{Net, OpenError};

/// How long leaving may take: the state machine's own patience and a second for the last messages.
pub(crate) const LEAVE_PATIENCE: Duration = Duration::from_millis(2_500);
/// How long all names may take to be resolved.
const RESOLVE_WAIT: Duration = Duration::from_secs(5);
/// Addresses of one name that are used: IPv6 and IPv4 of a few machines.
const MAX_ADDRS: usize = 4;

/// Somebody to ask first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Who must be there; `None` where the invite does not say.
    pub id: Option<PeerId>,
    /// `host:port`: a name, an IPv4 address, or an IPv6 address in brackets.
    pub at: String,
}

/// How a channel is joined.
#[derive(Debug, Clone)]
pub struct MemberConfig {
    /// The channel: 0..N.
    pub channel: u32,
    /// Signs the chunks: from the invite.
    pub origin: OriginKey,
    /// Whom to ask, in this order: from the invite.
    pub places: Vec<Place>,
    /// Peers at most that this one serves; 0: none.
    pub fan_out: u16,
    /// Times and bounds of the state machine.
    pub params: Params,
}

/// Why a channel could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// No place of the invite has an address.
    #[error("cannot find {at}: {why}; check the invite and this machine's network")]
    Resolve {
        /// The last one that was tried.
        at: String,
        /// What the system says.
        why: String,
    },
    /// The invite names no place.
    #[error("the invite names no address to ask")]
    NoPlace,
    /// It cannot be opened here.
    #[error(transparent)]
    Open(#[from] OpenError),
}

async fn resolve(places: &[Place]) -> Result<Vec<Bootstrap>, JoinError> {
    let mut found: Vec<Bootstrap> = Vec::new();
    let mut failed = JoinError::NoPlace;
    for Place { id, at } in places {
        match tokio::net::lookup_host(at).await {
            Ok(addrs) => {
                let new: Vec<SocketAddr> = addrs.take(MAX_ADDRS).collect();
                if new.is_empty() {
                    failed = JoinError::Resolve {
                        at: at.clone(),
                        why: "it has no address".to_owned(),
                    };
                }
                found.extend(new.into_iter().map(|addr| Bootstrap { id: *id, addr }));
            }
            Err(why) => {
                failed = JoinError::Resolve {
                    at: at.clone(),
                    why: why.to_string(),
                }
            }
        }
    }
    if found.is_empty() {
        Err(failed)
    } else {
        Ok(found)
    }
}

/// A channel that this process has joined. Clones share it; when the last one is dropped, it is closed.
#[derive(Clone)]
pub struct Member {
    guard: Arc<Guard>,
    channel: Arc<Channel>,
}

impl Member {
    pub(crate) async fn join(net: &Arc<Net>, config: MemberConfig) -> Result<Self, JoinError> {
        let MemberConfig {
            channel,
            origin,
            places,
            fan_out,
            params,
        } = config;
        let bootstrap = tokio::time::timeout(RESOLVE_WAIT, resolve(&places))
            .await
            .unwrap_or_else(|_| {
                let at = places
                    .iter()
                    .map(|place| place.at.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                Err(JoinError::Resolve {
                    at,
                    why: format!("no answer within {} s", RESOLVE_WAIT.as_secs()),
                })
            })?;
        let core = Config {
            id: net.own,
            role: Role::Member,
            channel,
            fan_out,
            data: 0,
            parity: 0,
            bootstrap,
            incarnation: rand::random(),
            seed: rand::random(),
            params,
        };
        let channel = net.open(channel, || Channel::start(net.clone(), origin, core))?;
        channel.drive(&mut channel.lock(), Input::Start);
        Ok(Self {
            guard: Guard::new(&channel),
            channel,
        })
    }

    /// What this process knows about the channel now.
    pub fn facts(&self) -> ChannelFacts {
        self.channel.facts()
    }

    /// When the blocks of a chunk came, as long as it is in the window.
    #[cfg(feature = "bare")]
    pub fn arrivals(&self, seq: u64) -> Vec<crate::Arrival> {
        crate::arrivals::of(&self.channel, seq)
    }

    /// What happens from now on. A listener that is 256 events behind loses the oldest and is told how many.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.channel.events()
    }

    /// Whole chunks as they come, those that wait already included. One consumer a channel.
    pub fn chunks(&self) -> ChunkReceiver {
        ChunkReceiver::new(self.channel.clone())
    }

    /// Hands the children over, says goodbye and closes the channel. Takes at most a few seconds. Not cancel-safe: call
    /// [`Member::close`] after a cancelled one.
    pub async fn leave(&self) {
        self.channel.leave(LEAVE_PATIENCE).await;
    }

    /// Closes the channel at once.
    pub fn close(&self) {
        self.guard.close();
    }
}

/// Closes the channel with the last handle.
pub(crate) struct Guard(Arc<Channel>);

impl Guard {
    pub(crate) fn new(channel: &Arc<Channel>) -> Arc<Self> {
        Arc::new(Self(channel.clone()))
    }

    pub(crate) fn close(&self) {
        // What still writes ends by itself, soon.
        drop(self.0.close());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.close();
    }
}
