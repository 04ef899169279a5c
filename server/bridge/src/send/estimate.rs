//! How much one viewer's way carries: from the arrival times it reports (transport-wide congestion control,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01), the losses, and probes.
//!
//! It must never know who else watches.

use super::measure::{HIGH_LOSS, Losses, Queue, Rate};
use super::probe::{Outcome, Plan, Probes};
use super::trend::{Trend, Usage};
use std::collections::VecDeque;

/// Packets whose fate is still open. 4 s at 8 Mb/s; reports come every 50 to 250 ms.
const MAX_OPEN: usize = 4096;

/// On overuse: this much of what arrives (draft-ietf-rmcat-gcc-02 section 5.5).
const DECREASE: f64 = 0.85;

/// A way that was hardly used does not lose more than this at once: what arrives says nothing about it.
const LIMITED_DECREASE: f64 = 0.85;

/// Less sent than this share of the estimate: the picture, not the way, is the limit.
const LIMITED: f64 = 0.65;

/// Growth per second once the way's limit was seen (section 5.5), and before.
const GROWTH: (f64, f64) = (1.08, 1.5);

/// Growth per second back to what the way is known to carry, once its queue is empty.
const RETURN: f64 = 2.5;

/// What the way is known to carry is used up to this share.
const KNOWN_SHARE: f64 = 0.96;

/// A limit that differs by more than this is another one; else it is averaged.
const SAME_LIMIT: f64 = 0.2;

/// Packets that wait less than this do not wait in a queue, microseconds: a busy computer scatters as much.
const EMPTY_US: i64 = 20_000;

/// Packets that wait longer than this wait in a queue: no probe has to say that the way is full, microseconds.
const FULL_US: i64 = 100_000;

/// What a probe said that the way carries is used up to this share.
const PROBED_SHARE: f64 = 0.93;

/// Never more than this above what arrives.
const ABOVE_RECEIVED: f64 = 1.5;

/// Two decreases are at least this far apart: a report of what the first one did takes a round trip.
const DECREASE_PAUSE_US: u64 = 250_000;

/// More loss than this stops growth. Radio links lose this much for other reasons.
const SOME_LOSS: f64 = 0.08;

/// A queue that is too long is emptied: this much of what arrives is sent.
const DRAIN: f64 = 0.55;

/// What a probe found is used by the encoder and reported by the viewer within this, microseconds.
const USED_US: u64 = 500_000;

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

/// What the viewer reported of one departure of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// The caller's name for the packet.
    pub(crate) packet: u16,
    /// When it left.
    pub(crate) sent_us: u64,
    /// Whether it came.
    pub(crate) arrived: bool,
}

/// What has left since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unreported {
    /// Packets.
    pub(crate) packets: u32,
    /// When the first of them left, microseconds.
    pub(crate) since_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct Departed {
    packet: u16,
    sent_us: u64,
    len: usize,
    probe: u32,
    arrived: bool,
    counted_lost: bool,
}

impl Departed {
    fn fate(&self) -> Fate {
        Fate {
            packet: self.packet,
            sent_us: self.sent_us,
            arrived: self.arrived,
        }
    }
}

/// The estimate of one viewer's way.
#[derive(Debug)]
pub(crate) struct Estimate {
    target: f64,
    least: f64,
    most: f64,
    open: VecDeque<Departed>,
    unreported: Unreported,
    next_sequence: u16,
    trend: Trend,
    sent: Rate,
    /// What is sent and not reported: sound.
    beside: Rate,
    received: Rate,
    received_clock_us: u64,
    losses: Losses,
    /// What the way carried when it was full, bits per second.
    limit: Option<f64>,
    /// When a probe last found more.
    raised_us: Option<u64>,
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
            unreported: Unreported::default(),
            next_sequence: 0,
            trend: Trend::new(),
            sent: Rate::default(),
            beside: Rate::default(),
            received: Rate::default(),
            received_clock_us: 0,
            losses: Losses::new(now_us),
            limit: None,
            raised_us: None,
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

    /// What the viewer has said nothing about.
    pub(crate) fn unreported(&self) -> Unreported {
        self.unreported
    }

    /// For people who look for what holds it.
    pub(crate) fn words(&self, now_us: u64) -> String {
        let (usage, limit) = (self.trend.usage(), self.limit.unwrap_or(0.0));
        let (loss, queue_us) = (self.losses.share(now_us), self.queue.excess_us(now_us));
        format!("{usage:?} loss {loss:.2} queue {queue_us} us limit {limit:.0}")
    }

    /// What arrives, bits per second.
    pub(crate) fn received_bps(&self) -> u32 {
        self.received.bps(self.received_clock_us).unwrap_or(0.0) as u32
    }

    /// So much is sent that is not reported, bits per second.
    pub(crate) fn beside_bps(&self, now_us: u64) -> f64 {
        self.beside.bps(now_us).unwrap_or(0.0)
    }

    /// A packet of `len` bytes leaves now whose arrival is not reported.
    pub(crate) fn beside(&mut self, len: usize, now_us: u64) {
        self.beside.add(now_us, len);
    }

