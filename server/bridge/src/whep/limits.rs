//! How many viewers, and how often one address may ask.
//!
//! Time is an argument. It must never know what is watched.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::doors::{Doors, Pass, network};
use crate::rate::Allowance;

use super::{MAX_VIEWERS, MAX_VIEWERS_OF_ONE, OFFER_EVERY, OFFERS, RETRY_AFTER_S};

/// Addresses that are remembered; the ones that could ask freely again are forgotten first. A guess.
const MAX_ADDRESSES: usize = 4096;

/// The bounds of one [`super::Whep`].
#[derive(Debug)]
pub(super) struct Limits {
    doors: Doors,
    asked: Mutex<BTreeMap<IpAddr, Allowance>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            doors: Doors::new(MAX_VIEWERS, MAX_VIEWERS_OF_ONE),
            asked: Mutex::default(),
        }
    }
}

impl Limits {
    /// One more viewer; `Err`: seconds until it is worth to ask again.
    pub(super) fn enter(&self, from: IpAddr, now: Instant) -> Result<Pass, u32> {
        self.ask(from, now)?;
        self.doors.enter(from).ok_or(RETRY_AFTER_S)
    }

    fn ask(&self, from: IpAddr, now: Instant) -> Result<(), u32> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let from = network(from);
        if asked.len() >= MAX_ADDRESSES && !asked.contains_key(&from) {
            asked.retain(|_, allowance| !allowance.is_full(now));
            if asked.len() >= MAX_ADDRESSES {
                return Err(RETRY_AFTER_S);
            }
        }
        asked
            .entry(from)
            .or_insert_with(|| Allowance::new(OFFERS, OFFER_EVERY, now))
            .take(now)
            .map_err(|later| {
                let wait = later.saturating_duration_since(now).as_secs_f64().ceil();
                wait as u32
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_asks_too_often_waits_and_others_do_not() {
        let limits = Limits::default();
        let now = Instant::now();
        let eager = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..OFFERS {
            assert!(limits.enter(eager, now).is_ok());
        }
        assert_eq!(limits.enter(eager, now).err(), Some(1));
        assert!(limits.enter(IpAddr::from([192, 0, 2, 2]), now).is_ok());
        assert!(limits.enter(eager, now + OFFER_EVERY).is_ok());
    }

    #[test]
    fn addresses_are_forgotten_when_there_are_too_many() {
        let limits = Limits::default();
        let now = Instant::now();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        for number in 0..MAX_ADDRESSES as u32 {
            limits.ask(address(number), now).expect("room");
        }
        assert!(limits.ask(address(u32::MAX), now).is_err());
        assert!(limits.ask(address(u32::MAX), now + 2 * OFFER_EVERY).is_ok());
    }
}
