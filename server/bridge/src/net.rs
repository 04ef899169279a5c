//! The bridge's sockets: one UDP port for all viewers, and one TCP port for those without UDP. Who a datagram is for is
//! told by the user name of ICE checks (RFC 8445 section 7.2.2), and afterwards by where it comes from. What a TURN server
//! relays is taken out of its wrapping first.
//!
//! It must never know what datagrams mean beyond that.

pub(crate) mod addresses;
pub mod foreign;
mod indication;
pub(crate) mod outside;
mod stun;
pub(crate) mod tcp;
#[cfg(test)]
mod tests;
mod turn;
mod udp;

use crate::inbox::Inbox;
use crate::transport::{Incoming, Outgoing};
use bytes::BytesMut;
use outside::{Listening, Outside};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

pub(crate) use udp::Udp;

/// Addresses from which one viewer's datagrams are taken. A browser tries each of its interfaces, families and TCP.
const MAX_ADDRESSES: usize = 32;

/// Answers of a STUN or TURN server that wait; further ones are dropped, and asked for again.
const MAX_ANSWERS: usize = 32;

/// Where a datagram comes from: address, and whether over TCP.
type From = (SocketAddr, bool);

struct Route {
    inbox: Arc<Inbox>,
    addresses: Vec<From>,
}

/// A STUN or TURN server that was asked something.
#[derive(Default)]
struct Server {
    listeners: Vec<(u64, mpsc::Sender<BytesMut>)>,
    /// What it relays is for this address of ours.
    relayed: Option<SocketAddr>,
}

#[derive(Default)]
struct Table {
    users: HashMap<String, Route>,
    addresses: HashMap<From, (String, Arc<Inbox>)>,
    servers: HashMap<SocketAddr, Server>,
}

/// Who a datagram is for.
#[derive(Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
    stray: AtomicU64,
    dropped: AtomicU64,
    listeners: AtomicU64,
}

