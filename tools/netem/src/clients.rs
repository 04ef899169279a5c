//! The table of clients: who sends through the proxy, bounded, with those that
//! fell silent taken out. Pure: time is an argument; what is kept for a client
//! is the caller's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Clients at a time. A guess: five times the largest swarm that one small
/// machine carries; each costs a socket.
pub(crate) const MAX_CLIENTS: usize = 1_024;

/// A client that has neither sent nor received for so long is forgotten, in
/// microseconds: four times the usual idle time-out of a QUIC connection.
pub(crate) const IDLE_US: u64 = 120_000_000;

struct Entry<T> {
    last_used_us: u64,
    value: T,
}

/// Clients by address.
pub(crate) struct Clients<T> {
    entries: BTreeMap<SocketAddr, Entry<T>>,
}

impl<T> Clients<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether one more fits.
    pub(crate) fn has_place(&self) -> bool {
        self.entries.len() < MAX_CLIENTS
    }

    /// The client at an address, which is in use now.
    pub(crate) fn touch(&mut self, now_us: u64, address: SocketAddr) -> Option<&T> {
        let entry = self.entries.get_mut(&address)?;
        entry.last_used_us = now_us;
        Some(&entry.value)
    }

    /// Adds a client. The caller has asked whether there is a place.
    pub(crate) fn insert(&mut self, now_us: u64, address: SocketAddr, value: T) {
        debug_assert!(self.has_place());
        let entry = Entry {
            last_used_us: now_us,
            value,
        };
        self.entries.insert(address, entry);
    }

    /// Takes a client out.
    pub(crate) fn remove(&mut self, address: SocketAddr) {
        self.entries.remove(&address);
    }

    /// Takes out who has been silent for [`IDLE_US`].
    pub(crate) fn expire(&mut self, now_us: u64) {
        self.entries
            .retain(|_, entry| now_us.saturating_sub(entry.last_used_us) < IDLE_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> SocketAddr {
        let port = u16::try_from(number).expect("few enough");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn who_falls_silent_is_forgotten_and_who_speaks_stays() {
        let mut clients = Clients::new();
        clients.insert(0, address(1), 'a');
        clients.insert(0, address(2), 'b');
        clients.touch(IDLE_US / 2, address(2));
        clients.expire(IDLE_US);
        assert_eq!(clients.touch(IDLE_US, address(1)), None);
        assert_eq!(clients.touch(IDLE_US, address(2)), Some(&'b'));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut clients = Clients::new();
        for number in 0..MAX_CLIENTS {
            assert!(clients.has_place());
            clients.insert(0, address(number), ());
        }
        assert!(!clients.has_place());
        clients.remove(address(3));
        assert!(clients.has_place());
        assert_eq!(clients.len(), MAX_CLIENTS - 1);
    }
}
