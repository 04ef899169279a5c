//! What all tasks of the server share: settings, the table of clients, the channels' air, who is being served.
//!
//! Everything here is quick: a lock is held for a few steps, never across a wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::air::{Air, Round};
use crate::call::Caller;
use crate::config::LegacyConfig;
use crate::counters::{Counters, Tally};
use crate::notes::Notes;
use crate::request::CHANNELS;
use crate::table::{Join, Member, Table};

/// Shared by all tasks.
pub(crate) struct Shared {
    pub(crate) config: LegacyConfig,
    pub(crate) caller: Caller,
    pub(crate) tally: Tally,
    started: Instant,
    /// Clients that are served at once, at most; a client that has left is counted until its last block has ended.
    services: Arc<Semaphore>,
    /// Request connections at once, at most.
    visits: Arc<Semaphore>,
    inner: Mutex<Inner>,
}

/// What changes.
pub(crate) struct Inner {
    pub(crate) table: Table,
    pub(crate) airs: [Air; CHANNELS],
    notes: Notes,
    visitors: HashMap<IpAddr, usize>,
    services: HashMap<IpAddr, (u64, watch::Sender<Wish>)>,
}

/// What is wanted of a client's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Each block as it comes.
    GoOn,
    /// The block that is being sent, then no more. A sender that is gone means: stop at once.
    Finish,
}

/// The service of a client, from its wish to join on.
pub(crate) struct Service {
    pub(crate) member: Member,
    pub(crate) wish: watch::Receiver<Wish>,
    shared: Arc<Shared>,
}

/// A request connection that is within the limits.
pub(crate) struct Visit {
    ip: IpAddr,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Shared {
    /// `clients`: served at once at most, on all channels together.
    pub(crate) fn new(config: LegacyConfig, clients: usize) -> Self {
        let limits = config
            .channels
            .iter()
            .map(|(&channel, &most)| (channel, most));
        Self {
            caller: Caller {
                port: config.client_port,
                source: config.source,
                patience: config.patience,
            },
            tally: Tally::default(),
            started: Instant::now(),
            services: Arc::new(Semaphore::new(clients)),
            visits: Arc::new(Semaphore::new(config.max_requests)),
            inner: Mutex::new(Inner {
                table: Table::new(limits, clients),
                airs: std::array::from_fn(|_| Air::new()),
                notes: Notes::default(),
                visitors: HashMap::new(),
                services: HashMap::new(),
            }),
            config,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked had changed nothing by halves that matters to others.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums, and who is there.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.tally.read();
        let inner = self.lock();
        for (channel, clients) in (0..).zip(&mut counters.clients) {
            *clients = inner.table.count(channel) as u64;
        }
        counters
    }

    /// Waits until there is room for one more request connection. Cancel-safe.
    pub(crate) async fn visitor_place(&self) -> OwnedSemaphorePermit {
        let place = self.visits.clone().acquire_owned().await;
        place.expect("the semaphore is never closed")
    }

    /// Lets a caller in, unless too many of its address are in.
    pub(crate) fn visit(
        self: &Arc<Self>,
        ip: IpAddr,
        place: OwnedSemaphorePermit,
    ) -> Option<Visit> {
        let mut inner = self.lock();
        let visitors = inner.visitors.entry(ip).or_default();
        if *visitors >= self.config.max_requests_per_address {
            return None;
        }
        *visitors += 1;
        Some(Visit {
            ip,
            shared: self.clone(),
            _place: place,
        })
    }

    /// Takes the address from whatever channel it was on, ends its service at once, and keeps a place for it.
    pub(crate) fn join(self: &Arc<Self>, ip: IpAddr, channel: u8) -> Option<Service> {
        let mut inner = self.lock();
        inner.services.remove(&ip);
        let joined = inner.table.join(ip, channel);
        let Join::Accepted(member) = joined else {
            return None;
        };
        let (sender, wish) = watch::channel(Wish::GoOn);
        inner.services.insert(ip, (member.id(), sender));
        Some(Service {
            member,
            wish,
            shared: self.clone(),
        })
    }

    /// Waits until whoever had the place before is done: with its last block, which the deadline bounds, or at once, if it
    /// is the same client that asks anew. Cancel-safe.
    pub(crate) async fn service_place(&self) -> OwnedSemaphorePermit {
        let place = self.services.clone().acquire_owned().await;
        place.expect("the semaphore is never closed")
    }

    /// Takes the address from this channel; the block that it is getting is finished.
    pub(crate) fn leave(&self, ip: IpAddr, channel: u8) -> bool {
        let mut inner = self.lock();
        let was_there = inner.table.leave(ip, channel);
        if was_there && let Some((_, wish)) = inner.services.get(&ip) {
            // Nobody listens if the service has just ended by itself.
            let _ = wish.send(Wish::Finish);
        }
        was_there
    }

    /// Puts a block on air on a channel.
    pub(crate) fn air(&self, channel: u8, data: Bytes, since: Instant, lasts: Duration) -> Round {
        self.tally.blocks.add(1);
        self.tally.block_bytes.add(data.len() as u64);
        self.lock().airs[usize::from(channel)].put(data, since, lasts)
    }

    /// Logs something about an address, unless it had its line or there are too many.
    pub(crate) fn note(&self, ip: IpAddr, what: &dyn std::fmt::Display) {
        let since = self.started.elapsed();
        let news = self.lock().notes.is_news(since, ip);
        match news {
            None => tracing::debug!(address = %ip, "{what}"),
            Some(0) => {
                tracing::warn!(address = %ip, "{what}; more of this address is only counted")
            }
            Some(others) => tracing::warn!(
                address = %ip,
                others_not_logged = others,
                "{what}; more of this address is only counted"
            ),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        if let Some(visitors) = inner.visitors.get_mut(&self.ip) {
            *visitors -= 1;
            if *visitors == 0 {
                inner.visitors.remove(&self.ip);
            }
        }
    }
}

impl Service {
    /// The client was told: it is on the channel from now on. `false`: it left or asked anew.
    pub(crate) fn confirm(&mut self) -> bool {
        let mut inner = self.shared.lock();
        let Some(member) = inner.table.confirm(self.member) else {
            return false;
        };
        if let Some(entry) = inner.services.get_mut(&member.ip) {
            entry.0 = member.id();
        }
        self.member = member;
        true
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        // A place that nobody serves must not stay taken.
        inner.table.give_up(self.member);
        let ip = self.member.ip;
        if inner.services.get(&ip).map(|(id, _)| *id) == Some(self.member.id()) {
            inner.services.remove(&ip);
        }
    }
}
