//! What the operator and the callers of the bridge decide: addresses, ICE servers, limits, terms of one viewer.
//!
//! Plain data. It must never know a socket or a protocol.

use media_packet::{Rendition, VideoCodec};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// An offer or answer longer than this is refused before it is parsed. A browser's offer with video, sound and data
/// channels has 6 to 10 KiB.
pub const MAX_SDP_LEN: usize = 64 * 1024;

/// A candidate line longer than this is refused. RFC 8839 section 5.1 lines have about 150 bytes.
pub const MAX_CANDIDATE_LEN: usize = 1024;

/// Candidates taken from one viewer; further ones are refused. A browser with many interfaces sends about 30.
pub const MAX_CANDIDATES: usize = 64;

/// Data channels of one viewer; further ones are closed at once. Our page opens 2, Epic's frontend 1.
pub const MAX_CHANNELS: usize = 4;

/// A message from a viewer longer than this closes the viewer. Clipboards and Epic's strings fit.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// Messages that wait to be sent to one viewer; above that [`crate::ViewerSender::send`] answers `false`.
pub const MAX_OUTGOING_MESSAGES: usize = 256;

/// Events that wait for [`crate::Viewer::next`]. Above that the viewer's data channels stand still.
pub const MAX_EVENTS: usize = 1024;

/// How the bridge is reached.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// The one UDP port of all viewers. Port 0: any free one.
    pub udp: SocketAddr,
    /// A listener for ICE over TCP (RFC 6544, passive), for networks that let no UDP through.
    pub tcp: Option<SocketAddr>,
    /// Addresses written into answers as host candidates, with the port that is bound. Empty: the addresses of this
    /// computer. An outside address of a computer behind a 1:1 NAT belongs here.
    pub advertise: Vec<IpAddr>,
    /// STUN and TURN servers, for the browsers and for the bridge itself, which asks those it reaches over UDP how it is
    /// seen, and lets one TURN server that it reaches over UDP or plain TCP relay to it: the first one that does.
    pub ice_servers: Vec<IceServer>,
    /// Viewers of all stages together; more are refused with [`crate::JoinError::Full`].
    pub max_viewers: usize,
}

/// A STUN or TURN server, in the shape of a browser's `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` addresses. Empty ones are dropped by the bridge: browsers throw on them.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// For TURN, instead of `credential`: what coturn calls `static-auth-secret`. Browsers get a user name and a password
    /// made of it that last for a day (draft-uberti-behave-turn-rest-00); it never leaves the server.
    #[serde(skip)]
    pub secret: Option<String>,
}

/// One picture and its sound for any number of viewers.
#[derive(Clone, Debug)]
pub struct StageConfig {
    /// How its pictures are encoded.
    pub codec: VideoCodec,
    /// Viewers; more are refused with [`crate::JoinError::Full`].
    pub max_viewers: usize,
    /// What a new viewer's way is believed to carry, bits per second, until it is measured.
    pub start_bps: u32,
    /// Never more than this is asked of the encoder.
    pub max_bps: u32,
    /// Never less than this.
    pub min_bps: u32,
}

/// What one viewer may and wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its data channels are accepted. `false`: they are closed at once.
    pub input: bool,
    /// The playout-delay extension asks its browser to show every picture at once.
    pub low_latency: bool,
}

/// A remote ICE candidate, in the shape of a browser's `RTCIceCandidateInit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// RFC 8839 section 5.1; empty: the end of candidates.
    pub candidate: String,
    /// The media section's identification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The media section's number.
    #[serde(
        default,
        rename = "sdpMLineIndex",
        skip_serializing_if = "Option::is_none"
    )]
    pub sdp_m_line_index: Option<u16>,
    /// Of the ICE generation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// What the encoders of a stage should do now. Counters only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Viewers that are connected.
    pub viewers: usize,
    /// One more: a keyframe of the full rendition is needed. Rate-limited and merged over all viewers.
    pub keyframes_full: u64,
    /// The same for the low rendition.
    pub keyframes_low: u64,
    /// Bits per second for the full rendition.
    pub full_bps: u32,
    /// Bits per second for the low rendition; `None` while nobody needs it.
    pub low_bps: Option<u32>,
}

/// What is known about one viewer's way.
#[derive(Clone, Debug, Serialize)]
pub struct ViewerStats {
    /// The same as [`crate::Viewer::id`].
    pub id: u64,
    /// Since the way to it was found, microseconds; 0: not yet.
    pub connected_us: u64,
    /// Round trip, microseconds; 0: not measured yet.
    pub rtt_us: u64,
    /// Of its last reports, 0.0 to 1.0.
    pub lost_fraction: f32,
    /// What its way is believed to carry, bits per second.
    pub estimate_bps: u32,
    /// What it acknowledged over the last half second, bits per second.
    pub received_bps: u32,
    /// Bytes sent, with all headers above UDP.
    pub sent_bytes: u64,
    /// Packets sent, repetitions included.
    pub sent_packets: u64,
    /// Pictures sent.
    pub frames: u64,
    /// Pictures left out because its way did not carry them.
    pub dropped_frames: u64,
    /// Packets it asked for again.
    pub nacks: u64,
    /// Keyframes it asked for.
    pub plis: u64,
    /// Which encoding it gets.
    #[serde(serialize_with = "rendition_name")]
    pub rendition: Rendition,
    /// Its way is TCP.
    pub tcp: bool,
}

/// What the whole bridge does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BridgeStats {
    /// Viewers that exist.
    pub viewers: usize,
    /// Datagrams nobody waits for: late, foreign, forged.
    pub stray_datagrams: u64,
    /// Datagrams dropped because a viewer's queue was full.
    pub dropped_datagrams: u64,
    /// TCP connections that are open.
    pub tcp_connections: usize,
    /// Where STUN and TURN servers see the UDP port.
    pub seen: Vec<SocketAddr>,
    /// Where a TURN server relays to it.
    pub relayed: Option<SocketAddr>,
}

fn rendition_name<S: serde::Serializer>(
    rendition: &Rendition,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match rendition {
        Rendition::Full => "full",
        Rendition::Low => "low",
    })
}
