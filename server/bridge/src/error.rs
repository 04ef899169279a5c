//! What can go wrong, in words for people.
//!
//! It must never carry a type of the WebRTC library.

/// The bridge does not start.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// An address is taken, not ours, or not allowed.
    #[error("{what} {address}: {source}")]
    Address {
        /// `UDP port` or `TCP port`.
        what: &'static str,
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing could be written into an answer.
    #[error("this computer has no address that viewers could reach")]
    NoAddress,
    /// No key pair could be made.
    #[error("no certificate for DTLS: {0}")]
    Certificate(String),
}

/// Somebody does not become a viewer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// As many as allowed are there.
    #[error("no room for another viewer")]
    Full,
    /// The stage is over.
    #[error("the picture has ended")]
    Closed,
    /// Longer than [`crate::MAX_SDP_LEN`] or [`crate::MAX_CANDIDATE_LEN`], or more than [`crate::MAX_CANDIDATES`].
    #[error("too long or too many: {0}")]
    TooMuch(&'static str),
    /// Not a session description, or not one that can be answered.
    #[error("the session description cannot be used: {0}")]
    BadDescription(String),
    /// It offers none of what the stage has.
    #[error("the viewer does not take {0}")]
    NoCommonCodec(&'static str),
    /// Not a candidate.
    #[error("the candidate cannot be used: {0}")]
    BadCandidate(String),
}
