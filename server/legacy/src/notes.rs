//! What is worth a line in the log when strangers can cause lines: one for each address, and few in all. Pure.
//!
//! This file must never know what the lines say, or what time it is.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// Addresses that are remembered; beyond that the oldest is forgotten. A guess: 100 KiB.
const MAX_ADDRESSES: usize = 1_024;
/// How long an address stays silent after its line. A guess: an operator who looks the next hour sees it again.
const SILENCE: Duration = Duration::from_secs(3_600);
/// Lines at most in a minute. A guess at what a reader of a log bears.
const LINES_A_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Which addresses had their line.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    known: HashSet<IpAddr>,
    /// The same addresses, oldest first, with the time of their line.
    order: VecDeque<(Duration, IpAddr)>,
    minute_began: Duration,
    lines: u32,
    suppressed: u64,
}

impl Notes {
    /// Whether something about `ip` at `now` (since any fixed moment) is to be logged: `Some` with how many lines of
    /// other addresses were left out before, because there were too many.
    pub(crate) fn is_news(&mut self, now: Duration, ip: IpAddr) -> Option<u64> {
        while let Some(&(since, old)) = self.order.front()
            && (now.saturating_sub(since) >= SILENCE || self.order.len() >= MAX_ADDRESSES)
        {
            self.known.remove(&old);
            self.order.pop_front();
        }
        if self.known.contains(&ip) {
            return None;
        }
        if now.saturating_sub(self.minute_began) >= MINUTE {
            self.minute_began = now;
            self.lines = 0;
        }
        if self.lines >= LINES_A_MINUTE {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        self.known.insert(ip);
        self.order.push_back((now, ip));
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn an_address_has_one_line_an_hour() {
        let mut notes = Notes::default();
        let hour = Duration::from_secs(3_600);
        assert_eq!(notes.is_news(Duration::ZERO, ip(1)), Some(0));
        assert_eq!(notes.is_news(hour / 2, ip(1)), None);
        assert_eq!(notes.is_news(hour / 2, ip(2)), Some(0));
        assert_eq!(notes.is_news(hour, ip(1)), Some(0));
    }

    #[test]
    fn a_thousand_addresses_cannot_fill_the_log() {
        let mut notes = Notes::default();
        let at = |second| Duration::from_secs(second);
        let lines = (0..1_000).filter(|n| notes.is_news(at(1), ip(*n)).is_some());
        assert_eq!(lines.count(), LINES_A_MINUTE as usize);
        let suppressed = 1_000 - u64::from(LINES_A_MINUTE);
        assert_eq!(notes.is_news(at(61), ip(5_000)), Some(suppressed));
        assert_eq!(notes.is_news(at(61), ip(5_001)), Some(0));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut notes = Notes::default();
        for number in 0..10_000u32 {
            notes.is_news(Duration::from_millis(u64::from(number) * 100), ip(number));
        }
        assert!(notes.order.len() <= MAX_ADDRESSES);
        assert_eq!(notes.order.len(), notes.known.len());
    }
}
