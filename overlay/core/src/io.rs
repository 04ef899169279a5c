//! What goes into the state machine and what comes out: the whole contract between it and its driver.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::PeerId;
use crate::params::Params;
use crate::wire::{Hello, Message, Want};

/// Why a link or a relation ended. Said to the other end, and to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It said goodbye.
    Leaving,
    /// It was asked to stay away.
    Evicted,
    /// It sent what does not verify, or what is not the protocol.
    Corrupt,
    /// It could not keep up.
    TooSlow,
    /// It stopped answering.
    Lost,
    /// The link was not needed any more.
    Idle,
    /// Another link to the same peer is kept.
    Duplicate,
    /// It speaks of another channel, or of another version.
    Mismatch,
    /// It has as many links as it can hold.
    Busy,
}

impl Cause {
    /// The code in a QUIC CONNECTION_CLOSE frame (RFC 9000 section 19.19).
    pub fn code(self) -> u32 {
        self as u32
    }

    /// The cause of a code; unknown ones count as lost.
    pub fn from_code(code: u64) -> Self {
        use Cause::*;
        [
            Leaving, Evicted, Corrupt, TooSlow, Lost, Idle, Duplicate, Mismatch, Busy,
        ]
        .into_iter()
        .find(|cause| u64::from(cause.code()) == code)
        .unwrap_or(Lost)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Leaving => "leaving",
            Cause::Evicted => "evicted",
            Cause::Corrupt => "corrupt",
            Cause::TooSlow => "too slow",
            Cause::Lost => "lost",
            Cause::Idle => "idle",
            Cause::Duplicate => "duplicate",
            Cause::Mismatch => "mismatch",
            Cause::Busy => "busy",
        })
    }
}

/// What a node is in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The origin's end of the channel: it raises the ticks of this epoch and has no parents.
    Root {
        /// Not 0, and higher than that of any root before.
        epoch: u64,
    },
    /// Everybody else.
    Member,
}

/// Somebody to ask first: from an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Who must be there; `None` where the invite does not say.
    pub id: Option<PeerId>,
    /// Where.
    pub addr: SocketAddr,
}

/// How a node starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its own identity.
    pub id: PeerId,
    /// What it is.
    pub role: Role,
    /// The channel.
    pub channel: u32,
    /// The most children that it serves at any instant, whatever number of stripes each takes.
    pub fan_out: u16,
    /// Data stripes (K) of the channel; 0 for a member, which learns it from the first that it meets.
    pub data: u8,
    /// Parity stripes (M).
    pub parity: u8,
    /// Whom a member asks first.
    pub bootstrap: Vec<Bootstrap>,
    /// Drawn anew at every start of the process.
    pub incarnation: u64,
    /// Seeds every random choice.
    pub seed: u64,
    /// Times and bounds.
    pub params: Params,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The first input, once. A member begins to join, a root begins to tick.
    Start,
    /// A link stands: authenticated, and the hellos were exchanged.
    LinkUp {
        /// Who is at the other end.
        peer: PeerId,
        /// The other end's address as seen from here.
        addr: SocketAddr,
        /// Whether this end dialled.
        dialed: bool,
        /// What the other end said.
        hello: Hello,
        /// Whether `hello.observed` is one of this machine's own addresses with our port: nothing translates in between.
        direct: bool,
    },
    /// A link ended, however.
    LinkDown {
        /// Whose.
        peer: PeerId,
        /// Why: the other end's word, or `Lost`.
        cause: Cause,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Whom we expected.
        peer: Option<PeerId>,
        /// Where.
        addr: SocketAddr,
        /// `Lost`: no answer; else what the other end said when it closed.
        cause: Cause,
    },
    /// Packets came since the last time that this was said, or that the timer fired, even if no whole message or block did:
    /// on a line that is full, these come late, and their sender is not silent.
    Heard {
        /// From whom.
        peer: PeerId,
    },
    /// A control message came.
    Message {
        /// From whom.
        peer: PeerId,
        /// What.
        message: Message,
    },
    /// The measured round trip of a link, microseconds.
    Rtt {
        /// Whose.
        peer: PeerId,
        /// How long.
        rtt_us: u64,
    },
    /// A signed span of a chunk became known: its rows can be counted from now on.
    Span {
        /// Of which authority; a higher one than before makes the chunk start anew.
        epoch: u64,
        /// The chunk.
        seq: u64,
        /// Rows of the chunk known so far (the end of this span).
        rows: u32,
        /// Whether the chunk ends with this span.
        last: bool,
    },
    /// A block that was not there before is there now: received and verified, restored, or (at the root) published.
    Block {
        /// The chunk.
        seq: u64,
        /// The row.
        row: u32,
        /// The stripe.
        stripe: u8,
        /// Who sent it; `None` if it was restored or published here.
        from: Option<PeerId>,
    },
    /// All data of a chunk is there and its hash is right.
    Whole {
        /// The chunk.
        seq: u64,
    },
    /// A child's stream was beyond its budget and was reset to a later chunk.
    ChildSlow {
        /// The child.
        peer: PeerId,
        /// The stripe.
        stripe: u8,
    },
    /// From now on this member is the channel's root: what it publishes is the broadcast. Its children stay, its parents
    /// are let go. Nothing happens at a root, or if the epoch is not higher than any that was heard of.
    BecomeRoot {
        /// The authority that it has.
        epoch: u64,
        /// Data stripes (K), if the channel's coding is not known yet: nobody was here before.
        data: u8,
        /// Parity stripes (M), likewise.
        parity: u8,
    },
    /// The channel's root is somewhere else now: there it is asked for a place from now on, and now.
    RootMoved {
        /// Where.
        bootstrap: Bootstrap,
    },
    /// Hand the children over, then go: ends with `Output::Event(Event::Left)`.
    Leave,
    /// The time that `poll_timeout` asked for has come.
    Timer,
}

