//! The control messages of a link, and their bytes. docs/protocols/overlay.md has them byte by byte.
//!
//! This file must never know how a message is sent. A message is decoded only within [`MAX_MESSAGE_LEN`], so no length
//! that a stranger claims is ever allocated.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Contact, PeerId};
use crate::io::Cause;
use crate::tick::{Progress, Tick};

/// The protocol's version, in ALPN and in [`Hello`].
pub const VERSION: u16 = 1;
/// A control message's longest encoding, bytes. The largest honest one, an `Attach` with ten have-maps of 16 KiB chunks'
/// rows, stays under 16 KiB.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;
/// Candidates in one message: more than a joiner ever tries in a round.
pub const MAX_CANDIDATES: usize = 8;
/// Chunks in one [`Want`]: not less than the window, which is what a parent could still have.
pub const MAX_WANT_CHUNKS: usize = 16;
/// Bytes of one row bitmap: the rows of the largest chunk (64 MiB with one data block a row) fit.
pub const MAX_BITMAP_LEN: usize = 512;

/// The first message on a link's control stream, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u16,
    /// The channel that this link is about: 0..N.
    pub channel: u32,
    /// Drawn at each start of the process: a peer that comes back is told from one that never left.
    pub incarnation: u64,
    /// The most children that the sender serves.
    pub fan_out: u16,
    /// Whether others were seen to reach the sender from outside.
    pub reachable: bool,
    /// Whether the sender is the channel's root.
    pub root: bool,
    /// The stripe that the sender prefers to be an interior node of.
    pub primary: Option<u8>,
    /// The stripe that the sender thinks lacks interior nodes most: for a newcomer that has none yet.
    pub lacking: Option<u8>,
    /// The other end's address as the sender sees it.
    pub observed: SocketAddr,
    /// Data stripes (K), as far as the sender knows: 0 before it heard from a member.
    pub data: u8,
    /// Parity stripes (M).
    pub parity: u8,
    /// How far the broadcast has come, as far as the sender knows.
    pub progress: Progress,
    /// The newest chunk that the sender has whole: where a newcomer starts.
    pub newest_whole: Option<u64>,
}

/// A place to ask for: a peer, and how good a place it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who, and where.
    pub contact: Contact,
    /// The depth that its child would have, plus what speaks against it; smaller is better.
    pub cost: u16,
    /// How many more children it could take at this cost.
    pub places: u8,
}

/// What a child lacks in a stripe: everything from `from_seq` on but the rows listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Want {
    /// The first chunk that is wanted.
    pub from_seq: u64,
    /// The rows of this stripe's blocks that the child already has, by chunk; bit `r % 8` of byte `r / 8` is row `r`.
    pub have: Vec<(u64, Vec<u8>)>,
    /// Chunks from `from_seq` on that the child has whole.
    pub whole: Vec<u64>,
}

/// What a child tells its parent about the part of a stripe's tree below it, itself included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The stripe.
    pub stripe: u8,
    /// Peers in that part.
    pub size: u32,
    /// Those of them whose primary stripe this is.
    pub interior: u32,
    /// The best places in it.
    pub places: Vec<Candidate>,
    /// Nodes in it that would let a peer whose primary stripe this is take the place of a leaf.
    pub lifts: Vec<Candidate>,
}

/// A parent's word on one stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The stripe.
    pub stripe: u8,
    /// The sender's tick in it.
    pub tick: Tick,
    /// The sender's depth in it; the root's is 0.
    pub depth: u16,
}

/// Why an [`Message::Attach`] was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// No place for another child, or none of the kind that was asked for.
    Full,
    /// The asked node's tick did not get newer than the asker's in time: it may be below it.
    NotNewer,
    /// The asked node has no parent in the stripe itself.
    NotRooted,
    /// The asked node is leaving.
    Leaving,
    /// The asked node asks the asker to stay away for now.
    Evicted,
}

/// What is said on a link after [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The first message. Handled by the driver, which gives it with `Input::LinkUp`.
    Hello(Hello),
    /// "Be my parent in this stripe."
    Attach {
        /// The stripe.
        stripe: u8,
        /// The asker's tick in it, held still until the answer.
        tick: Tick,
        /// Also beyond the asked node's soft budget: a repair, or nothing else was found.
        urgent: bool,
        /// The asker's primary stripe.
        primary: Option<u8>,
        /// The asker has no parent in any stripe: a full node makes room if a child of its can do without.
        desperate: bool,
        /// What it lacks.
        want: Want,
    },
    /// "I am now your parent": the answer to `Attach`; blocks follow.
    Accept {
        /// The stripe.
        stripe: u8,
        /// The parent's tick, strictly newer than the asker's.
        tick: Tick,
        /// The parent's depth.
        depth: u16,
        /// How far the broadcast has come.
        progress: Progress,
    },
    /// "No, but try these": the other answer to `Attach`, and the answer to `Seek`.
    Redirect {
        /// The stripe.
        stripe: u8,
        /// Why not here; `None` answers `Seek`.
        refusal: Option<Refusal>,
        /// Where else, best first.
        candidates: Vec<Candidate>,
    },
    /// "Where would there be a place in this stripe?"
    Seek {
        /// The stripe.
        stripe: u8,
    },
    /// From a child: "you are no longer my parent in this stripe."
    Detach {
        /// The stripe.
        stripe: u8,
    },
    /// From a parent: "I stop serving you in this stripe."
    Drop {
        /// The stripe.
        stripe: u8,
        /// Why.
        cause: Cause,
        /// Where else.
        candidates: Vec<Candidate>,
    },
    /// From a parent: "there is a better place for you; go when you have it."
    Move {
        /// The stripe.
        stripe: u8,
        /// Where; empty: with another of your parents, so that your place here becomes free.
        candidates: Vec<Candidate>,
    },
    /// The heartbeat. `beats` are there for the stripes in which the receiver is the sender's child.
    Pulse {
        /// One for each stripe that the sender serves the receiver in and that has news.
        beats: Vec<Beat>,
        /// How far the broadcast has come.
        progress: Progress,
        /// The newest chunk that the sender has whole.
        newest_whole: Option<u64>,
    },
    /// From a child: its part of the trees.
    Reports(Vec<Report>),
    /// From a parent: peers outside its own part of the stripe's tree, to turn to when it fails.
    Alternates {
        /// The stripe.
        stripe: u8,
        /// Peers that do not depend on the sender's parent either, and that parent itself: best first.
        candidates: Vec<Candidate>,
        /// The sender's other children: of use to the receiver's own children, who outlive the receiver.
        siblings: Vec<Candidate>,
    },
    /// "Send me these blocks if you have them." Answered on a stream of blocks, or not at all.
    Pull {
        /// The chunk.
        seq: u64,
        /// The stripe.
        stripe: u8,
        /// The rows, as in [`Want`]; empty: all of them.
        rows: Vec<u8>,
    },
    /// "I am going. I serve you until you have other parents, or for as long as my patience lasts."
    Leaving {
        /// Where else, by stripe.
        candidates: Vec<(u8, Vec<Candidate>)>,
    },
    /// "Have somebody dial me whom I never dialled, so that I learn whether I can be reached."
    ProbeMe,
    /// "Dial this peer once."
    Probe {
        /// Whom.
        contact: Contact,
    },
    /// "This is how I stand now": sent when one of these changed since `Hello`.
    Standing {
        /// How many distinct parents the sender has.
        parents: u8,
        /// Whether others can reach the sender.
        reachable: bool,
        /// Its primary stripe.
        primary: Option<u8>,
    },
}

