//! One direction of the path: which packets are lost, and when the others
//! arrive. Pure: time is an argument, randomness is seeded, and it never knows
//! what a packet carries beyond its length.
//!
//! A packet first waits for the line (rate, queue), then travels (delay,
//! jitter). Packets keep their order, unless one is chosen to be late.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Bytes that may be on their way in one direction, whatever the settings: the
/// process's memory is bounded by it. A guess: 100 Mb/s for five seconds.
pub(crate) const MAX_IN_FLIGHT_BYTES: u64 = 64 << 20;

/// How late a reordered packet is when there is no delay to double, in
/// microseconds: some ten packets of a 40 Mb/s stream (a guess).
const LEAST_REORDER_US: u64 = 3_000;

/// What the path does to packets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// How long every packet travels, in microseconds.
    pub(crate) delay_us: u64,
    /// How much longer a packet may travel: uniform in `0..=jitter_us`.
    pub(crate) jitter_us: u64,
    /// The probability that a packet is lost.
    pub(crate) loss: f64,
    /// The probability that a packet is overtaken by later ones: it travels for
    /// one more delay.
    pub(crate) reorder: f64,
    /// The line's rate in bits per second; nothing is no limit.
    pub(crate) rate_bit_per_s: Option<u64>,
    /// How many bytes may wait for the line; the rest is dropped at the tail.
    pub(crate) queue_bytes: u64,
}

/// A setting and its new value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// Sets `delay_us`.
    Delay(u64),
    /// Sets `jitter_us`.
    Jitter(u64),
    /// Sets `loss`.
    Loss(f64),
    /// Sets `reorder`.
    Reorder(f64),
    /// Sets `rate_bit_per_s`.
    Rate(Option<u64>),
    /// Sets `queue_bytes`.
    Queue(u64),
    /// Cuts the path: what is on its way is gone, and so is what comes.
    Down,
    /// Mends it.
    Up,
}

/// What became of the packets, in packets except where said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Handed over at the far end.
    pub(crate) forwarded: u64,
    /// Bytes of those.
    pub(crate) forwarded_bytes: u64,
    /// Lost at random.
    pub(crate) lost: u64,
    /// Dropped because the queue, or the memory for packets on their way, was
    /// full.
    pub(crate) queue_full: u64,
    /// Dropped because the path was cut.
    pub(crate) cut: u64,
}

struct Packet<T> {
    bytes: u64,
    payload: T,
}

/// One direction of the path, carrying packets of type `T`.
pub(crate) struct Link<T> {
    settings: Settings,
    is_up: bool,
    rng: ChaCha8Rng,
    /// By arrival time, then by the order in which they came.
    in_flight: BTreeMap<(u64, u64), Packet<T>>,
    in_flight_bytes: u64,
    next_order: u64,
    /// When the line has sent everything that waits for it.
    line_free_us: u64,
    /// When the last packet that keeps its order arrives.
    last_arrival_us: u64,
    counters: Counters,
}

impl<T> Link<T> {
    /// A path with nothing on its way. The same seed and the same calls give
    /// the same fates.
    pub(crate) fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            is_up: true,
            rng: ChaCha8Rng::seed_from_u64(seed),
            in_flight: BTreeMap::new(),
            in_flight_bytes: 0,
            next_order: 0,
            line_free_us: 0,
            last_arrival_us: 0,
            counters: Counters::default(),
        }
    }

    /// What became of the packets so far.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// When the next packet arrives, in microseconds.
    pub(crate) fn next_arrival_us(&self) -> Option<u64> {
        self.in_flight
            .first_key_value()
            .map(|(&(arrival_us, _), _)| arrival_us)
    }

    /// Changes a setting. Packets that are already on their way keep their
    /// arrival times; only a cut concerns them.
    pub(crate) fn change(&mut self, now_us: u64, change: Change) {
        let settings = &mut self.settings;
        match change {
            Change::Delay(value) => settings.delay_us = value,
            Change::Jitter(value) => settings.jitter_us = value,
            Change::Loss(value) => settings.loss = value,
            Change::Reorder(value) => settings.reorder = value,
            Change::Rate(value) => {
                settings.rate_bit_per_s = value;
                self.line_free_us = self.line_free_us.min(now_us);
            }
            Change::Queue(value) => settings.queue_bytes = value,
            Change::Up => self.is_up = true,
            Change::Down => {
                self.is_up = false;
                self.counters.cut += self.in_flight.len() as u64;
                self.in_flight.clear();
                self.in_flight_bytes = 0;
                self.line_free_us = now_us;
                self.last_arrival_us = now_us;
            }
        }
    }

    /// A packet enters. It comes out of [`Link::take`], or is counted.
    pub(crate) fn offer(&mut self, now_us: u64, bytes: usize, payload: T) {
        let bytes = bytes as u64;
        // Drawn for every packet, so that changing one setting does not change
        // which packets another one hits.
        let is_lost = self.rng.random::<f64>() < self.settings.loss;
        let is_late = self.rng.random::<f64>() < self.settings.reorder;
        let jitter_share = self.rng.random::<f64>();

        if !self.is_up {
            self.counters.cut += 1;
        } else if is_lost {
            self.counters.lost += 1;
        } else if self.is_full(now_us, bytes) {
            self.counters.queue_full += 1;
        } else {
            let sent_us = self.send_on_line(now_us, bytes);
            let jitter_us = (self.settings.jitter_us as f64 * jitter_share) as u64;
            let mut arrival_us =
                (sent_us + self.settings.delay_us + jitter_us).max(self.last_arrival_us);
            if is_late {
                arrival_us += self.settings.delay_us.max(LEAST_REORDER_US);
            } else {
                self.last_arrival_us = arrival_us;
            }
            self.in_flight
                .insert((arrival_us, self.next_order), Packet { bytes, payload });
            self.next_order += 1;
            self.in_flight_bytes += bytes;
        }
    }

    /// The next packet that has arrived by now; call until there is none.
    pub(crate) fn take(&mut self, now_us: u64) -> Option<T> {
        let entry = self.in_flight.first_entry()?;
        if entry.key().0 > now_us {
            return None;
        }
        let packet = entry.remove();
        self.in_flight_bytes -= packet.bytes;
        self.counters.forwarded += 1;
        self.counters.forwarded_bytes += packet.bytes;
        Some(packet.payload)
    }

    fn is_full(&self, now_us: u64, bytes: u64) -> bool {
        let waiting = self.waiting_bytes(now_us);
        // A free line takes any packet, however small its queue.
        let queue_is_full = waiting > 0 && waiting + bytes > self.settings.queue_bytes;
        queue_is_full || self.in_flight_bytes + bytes > MAX_IN_FLIGHT_BYTES
    }

    /// What the line has still to send.
    fn waiting_bytes(&self, now_us: u64) -> u64 {
        match self.settings.rate_bit_per_s {
            Some(rate) => {
                let busy_us = self.line_free_us.saturating_sub(now_us);
                let bits = u128::from(busy_us) * u128::from(rate) / 1_000_000;
                u64::try_from(bits / 8).unwrap_or(u64::MAX)
            }
            None => 0,
        }
    }

    /// When the line has sent these bytes after all that waits.
    fn send_on_line(&mut self, now_us: u64, bytes: u64) -> u64 {
        match self.settings.rate_bit_per_s {
            Some(rate) => {
                let sending_us = (bytes * 8 * 1_000_000).div_ceil(rate);
                self.line_free_us = self.line_free_us.max(now_us) + sending_us;
                self.line_free_us
            }
            None => now_us,
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
