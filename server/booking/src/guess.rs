//! Limits the guessing of codes: wrong ones are counted for each address and in total, and too many lock out for a while.
//!
//! An address that is locked out is not told whether a code exists, so its further tries count for nothing. IPv6
//! addresses count by their first 64 bits, which is what one customer has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::model::UnixSeconds;

/// The numbers of the limit. All are guesses. With 1,000 codes in use one try in ten succeeds, and an address needs two
/// rounds of five for it, some minutes; with 100 in use twenty rounds, most of a day, since lock-outs become longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// Wrong codes of one address within the window.
    pub misses: u32,
    /// The window of an address.
    pub window_seconds: u32,
    /// The first lock-out of an address; each that follows is twice as long.
    pub lock_seconds: u32,
    /// The longest, and how long an address must be quiet after one to begin anew.
    pub longest_lock_seconds: u32,
    /// Wrong codes of all addresses within the window. Far above what people mistype, since reaching it locks out all.
    pub total_misses: u32,
    /// The window of all.
    pub total_window_seconds: u32,
    /// The lock-out of all.
    pub total_lock_seconds: u32,
    /// Addresses that are remembered. When there are more, the one that would be forgotten first gives way.
    pub addresses: usize,
}

impl Default for GuessLimits {
    fn default() -> Self {
        Self {
            misses: 5,
            window_seconds: 600,
            lock_seconds: 300,
            longest_lock_seconds: 3_600,
            total_misses: 300,
            total_window_seconds: 60,
            total_lock_seconds: 30,
            addresses: 10_000,
        }
    }
}

/// No code is looked at for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong codes: try again in {retry_after} s")]
pub struct LockedOut {
    /// Seconds until it is over, at least 1.
    pub retry_after: u32,
    /// Whether all addresses are locked out.
    pub everybody: bool,
}

/// An IPv4 address, or the first half of an IPv6 one.
type Source = (u8, u64);

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    window_from: i64,
    misses: u32,
    locked_until: i64,
    locks: u32,
    forget_at: i64,
}

/// Who has guessed how often.
#[derive(Clone, Debug)]
pub struct Guesses {
    limits: GuessLimits,
    records: BTreeMap<Source, Record>,
    by_end: BTreeSet<(i64, Source)>,
    total: Record,
    lock_outs: u64,
}

impl Guesses {
    /// Nobody has guessed yet.
    #[must_use]
    pub fn new(limits: GuessLimits) -> Self {
        Self {
            limits,
            records: BTreeMap::new(),
            by_end: BTreeSet::new(),
            total: Record::default(),
            lock_outs: 0,
        }
    }

    /// Whether a code from this address may be looked at. To be asked before each, in one step with
    /// [`Guesses::missed`]: otherwise many tries at once pass before the first is counted.
    ///
    /// # Errors
    /// [`LockedOut`], with the longer of the two times.
    pub fn check(&self, address: IpAddr, now: UnixSeconds) -> Result<(), LockedOut> {
        let own = self.records.get(&source(address));
        let own = own.map_or(0, |own| left(own, now.0, self.limits.longest_lock_seconds));
        let total = left(&self.total, now.0, self.limits.total_lock_seconds);
        match own.max(total) {
            0 => Ok(()),
            retry_after => Err(LockedOut {
                retry_after,
                everybody: total >= own,
            }),
        }
    }

    /// A code from this address was wrong. The lock-out that begins with it, if one does.
    pub fn missed(&mut self, address: IpAddr, now: UnixSeconds) -> Option<LockedOut> {
        let limits = self.limits;
        let everybody = count(
            &mut self.total,
            now.0,
            limits.total_misses,
            limits.total_window_seconds,
        );
        if everybody {
            self.total.locked_until = now.0.saturating_add(i64::from(limits.total_lock_seconds));
        }
        let key = source(address);
        let mut record = self.records.remove(&key).unwrap_or_default();
        self.by_end.remove(&(record.forget_at, key));
        if record.forget_at <= now.0 {
            record = Record::default();
        }
        let alone = count(&mut record, now.0, limits.misses, limits.window_seconds);
        if alone {
            let doubled = limits
                .lock_seconds
                .checked_shl(record.locks)
                .unwrap_or(u32::MAX);
            let lock = doubled.clamp(
                limits.lock_seconds,
                limits.longest_lock_seconds.max(limits.lock_seconds),
            );
            record.locks = (record.locks + 1).min(16);
            record.locked_until = now.0.saturating_add(i64::from(lock));
        }
        let window_end = record
            .window_from
            .saturating_add(i64::from(limits.window_seconds));
        let memory = if record.locks > 0 {
            i64::from(limits.longest_lock_seconds)
        } else {
            0
        };
        record.forget_at = window_end.max(record.locked_until.saturating_add(memory));
        self.make_room(now.0);
        self.records.insert(key, record);
        self.by_end.insert((record.forget_at, key));
        self.lock_outs += u64::from(everybody) + u64::from(alone);
        self.check(address, now).err()
    }

    /// Lock-outs so far, for the metrics.
    #[must_use]
    pub fn lock_outs(&self) -> u64 {
        self.lock_outs
    }

    /// Addresses that are remembered.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.records.len()
    }

    fn make_room(&mut self, now: i64) {
        while let Some((end, key)) = self.by_end.first().copied() {
            if end > now && self.records.len() < self.limits.addresses.max(1) {
                return;
            }
            self.by_end.remove(&(end, key));
            self.records.remove(&key);
        }
    }
}

/// Counts a miss; whether it is one too many, which begins a new count.
fn count(record: &mut Record, now: i64, most: u32, window_seconds: u32) -> bool {
    let age = now.saturating_sub(record.window_from);
    if !(0..i64::from(window_seconds)).contains(&age) {
        record.window_from = now;
        record.misses = 0;
    }
    record.misses += 1;
    let too_many = record.misses >= most;
    if too_many {
        record.misses = 0;
    }
    too_many
}

/// Seconds of a lock-out that are left; never more than the longest, should the clock have gone back.
fn left(record: &Record, now: i64, longest: u32) -> u32 {
    let left = record.locked_until.saturating_sub(now).max(0);
    u32::try_from(left).unwrap_or(u32::MAX).min(longest)
}

fn source(address: IpAddr) -> Source {
    match address.to_canonical() {
        IpAddr::V4(v4) => (4, u64::from(v4.to_bits())),
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h, ..] = v6.octets();
            (6, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
        }
    }
}
