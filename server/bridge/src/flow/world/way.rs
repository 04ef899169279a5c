//! The way between a flow and its browser in virtual time: packets queue for a line, travel, get lost.
//!
//! It must never know what a packet means.

use crate::transport::{
    ChannelMessage, Event, Feedback, Incoming, Outgoing, Refusal, RtpPacket, SenderReport, Streams,
    Transport,
};
use std::collections::VecDeque;
use std::time::Instant;

/// Takes packets only.
#[derive(Default)]
pub(super) struct Wire(pub(super) Vec<RtpPacket>);

impl Transport for Wire {
    fn answer(&mut self, _: &str, _: Instant) -> Result<String, Refusal> {
        Err("nobody offers".into())
    }
    fn offer(&mut self, _: &str, _: Instant) -> Result<String, Refusal> {
        Err("nobody answers".into())
    }
    fn accept(&mut self, _: &str, _: Instant) -> Result<(), Refusal> {
        Ok(())
    }
    fn add_candidate(&mut self, _: &crate::Candidate) -> Result<(), Refusal> {
        Ok(())
    }
    fn streams(&self) -> Streams {
        Streams::default()
    }
    fn receive(&mut self, _: Incoming, _: Instant) {}
    fn deadline(&mut self) -> Option<Instant> {
        None
    }
    fn expire(&mut self, _: Instant) {}
    fn send_rtp(&mut self, packet: RtpPacket, _: Instant) {
        self.0.push(packet);
    }
    fn send_report(&mut self, _: SenderReport, _: Instant) {}
    fn send_message(&mut self, _: usize, _: &[u8], _: bool, _: Instant) -> bool {
        false
    }
    fn unacknowledged(&mut self, _: usize) -> usize {
        0
    }
    fn close_channel(&mut self, _: usize) {}
    fn close(&mut self) {}
    fn poll_feedback(&mut self) -> Option<Feedback> {
        None
    }
    fn poll_event(&mut self) -> Option<Event> {
        None
    }
    fn poll_message(&mut self) -> Option<ChannelMessage> {
        None
    }
    fn poll_transmit(&mut self) -> Option<Outgoing> {
        None
    }
}

/// The way towards the viewer; reports come back as slowly and as badly, and never queue.
pub(super) struct Way {
    pub(super) bps: f64,
    pub(super) queue_bytes: f64,
    pub(super) delay_us: u64,
    pub(super) loss: f64,
    /// Packets come up to this much later than they should, in order.
    pub(super) jitter_us: u64,
    /// Packets for which its queue had no room.
    pub(super) dropped: usize,
    free_us: f64,
    last_us: u64,
    random: u64,
    there: VecDeque<(u64, RtpPacket)>,
    back: VecDeque<(u64, Feedback)>,
}

impl Way {
    /// A way of some width that loses nothing.
    pub(super) fn new(bps: f64, seed: u64) -> Way {
        Way {
            bps,
            queue_bytes: 250_000.0,
            delay_us: 1_000,
            loss: 0.0,
            jitter_us: 0,
            dropped: 0,
            free_us: 0.0,
            last_us: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            there: VecDeque::new(),
            back: VecDeque::new(),
        }
    }

    /// The next packet that has arrived at the browser.
    pub(super) fn arrived(&mut self, now_us: u64) -> Option<RtpPacket> {
        let (_, packet) = self.there.pop_front_if(|(at, _)| *at <= now_us)?;
        Some(packet)
    }

    /// The next report that has arrived here.
    pub(super) fn reported(&mut self, now_us: u64) -> Option<Feedback> {
        let (_, feedback) = self.back.pop_front_if(|(at, _)| *at <= now_us)?;
        Some(feedback)
    }

    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn offer(&mut self, packet: RtpPacket, now_us: u64) {
        let len = (packet.payload.len() + 12 + 12 + 16) as f64;
        let (lost, jitter) = (self.random() < self.loss, self.random());
        let waiting = (self.free_us - now_us as f64).max(0.0) * self.bps / 8e6;
        let full = waiting > 0.0 && waiting + len > self.queue_bytes;
        self.dropped += usize::from(full);
        if lost || full {
            return;
        }
        self.free_us = self.free_us.max(now_us as f64) + len * 8e6 / self.bps;
        let travels = self.delay_us + (jitter * self.jitter_us as f64) as u64;
        self.last_us = self.last_us.max(self.free_us as u64 + travels);
        self.there.push_back((self.last_us, packet));
    }

    pub(super) fn reply(&mut self, feedback: Feedback, now_us: u64) {
        if self.random() >= self.loss {
            self.back.push_back((now_us + self.delay_us, feedback));
        }
    }
}
