//! How much one viewer's way carries: from the arrival times it reports (transport-wide congestion control,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01), the losses, and probes.
//!
//! It must never know who else watches.

use super::probe::{Outcome, Plan, Probes};
use super::trend::{Trend, Usage};
use std::collections::VecDeque;

/// Packets whose fate is still open. 4 s at 8 Mb/s; reports come every 50 to 250 ms.
const MAX_OPEN: usize = 4096;

/// Rates are measured over this, microseconds.
const RATE_US: u64 = 500_000;

/// After less than this a rate means nothing.
const MIN_RATE_US: u64 = 150_000;

/// On overuse: this much of what arrives (draft-ietf-rmcat-gcc-02 section 5.5).
const DECREASE: f64 = 0.85;

/// A way that was hardly used does not lose more than this at once: what arrives says nothing about it.
const LIMITED_DECREASE: f64 = 0.75;

/// Less sent than this share of the estimate: the picture, not the way, is the limit.
const LIMITED: f64 = 0.65;

/// Growth per second once the way's limit was seen (section 5.5), and before.
const GROWTH: (f64, f64) = (1.08, 1.5);

/// Never more than this above what arrives.
const ABOVE_RECEIVED: f64 = 1.5;

/// Two decreases are at least this far apart: a report of what the first one did takes a round trip.
const DECREASE_PAUSE_US: u64 = 250_000;

/// More loss than this is congestion (section 6) ...
const HIGH_LOSS: f64 = 0.10;

/// ... and more than this stops growth. Radio links lose this much for other reasons.
const SOME_LOSS: f64 = 0.06;

/// Losses are counted over this, and at least over so many packets.
const LOSS_US: u64 = 500_000;
const LOSS_PACKETS: u32 = 20;

/// Packets that wait longer than this on their way are old when they come, microseconds ...
const LONG_US: i64 = 250_000;

/// ... so the queue is emptied: this much of what arrives is sent ...
const DRAIN: f64 = 0.55;

/// ... for at least this long, microseconds.
const DRAIN_PAUSE_US: u64 = 1_000_000;

/// The first probe waits for the first pictures.
const FIRST_PROBE_US: u64 = 150_000;

/// A packet's arrival as the viewer reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// Transport-wide sequence number.
    pub(crate) sequence: u16,
    /// On the viewer's clock, microseconds; `None`: it did not arrive.
    pub(crate) arrival_us: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Departed {
    sent_us: u64,
    len: usize,
    probe: u32,
    arrived: bool,
    counted_lost: bool,
}

/// Bytes over the last half second.
#[derive(Debug, Default)]
struct Rate {
    entries: VecDeque<(u64, usize)>,
    bytes: usize,
    first_us: Option<u64>,
}

impl Rate {
    fn add(&mut self, at_us: u64, len: usize) {
        // A clock that jumps back starts anew.
        if self
            .entries
            .back()
            .is_some_and(|(last, _)| at_us + 10_000_000 < *last)
        {
            *self = Rate::default();
        }
        self.first_us.get_or_insert(at_us);
        self.entries.push_back((at_us, len));
        self.bytes += len;
        self.cut(at_us);
    }

    fn cut(&mut self, now_us: u64) {
        while let Some((at, len)) = self.entries.front().copied() {
            if at + RATE_US >= now_us {
                break;
            }
            self.entries.pop_front();
            self.bytes -= len;
        }
    }

    fn bps(&self, now_us: u64) -> Option<f64> {
        let since = now_us.saturating_sub(self.first_us?);
        (since >= MIN_RATE_US).then(|| self.bytes as f64 * 8e6 / since.min(RATE_US) as f64)
    }
}

/// How long packets wait on their way: their delay beyond the shortest one seen. The clocks differ, so only differences
/// count.
#[derive(Debug, Default)]
struct Queue {
    shortest_us: Option<i64>,
    excess_us: i64,
    drained: Option<(u64, i64)>,
}

impl Queue {
    fn packet(&mut self, sent_us: u64, arrival_us: u64) {
        let delay = arrival_us as i64 - sent_us as i64;
        let shortest = self.shortest_us.map_or(delay, |known| known.min(delay));
        self.shortest_us = Some(shortest);
        self.excess_us = delay - shortest;
    }

    /// It is too long and something is to be done now.
    fn is_long(&mut self, now_us: u64) -> bool {
        if self.excess_us < LONG_US {
            self.drained = None;
            return false;
        }
        if let Some((at, excess)) = self.drained {
            if now_us < at + DRAIN_PAUSE_US {
                return false;
            }
            // Less was sent and it did not get shorter: the way is another one.
            if self.excess_us > excess * 9 / 10 {
                self.shortest_us = None;
                self.drained = None;
                return false;
            }
        }
        self.drained = Some((now_us, self.excess_us));
        true
    }
}

/// The estimate of one viewer's way.
#[derive(Debug)]
pub(crate) struct Estimate {
    target: f64,
    least: f64,
    most: f64,
    open: VecDeque<Departed>,
    next_sequence: u16,
    trend: Trend,
    sent: Rate,
    received: Rate,
    received_clock_us: u64,
    lost: u32,
    counted: u32,
    loss: f64,
    loss_since_us: u64,
    limit_seen: bool,
    decreased_us: Option<u64>,
    updated_us: u64,
    queue: Queue,
    probes: Probes,
}

