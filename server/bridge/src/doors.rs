//! How many connections are taken: in all, and of one address.
//!
//! It must never know what comes over them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts who is in.
#[derive(Debug)]
pub(crate) struct Doors {
    most: usize,
    most_of_one: usize,
    inside: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One who is in; dropping it lets them out.
#[derive(Debug)]
pub(crate) struct Pass {
    from: IpAddr,
    inside: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Doors {
    /// `most` in all, `most_of_one` of one address (of IPv6: of one /64).
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            most,
            most_of_one,
            inside: Arc::default(),
        }
    }

    /// One more, if there is room.
    pub(crate) fn enter(&self, from: IpAddr) -> Option<Pass> {
        let from = network(from);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.values().sum::<usize>() >= self.most {
            return None;
        }
        let of_one = inside.entry(from).or_default();
        if *of_one >= self.most_of_one {
            return None;
        }
        *of_one += 1;
        Some(Pass {
            from,
            inside: Arc::clone(&self.inside),
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = inside.get_mut(&self.from) {
            *of_one -= 1;
            if *of_one == 0 {
                inside.remove(&self.from);
            }
        }
    }
}

/// Whoever has one IPv6 address has its whole /64 (RFC 4291 section 2.5.4).
pub(crate) fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << 64;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_fills_its_share_and_leaves_room_for_others() {
        let doors = Doors::new(3, 2);
        let first = doors.enter(ip("192.0.2.1")).expect("room");
        let _second = doors.enter(ip("::ffff:192.0.2.1")).expect("room");
        assert!(doors.enter(ip("192.0.2.1")).is_none());
        let _other = doors.enter(ip("192.0.2.2")).expect("room");
        assert!(doors.enter(ip("192.0.2.3")).is_none(), "full");
        drop(first);
        assert!(doors.enter(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn a_whole_network_of_ipv6_is_one_address() {
        let doors = Doors::new(9, 1);
        let _first = doors.enter(ip("2001:db8:0:1::1")).expect("room");
        assert!(doors.enter(ip("2001:db8:0:1:ffff::2")).is_none());
        assert!(doors.enter(ip("2001:db8:0:2::1")).is_some());
    }
}
