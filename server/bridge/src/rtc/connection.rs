//! One viewer's connection: [`Transport`] over the library's state machine.
//!
//! It must never know sockets or other viewers.

use super::candidates;
use super::engine::{Local, Wishes, tracks};
use super::tap::Handle;
use crate::Candidate;
use crate::transport::{
    ChannelMessage, Event, Feedback, Incoming, Outgoing, Refusal, RtpPacket, SenderReport, Streams,
    Transport,
};
use bytes::{Bytes, BytesMut};
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::rtp::header::{EXTENSION_PROFILE_ONE_BYTE, Extension, Header};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc::sansio::Protocol as _;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::time::Instant;

/// How a STUN message begins that checks a way, and one that answers such a check (RFC 8489 section 5).
const CHECK: &[u8] = &[0x00, 0x01];
const CHECKED: &[u8] = &[0x01, 0x01];

/// See the head of the file.
pub(crate) struct Connection {
    peer: RTCPeerConnection,
    /// The viewer's last check while the connection is being made. The library does not answer one that nominates a way
    /// which it has not checked itself, and browsers repeat it only after 50 ms; RFC 8445 section 7.3 wants an answer. So it
    /// is given in again as soon as our own check of that way has succeeded.
    check: Option<(TransportContext, BytesMut)>,
    handle: Handle,
    connected: bool,
    /// Candidates that only the viewer is told.
    told: Vec<String>,
}

fn words(error: Error) -> Refusal {
    error.to_string()
}

impl Connection {
    pub(super) fn new(
        peer: RTCPeerConnection,
        handle: Handle,
        wishes: Wishes,
        local: &Local,
    ) -> Result<Connection, Refusal> {
        let mut connection = Connection {
            peer,
            check: None,
            handle,
            connected: false,
            told: Vec::new(),
        };
        for track in tracks(wishes) {
            if wishes.offering {
                let only = RTCRtpTransceiverInit {
                    direction: RTCRtpTransceiverDirection::Sendonly,
                    streams: Vec::new(),
                    send_encodings: Vec::new(),
                };
                connection
                    .peer
                    .add_transceiver_from_track(track, Some(only))
                    .map_err(words)?;
            } else {
                connection.peer.add_track(track).map_err(words)?;
            }
        }
        for line in candidates::ours(local) {
            let candidate = RTCIceCandidateInit {
                candidate: line,
                ..Default::default()
            };
            connection
                .peer
                .add_local_candidate(candidate)
                .map_err(words)?;
        }
        connection.told = candidates::told(local);
        Ok(connection)
    }

    fn described(
        &mut self,
        description: RTCSessionDescription,
        now: Instant,
    ) -> Result<String, Refusal> {
        self.peer
            .set_local_description(now, description)
            .map_err(words)?;
        self.peer
            .add_local_candidate(RTCIceCandidateInit::default())
            .map_err(words)?;
        let local = self
            .peer
            .local_description()
            .ok_or("no local description")?;
        Ok(candidates::with(local.sdp, &self.told))
    }
}

impl Transport for Connection {
    fn answer(&mut self, offer: &str, now: Instant) -> Result<String, Refusal> {
        let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(words)?;
        self.peer
            .set_remote_description(now, offer)
            .map_err(words)?;
        let answer = self.peer.create_answer(None).map_err(words)?;
        self.described(answer, now)
    }

    fn offer(&mut self, channel: &str, now: Instant) -> Result<String, Refusal> {
        self.peer
            .create_data_channel(channel, None)
            .map_err(words)?;
        let offer = self.peer.create_offer(None).map_err(words)?;
        self.described(offer, now)
    }

    fn accept(&mut self, answer: &str, now: Instant) -> Result<(), Refusal> {
        let answer = RTCSessionDescription::answer(answer.to_owned()).map_err(words)?;
        self.peer.set_remote_description(now, answer).map_err(words)
    }

