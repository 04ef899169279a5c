//! How many connections each address has open, so that one address cannot keep out all others.
//!
//! It must never know what a connection is for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::guess::network;

/// Connections of one address at once: the users of 4 sessions of 16 behind one router.
pub(crate) const MAX_OF_ONE: usize = 64;

/// The open connections of every address; it has as many entries as there are connections at most.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    each: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One open connection; dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    network: IpAddr,
}

impl Crowd {
    /// A place for one more connection from there; none: that address has as many as it may. All of an IPv6 network of
    /// 64 bits are one.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let network = network(from);
        let mut each = self.lock();
        let count = each.entry(network).or_default();
        if *count == MAX_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Place {
            crowd: Arc::clone(self),
            network,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut each = self.crowd.lock();
        if let Some(count) = each.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                each.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_fills_its_own_places_only_and_nothing_is_kept_of_who_is_gone() {
        let crowd = Arc::new(Crowd::default());
        let [one, mapped, other] =
            ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an IP"));
        let mut places: Vec<_> = (0..MAX_OF_ONE)
            .map(|_| crowd.enter(one).expect("a place"))
            .collect();
        assert!(crowd.enter(one).is_none());
        assert!(crowd.enter(mapped).is_none());
        assert!(crowd.enter(other).is_some());
        places.pop();
        places.push(crowd.enter(mapped).expect("a place"));
        drop(places);
        assert!(crowd.lock().is_empty());
    }
}
