//! What the estimate is made of: bytes over a window, and how long packets wait on their way.
//!
//! It must never know what follows from them.

use std::collections::VecDeque;

/// Rates are measured over this, microseconds.
const RATE_US: u64 = 500_000;

/// While more is sent than a moment ago they are also measured over this, microseconds: nine pictures at 60 a second.
const RECENT_US: u64 = 150_000;

/// After less than this a rate means nothing.
const MIN_RATE_US: u64 = 150_000;

/// Packets that wait longer than this on their way are old when they come, microseconds ...
const LONG_US: i64 = 250_000;

/// ... and what is done about it is given this long, microseconds.
const DRAIN_PAUSE_US: u64 = 1_000_000;

/// What a packet waited says nothing any more after this, microseconds.
const FORGOTTEN_US: u64 = 1_000_000;

/// Clocks of computers drift by up to 50 us a second: what was the shortest delay is so no longer after this, microseconds.
const MINUTE_US: u64 = 60_000_000;

/// More loss than this is congestion (draft-ietf-rmcat-gcc-02 section 6) ...
pub(crate) const HIGH_LOSS: f64 = 0.10;

/// ... at once if it is more than this; else if it stays so. Of 50 packets at 5 %, one time in 25 six are lost.
const SURE_LOSS: f64 = 0.20;

/// Losses are counted over this, microseconds, and at least over so many packets.
const LOSS_US: u64 = 500_000;
const LOSS_PACKETS: u32 = 50;

/// And say nothing any more after this, microseconds.
const LOSS_FORGOTTEN_US: u64 = 2_000_000;

/// Bytes over the last half second.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    entries: VecDeque<(u64, usize)>,
    bytes: usize,
    first_us: Option<u64>,
}

impl Rate {
    /// So many bytes at that time.
    pub(crate) fn add(&mut self, at_us: u64, len: usize) {
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
        while let Some((at, len)) = self.entries.front().copied() {
            if at + RATE_US >= at_us {
                break;
            }
            self.entries.pop_front();
            self.bytes -= len;
        }
    }

    /// Bits per second; `None`: it has not been looked at for long enough.
    pub(crate) fn bps(&self, now_us: u64) -> Option<f64> {
        let since = now_us.saturating_sub(self.first_us?);
        if since < MIN_RATE_US {
            return None;
        }
        let old: usize = self
            .entries
            .iter()
            .take_while(|(at, _)| at + RATE_US < now_us)
            .map(|(_, len)| len)
            .sum();
        Some((self.bytes - old) as f64 * 8e6 / since.min(RATE_US) as f64)
    }

    /// Bits per second of the last moment alone, which scatters.
    pub(crate) fn recent_bps(&self, now_us: u64) -> f64 {
        let newest = self.entries.iter().rev();
        let recent = newest.take_while(|(at, _)| at + RECENT_US > now_us);
        let bytes: usize = recent.map(|(_, len)| len).sum();
        bytes as f64 * 8e6 / RECENT_US as f64
    }

    /// How many entries there are in the window.
    pub(crate) fn count(&self, now_us: u64) -> usize {
        let old = |(at, _): &&(u64, usize)| at + RATE_US < now_us;
        self.entries.len() - self.entries.iter().take_while(old).count()
    }

    /// The window, microseconds.
    pub(crate) const WINDOW_US: u64 = RATE_US;

    /// And seconds.
    pub(crate) const WINDOW_S: f64 = RATE_US as f64 / 1e6;
}

/// How many packets do not come.
#[derive(Debug)]
pub(crate) struct Losses {
    lost: u32,
    counted: u32,
    share: f64,
    since_us: u64,
}

impl Losses {
    /// Nothing is known.
    pub(crate) fn new(now_us: u64) -> Losses {
        Losses {
            lost: 0,
            counted: 0,
            share: 0.0,
            since_us: now_us,
        }
    }

    /// One came; `counted_lost`: late.
    pub(crate) fn arrived(&mut self, counted_lost: bool) {
        self.counted += 1;
        if counted_lost {
            self.lost = self.lost.saturating_sub(1);
        }
    }

    /// One did not.
    pub(crate) fn lost(&mut self) {
        self.counted += 1;
        self.lost += 1;
    }

    /// What was lost lately, 0 to 1; of a picture that stands still nothing is known.
    pub(crate) fn share(&self, now_us: u64) -> f64 {
        match now_us.saturating_sub(self.since_us) > LOSS_FORGOTTEN_US {
            true => 0.0,
            false => self.share,
        }
    }

    /// The share, when it was counted anew and means congestion.
    pub(crate) fn congestion(&mut self, now_us: u64) -> Option<f64> {
        if self.counted < LOSS_PACKETS || now_us < self.since_us + LOSS_US {
            return None;
        }
        let before = self.share(now_us);
        self.share = f64::from(self.lost) / f64::from(self.counted);
        (self.lost, self.counted, self.since_us) = (0, 0, now_us);
        let is_high = self.share > SURE_LOSS || self.share.min(before) > HIGH_LOSS;
        is_high.then_some(self.share)
    }
}