    fn add_candidate(&mut self, candidate: &Candidate) -> Result<(), Refusal> {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate.clone(),
            sdp_mid: candidate.sdp_mid.clone(),
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment.clone(),
            ..Default::default()
        };
        self.peer.add_remote_candidate(candidate).map_err(words)
    }

    fn streams(&self) -> Streams {
        self.handle.streams()
    }

    fn receive(&mut self, incoming: Incoming, now: Instant) {
        let transport_protocol = if incoming.tcp {
            TransportProtocol::TCP
        } else {
            TransportProtocol::UDP
        };
        let datagram = TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: incoming.to,
                peer_addr: incoming.from,
                transport_protocol,
                ecn: None,
            },
            message: incoming.data,
        };
        if self.connected {
            self.read(datagram);
            return;
        }
        let again = match datagram.message.get(..CHECK.len()) {
            Some(CHECK) => {
                self.check = Some((datagram.transport, datagram.message.clone()));
                None
            }
            Some(CHECKED) => self.check.take_if(|(way, _)| *way == datagram.transport),
            _ => None,
        };
        self.read(datagram);
        if let Some((transport, message)) = again {
            self.read(TaggedBytesMut {
                now,
                transport,
                message,
            });
        }
    }

    fn deadline(&mut self) -> Option<Instant> {
        self.peer.poll_timeout()
    }

    fn expire(&mut self, now: Instant) {
        if let Err(error) = self.peer.handle_timeout(now) {
            tracing::debug!(%error, "a timer");
        }
    }

    fn send_rtp(&mut self, packet: RtpPacket, now: Instant) {
        if !self.connected {
            return;
        }
        let mut extensions = Vec::with_capacity(2);
        let mut len = 0;
        if let Some((id, number)) = packet.transport_cc {
            extensions.push(Extension {
                id,
                payload: Bytes::copy_from_slice(&number.to_be_bytes()),
            });
            len += 3;
        }
        if let Some(id) = packet.playout_delay {
            extensions.push(Extension {
                id,
                payload: Bytes::from_static(&[0, 0, 0]),
            });
            len += 4;
        }
        let header = Header {
            version: 2,
            padding: false,
            extension: !extensions.is_empty(),
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            csrc: Vec::new(),
            extension_profile: if extensions.is_empty() {
                0
            } else {
                EXTENSION_PROFILE_ONE_BYTE
            },
            extensions,
            extensions_padding: (4 - len % 4) % 4,
        };
        let packet = rtc::rtp::Packet {
            header,
            payload: packet.payload,
        };
        self.write(RTCMessage::RtpPacket(String::new(), packet), now);
    }

    fn send_report(&mut self, report: SenderReport, now: Instant) {
        if !self.connected {
            return;
        }
        let report = rtc::rtcp::sender_report::SenderReport {
            ssrc: report.ssrc,
            ntp_time: report.ntp,
            rtp_time: report.timestamp,
            packet_count: report.packets,
            octet_count: report.octets,
            ..Default::default()
        };
        self.write(
            RTCMessage::RtcpPacket(String::new(), vec![Box::new(report)]),
            now,
        );
    }

    fn send_message(&mut self, channel: usize, data: &[u8], is_text: bool, now: Instant) -> bool {
        let Some(mut channel) = self.peer.data_channel(channel) else {
            return false;
        };
        let sent = match std::str::from_utf8(data) {
            Ok(text) if is_text => channel.send_text(now, text),
            _ => channel.send(now, BytesMut::from(data)),
        };
        sent.is_ok()
    }

    fn unacknowledged(&mut self, channel: usize) -> usize {
        self.peer
            .data_channel(channel)
            .map_or(0, |channel| channel.outstanding_bytes())
    }

    fn close_channel(&mut self, channel: usize) {
        if let Some(mut channel) = self.peer.data_channel(channel)
            && let Err(error) = channel.close()
        {
            tracing::debug!(%error, "a data channel that does not close");
        }
    }

    fn close(&mut self) {
        self.connected = false;
        if let Err(error) = self.peer.close() {
            tracing::debug!(%error, "a connection that does not close");
        }
    }

    fn poll_feedback(&mut self) -> Option<Feedback> {
        self.handle.poll()
    }

    fn poll_event(&mut self) -> Option<Event> {
        loop {
            let event = match self.peer.poll_event()? {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => match state {
                    RTCPeerConnectionState::Connected => {
                        self.connected = true;
                        Event::Connected
                    }
                    RTCPeerConnectionState::Disconnected => {
                        Event::Closed("nothing was heard of the viewer".into())
                    }
                    RTCPeerConnectionState::Failed => {
                        Event::Closed("there is no way to the viewer".into())
                    }
                    RTCPeerConnectionState::Closed => {
                        Event::Closed("the viewer closed the connection".into())
                    }
                    _ => continue,
                },
                RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(channel)) => {
                    let Some(opened) = self.peer.data_channel(channel) else {
                        continue;
                    };
                    Event::ChannelOpen {
                        channel,
                        label: opened.label().to_owned(),
                    }
                }
                RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(channel)) => {
                    Event::ChannelClosed { channel }
                }
                _ => continue,
            };
            return Some(event);
        }
    }

    fn poll_message(&mut self) -> Option<ChannelMessage> {
        loop {
            if let RTCMessage::DataChannelMessage(channel, message) = self.peer.poll_read()?.message
            {
                return Some(ChannelMessage {
                    channel,
                    data: message.data.freeze(),
                    is_text: message.is_string,
                });
            }
        }
    }

    fn poll_transmit(&mut self) -> Option<Outgoing> {
        let datagram = self.peer.poll_write()?;
        Some(Outgoing {
            data: datagram.message,
            from: datagram.transport.local_addr,
            to: datagram.transport.peer_addr,
            tcp: datagram.transport.transport_protocol == TransportProtocol::TCP,
        })
    }
}

impl Connection {
    fn read(&mut self, datagram: TaggedBytesMut) {
        if let Err(error) = self.peer.handle_read(datagram) {
            tracing::debug!(%error, "a datagram that is not understood");
        }
    }

    fn write(&mut self, message: RTCMessage, now: Instant) {
        if let Err(error) = self.peer.handle_write(TaggedRTCMessage { now, message }) {
            tracing::debug!(%error, "a packet that is not sent");
        }
    }
}
