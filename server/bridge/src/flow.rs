//! What one viewer is sent: which pictures, in which packets, when, and again when they are asked for.
//!
//! It must never know sockets, nor that there are other viewers.

mod packets;
#[cfg(test)]
mod world;

use crate::clock::Moment;
use crate::inbox::Sound;
use crate::send::estimate::{Ack, Estimate, Fate, Unreported};
use crate::send::frame::{Frame, MAX_PAYLOAD};
use crate::send::history::History;
use crate::send::measure::Rate;
use crate::send::pacer::Pacer;
use crate::send::probe::Plan;
use crate::transport::{RtpPacket, Streams, Transport};
use media_packet::Rendition;
use std::sync::Arc;
use std::time::Instant;

/// A keyframe that does not come is asked for again after this, microseconds.
pub(crate) const KEYFRAME_RETRY_US: u64 = 300_000;

/// Between sender reports, microseconds: what a browser needs to fit sound to picture soon after it joined.
const REPORT_US: u64 = 1_000_000;

/// A packet that was asked for again is not sent a third time before this and half a round trip, microseconds.
const AGAIN_US: u64 = 8_000;

/// A packet that is reported lost is repeated unasked so often, beside what is asked for: the request, or the repetition,
/// may have been lost too.
const MAX_UNASKED: u8 = 4;

/// Of an estimate, the picture and its headers may take this; repetitions and the encoder's scatter have the rest.
const SHARE: f64 = 0.95;

/// RTP header with extensions, SRTP tag, UDP and IP: what a packet costs beyond its payload.
const OVERHEAD: usize = 12 + 12 + 16 + 28;

/// Counted for the statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) frames: u64,
    pub(crate) dropped_frames: u64,
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
    pub(crate) overflows: u64,
}

/// A packet that waits for its time.
#[derive(Debug)]
enum Waiting {
    New(Arc<Frame>, usize),
    Again(u16),
}

#[derive(Debug)]
struct Probing {
    plan: Plan,
    bytes: usize,
    packets: usize,
    next_us: u64,
}

/// See the head of the file.
pub(crate) struct Flow {
    streams: Streams,
    history: History,
    /// Empty between reports.
    fates: Vec<Fate>,
    pacer: Pacer<Waiting>,
    estimate: Estimate,
    probing: Option<Probing>,
    current: Rendition,
    wanted: Rendition,
    /// Pictures.
    pictures: Rate,
    /// Nothing can be shown before a keyframe of the current rendition.
    blind: bool,
    /// The viewer asked for a keyframe that has not come yet.
    asked: bool,
    ask_us: u64,
    report_us: u64,
    rtt_us: u64,
    sequence: u16,
    again_sequence: u16,
    sound_sequence: u16,
    video_sent: (u32, u32),
    sound_sent: (u32, u32),
    counts: Counts,
}

/// How many bits per second a viewer's way is believed to carry, and the bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) start_bps: u32,
    pub(crate) least_bps: u32,
    pub(crate) most_bps: u32,
}

impl Flow {
    /// For a viewer who has nothing yet.
    pub(crate) fn new(streams: Streams, bounds: Bounds, now_us: u64) -> Flow {
        let estimate = Estimate::new(bounds.start_bps, bounds.least_bps, bounds.most_bps, now_us);
        Flow {
            streams,
            history: History::default(),
            fates: Vec::new(),
            pacer: Pacer::new(estimate.bps(), now_us),
            estimate,
            probing: None,
            current: Rendition::Full,
            wanted: Rendition::Full,
            pictures: Rate::default(),
            blind: true,
            asked: false,
            ask_us: now_us,
            report_us: now_us,
            rtt_us: 0,
            sequence: rand::random(),
            again_sequence: rand::random(),
            sound_sequence: rand::random(),
            video_sent: (0, 0),
            sound_sent: (0, 0),
            counts: Counts::default(),
        }
    }

    /// For the statistics.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Bits per second that the way carries, and that arrive.
    pub(crate) fn rates(&self) -> (u32, u32) {
        (self.estimate.bps(), self.estimate.received_bps())
    }

