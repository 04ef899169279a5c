//! A browser in virtual time: reports arrivals, asks for what is missing, puts pictures together.
//!
//! It must never know the way.

use crate::send::estimate::Ack;
use crate::transport::{Feedback, RtpPacket};
use std::collections::BTreeMap;

/// Browsers report arrivals this often at least.
const REPORT_US: u64 = 50_000;
/// And ask again after this for what does not come, while they know no round trip.
const ASK_AGAIN_US: u64 = 100_000;
const MAX_ASKED: u32 = 10;

/// What a browser does.
#[derive(Default)]
pub(super) struct Browser {
    arrived: BTreeMap<u64, u64>,
    reported: Option<u64>,
    report_us: u64,
    packets: BTreeMap<u64, (bool, bool)>,
    next: Option<u64>,
    newest: Option<u64>,
    missing: BTreeMap<u64, (u64, u32)>,
    asked_us: u64,
    waits_us: u64,
    /// When each picture was whole, and all before it.
    pub(super) decoded: Vec<u64>,
    /// What came of the picture for the first time.
    pub(super) bytes: Vec<(u64, usize)>,
    /// Bytes that came for nothing.
    pub(super) probed: usize,
}

fn unwrap(number: u16, newest: Option<u64>) -> u64 {
    let newest = newest.unwrap_or(1 << 32 | u64::from(number));
    newest.wrapping_add_signed(i64::from(number.wrapping_sub(newest as u16) as i16))
}

impl Browser {
    pub(super) fn receive(&mut self, packet: &RtpPacket, now_us: u64) -> Option<Feedback> {
        if let Some((_, number)) = packet.transport_cc {
            let newest = self.arrived.last_key_value().map(|last| *last.0);
            self.arrived
                .insert(unwrap(number, newest.or(self.reported)), now_us);
        }
        let (sequence, head) = match packet.ssrc {
            1 => (packet.sequence, 0),
            2 => (
                u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                2,
            ),
            _ => return None,
        };
        let number = unwrap(sequence, self.newest);
        self.missing.remove(&number);
        if self.next.is_some_and(|next| number < next) || self.packets.contains_key(&number) {
            self.probed += packet.payload.len();
            return None;
        }
        self.bytes.push((now_us, packet.payload.len() - head));
        let starts_keyframe = packet.payload[head] == 1;
        self.packets
            .insert(number, (packet.marker, starts_keyframe));
        let mut gap = Vec::new();
        if self.newest.is_none() {
            self.waits_us = now_us;
        }
        if let Some(newest) = self.newest {
            for lost in newest + 1..number {
                self.missing.insert(lost, (now_us, 1));
                gap.push(lost as u16);
            }
        }
        self.newest = Some(self.newest.map_or(number, |newest| newest.max(number)));
        self.decode(now_us);
        (!gap.is_empty()).then_some(Feedback::Nack { sequences: gap })
    }

    fn decode(&mut self, now_us: u64) {
        let stuck = self.next.is_none_or(|next| {
            !self.packets.contains_key(&next) && !self.missing.contains_key(&next)
        });
        if stuck {
            // Nothing can be done but going on at a keyframe.
            let from = self.next.unwrap_or(0);
            if let Some((at, _)) = self.packets.range(from..).find(|(_, (_, key))| *key) {
                self.next = Some(*at);
            }
        }
        while let Some(next) = self.next
            && let Some((marker, _)) = self.packets.remove(&next)
        {
            self.next = Some(next + 1);
            if marker {
                self.decoded.push(now_us);
                self.waits_us = now_us;
            }
        }
    }

    pub(super) fn tick(&mut self, now_us: u64) -> Vec<Feedback> {
        let mut all = Vec::new();
        let newest = self.arrived.last_key_value().map(|last| *last.0);
        if let Some(newest) = newest.filter(|_| now_us >= self.report_us + REPORT_US) {
            self.report_us = now_us;
            let from = self
                .reported
                .map_or(*self.arrived.keys().next().expect("not empty"), |last| {
                    last + 1
                });
            let acks = (from.min(newest)..=newest)
                .map(|number| Ack {
                    sequence: number as u16,
                    arrival_us: self.arrived.get(&number).copied(),
                })
                .collect();
            self.reported = Some(newest);
            self.arrived.clear();
            all.push(Feedback::Arrivals(acks));
        }
        let due: Vec<u16> = self
            .missing
            .iter_mut()
            .filter(|(_, (at, _))| now_us >= *at + ASK_AGAIN_US)
            .map(|(number, (at, times))| {
                (*at, *times) = (now_us, *times + 1);
                *number as u16
            })
            .collect();
        self.missing.retain(|_, (_, times)| *times <= MAX_ASKED);
        if !due.is_empty() {
            all.push(Feedback::Nack { sequences: due });
        }
        let waits = self.newest.is_some() && now_us >= self.waits_us + 500_000;
        let has_hole = self.newest >= self.next;
        if waits && has_hole && now_us >= self.asked_us + 500_000 {
            self.asked_us = now_us;
            all.push(Feedback::Keyframe);
        }
        all
    }
}
