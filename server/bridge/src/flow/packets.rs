//! The packets themselves: new ones, repeated ones, probes, reports.
//!
//! It must never know why they are sent now.

use super::{Flow, OVERHEAD, added};
use crate::clock::Moment;
use crate::send::frame::Frame;
use crate::send::history::Sent;
use crate::send::probe::{MAX_PACKETS, MIN_PACKETS};
use crate::transport::{RtpPacket, SenderReport, Stream, Transport};
use bytes::{BufMut, BytesMut};
use std::sync::Arc;
use std::time::Instant;

impl Flow {
    pub(super) fn send_new(
        &mut self,
        frame: Arc<Frame>,
        index: usize,
        transport: &mut dyn Transport,
        now: Instant,
        now_us: u64,
    ) {
        let Some(video) = self.streams.video.clone() else {
            return;
        };
        let payload = frame.payloads[index].clone();
        let packet = RtpPacket {
            ssrc: video.ssrc,
            payload_type: video.payload_type,
            sequence: self.sequence,
            timestamp: frame.timestamp,
            marker: index + 1 == frame.payloads.len(),
            transport_cc: self.number(&video, self.sequence, payload.len(), now_us),
            playout_delay: video.playout_delay,
            payload,
        };
        self.video_sent = added(self.video_sent, packet.payload.len());
        self.history.push(Sent {
            sequence: self.sequence,
            frame,
            index,
            sent_us: now_us,
            arrived: false,
            repeated: 0,
        });
        self.sequence = self.sequence.wrapping_add(1);
        self.count(&packet);
        transport.send_rtp(packet, now);
    }

    pub(super) fn send_again(
        &mut self,
        sent: &Sent,
        transport: &mut dyn Transport,
        now: Instant,
        now_us: u64,
    ) {
        let Some(video) = self.streams.video.clone() else {
            return;
        };
        let original = &sent.frame.payloads[sent.index];
        let (ssrc, payload_type, sequence, payload) = match video.rtx {
            Some((ssrc, payload_type)) => {
                // RFC 4588 section 4: the original number, then the original payload.
                let mut payload = BytesMut::with_capacity(original.len() + 2);
                payload.put_u16(sent.sequence);
                payload.put_slice(original);
                let sequence = self.again_sequence;
                self.again_sequence = sequence.wrapping_add(1);
                (ssrc, payload_type, sequence, payload.freeze())
            }
            None => (
                video.ssrc,
                video.payload_type,
                sent.sequence,
                original.clone(),
            ),
        };
        let packet = RtpPacket {
            ssrc,
            payload_type,
            sequence,
            timestamp: sent.frame.timestamp,
            marker: sent.index + 1 == sent.frame.payloads.len(),
            transport_cc: self.number(&video, sent.sequence, payload.len(), now_us),
            playout_delay: video.playout_delay,
            payload,
        };
        self.count(&packet);
        transport.send_rtp(packet, now);
    }

    /// Probes are packets that were sent already, so that they help where one was lost.
    pub(super) fn probe(&mut self, transport: &mut dyn Transport, now: Instant, now_us: u64) {
        while let Some(probing) = self
            .probing
            .as_mut()
            .filter(|probing| probing.next_us <= now_us)
        {
            let done = probing.bytes >= probing.plan.bytes && probing.packets >= MIN_PACKETS;
            let number = probing.packets;
            let chosen = (!done && number < MAX_PACKETS).then(|| {
                self.history
                    .newest()
                    .nth(number)
                    .or(self.history.newest().next())
            });
            let Some(sent) = chosen.flatten().cloned() else {
                self.estimate.probe_sent(probing.plan.id);
                self.probing = None;
                return;
            };
            let len = sent.frame.payloads[sent.index].len() + OVERHEAD;
            probing.bytes += len;
            probing.packets += 1;
            probing.next_us += (len as f64 * 8e6 / probing.plan.bps) as u64;
            self.send_again(&sent, transport, now, now_us);
        }
    }

    fn number(
        &mut self,
        video: &Stream,
        packet: u16,
        len: usize,
        now_us: u64,
    ) -> Option<(u8, u16)> {
        let extension = video.transport_cc?;
        let number = self.estimate.departed(packet, len + OVERHEAD, now_us);
        Some((extension, number))
    }

    fn count(&mut self, packet: &RtpPacket) {
        self.counts.packets += 1;
        self.counts.bytes += (packet.payload.len() + OVERHEAD - 28) as u64;
    }

    pub(super) fn report(&mut self, moment: Moment, transport: &mut dyn Transport, now: Instant) {
        let streams = [
            (&self.streams.video, moment.video, self.video_sent),
            (&self.streams.sound, moment.sound, self.sound_sent),
        ];
        for (stream, timestamp, (packets, octets)) in streams {
            if let Some(stream) = stream.as_ref().filter(|_| packets > 0) {
                transport.send_report(
                    SenderReport {
                        ssrc: stream.ssrc,
                        ntp: moment.ntp,
                        timestamp,
                        packets,
                        octets,
                    },
                    now,
                );
            }
        }
    }
}
