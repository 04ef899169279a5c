//! The bridge's sockets: one UDP port for all viewers, and one TCP port for those without UDP. Who a datagram is for is
//! told by the user name of ICE checks (RFC 8445 section 7.2.2), and afterwards by where it comes from.
//!
//! It must never know what datagrams mean beyond that.

pub(crate) mod addresses;
mod stun;
pub(crate) mod tcp;
mod udp;

use crate::inbox::Inbox;
use crate::transport::{Incoming, Outgoing};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use udp::Udp;

/// Addresses from which one viewer's datagrams are taken. A browser tries each of its interfaces, families and TCP.
const MAX_ADDRESSES: usize = 32;

/// Where a datagram comes from: address, and whether over TCP.
type From = (SocketAddr, bool);

struct Route {
    inbox: Arc<Inbox>,
    addresses: Vec<From>,
}

#[derive(Default)]
struct Table {
    users: HashMap<String, Route>,
    addresses: HashMap<From, (String, Arc<Inbox>)>,
}

/// Who a datagram is for.
#[derive(Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
    stray: AtomicU64,
    dropped: AtomicU64,
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

    /// Hands datagrams over, the table locked once for all.
    fn deliver(&self, datagrams: impl Iterator<Item = Incoming>) {
        let mut table = self.table();
        for incoming in datagrams {
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
}

impl Net {
    /// Sends what a viewer's state machine gave, in order. `false`: something was dropped because the way out is full.
    pub(crate) async fn send(&self, outgoing: &mut Vec<Outgoing>) -> bool {
        let mut all = true;
        let mut rest = outgoing.as_slice();
        while let Some(first) = rest.first() {
            let run = rest
                .iter()
                .take_while(|next| next.to == first.to && next.tcp == first.tcp)
                .count();
            let (now, later) = rest.split_at(run);
            rest = later;
            if first.tcp {
                all &= self.tcp.as_ref().is_some_and(|tcp| tcp.send(first.to, now));
            } else {
                let source = self.own.contains(&first.from.ip()).then(|| first.from.ip());
                all &= self.udp.send(first.to, source, now).await;
            }
        }
        outgoing.clear();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    fn check(user: &str, from: &str) -> Incoming {
        Incoming {
            data: stun::tests::binding_request(user),
            from: from.parse().expect("an address"),
            to: "127.0.0.1:1".parse().expect("an address"),
            tcp: false,
        }
    }

    fn media(from: &str) -> Incoming {
        Incoming {
            data: BytesMut::from(&[0x80u8, 1, 2][..]),
            ..check("", from)
        }
    }

    fn waiting(inbox: &Inbox) -> usize {
        let mut contents = crate::inbox::Contents::default();
        inbox.take(&mut contents);
        contents.datagrams.len()
    }

    #[test]
    fn a_viewer_is_known_by_its_name_then_by_its_address_and_not_after_it_left() {
        let routes = Arc::new(Routes::default());
        let (first, second) = (Arc::new(Inbox::default()), Arc::new(Inbox::default()));
        let ticket = routes.enter("first".into(), first.clone());
        let _second = routes.enter("second".into(), second.clone());
        routes.deliver(
            [
                media("10.0.0.1:5"),
                check("first:x", "10.0.0.1:5"),
                media("10.0.0.1:5"),
            ]
            .into_iter(),
        );
        assert_eq!(
            (waiting(&first), waiting(&second), routes.counts().0),
            (2, 0, 1)
        );
        // The same port, now another viewer's.
        routes.deliver([check("second:x", "10.0.0.1:5"), media("10.0.0.1:5")].into_iter());
        assert_eq!((waiting(&first), waiting(&second)), (0, 2));
        drop(ticket);
        routes.deliver([media("10.0.0.1:5"), check("first:x", "10.0.0.2:5")].into_iter());
        assert_eq!(
            (waiting(&first), waiting(&second), routes.counts().0),
            (0, 1, 2)
        );
        drop(_second);
        assert!(routes.table().addresses.is_empty() && routes.table().users.is_empty());
    }

    #[test]
    fn one_viewer_cannot_fill_the_table() {
        let routes = Arc::new(Routes::default());
        let inbox = Arc::new(Inbox::default());
        let _ticket = routes.enter("first".into(), inbox);
        for port in 1..1000 {
            routes.deliver(std::iter::once(check(
                "first:x",
                &format!("10.0.0.1:{port}"),
            )));
        }
        assert_eq!(routes.table().addresses.len(), MAX_ADDRESSES);
    }
}