    /// What the way leaves for the picture beside headers and sound, bits per second.
    pub(crate) fn room_bps(&self, now_us: u64) -> u32 {
        // Each picture's last packet is half empty.
        let halves = self.pictures.count(now_us) as f64 / Rate::WINDOW_S / 2.0;
        let heads = halves * OVERHEAD as f64 * 8.0;
        let way = f64::from(self.estimate.bps()) * SHARE - self.estimate.beside_bps(now_us) - heads;
        (way.max(0.0) * MAX_PAYLOAD as f64 / (MAX_PAYLOAD + OVERHEAD) as f64) as u32
    }

    /// What was sent since the last report of what came.
    pub(crate) fn unreported(&self) -> Unreported {
        self.estimate.unreported()
    }

    /// What the estimate is made of, for people.
    pub(crate) fn words(&self, now_us: u64) -> String {
        self.estimate.words(now_us)
    }

    /// Which encoding is sent.
    pub(crate) fn rendition(&self) -> Rendition {
        self.current
    }

    /// Switch at the next keyframe of this one.
    pub(crate) fn want(&mut self, rendition: Rendition) {
        self.wanted = rendition;
    }

    /// Whether pictures of this encoding are of use.
    pub(crate) fn takes(&self, rendition: Rendition) -> bool {
        rendition == self.current || rendition == self.wanted
    }

    /// A picture of the stage's.
    pub(crate) fn frame(&mut self, frame: &Arc<Frame>, now_us: u64) {
        if self.streams.video.is_none() {
            return;
        }
        if frame.keyframe && frame.rendition == self.wanted {
            self.current = self.wanted;
        }
        if frame.rendition != self.current {
            return;
        }
        if self.pacer.is_overdue(now_us) {
            self.overflow();
        }
        if self.blind && !frame.keyframe {
            self.counts.dropped_frames += 1;
            return;
        }
        if frame.keyframe {
            (self.blind, self.asked) = (false, false);
        }
        self.counts.frames += 1;
        self.pictures.add(now_us, 1);
        for (index, payload) in frame.payloads.iter().enumerate() {
            self.pacer.push(
                Waiting::New(frame.clone(), index),
                payload.len() + OVERHEAD,
                now_us,
            );
        }
    }

    /// What waits is too old, or was dropped on its way out: a fresh keyframe is worth more.
    pub(crate) fn overflow(&mut self) {
        if !self.pacer.is_empty() {
            self.pacer.clear();
            self.counts.overflows += 1;
        }
        self.history.forget();
        self.blind = true;
    }

    /// Pictures were lost before they came here.
    pub(crate) fn lost(&mut self, frames: u64) {
        self.counts.dropped_frames += frames;
        self.overflow();
    }

    /// Sound is not paced: it is little, and late sound is silence.
    pub(crate) fn sound(
        &mut self,
        sound: &Sound,
        transport: &mut dyn Transport,
        now: Instant,
        now_us: u64,
    ) {
        let Some(stream) = &self.streams.sound else {
            return;
        };
        let packet = RtpPacket {
            ssrc: stream.ssrc,
            payload_type: stream.payload_type,
            sequence: self.sound_sequence,
            timestamp: sound.timestamp,
            marker: false,
            transport_cc: None,
            playout_delay: None,
            payload: sound.payload.clone(),
        };
        self.sound_sequence = self.sound_sequence.wrapping_add(1);
        self.sound_sent = added(self.sound_sent, packet.payload.len());
        self.estimate
            .beside(packet.payload.len() + OVERHEAD, now_us);
        self.counts.bytes += (packet.payload.len() + 12 + 16) as u64;
        self.counts.packets += 1;
        transport.send_rtp(packet, now);
    }

    /// The viewer's NACK.
    pub(crate) fn again(&mut self, sequences: &[u16], now_us: u64) {
        for sequence in sequences {
            self.counts.nacks += 1;
            self.repeat(*sequence, now_us);
        }
    }

    /// Queues a packet again, unless it came, or may still come.
    fn repeat(&mut self, sequence: u16, now_us: u64) {
        let pause_us = AGAIN_US.max(self.rtt_us / 2);
        if let Some(sent) = self.history.get(sequence)
            && !sent.arrived
            && now_us.saturating_sub(sent.sent_us) >= pause_us
        {
            sent.sent_us = now_us;
            let len = sent.frame.payloads[sent.index].len() + OVERHEAD;
            self.pacer.push_urgent(Waiting::Again(sequence), len);
        }
    }

