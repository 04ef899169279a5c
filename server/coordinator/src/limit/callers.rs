//! The table of callers by network: how much each asked lately, and how many connections it has.
//!
//! An IPv4 address is a caller; of IPv6 the first 64 bits are, because one household has all the rest. The table is
//! bounded: when it is full of callers that are all busy, newcomers share one place.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::rate::{Rate, Used};

/// Callers remembered at most: about 10 MB of them. A guess.
const MAX_CALLERS: usize = 65_536;

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            v4 @ IpAddr::V4(_) => v4,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        })
    }
}

/// What one caller did.
#[derive(Debug, Default)]
pub(crate) struct Caller {
    used: Used,
    connections: AtomicU32,
}

impl Caller {
    /// Counts one request.
    ///
    /// # Errors
    /// After how long to ask again.
    pub(crate) fn ask(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        self.used.take(rate, now)
    }

    /// One more connection, until what is returned is dropped; none when there are `most` already.
    pub(crate) fn connect(self: &Arc<Self>, most: u32) -> Option<Connected> {
        let more = |have: u32| (have < most).then_some(have + 1);
        self.connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()
            .map(|_| Connected(Arc::clone(self)))
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(crate) struct Connected(Arc<Caller>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All callers.
#[derive(Debug)]
pub(crate) struct Callers {
    most: usize,
    by_network: Mutex<HashMap<Network, Arc<Caller>>>,
    others: Arc<Caller>,
}

impl Default for Callers {
    fn default() -> Self {
        Self::bounded(MAX_CALLERS)
    }
}

impl Callers {
    fn bounded(most: usize) -> Self {
        Self {
            most,
            by_network: Mutex::default(),
            others: Arc::default(),
        }
    }

    /// The place of one; made if there is room.
    pub(crate) fn of(&self, address: IpAddr, now: Duration) -> Arc<Caller> {
        let network = Network::from(address);
        let mut table = self
            .by_network
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = table.get(&network) {
            return Arc::clone(known);
        }
        if table.len() >= self.most {
            // In use by a connection, or still above its rate: kept.
            table.retain(|_, caller| Arc::strong_count(caller) > 1 || !caller.used.is_over(now));
            if table.len() >= self.most {
                return Arc::clone(&self.others);
            }
        }
        Arc::clone(table.entry(network).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_household_is_one_caller() {
        let a: IpAddr = "2001:db8:1:2:aaaa::1".parse().expect("an address");
        let b: IpAddr = "2001:db8:1:2:bbbb::2".parse().expect("an address");
        let c: IpAddr = "2001:db8:1:3::1".parse().expect("an address");
        assert_eq!(Network::from(a), Network::from(b));
        assert_ne!(Network::from(a), Network::from(c));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().expect("an address");
        assert_eq!(Network::from(mapped), Network::from(v4(1)));
    }

    #[test]
    fn a_full_table_forgets_the_idle_and_lets_the_rest_share() {
        let callers = Callers::bounded(2);
        let rate = Rate::new(1, 1);
        let first = callers.of(v4(1), NOW);
        callers
            .of(v4(2), NOW)
            .ask(rate, NOW)
            .expect("the first one");
        // Both are needed: one is in use, the other above its rate.
        let third = callers.of(v4(3), NOW);
        let fourth = callers.of(v4(4), NOW);
        assert!(Arc::ptr_eq(&third, &fourth));
        let later = NOW + Duration::from_secs(2);
        let fifth = callers.of(v4(5), later);
        assert!(!Arc::ptr_eq(&fifth, &third));
        assert!(Arc::ptr_eq(&first, &callers.of(v4(1), later)));
    }

    #[test]
    fn connections_are_counted_while_they_last() {
        let caller = Callers::default().of(v4(1), NOW);
        let first = caller.connect(2).expect("room");
        let _second = caller.connect(2).expect("room");
        assert!(caller.connect(2).is_none());
        drop(first);
        assert!(caller.connect(2).is_some());
    }
}