/// How long packets wait on their way: their delay beyond the shortest one of the last minute or two. The clocks differ,
/// so only differences count, and they drift.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    shortest_us: Option<i64>,
    /// Of this minute alone, and when it began.
    minute: Option<(u64, i64)>,
    excess_us: i64,
    last_us: u64,
    drained: Option<Drained>,
}

/// Less is sent since then, so that the queue empties.
#[derive(Debug)]
struct Drained {
    at_us: u64,
    /// How long the first packet waited that was sent after that.
    first_us: Option<i64>,
    /// It was sent less before already, and the queue stayed as it was.
    unchanged: bool,
}

impl Queue {
    /// A packet that was sent and arrived.
    pub(crate) fn packet(&mut self, sent_us: u64, arrival_us: u64) {
        let delay = arrival_us as i64 - sent_us as i64;
        let (since_us, mut lately) = self.minute.unwrap_or((sent_us, delay));
        lately = lately.min(delay);
        let shortest = match sent_us > since_us + MINUTE_US {
            true => {
                self.minute = Some((sent_us, delay));
                lately
            }
            false => {
                self.minute = Some((since_us, lately));
                self.shortest_us.map_or(delay, |known| known.min(delay))
            }
        };
        self.shortest_us = Some(shortest);
        self.excess_us = delay - shortest;
        self.last_us = sent_us;
    }

    /// How long the last packet waited, microseconds; after a pause nothing waits.
    pub(crate) fn excess_us(&self, now_us: u64) -> i64 {
        match now_us.saturating_sub(self.last_us) > FORGOTTEN_US {
            true => 0,
            false => self.excess_us,
        }
    }

    /// It is too long and something is to be done now.
    pub(crate) fn is_long(&mut self, now_us: u64) -> bool {
        if self.excess_us < LONG_US {
            self.drained = None;
            return false;
        }
        let mut unchanged = false;
        if let Some(drained) = &mut self.drained {
            // What was sent before says nothing about what was done.
            if self.last_us <= drained.at_us {
                return false;
            }
            let first_us = *drained.first_us.get_or_insert(self.excess_us);
            if self.last_us < drained.at_us + DRAIN_PAUSE_US {
                return false;
            }
            let same_us = first_us * 9 / 10..=first_us * 11 / 10;
            unchanged = same_us.contains(&self.excess_us);
            if unchanged && drained.unchanged {
                // Less was sent, and less again, and nothing changed: the way is another one.
                (self.shortest_us, self.minute) = (None, None);
                self.excess_us = 0;
                self.drained = None;
                return false;
            }
        }
        self.drained = Some(Drained {
            at_us: now_us,
            first_us: None,
            unchanged,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_half_second_also_when_nothing_came_since() {
        let mut rate = Rate::default();
        for at in 0..20 {
            rate.add(at * 100_000, 1_000);
        }
        let bps = rate.bps(1_900_000).expect("long enough");
        assert!((80_000.0..100_000.0).contains(&bps), "{bps}");
        assert_eq!(rate.bps(2_500_000), Some(0.0));
        assert_eq!((rate.count(1_900_000), rate.count(2_500_000)), (6, 0));
        rate.add(1_920_000, 20_000);
        assert!(rate.bps(1_920_000) < Some(500_000.0));
        let recent = rate.recent_bps(1_920_000);
        assert!((1_100_000.0..1_200_000.0).contains(&recent), "{recent}");
    }

    #[test]
    fn clocks_that_drift_apart_are_no_queue() {
        let mut queue = Queue::default();
        for sent_us in (0..3_600_000_000u64).step_by(100_000) {
            let now_us = sent_us + 20_000 + sent_us / 20_000;
            queue.packet(sent_us, now_us);
            let excess_us = queue.excess_us(now_us);
            assert!(excess_us < 10_000 && !queue.is_long(now_us), "{excess_us}");
        }
    }

    #[test]
    fn a_longer_way_is_no_queue_for_ever_and_a_queue_that_empties_stays_one() {
        let mut queue = Queue::default();
        let mut seen = 0;
        for at in 0..400u64 {
            let delay = if at < 100 { 20_000 } else { 320_000 };
            queue.packet(at * 20_000, at * 20_000 + delay);
            seen += u32::from(queue.is_long(at * 20_000 + delay));
        }
        assert_eq!((seen, queue.excess_us(8_000_000)), (2, 0), "another way");
        let (mut queue, mut seen, mut waits, mut heard_us) = (Queue::default(), 0, 0_u64, None);
        queue.packet(0, 20_000);
        for sent_us in (20_000..8_000_000).step_by(20_000) {
            // It grows for as long as nobody has heard of it, then empties.
            waits = match heard_us.is_some_and(|heard| sent_us > heard) {
                false => waits + 16_000,
                true => waits.saturating_sub(6_000),
            };
            let now_us = sent_us + 20_000 + waits;
            queue.packet(sent_us, now_us);
            if queue.is_long(now_us) {
                assert!(waits >= 250_000, "{waits}");
                heard_us = heard_us.or(Some(now_us));
                seen += 1;
            }
        }
        assert!(seen >= 1, "{seen}");
        assert_eq!((waits, queue.shortest_us), (0, Some(20_000)));
    }
}