/// A message that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than allowed.
    #[error("a control message of {0} bytes; at most {MAX_MESSAGE_LEN} are allowed")]
    TooLong(usize),
    /// Not the bytes of a message.
    #[error("not a control message: {0}")]
    Malformed(String),
    /// A list or bitmap in it is longer than allowed.
    #[error("a control message with too many {0}")]
    TooMany(&'static str),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_MESSAGE_LEN>()
}

impl Message {
    /// The message's bytes, without a length in front.
    pub fn encode(&self) -> Vec<u8> {
        bincode::serde::encode_to_vec(self, config())
            .expect("our own messages stay within the bounds that we check")
    }

    /// Reads exactly one message.
    ///
    /// # Errors
    /// Too long, malformed, trailing bytes, or a list beyond its bound.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_MESSAGE_LEN {
            return Err(WireError::TooLong(bytes.len()));
        }
        let (message, used): (Self, usize) = bincode::serde::decode_from_slice(bytes, config())
            .map_err(|why| WireError::Malformed(why.to_string()))?;
        if used != bytes.len() {
            return Err(WireError::Malformed(format!(
                "{} bytes after its end",
                bytes.len() - used
            )));
        }
        message.check_bounds()?;
        Ok(message)
    }

    fn check_bounds(&self) -> Result<(), WireError> {
        let few = |list: &Vec<Candidate>| {
            if list.len() > MAX_CANDIDATES {
                Err(WireError::TooMany("candidates"))
            } else {
                Ok(())
            }
        };
        match self {
            Message::Attach { want, .. } => {
                if want.have.len() > MAX_WANT_CHUNKS || want.whole.len() > MAX_WANT_CHUNKS {
                    return Err(WireError::TooMany("chunks"));
                }
                if want
                    .have
                    .iter()
                    .any(|(_, rows)| rows.len() > MAX_BITMAP_LEN)
                {
                    return Err(WireError::TooMany("rows"));
                }
                Ok(())
            }
            Message::Pull { rows, .. } if rows.len() > MAX_BITMAP_LEN => {
                Err(WireError::TooMany("rows"))
            }
            Message::Redirect { candidates, .. }
            | Message::Drop { candidates, .. }
            | Message::Move { candidates, .. } => few(candidates),
            Message::Alternates {
                candidates,
                siblings,
                ..
            } => few(candidates).and(few(siblings)),
            Message::Pulse { beats, .. } if beats.len() > MAX_STRIPES => {
                Err(WireError::TooMany("beats"))
            }
            Message::Leaving { candidates } => {
                if candidates.len() > MAX_STRIPES {
                    return Err(WireError::TooMany("stripes"));
                }
                candidates.iter().try_for_each(|(_, list)| few(list))
            }
            Message::Reports(reports) => {
                if reports.len() > MAX_STRIPES {
                    return Err(WireError::TooMany("reports"));
                }
                reports
                    .iter()
                    .try_for_each(|report| few(&report.places).and(few(&report.lifts)))
            }
            _ => Ok(()),
        }
    }

    /// The stripe that the message is about, if it is about one.
    pub fn stripe(&self) -> Option<u8> {
        match self {
            Message::Attach { stripe, .. }
            | Message::Accept { stripe, .. }
            | Message::Redirect { stripe, .. }
            | Message::Seek { stripe }
            | Message::Detach { stripe }
            | Message::Drop { stripe, .. }
            | Message::Move { stripe, .. }
            | Message::Alternates { stripe, .. }
            | Message::Pull { stripe, .. } => Some(*stripe),
            _ => None,
        }
    }
}

/// The most stripes of a channel: what `media-model` allows, too.
pub const MAX_STRIPES: usize = 16;

/// Whether `id` is among the candidates.
pub fn names(candidates: &[Candidate], id: PeerId) -> bool {
    candidates
        .iter()
        .any(|candidate| candidate.contact.id == id)
}
