//! Whom a relay lets through: an IP address for each way to a viewer, asked for when something is to be sent there, kept
//! alive while it is used, forgotten afterwards (RFC 8656 section 9). Pure.
//!
//! It must never know a message.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses of one viewer's: a browser has a few outer ones, and somebody else's candidates are no business of ours.
const MAX_OF_ONE: usize = 16;

/// Addresses in all: 64 viewers that use up theirs.
const MAX: usize = 1024;

/// Addresses of one request; with IPv6 it has 600 bytes then.
const MAX_IN_REQUEST: usize = 16;

/// What is not used for so long is forgotten. ICE looks whether a way is there every half second.
const IDLE: Duration = Duration::from_secs(60);

/// A permission ends after 300 s (RFC 8656 section 9); it is asked for again after this.
const REFRESH: Duration = Duration::from_secs(120);

#[derive(Debug)]
struct Permission {
    viewer: u64,
    used: Instant,
    /// Since when the server lets it through.
    granted: Option<Instant>,
    /// A request that names it is on its way.
    asked: bool,
    /// A request that named others too was refused: the next names only this.
    alone: bool,
    refused: bool,
}

impl Permission {
    fn is_due(&self, now: Instant) -> bool {
        let is_old = self.granted.is_none_or(|since| now >= since + REFRESH);
        !self.asked && !self.refused && is_old
    }
}

/// Whether something can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Passage {
    /// It arrives.
    Open,
    /// Not yet; the server is to be asked.
    Wanted,
    /// Not yet, or not at all.
    Shut,
}

/// See the head of the file.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    known: BTreeMap<IpAddr, Permission>,
}

impl Permissions {
    /// A viewer wants to send to an address.
    pub(super) fn passage(&mut self, viewer: u64, peer: IpAddr, now: Instant) -> Passage {
        if let Some(permission) = self.known.get_mut(&peer) {
            permission.used = now;
            return if permission.granted.is_some() {
                Passage::Open
            } else {
                Passage::Shut
            };
        }
        let of_one = self.known.values().filter(|known| known.viewer == viewer);
        if self.known.len() >= MAX || of_one.count() >= MAX_OF_ONE {
            return Passage::Shut;
        }
        self.known.insert(
            peer,
            Permission {
                viewer,
                used: now,
                granted: None,
                asked: false,
                alone: false,
                refused: false,
            },
        );
        Passage::Wanted
    }

    /// What the server is to be asked for now, which is then on its way; empty: nothing.
    pub(super) fn next(&mut self, now: Instant) -> Vec<IpAddr> {
        self.known
            .retain(|_, known| known.asked || now < known.used + IDLE);
        let due = |alone: bool| {
            let due = self.known.iter();
            due.filter(move |(_, known)| known.alone == alone && known.is_due(now))
                .map(|(peer, _)| *peer)
        };
        let mut next: Vec<IpAddr> = due(false).take(MAX_IN_REQUEST).collect();
        if next.is_empty() {
            next.extend(due(true).next());
        }
        for peer in &next {
            if let Some(known) = self.known.get_mut(peer) {
                known.asked = true;
            }
        }
        next
    }

    /// When there may be something to ask for without anybody having sent.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let open = self.known.values();
        open.filter(|known| !known.asked && !known.refused)
            .map(|known| known.granted.map_or(known.used, |since| since + REFRESH))
            .min()
    }

    /// The server lets these through.
    pub(super) fn granted(&mut self, peers: &[IpAddr], now: Instant) {
        for peer in peers {
            if let Some(known) = self.known.get_mut(peer) {
                (known.asked, known.granted) = (false, Some(now));
            }
        }
    }

    /// It does not: one of them is not allowed, perhaps all.
    pub(super) fn refused(&mut self, peers: &[IpAddr]) {
        for peer in peers {
            if let Some(known) = self.known.get_mut(peer) {
                known.asked = false;
                known.alone = true;
                if peers.len() == 1 {
                    (known.refused, known.granted) = (true, None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_is_asked_for_once_kept_while_it_is_used_and_then_forgotten() {
        let (mut permissions, start) = (Permissions::default(), Instant::now());
        assert_eq!(permissions.passage(1, ip(1), start), Passage::Wanted);
        assert_eq!(permissions.deadline(), Some(start));
        assert_eq!(permissions.next(start), [ip(1)]);
        assert_eq!(permissions.passage(1, ip(1), start), Passage::Shut);
        assert!(permissions.next(start).is_empty(), "it is on its way");
        permissions.granted(&[ip(1)], start);
        let later = start + REFRESH;
        assert_eq!(permissions.deadline(), Some(later));
        assert_eq!(permissions.passage(2, ip(1), later), Passage::Open);
        assert_eq!(permissions.next(later), [ip(1)]);
        assert_eq!(permissions.passage(2, ip(1), later), Passage::Open);
        permissions.granted(&[ip(1)], later);
        assert!(permissions.next(later + IDLE).is_empty());
        assert_eq!(permissions.deadline(), None, "forgotten");
    }

    #[test]
    fn one_that_is_not_allowed_does_not_shut_the_others_out() {
        let (mut permissions, now) = (Permissions::default(), Instant::now());
        for last in 1..=3 {
            permissions.passage(1, ip(last), now);
        }
        let all = permissions.next(now);
        assert_eq!(all.len(), 3);
        permissions.refused(&all);
        for last in 1..=3 {
            assert_eq!(permissions.next(now), [ip(last)]);
            if last == 2 {
                permissions.refused(&[ip(last)]);
            } else {
                permissions.granted(&[ip(last)], now);
            }
        }
        assert_eq!(permissions.passage(1, ip(1), now), Passage::Open);
        assert_eq!(permissions.passage(1, ip(2), now), Passage::Shut);
        assert_eq!(permissions.passage(1, ip(3), now), Passage::Open);
        assert!(permissions.next(now).is_empty());
    }

    #[test]
    fn neither_one_viewer_nor_all_fill_more_than_their_share() {
        let (mut permissions, now) = (Permissions::default(), Instant::now());
        let peer = |number: u32| IpAddr::from(number.to_be_bytes());
        for number in 0..100 {
            permissions.passage(0, peer(number), now);
        }
        assert_eq!(permissions.known.len(), MAX_OF_ONE);
        assert_eq!(permissions.passage(1, peer(1000), now), Passage::Wanted);
        for number in 0..10_000 {
            permissions.passage(u64::from(number), peer(5000 + number), now);
        }
        assert_eq!(permissions.known.len(), MAX);
        assert_eq!(permissions.next(now).len(), MAX_IN_REQUEST);
    }
}
