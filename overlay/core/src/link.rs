//! What a node knows about the peer at the other end of a link. Values only, no decisions.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::id::{Contact, PeerId};
use crate::time::{Span, Time};
use crate::wire::{Candidate, Hello, Report};

/// Round trips that count in what a link is allowed to be silent: a lost packet is sent again after a bit more than one (RFC
/// 9002 section 6.2, the probe time-out), and that needs half of one to come. A whole second one for queues that grow.
const ROUND_TRIPS_OF_SILENCE: u64 = 2;
/// The highest round trip is forgotten by this share with each one that is told.
const FORGOTTEN_SHARE: u64 = 16;

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
    /// The highest of the last round trips, slowly forgotten: a line that is full for a part of each chunk is short between.
    rtt_high_us: u64,
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
            rtt_high_us: 0,
            newest_whole: hello.newest_whole,
            used: now,
            reports: BTreeMap::new(),
            told_reports: Vec::new(),
            told_alternates: BTreeMap::new(),
            slow: 0,
            slow_at: now,
        }
    }

    /// A round trip was measured.
    pub(crate) fn measured(&mut self, rtt_us: u64) {
        self.rtt_us = Some(rtt_us);
        let kept = self.rtt_high_us - self.rtt_high_us / FORGOTTEN_SHARE;
        self.rtt_high_us = rtt_us.max(kept);
    }

    /// How long the other end may be silent before it is suspected: `least`, and more where packets wait in queues.
    pub(crate) fn patience(&self, least: Span) -> Span {
        least.max(Span(
            self.rtt_high_us.saturating_mul(ROUND_TRIPS_OF_SILENCE),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PeerId;
    use crate::tick::Progress;
    use crate::wire::VERSION;

    const LEAST: Span = Span::ms(150);

    fn link() -> Link {
        let addr = SocketAddr::from(([192, 0, 2, 1], 7_000));
        let hello = Hello {
            version: VERSION,
            channel: 0,
            incarnation: 1,
            fan_out: 4,
            reachable: true,
            root: false,
            primary: None,
            lacking: None,
            observed: addr,
            data: 4,
            parity: 1,
            progress: Progress::default(),
            newest_whole: None,
        };
        Link::new(PeerId([1; 32]), addr, true, &hello, Time(0))
    }

    #[test]
    fn a_near_neighbour_is_suspected_as_soon_as_the_design_says() {
        let mut link = link();
        assert_eq!(link.patience(LEAST), LEAST);
        link.measured(70_000);
        assert_eq!(link.patience(LEAST), LEAST);
    }

    #[test]
    fn a_full_line_is_remembered_between_its_chunks_and_forgotten_when_it_is_empty_for_long() {
        let mut link = link();
        link.measured(240_000);
        assert_eq!(link.patience(LEAST), Span::ms(480));
        // Eight measurements, two seconds: a chunk.
        for _ in 0..8 {
            link.measured(2_000);
        }
        assert!(link.patience(LEAST) > Span::ms(280));
        for _ in 0..20 {
            link.measured(2_000);
        }
        assert_eq!(link.patience(LEAST), LEAST);
    }
}
