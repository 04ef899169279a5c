//! Who is on which channel, and who has to go: the rules alone. Pure.
//!
//! A client is known by its address and is on one channel at most. A place is taken when the client asks for it and
//! is its own once it has been told so; two failed turns in a row cost the client its place. This file must never know
//! time, sockets, or what a block is.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::request::CHANNELS;

/// Failed turns in a row after which a client is removed: what the original allows.
pub(crate) const FAILURES_TO_REMOVE: u8 = 2;

/// All channels with their clients.
#[derive(Debug)]
pub(crate) struct Table {
    channels: [Option<Channel>; CHANNELS],
    places: HashMap<IpAddr, Place>,
    /// Places at most on all channels together.
    most: usize,
    /// Identifies the next place; a number is never used twice.
    next_id: u64,
}

#[derive(Debug)]
struct Channel {
    /// Places at most.
    most: usize,
    /// Places taken, those of clients that were not told yet included.
    taken: usize,
    /// Clients in the order in which they came.
    members: BTreeMap<u64, IpAddr>,
}

#[derive(Debug)]
struct Place {
    channel: u8,
    id: u64,
    /// `None`: it was not told yet.
    member: Option<Turns>,
}

#[derive(Debug, Default)]
struct Turns {
    begun: bool,
    /// In a row.
    failures: u8,
}

/// A client's place on a channel: this one, not a later one of the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The client.
    pub(crate) ip: IpAddr,
    /// Its channel.
    pub(crate) channel: u8,
    id: u64,
}

impl Member {
    /// Different for every place that was ever taken.
    pub(crate) fn id(self) -> u64 {
        self.id
    }
}

/// What a client that wants to join is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// A place is kept for it: tell it, then [`Table::confirm`] or [`Table::give_up`].
    Accepted(Member),
    /// There is no place.
    Full,
}

/// A turn of a client: the next block is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether it is the client's first: then it may still be opening its listener.
    pub(crate) first: bool,
}

/// What a failed turn led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The client has another chance.
    Kept,
    /// It was the second in a row: the client is off the channel.
    Removed,
    /// It was off the channel already.
    Gone,
}

impl Table {
    /// A table of the channels that `limits` names, with places at most on each, and with `most` places on all
    /// together. Numbers of [`CHANNELS`] and above are left out: one digit does not name them.
    pub(crate) fn new(limits: impl IntoIterator<Item = (u8, usize)>, most: usize) -> Self {
        let mut channels: [Option<Channel>; CHANNELS] = Default::default();
        for (number, most) in limits {
            if let Some(channel) = channels.get_mut(usize::from(number)) {
                *channel = Some(Channel {
                    most,
                    taken: 0,
                    members: BTreeMap::new(),
                });
            }
        }
        Self {
            channels,
            places: HashMap::new(),
            most,
            next_id: 0,
        }
    }

    /// Whether there is this channel.
    pub(crate) fn knows(&self, channel: u8) -> bool {
        self.channel(channel).is_some()
    }

    /// `10X`: takes the address from whatever channel it was on, then keeps a place for it, if there is one.
    pub(crate) fn join(&mut self, ip: IpAddr, channel: u8) -> Join {
        self.remove(ip);
        let all_taken = self.places.len() >= self.most;
        let Some(joined) = self.channel_mut(channel) else {
            return Join::Full;
        };
        if all_taken || joined.taken >= joined.most {
            return Join::Full;
        }
        joined.taken += 1;
        let id = self.new_id();
        let place = Place {
            channel,
            id,
            member: None,
        };
        self.places.insert(ip, place);
        Join::Accepted(Member { ip, channel, id })
    }

    /// The client was told: it is on the channel, behind all that are there. `None`: it left in the meantime or asked
    /// anew.
    pub(crate) fn confirm(&mut self, asked: Member) -> Option<Member> {
        let id = self.next_id;
        let place = self.place_mut(asked)?;
        if place.member.is_some() {
            return None;
        }
        place.id = id;
        place.member = Some(Turns::default());
        let id = self.new_id();
        let channel = self
            .channel_mut(asked.channel)
            .expect("a place is on a channel that there is");
        channel.members.insert(id, asked.ip);
        Some(Member { id, ..asked })
    }

    /// The client could not be told: its place is free again.
    pub(crate) fn give_up(&mut self, asked: Member) {
        if self.place_mut(asked).is_some() {
            self.remove(asked.ip);
        }
    }

    /// `12X`: takes the address from this channel; whether it was on it, or about to be.
    pub(crate) fn leave(&mut self, ip: IpAddr, channel: u8) -> bool {
        let is_there = self
            .places
            .get(&ip)
            .is_some_and(|place| place.channel == channel);
        if is_there {
            self.remove(ip);
        }
        is_there
    }

    /// `11X`: the clients of a channel in the order in which they came.
    pub(crate) fn list(&self, channel: u8) -> Vec<IpAddr> {
        self.channel(channel)
            .map(|channel| channel.members.values().copied().collect())
            .unwrap_or_default()
    }

    /// `13X`: how many there are.
    pub(crate) fn count(&self, channel: u8) -> usize {
        self.channel(channel)
            .map_or(0, |channel| channel.members.len())
    }

    /// The next block is for this client; `None`: it is off the channel.
    pub(crate) fn turn(&mut self, member: Member) -> Option<Turn> {
        let turns = self.place_mut(member)?.member.as_mut()?;
        let first = !turns.begun;
        turns.begun = true;
        Some(Turn { first })
    }

    /// It got the block.
    pub(crate) fn sent(&mut self, member: Member) {
        if let Some(place) = self.place_mut(member)
            && let Some(turns) = &mut place.member
        {
            turns.failures = 0;
        }
    }

    /// It did not get the block.
    pub(crate) fn failed(&mut self, member: Member) -> Failed {
        let Some(place) = self.place_mut(member) else {
            return Failed::Gone;
        };
        let Some(turns) = &mut place.member else {
            return Failed::Gone;
        };
        turns.failures += 1;
        if turns.failures < FAILURES_TO_REMOVE {
            return Failed::Kept;
        }
        self.remove(member.ip);
        Failed::Removed
    }

    fn remove(&mut self, ip: IpAddr) {
        let Some(place) = self.places.remove(&ip) else {
            return;
        };
        let channel = self
            .channel_mut(place.channel)
            .expect("a place is on a channel that there is");
        channel.taken -= 1;
        channel.members.remove(&place.id);
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn channel(&self, number: u8) -> Option<&Channel> {
        self.channels.get(usize::from(number))?.as_ref()
    }

    fn channel_mut(&mut self, number: u8) -> Option<&mut Channel> {
        self.channels.get_mut(usize::from(number))?.as_mut()
    }

    /// This very place, if it still is.
    fn place_mut(&mut self, member: Member) -> Option<&mut Place> {
        self.places
            .get_mut(&member.ip)
            .filter(|place| place.id == member.id)
    }
}