impl Estimate {
    /// Starts at `start` and stays between `least` and `most`, bits per second.
    pub(crate) fn new(start: u32, least: u32, most: u32, now_us: u64) -> Estimate {
        let (least, most) = (f64::from(least.min(most)), f64::from(most));
        Estimate {
            target: f64::from(start).clamp(least, most),
            least,
            most,
            open: VecDeque::new(),
            next_sequence: 0,
            trend: Trend::new(),
            sent: Rate::default(),
            received: Rate::default(),
            received_clock_us: 0,
            lost: 0,
            counted: 0,
            loss: 0.0,
            loss_since_us: now_us,
            limit_seen: false,
            decreased_us: None,
            updated_us: now_us,
            queue: Queue::default(),
            probes: Probes::new(now_us + FIRST_PROBE_US),
        }
    }

    /// Bits per second.
    pub(crate) fn bps(&self) -> u32 {
        self.target as u32
    }

    /// What arrives, bits per second.
    pub(crate) fn received_bps(&self) -> u32 {
        self.received.bps(self.received_clock_us).unwrap_or(0.0) as u32
    }

    /// A packet of `len` bytes leaves now. The number it must carry.
    pub(crate) fn departed(&mut self, len: usize, now_us: u64) -> u16 {
        let probe = self.probes.current();
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Departed {
            sent_us: now_us,
            len,
            probe,
            arrived: false,
            counted_lost: false,
        });
        self.sent.add(now_us, len);
        if probe != 0 {
            self.probes.sent(probe, len, now_us);
        }
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        sequence
    }

    /// All packets of a probe left.
    pub(crate) fn probe_sent(&mut self, id: u32) {
        self.probes.complete(id);
    }

    /// A probe, if one is due.
    pub(crate) fn probe(&mut self, now_us: u64) -> Option<Plan> {
        if self.trend.usage() == Usage::Over || self.loss > HIGH_LOSS {
            return None;
        }
        self.probes.plan(self.target, self.most * 0.95, now_us)
    }

    /// The viewer's report.
    pub(crate) fn report(&mut self, acks: &[Ack], now_us: u64) {
        for ack in acks {
            self.acknowledge(*ack);
        }
        self.count_loss(now_us);
        if let Some(outcome) = self.probes.outcome(now_us) {
            self.learn(outcome);
        }
        self.follow(now_us);
    }

    fn acknowledge(&mut self, ack: Ack) {
        let behind = usize::from(self.next_sequence.wrapping_sub(ack.sequence));
        let Some(departed) = self
            .open
            .len()
            .checked_sub(behind)
            .filter(|_| behind > 0)
            .and_then(|at| self.open.get_mut(at))
        else {
            return;
        };
        match ack.arrival_us {
            Some(_) if departed.arrived => {}
            Some(arrival_us) => {
                departed.arrived = true;
                let departed = *departed;
                self.counted += 1;
                if departed.counted_lost {
                    self.lost = self.lost.saturating_sub(1);
                }
                self.received_clock_us = self.received_clock_us.max(arrival_us);
                self.received.add(arrival_us, departed.len);
                self.trend.packet(departed.sent_us, arrival_us);
                self.queue.packet(departed.sent_us, arrival_us);
                if departed.probe != 0 {
                    self.probes
                        .arrived(departed.probe, departed.len, arrival_us);
                }
            }
            None if !departed.arrived && !departed.counted_lost => {
                departed.counted_lost = true;
                self.counted += 1;
                self.lost += 1;
            }
            None => {}
        }
    }

    fn count_loss(&mut self, now_us: u64) {
        if self.counted < LOSS_PACKETS || now_us < self.loss_since_us + LOSS_US {
            return;
        }
        self.loss = f64::from(self.lost) / f64::from(self.counted);
        (self.lost, self.counted, self.loss_since_us) = (0, 0, now_us);
        if self.loss > HIGH_LOSS {
            self.limit_seen = true;
            self.decreased_us = Some(now_us);
            self.probes.postpone(now_us);
            self.set(self.target * (1.0 - 0.5 * self.loss));
        }
    }

    fn learn(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Carries(bps) => self.set(self.target.max(bps * 0.95)),
            Outcome::Full(bps) => {
                self.limit_seen = true;
                self.set(self.target.max(bps * DECREASE));
            }
            Outcome::Unknown => {}
        }
    }

    fn follow(&mut self, now_us: u64) {
        let elapsed = (now_us.saturating_sub(self.updated_us) as f64 / 1e6).min(1.0);
        self.updated_us = now_us;
        let Some(received) = self.received.bps(self.received_clock_us) else {
            return;
        };
        let limited = self
            .sent
            .bps(now_us)
            .is_none_or(|sent| sent < self.target * LIMITED);
        if self.queue.is_long(now_us) && !self.probes.echoes(now_us) {
            self.set(self.target.min(received * DRAIN));
            self.limit_seen = true;
            self.decreased_us = Some(now_us);
            self.probes.postpone(now_us);
            return;
        }
        match self.trend.usage() {
            Usage::Over if self.probes.echoes(now_us) => {}
            Usage::Over
                if self
                    .decreased_us
                    .is_none_or(|at| now_us > at + DECREASE_PAUSE_US) =>
            {
                let least = if limited {
                    self.target * LIMITED_DECREASE
                } else {
                    0.0
                };
                self.set(self.target.min((received * DECREASE).max(least)));
                self.limit_seen = true;
                self.decreased_us = Some(now_us);
                self.probes.postpone(now_us);
            }
            Usage::Normal if !limited && self.loss < SOME_LOSS => {
                let growth = if self.limit_seen { GROWTH.0 } else { GROWTH.1 };
                let ceiling = (received * ABOVE_RECEIVED + 10_000.0).max(self.target);
                self.set((self.target * growth.powf(elapsed)).min(ceiling));
            }
            _ => {}
        }
        // What arrives is carried.
        if self.loss <= HIGH_LOSS {
            self.set(self.target.max(received * DECREASE));
        }
    }

    fn set(&mut self, bps: f64) {
        self.target = bps.clamp(self.least, self.most);
    }
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