/// What the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Make a link. Answered by `LinkUp` or `DialFailed`, always, within the driver's dial time-out.
    Dial {
        /// Who must be there.
        peer: Option<PeerId>,
        /// Where.
        addr: SocketAddr,
    },
    /// Send a control message, in order.
    Send {
        /// To whom.
        peer: PeerId,
        /// What.
        message: Message,
    },
    /// End a link, saying why, after what was sent before. No `LinkDown` follows.
    Close {
        /// Whose.
        peer: PeerId,
        /// Why.
        cause: Cause,
    },
    /// From now on send this child every block of the stripe that it wants, from the window and as they come.
    Serve {
        /// The child.
        peer: PeerId,
        /// The stripe.
        stripe: u8,
        /// What it lacks.
        want: Want,
    },
    /// Stop that.
    StopServing {
        /// The child.
        peer: PeerId,
        /// The stripe.
        stripe: u8,
    },
    /// Send those of these blocks that are in the window, once.
    SendBlocks {
        /// To whom.
        peer: PeerId,
        /// The chunk.
        seq: u64,
        /// The stripe.
        stripe: u8,
        /// The rows, as in [`Want`]; empty: all.
        rows: Vec<u8>,
    },
    /// The window ends here: chunks before this one are no longer wanted by anybody.
    Forget {
        /// The first chunk to keep.
        before_seq: u64,
    },
    /// Something that people or statistics want to know.
    Event(Event),
}

/// What people or statistics want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The channel's parameters became known (member): K and M.
    Joined {
        /// Data stripes.
        data: u8,
        /// Parity stripes.
        parity: u8,
    },
    /// A stripe has another parent.
    Parent {
        /// The stripe.
        stripe: u8,
        /// Who.
        peer: PeerId,
    },
    /// A stripe lost its parent and has a new one.
    Repaired {
        /// The stripe.
        stripe: u8,
        /// What had happened.
        cause: Cause,
        /// From the last sign of the old parent to the new one's acceptance, milliseconds.
        outage_ms: u64,
    },
    /// A stripe's parent failed.
    Orphaned {
        /// The stripe.
        stripe: u8,
        /// Who it was.
        peer: PeerId,
        /// What happened.
        cause: Cause,
    },
    /// No place was found anywhere: it is tried again.
    Full {
        /// Stripes without a parent.
        stripes_lacking: u8,
        /// When the next attempt is, milliseconds from now.
        retry_ms: u64,
    },
    /// Nobody in the invite answers: it is tried again.
    Unreachable {
        /// The last address that was tried.
        addr: SocketAddr,
        /// The last word from there.
        cause: Cause,
        /// When the next attempt is, milliseconds from now.
        retry_ms: u64,
    },
    /// A chunk left the window without being whole.
    Missed {
        /// The chunk.
        seq: u64,
    },
    /// The node said goodbye to everybody.
    Left,
}