    /// What the viewer reported: who came is not sent again, who got lost is, if it is not on its way again already.
    fn learn(&mut self, fates: &[Fate], now_us: u64) {
        for fate in fates.iter().filter(|fate| fate.arrived) {
            if let Some(sent) = self.history.get(fate.packet) {
                sent.arrived = true;
            }
        }
        for fate in fates.iter().filter(|fate| !fate.arrived) {
            if let Some(sent) = self.history.get(fate.packet)
                && fate.sent_us >= sent.sent_us
                && sent.repeated < MAX_UNASKED
            {
                sent.repeated += 1;
                self.repeat(fate.packet, now_us);
            }
        }
    }

    /// The viewer's PLI or FIR.
    pub(crate) fn keyframe_asked(&mut self, now_us: u64) {
        self.counts.plis += 1;
        if !self.asked {
            self.asked = true;
            self.ask_us = now_us;
        }
    }

    /// The viewer's report of arrivals.
    pub(crate) fn arrivals(&mut self, acks: &[Ack], now_us: u64) {
        let mut fates = std::mem::take(&mut self.fates);
        self.estimate
            .report(acks, now_us, &mut |fate| fates.push(fate));
        self.learn(&fates, now_us);
        fates.clear();
        self.fates = fates;
        self.pacer.set_estimate(self.estimate.bps());
    }

    /// When to look for a probe; `None`: there is nothing to make it of, or to find out.
    fn probe_us(&self) -> Option<u64> {
        let video = self.streams.video.as_ref()?;
        let has_way = video.rtx.is_some() && video.transport_cc.is_some();
        match &self.probing {
            Some(probing) => Some(probing.next_us),
            None if has_way && !self.history.is_empty() => self.estimate.probe_us(),
            None => None,
        }
    }

    fn plan_probe(&mut self, now_us: u64) {
        if self.probing.is_none()
            && self.probe_us().is_some_and(|at| at <= now_us)
            && let Some(plan) = self.estimate.probe(now_us)
        {
            self.probing = Some(Probing {
                plan,
                bytes: 0,
                packets: 0,
                next_us: now_us,
            });
        }
    }

    /// A round trip was measured.
    pub(crate) fn set_rtt(&mut self, rtt_us: u64) {
        self.rtt_us = rtt_us;
    }

    /// The encodings of which a keyframe is to be asked for now.
    pub(crate) fn keyframes(&mut self, now_us: u64) -> [Option<Rendition>; 2] {
        let here = self.blind || self.asked;
        let there = self.wanted != self.current;
        if (!here && !there) || now_us < self.ask_us || self.streams.video.is_none() {
            return [None, None];
        }
        self.ask_us = now_us + KEYFRAME_RETRY_US;
        [here.then_some(self.current), there.then_some(self.wanted)]
    }

    /// Sends what is due. `moment`: now on the clocks of the stage, which all viewers share.
    pub(crate) fn run(
        &mut self,
        moment: &dyn Fn() -> Option<Moment>,
        transport: &mut dyn Transport,
        now: Instant,
        now_us: u64,
    ) {
        while let Some(waiting) = self.pacer.pop(now_us) {
            match waiting {
                Waiting::New(frame, index) => self.send_new(frame, index, transport, now, now_us),
                Waiting::Again(sequence) => {
                    if let Some(sent) = self.history.get(sequence).cloned() {
                        self.send_again(&sent, transport, now, now_us);
                    }
                }
            }
        }
        self.plan_probe(now_us);
        self.probe(transport, now, now_us);
        if now_us >= self.report_us
            && let Some(moment) = moment()
        {
            self.report_us = now_us + REPORT_US;
            self.report(moment, transport, now);
        }
    }

    /// When to run again.
    pub(crate) fn deadline(&self) -> u64 {
        let waits_for_keyframe = self.blind || self.asked || self.wanted != self.current;
        [
            Some(self.report_us),
            self.pacer.deadline(),
            self.probe_us(),
            waits_for_keyframe.then_some(self.ask_us),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(self.report_us)
    }
}

/// Packets and octets of a sender report; both wrap.
fn added((packets, octets): (u32, u32), len: usize) -> (u32, u32) {
    (packets.wrapping_add(1), octets.wrapping_add(len as u32))
}
