//! How many wrong codes are looked at: from one address, and from everywhere together.
//!
//! Pure: time is an argument. It must never know what a code opens.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How long wrong codes are counted together, and how long somebody is locked out.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Wrong codes of one address in a window: people mistype a few times. With 4 sessions among 10,000 codes, ten guesses a
/// minute find one after some four hours.
pub(crate) const MAX_OF_ONE: u32 = 10;
/// Wrong codes of everybody in a window. A guess: 20 addresses that guess as fast as they may.
pub(crate) const MAX_OF_ALL: u32 = 200;
/// Addresses that are remembered; the count of everybody holds for those beyond.
const MAX_ADDRESSES: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Duration,
    wrong: u32,
}

impl Count {
    fn add(&mut self, now: Duration) {
        if now >= self.since + WINDOW {
            *self = Self {
                since: now,
                wrong: 0,
            };
        }
        self.wrong += 1;
    }

    /// How long it stays locked.
    fn locked(&self, now: Duration, most: u32) -> Option<Duration> {
        let left = (self.since + WINDOW).saturating_sub(now);
        (self.wrong >= most && !left.is_zero()).then_some(left)
    }
}

/// Who guessed how often.
#[derive(Clone, Debug)]
pub(crate) struct Guesses {
    all: Count,
    each: BTreeMap<IpAddr, Count>,
}

impl Guesses {
    pub(crate) fn new() -> Self {
        let all = Count {
            since: Duration::ZERO,
            wrong: 0,
        };
        Self {
            all,
            each: BTreeMap::new(),
        }
    }

    /// How long codes from there are not looked at.
    pub(crate) fn locked(&self, now: Duration, from: IpAddr) -> Option<Duration> {
        let own = self.each.get(&network(from));
        let own = own.and_then(|count| count.locked(now, MAX_OF_ONE));
        own.max(self.all.locked(now, MAX_OF_ALL))
    }

    /// A wrong code came from there.
    pub(crate) fn wrong(&mut self, now: Duration, from: IpAddr) {
        self.all.add(now);
        self.each.retain(|_, count| now < count.since + WINDOW);
        let known = self.each.len();
        match self.each.get_mut(&network(from)) {
            Some(count) => count.add(now),
            None if known < MAX_ADDRESSES => {
                let count = Count {
                    since: now,
                    wrong: 1,
                };
                self.each.insert(network(from), count);
            }
            None => {}
        }
    }
}

/// What one household has: an IPv4 address, or an IPv6 network of 64 bits (RFC 4291 section 2.5.1).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn who_guesses_too_often_is_locked_out_for_a_while_and_nobody_else_is() {
        let mut guesses = Guesses::new();
        let now = Duration::from_secs(100);
        for _ in 1..MAX_OF_ONE {
            guesses.wrong(now, address(1));
        }
        assert_eq!(guesses.locked(now, address(1)), None);
        guesses.wrong(now, address(1));
        assert_eq!(guesses.locked(now, address(1)), Some(WINDOW));
        assert_eq!(guesses.locked(now, address(2)), None);
        assert_eq!(guesses.locked(now + WINDOW, address(1)), None);
    }

    #[test]
    fn many_addresses_together_lock_everybody_out() {
        let mut guesses = Guesses::new();
        let now = Duration::from_secs(100);
        for guess in 0..MAX_OF_ALL {
            guesses.wrong(now, address((guess % 100) as u8));
        }
        assert!(guesses.locked(now, address(200)).is_some());
        assert_eq!(guesses.locked(now + WINDOW, address(200)), None);
    }

    #[test]
    fn an_ipv6_network_is_one_and_so_is_a_mapped_address() {
        let [a, b] = ["2001:db8::1", "2001:db8::2:3"].map(|text| text.parse().expect("an address"));
        assert_eq!(network(a), network(b));
        let mapped = "::ffff:192.0.2.1".parse().expect("an address");
        assert_eq!(network(mapped), address(1));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut guesses = Guesses::new();
        for number in 0..2 * MAX_ADDRESSES as u32 {
            guesses.wrong(Duration::ZERO, IpAddr::from(number.to_be_bytes()));
        }
        assert_eq!(guesses.each.len(), MAX_ADDRESSES);
    }
}
