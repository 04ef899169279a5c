//! User and session server about picture, sound and pointer: how their connection is agreed upon, and what it is like.
//!
//! It must never know what is in a description of WebRTC, nor how a picture is made.

use serde::{Deserialize, Deserializer, Serialize};

use crate::bounds::{MAX_CLIENTS, MAX_CURSOR_LEN, MAX_ICE_SERVERS};
use crate::number::Count;
use crate::text::{Anything, CandidateText, LongText, Sdp, Url};

/// The fields of `WEBRTC_OFFER` and `WEBRTC_ANSWER` (RFC 9429 section 4.1.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// RFC 8866.
    pub sdp: Sdp,
}

/// The fields of `WEBRTC_CANDIDATE`, named as `RTCIceCandidateInit` of browsers names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceCandidate {
    /// RFC 8839 section 5.1; empty: there are no more.
    pub candidate: CandidateText,
    /// Of which media section.
    #[serde(rename = "sdpMid", default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<CandidateText>,
    /// Its index.
    #[serde(
        rename = "sdpMLineIndex",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sdp_m_line_index: Option<u16>,
    /// Of which generation.
    #[serde(
        rename = "usernameFragment",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub username_fragment: Option<CandidateText>,
}

/// A STUN or TURN server, as `RTCIceServer` of browsers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:` or `turn:` addresses (RFC 7064, RFC 7065).
    #[serde(deserialize_with = "few_urls")]
    pub urls: Vec<Url>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<LongText>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<LongText>,
}

fn few_urls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Url>, D::Error> {
    crate::link::at_most(deserializer, MAX_ICE_SERVERS)
}

/// The fields of `CURSOR`: what the pointer looks like where it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CursorShape {
    /// A picture.
    Shown {
        /// The point that it points with, from the left.
        x: u16,
        /// From above.
        y: u16,
        /// Of the picture.
        width: u16,
        /// Of the picture.
        height: u16,
        /// Base64 (RFC 4648 section 4) of a PNG with transparency.
        png: Anything<MAX_CURSOR_LEN>,
    },
    /// None.
    Hidden {
        /// True.
        hidden: bool,
    },
}

/// The fields of `QUALITY`: how the picture reaches each user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Everybody who has a connection.
    #[serde(deserialize_with = "few_viewers")]
    pub viewers: Vec<ViewerQuality>,
}

/// One user's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewerQuality {
    /// Whose; none: somebody who only watches from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Count>,
    /// There and back; none: not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// Of a thousand of its packets, lately.
    #[serde(default)]
    pub lost_permille: u16,
    /// What its way carries, as estimated.
    #[serde(default)]
    pub estimate_bps: u64,
    /// Since it connected.
    #[serde(default)]
    pub sent_bytes: u64,
    /// Whether it gets the smaller picture.
    #[serde(default)]
    pub low: bool,
    /// Packets that it asked for again.
    #[serde(default)]
    pub nacks: u64,
    /// Keyframes that it asked for.
    #[serde(default)]
    pub plis: u64,
    /// For how long; none: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_us: Option<u64>,
}

fn few_viewers<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<ViewerQuality>, D::Error> {
    crate::link::at_most(d, 2 * MAX_CLIENTS)
}
