//! Sits where the library's interceptors would, and takes what the viewer reports out of it. Sending (numbers, pacing,
//! repeating) is ours, so none of the library's interceptors is used.
//!
//! It must never know what the reports lead to.

use crate::send::estimate::Ack;
use crate::transport::{Feedback, MAX_NACKS, Stream, Streams};
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket, convert_twcc};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// URI of the header extension that numbers packets across all streams.
pub(super) const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// URI of the header extension that tells how long a picture may wait to be shown.
pub(super) const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/// Packets in one report of arrivals; a report of more is ignored (a datagram could claim 65,535).
const MAX_ACKS: u16 = 8192;

/// Reports that wait; drained after every datagram, so more than a few mean a mistake.
const MAX_FEEDBACK: usize = 256;

/// Sources of repetitions and so on are matched by the stream's own.
#[derive(Debug, Default)]
struct Seen {
    streams: Streams,
    feedback: VecDeque<Feedback>,
}

/// The two ends of the tap share what it saw. Only one task uses both, so the lock is never contended.
#[derive(Clone, Debug, Default)]
pub(super) struct Handle(Arc<Mutex<Seen>>);

impl Handle {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was negotiated.
    pub(super) fn streams(&self) -> Streams {
        self.seen().streams.clone()
    }

    /// The next report.
    pub(super) fn poll(&self) -> Option<Feedback> {
        self.seen().feedback.pop_front()
    }

    /// The interceptor that fills this.
    pub(super) fn tap(&self) -> Tap {
        Tap {
            handle: self.clone(),
            outgoing: VecDeque::new(),
        }
    }
}

/// See the head of the file.
pub(super) struct Tap {
    handle: Handle,
    outgoing: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        // Media that a viewer sends is nobody's: nothing is passed on.
        if let Packet::Rtcp(reports) = packet.message.packet {
            let mut seen = self.handle.seen();
            for report in &reports {
                if seen.feedback.len() >= MAX_FEEDBACK {
                    break;
                }
                read(&mut seen, report.as_any());
            }
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outgoing.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outgoing.pop_front()
    }

    fn handle_event(&mut self, (): ()) -> Result<(), Error> {
        Ok(())
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn read(seen: &mut Seen, report: &dyn std::any::Any) {
    let video = seen.streams.video.as_ref().map(|video| video.ssrc);
    if let Some(nack) = report.downcast_ref::<TransportLayerNack>() {
        if Some(nack.media_ssrc) == video {
            let sequences = nack
                .nacks
                .iter()
                .flat_map(|pair| *pair)
                .take(MAX_NACKS)
                .collect();
            seen.feedback.push_back(Feedback::Nack { sequences });
        }
    } else if let Some(arrivals) = report.downcast_ref::<TransportLayerCc>() {
        if arrivals.packet_status_count <= MAX_ACKS {
            let acks = convert_twcc(arrivals)
                .into_iter()
                .take(usize::from(arrivals.packet_status_count))
                .map(|ack| Ack {
                    sequence: ack.sequence_number,
                    arrival_us: ack
                        .arrival
                        .filter(|_| ack.arrived)
                        .map(|arrival| arrival.as_micros() as u64),
                })
                .collect();
            seen.feedback.push_back(Feedback::Arrivals(acks));
        }
    } else if report.is::<PictureLossIndication>() || report.is::<FullIntraRequest>() {
        seen.feedback.push_back(Feedback::Keyframe);
    } else if let Some(receiver) = report.downcast_ref::<ReceiverReport>() {
        for block in receiver
            .reports
            .iter()
            .filter(|block| Some(block.ssrc) == video)
        {
            seen.feedback.push_back(Feedback::Report {
                lost_fraction: f32::from(block.fraction_lost) / 256.0,
                last_report: block.last_sender_report,
                since_report: block.delay,
            });
        }
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        let extension = |uri: &str| {
            let found = info
                .rtp_header_extensions
                .iter()
                .find(|extension| extension.uri == uri)?;
            // One-byte header extensions, RFC 8285 section 4.2.
            u8::try_from(found.id)
                .ok()
                .filter(|id| (1..=14).contains(id))
        };
        let stream = Stream {
            ssrc: info.ssrc,
            payload_type: info.payload_type,
            rtx: info.ssrc_rtx.zip(info.payload_type_rtx),
            transport_cc: extension(TRANSPORT_CC),
            playout_delay: extension(PLAYOUT_DELAY),
        };
        let mut seen = self.handle.seen();
        if info.clock_rate == super::engine::VIDEO_CLOCK {
            seen.streams.video = Some(stream);
        } else {
            seen.streams.sound = Some(Stream {
                transport_cc: None,
                playout_delay: None,
                rtx: None,
                ..stream
            });
        }
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        let mut seen = self.handle.seen();
        seen.streams
            .video
            .take_if(|stream| stream.ssrc == info.ssrc);
        seen.streams
            .sound
            .take_if(|stream| stream.ssrc == info.ssrc);
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
