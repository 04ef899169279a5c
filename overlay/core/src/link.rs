//! What a node knows about the peer at the other end of a link. Values only, no decisions.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::id::{Contact, PeerId};
use crate::time::Time;
use crate::wire::{Candidate, Hello, Report};

/// One link, from its hello to its end.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) contact: Contact,
    pub(crate) dialed: bool,
    pub(crate) root: bool,
    pub(crate) fan_out: u16,
    pub(crate) reachable: bool,
    pub(crate) primary: Option<u8>,
    pub(crate) parents: u8,
    pub(crate) last_heard: Time,
    pub(crate) last_sent: Time,
    pub(crate) suspected: bool,
    pub(crate) rtt_us: Option<u64>,
    pub(crate) newest_whole: Option<u64>,
    /// When the link was last of use to this node.
    pub(crate) used: Time,
    /// What it said, as a child, of its part of each stripe's tree.
    pub(crate) reports: BTreeMap<u8, Report>,
    /// What it was told last, so that it is told only news.
    pub(crate) told_reports: Vec<Report>,
    pub(crate) told_alternates: BTreeMap<u8, (Vec<Candidate>, Vec<Candidate>)>,
    /// Times that it was too slow as a child, and when last.
    pub(crate) slow: u32,
    pub(crate) slow_at: Time,
}

impl Link {
    pub(crate) fn new(
        peer: PeerId,
        addr: SocketAddr,
        dialed: bool,
        hello: &Hello,
        now: Time,
    ) -> Self {
        Self {
            contact: Contact { id: peer, addr },
            dialed,
            root: hello.root,
            fan_out: hello.fan_out,
            // Whom we reached ourselves can be reached.
            reachable: hello.reachable || dialed,
            primary: hello.primary,
            parents: 0,
            last_heard: now,
            last_sent: now,
            suspected: false,
            rtt_us: None,
            newest_whole: hello.newest_whole,
            used: now,
            reports: BTreeMap::new(),
            told_reports: Vec::new(),
            told_alternates: BTreeMap::new(),
            slow: 0,
            slow_at: now,
        }
    }
}
