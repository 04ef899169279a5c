//! A channel as a member of its forest.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use media_model::{Coding, OriginKey, SigningKey};
use overlay_core::{Bootstrap, Config, Event, Input, Params, PeerId, Role, Tick};
use tokio::sync::broadcast;

use crate::authority::Trust;
use crate::channel::Channel;
use crate::chunks::ChunkReceiver;
use crate::counters::ChannelFacts;
use crate::endpoint::{Net, OpenError};
use crate::root::Root;

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
    /// Who signs the chunks.
    pub trust: Trust,
    /// Whom to ask, in this order: from the invite. With [`Trust::Roots`] there may be none, and [`Member::root_moved`]
    /// says where to ask.
    pub places: Vec<Place>,
    /// Peers at most that this one serves; 0: none.
    pub fan_out: u16,
    /// Times and bounds of the state machine.
    pub params: Params,
}

/// Where a member stands towards its channel's root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bearings {
    /// The newest tick of a root that any stripe has; it rises as long as the root lives and is connected.
    pub tick: Tick,
    /// The highest epoch that was heard of; 0: none.
    pub epoch: u64,
    /// The epoch of the newest root whose key counts; with [`Trust::Origin`] 0.
    pub trusted_epoch: Option<u64>,
    /// Stripes that have a parent.
    pub parents: usize,
    /// Whether a parent is the root itself.
    pub below_root: bool,
    /// The newest chunk of which anything is known, and the hash that its root signed.
    pub newest: Option<(u64, Option<[u8; 32]>)>,
}

/// Why a member cannot become the root.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// Somebody has this authority, or a higher one.
    #[error("epoch {epoch} is not higher than {known}, which was heard of")]
    Epoch {
        /// What was wanted.
        epoch: u64,
        /// The highest that is known.
        known: u64,
    },
    /// It is the root, it leaves, or it was closed.
    #[error("it is the root already, or on its way out")]
    NotNow,
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
            trust,
            places,
            fan_out,
            params,
        } = config;
        let told_later = places.is_empty() && trust == Trust::Roots;
        let resolving = async {
            if told_later {
                Ok(Vec::new())
            } else {
                resolve(&places).await
            }
        };
        let bootstrap = tokio::time::timeout(RESOLVE_WAIT, resolving)
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
        let channel = net.open(channel, || Channel::start(net.clone(), trust, core))?;
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

    /// Whether the channel was closed here: nothing comes any more.
    pub fn is_closed(&self) -> bool {
        self.channel.lock().closed
    }

    /// Where this member stands towards the root. Cheap.
    pub fn bearings(&self) -> Bearings {
        let state = self.channel.lock();
        let stripes = state.node.stripe_facts();
        Bearings {
            tick: stripes.iter().map(|s| s.tick).max().unwrap_or_default(),
            epoch: state.node.epoch(),
            trusted_epoch: state.authorities.newest_epoch(),
            parents: stripes.iter().filter(|s| s.parent.is_some()).count(),
            below_root: stripes.iter().any(|s| s.parent.is_some() && s.depth == 1),
            newest: state.window.newest().next(),
        }
    }

    /// From `epoch` on chunks signed with `key` count: it is the key of that epoch's root. Only with [`Trust::Roots`], and
    /// only for an epoch that is higher than those before; says whether it was taken.
    pub fn trust(&self, epoch: u64, key: OriginKey) -> bool {
        let taken = self.channel.lock().authorities.trust(epoch, key);
        if taken {
            self.channel.trust_changed.notify_waiters();
        }
        taken
    }

    /// The channel's root is at `addr` now: asks there for places.
    pub fn root_moved(&self, id: PeerId, addr: SocketAddr) {
        let bootstrap = Bootstrap { id: Some(id), addr };
        self.channel
            .drive(&mut self.channel.lock(), Input::RootMoved { bootstrap });
    }

    /// Becomes the channel's root: what the root publishes is the broadcast from now on, signed with `key`, which must be
    /// that of this endpoint's identity. Children stay; `coding` counts if nobody was here before.
    ///
    /// # Errors
    /// When the epoch is not higher than every one that was heard of, or this is the root already or on its way out.
    pub fn take_over(
        &self,
        epoch: u64,
        coding: Coding,
        key: SigningKey,
    ) -> Result<Root, TakeOverError> {
        let mut state = self.channel.lock();
        let trusted = state.authorities.newest_epoch().unwrap_or(0);
        let known = state.node.epoch().max(trusted);
        if epoch <= known {
            return Err(TakeOverError::Epoch { epoch, known });
        }
        let become_root = Input::BecomeRoot {
            epoch,
            data: coding.data(),
            parity: coding.parity(),
        };
        self.channel.drive(&mut state, become_root);
        let coding = state.node.coding();
        let coding = coding.and_then(|(data, parity)| Coding::new(data, parity).ok());
        let (Some(coding), Some(_)) = (coding, state.node.root_epoch()) else {
            return Err(TakeOverError::NotNow);
        };
        state.window.become_root(epoch);
        state.authorities.trust(epoch, key.origin_key());
        drop(state);
        self.channel.trust_changed.notify_waiters();
        let (guard, channel) = (self.guard.clone(), self.channel.clone());
        Ok(Root::of_member(guard, channel, key, coding, epoch))
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
