//! What a WebRTC stack does for one viewer, as this crate needs it: a state machine that is fed datagrams and time and
//! gives datagrams and events. Another stack replaces [`crate::rtc`] by implementing [`Transport`].
//!
//! It must never know a socket, and nothing of a library's types.

use crate::send::estimate::Ack;
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::time::Instant;

/// A datagram (or a frame of RFC 4571 on TCP) that came in.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// What.
    pub(crate) data: BytesMut,
    /// From whom.
    pub(crate) from: SocketAddr,
    /// To which of our candidates.
    pub(crate) to: SocketAddr,
    /// It came over TCP.
    pub(crate) tcp: bool,
}

/// A datagram that is to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// What.
    pub(crate) data: BytesMut,
    /// From which of our candidates.
    pub(crate) from: SocketAddr,
    /// To whom.
    pub(crate) to: SocketAddr,
    /// Over TCP.
    pub(crate) tcp: bool,
}

/// One kind of packets that was negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Its source.
    pub(crate) ssrc: u32,
    /// Its payload type.
    pub(crate) payload_type: u8,
    /// Source and payload type of repetitions (RFC 4588).
    pub(crate) rtx: Option<(u32, u8)>,
    /// Header extension of transport-wide congestion control.
    pub(crate) transport_cc: Option<u8>,
    /// Header extension of the playout delay.
    pub(crate) playout_delay: Option<u8>,
}

/// What was negotiated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Streams {
    /// The picture.
    pub(crate) video: Option<Stream>,
    /// The sound.
    pub(crate) sound: Option<Stream>,
}

/// An RTP packet, RFC 3550.
#[derive(Clone, Debug)]
pub(crate) struct RtpPacket {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Extension and transport-wide number.
    pub(crate) transport_cc: Option<(u8, u16)>,
    /// Extension; the delay is 0 to 0.
    pub(crate) playout_delay: Option<u8>,
    pub(crate) payload: Bytes,
}

/// A sender report, RFC 3550 section 6.4.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// Seconds since 1900, 32.32.
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What the viewer says about what it gets.
#[derive(Clone, Debug)]
pub(crate) enum Feedback {
    /// Packets it asks for again.
    Nack {
        /// The numbers, at most [`MAX_NACKS`].
        sequences: Vec<u16>,
    },
    /// It cannot go on without a keyframe (PLI, FIR).
    Keyframe,
    /// Arrival times.
    Arrivals(Vec<Ack>),
    /// A receiver report about the picture.
    Report {
        /// 0.0 to 1.0.
        lost_fraction: f32,
        /// The middle of the NTP time of our last report, 16.16; 0: none.
        last_report: u32,
        /// Since it got that, 1/65536 s.
        since_report: u32,
    },
}

/// Numbers taken from one NACK; a browser asks for at most 1000 in one packet.
pub(crate) const MAX_NACKS: usize = 1024;

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Media can flow.
    Connected,
    /// A data channel is open; the number names it.
    ChannelOpen { channel: usize, label: String },
    /// A data channel is closed.
    ChannelClosed { channel: usize },
    /// It is over, and why, for people.
    Closed(String),
}

/// A message of a data channel.
#[derive(Debug)]
pub(crate) struct ChannelMessage {
    pub(crate) channel: usize,
    pub(crate) data: Bytes,
    pub(crate) is_text: bool,
}

/// Why a description or candidate is refused, for people.
pub(crate) type Refusal = String;

/// One viewer's connection.
///
/// The order of calls: `receive`, `expire` and everything that sends, in any order; then drain `poll_feedback`,
/// `poll_event`, `poll_message` (leaving messages undrained holds the sender back) and `poll_transmit`; then wait until
/// `deadline`.
pub(crate) trait Transport: Send {
    /// Takes an offer, gives the answer.
    fn answer(&mut self, offer: &str, now: Instant) -> Result<String, Refusal>;
    /// Makes an offer with one ordered data channel.
    fn offer(&mut self, channel: &str, now: Instant) -> Result<String, Refusal>;
    /// Takes the answer to it.
    fn accept(&mut self, answer: &str, now: Instant) -> Result<(), Refusal>;
    /// Takes a candidate.
    fn add_candidate(&mut self, candidate: &crate::Candidate) -> Result<(), Refusal>;
    /// What was negotiated; complete after `answer` or `accept`.
    fn streams(&self) -> Streams;

    /// Something came.
    fn receive(&mut self, incoming: Incoming, now: Instant);
    /// When to call `expire`.
    fn deadline(&mut self) -> Option<Instant>;
    /// Its time has come.
    fn expire(&mut self, now: Instant);

    /// Sends media. Ignored before `Connected`.
    fn send_rtp(&mut self, packet: RtpPacket, now: Instant);
    /// Sends a report.
    fn send_report(&mut self, report: SenderReport, now: Instant);
    /// Sends on a data channel; `false`: it cannot.
    fn send_message(&mut self, channel: usize, data: &[u8], is_text: bool, now: Instant) -> bool;
    /// Bytes of a data channel that were not acknowledged yet.
    fn unacknowledged(&mut self, channel: usize) -> usize;
    /// Closes a data channel.
    fn close_channel(&mut self, channel: usize);
    /// Says good-bye; `poll_transmit` gives the words.
    fn close(&mut self);

    /// The next report of the viewer's.
    fn poll_feedback(&mut self) -> Option<Feedback>;
    /// The next event.
    fn poll_event(&mut self) -> Option<Event>;
    /// The next message.
    fn poll_message(&mut self) -> Option<ChannelMessage>;
    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<Outgoing>;
}