impl Routes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Datagrams with this ICE user name are the inbox's, until the ticket is dropped.
    pub(crate) fn enter(self: &Arc<Routes>, user: String, inbox: Arc<Inbox>) -> Ticket {
        self.table().users.insert(
            user.clone(),
            Route {
                inbox,
                addresses: Vec::new(),
            },
        );
        Ticket {
            routes: self.clone(),
            user,
        }
    }

    /// Whose the datagrams are, if somebody's.
    pub(crate) fn of_user(&self, user: &str) -> Option<Arc<Inbox>> {
        self.table()
            .users
            .get(user)
            .map(|route| route.inbox.clone())
    }

    /// What a server answers, until it is dropped.
    fn listen(self: &Arc<Routes>, server: SocketAddr) -> Listening {
        let number = self.listeners.fetch_add(1, Ordering::Relaxed);
        let (sender, answers) = mpsc::channel(MAX_ANSWERS);
        let mut table = self.table();
        let known = table.servers.entry(server).or_default();
        known.listeners.push((number, sender));
        Listening::new(self.clone(), server, number, answers)
    }

    /// What a server relays is for this address of ours.
    fn relays(&self, server: SocketAddr, relayed: Option<SocketAddr>) {
        if let Some(known) = self.table().servers.get_mut(&server) {
            known.relayed = relayed;
        }
    }

    fn leave_server(&self, server: SocketAddr, number: u64) {
        let mut table = self.table();
        if let Entry::Occupied(mut entry) = table.servers.entry(server) {
            entry.get_mut().listeners.retain(|(it, _)| *it != number);
            if entry.get().listeners.is_empty() {
                entry.remove();
            }
        }
    }

    /// Hands datagrams over, the table locked once for all.
    fn deliver(&self, datagrams: impl Iterator<Item = Incoming>) {
        let mut table = self.table();
        for incoming in datagrams {
            let Some(incoming) = table.unwrapped(incoming) else {
                continue;
            };
            match table.whose(&incoming) {
                None => {
                    self.stray.fetch_add(1, Ordering::Relaxed);
                }
                Some(inbox) => {
                    if !inbox.datagram(incoming) {
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    /// Datagrams nobody waited for, and datagrams whose viewer was too slow.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.stray.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}

impl Table {
    /// Takes out of its wrapping what a server relays, and gives its answers to those who asked; what remains may be a
    /// viewer's.
    fn unwrapped(&self, incoming: Incoming) -> Option<Incoming> {
        if incoming.tcp || self.servers.is_empty() {
            return Some(incoming);
        }
        let Some(server) = self.servers.get(&incoming.from) else {
            return Some(incoming);
        };
        if let (Some(to), Some((peer, data))) =
            (server.relayed, indication::received(&incoming.data))
        {
            return Some(Incoming {
                data: BytesMut::from(data),
                from: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
                to,
                tcp: false,
            });
        }
        for (_, listener) in &server.listeners {
            // Who does not listen asks again.
            let _ = listener.try_send(incoming.data.clone());
        }
        None
    }

    fn whose(&mut self, incoming: &Incoming) -> Option<Arc<Inbox>> {
        let from = (incoming.from, incoming.tcp);
        if let Some(user) = stun::user_name(&incoming.data) {
            // The first half of the name is ours. An address may have belonged to another viewer of the same computer.
            let route = self.users.get_mut(user)?;
            if self
                .addresses
                .get(&from)
                .is_none_or(|(known, _)| known != user)
            {
                if route.addresses.len() >= MAX_ADDRESSES {
                    return None;
                }
                route.addresses.push(from);
                self.addresses
                    .insert(from, (user.to_owned(), route.inbox.clone()));
            }
            return Some(route.inbox.clone());
        }
        self.addresses.get(&from).map(|(_, inbox)| inbox.clone())
    }
}

/// A viewer's place in the [`Routes`].
pub(crate) struct Ticket {
    routes: Arc<Routes>,
    user: String,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.routes.table();
        let Some(route) = table.users.remove(&self.user) else {
            return;
        };
        for from in route.addresses {
            if let Entry::Occupied(entry) = table.addresses.entry(from)
                && entry.get().0 == self.user
            {
                entry.remove();
            }
        }
    }
}

/// The sockets of a bridge.
pub(crate) struct Net {
    /// Who is where.
    pub(crate) routes: Arc<Routes>,
    /// For all.
    pub(crate) udp: Arc<Udp>,
    /// For those without UDP.
    pub(crate) tcp: Option<tcp::Tcp>,
    /// Addresses of ours that can be sent from.
    pub(crate) own: Vec<IpAddr>,
    /// Our candidates of UDP; what comes from another is a relay's.
    pub(crate) hosts: Vec<SocketAddr>,
    /// How we are reached from outside.
    pub(crate) outside: Outside,
}

impl Net {
    /// Sends what the state machine of this viewer gave, in order. `false`: something was dropped because the way out is
    /// full.
    pub(crate) async fn send(&self, viewer: u64, outgoing: &mut Vec<Outgoing>) -> bool {
        let mut all = true;
        let mut rest = outgoing.as_slice();
        while let Some(first) = rest.first() {
            let run = rest
                .iter()
                .take_while(|next| {
                    (next.to, next.from, next.tcp) == (first.to, first.from, first.tcp)
                })
                .count();
            let (now, later) = rest.split_at(run);
            rest = later;
            if first.tcp {
                all &= self.tcp.as_ref().is_some_and(|tcp| tcp.send(first.to, now));
            } else if !self.hosts.contains(&first.from) {
                all &= self.relay(viewer, now).await;
            } else {
                let source = self.own.contains(&first.from.ip()).then(|| first.from.ip());
                all &= self.udp.send(first.to, source, now).await;
            }
        }
        outgoing.clear();
        all
    }

    /// Sends over the relay what goes from it to one address. What it does not let through (yet) is dropped, as on any way:
    /// ICE tries again within moments.
    async fn relay(&self, viewer: u64, outgoing: &[Outgoing]) -> bool {
        let Some(first) = outgoing.first() else {
            return true;
        };
        let relay = self.outside.relay(first.from);
        let Some(relay) = relay.filter(|relay| relay.is_open(viewer, first.to.ip())) else {
            return true;
        };
        let wrapped = outgoing.iter().filter_map(|packet| {
            Some(Outgoing {
                data: indication::send(first.to, &packet.data)?,
                from: first.from,
                to: relay.server,
                tcp: false,
            })
        });
        let wrapped: Vec<Outgoing> = wrapped.collect();
        relay.send(&wrapped).await
    }
}