    /// A packet of `len` bytes leaves now. The number it must carry. `packet` is the caller's name for it.
    pub(crate) fn departed(&mut self, packet: u16, len: usize, now_us: u64) -> u16 {
        let probe = self.probes.current();
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(Departed {
            packet,
            sent_us: now_us,
            len,
            probe,
            arrived: false,
            counted_lost: false,
        });
        if self.unreported.packets == 0 {
            self.unreported.since_us = now_us;
        }
        self.unreported.packets = self.unreported.packets.saturating_add(1);
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

    /// When to look for a probe; `None`: all that is wanted is there.
    pub(crate) fn probe_us(&self) -> Option<u64> {
        (self.target < self.wanted()).then(|| self.probes.look_us())
    }

    fn wanted(&self) -> f64 {
        self.most * 0.95
    }

    /// A probe, if one is due.
    pub(crate) fn probe(&mut self, now_us: u64) -> Option<Plan> {
        if let Some(outcome) = self.probes.outcome(now_us) {
            self.learn(outcome, now_us);
        }
        if self.losses.share(now_us) > HIGH_LOSS || self.queue.excess_us(now_us) > FULL_US {
            self.probes.wait(now_us);
            return None;
        }
        self.probes.plan(self.target, self.wanted(), now_us)
    }

    /// The viewer's report. `fate` is told of each departure what became of it, in their order.
    pub(crate) fn report(&mut self, acks: &[Ack], now_us: u64, fate: &mut dyn FnMut(Fate)) {
        self.unreported = Unreported::default();
        for ack in acks {
            self.acknowledge(*ack, fate);
        }
        if let Some(loss) = self.losses.congestion(now_us) {
            self.decreased(now_us);
            self.set(self.target * (1.0 - 0.5 * loss));
        }
        if let Some(outcome) = self.probes.outcome(now_us) {
            self.learn(outcome, now_us);
        }
        self.follow(now_us);
    }

    fn acknowledge(&mut self, ack: Ack, fate: &mut dyn FnMut(Fate)) {
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
                fate(departed.fate());
                self.losses.arrived(departed.counted_lost);
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
                let departed = *departed;
                fate(departed.fate());
                self.losses.lost();
                if departed.probe != 0 {
                    self.probes.lost(departed.probe);
                }
            }
            None => {}
        }
    }

    fn learn(&mut self, outcome: Outcome, now_us: u64) {
        let (beside, before) = (self.beside_bps(now_us), self.target);
        match outcome {
            Outcome::Carries(bps) => {
                self.limit.take_if(|limit| bps + beside > *limit);
                self.set(self.target.max(bps + beside));
            }
            Outcome::Full(bps) if bps + beside > self.target => {
                // 15 ms say roughly how much it is; where the limit is shows itself.
                self.limit
                    .take_if(|limit| bps + beside > *limit * (1.0 + SAME_LIMIT));
                self.set(self.target.max((bps + beside) * PROBED_SHARE));
            }
            Outcome::Full(_) | Outcome::Unknown => {}
        }
        if self.target > before {
            self.raised_us = Some(now_us);
        }
    }

    /// The way was full at this.
    fn full_at(&mut self, bps: f64) {
        self.limit = Some(match self.limit {
            Some(limit) if (limit - bps).abs() < limit * SAME_LIMIT => 0.7 * limit + 0.3 * bps,
            _ => bps,
        });
    }

    fn decreased(&mut self, now_us: u64) {
        self.decreased_us = Some(now_us);
        self.probes.postpone(now_us);
    }

    fn follow(&mut self, now_us: u64) {
        let elapsed = (now_us.saturating_sub(self.updated_us) as f64 / 1e6).min(1.0);
        self.updated_us = now_us;
        let Some(mut received) = self.received.bps(self.received_clock_us) else {
            return;
        };
        // Half a second says too little of a way that has just begun to be used: it would be taken for what it carries.
        let is_new = |at| now_us < at + USED_US + Rate::WINDOW_US;
        if self.raised_us.is_some_and(is_new) {
            received = received.max(self.received.recent_bps(self.received_clock_us));
        }
        let beside = self.beside_bps(now_us);
        let received = received + beside;
        let limited = self
            .sent
            .bps(now_us)
            .is_none_or(|sent| sent + beside < self.target * LIMITED);
        if self.queue.is_long(now_us) && !self.probes.echoes(now_us) {
            self.full_at(received);
            self.set(self.target.min(received * DRAIN));
            self.decreased(now_us);
            return;
        }
        match self.trend.usage() {
            // Scatter that looks like a trend: nothing waits.
            Usage::Over if self.queue.excess_us(now_us) < EMPTY_US => {}
            Usage::Over if self.probes.echoes(now_us) => {}
            Usage::Over
                if self
                    .decreased_us
                    .is_none_or(|at| now_us > at + DECREASE_PAUSE_US) =>
            {
                let least = if limited {
                    self.target * LIMITED_DECREASE
                } else {
                    self.full_at(received);
                    0.0
                };
                self.set(self.target.min((received * DECREASE).max(least)));
                self.decreased(now_us);
            }
            Usage::Normal if !limited && self.losses.share(now_us) < SOME_LOSS => {
                let known = self.limit.map(|limit| limit * KNOWN_SHARE);
                let ceiling = (received * ABOVE_RECEIVED + 10_000.0).max(self.target);
                let next = match known {
                    Some(known)
                        if self.target < known && self.queue.excess_us(now_us) < EMPTY_US =>
                    {
                        (self.target * RETURN.powf(elapsed)).min(known)
                    }
                    Some(_) => self.target * GROWTH.0.powf(elapsed),
                    None => self.target * GROWTH.1.powf(elapsed),
                };
                self.set(next.min(ceiling));
            }
            _ => {}
        }
        // What arrives is carried, unless it is a queue that empties.
        if self.losses.share(now_us) <= HIGH_LOSS && self.queue.excess_us(now_us) < FULL_US {
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
