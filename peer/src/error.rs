//! Everything that can end this program early, each in one line that names the thing and what to do.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use media_store::StoreError;
use overlay_core::InviteError;
use overlay_quic::{BindError, IdentityError, JoinError};

/// Why the program ends with a status other than 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    /// The invite cannot be read, or its time is over.
    #[error("{0}")]
    Invite(#[from] InviteError),
    /// The invite's key is none that an origin could sign with.
    #[error(
        "the invite's key is not a usable key: copy the whole line that the server printed after `invite`"
    )]
    InviteKey,
    /// Somebody else is at the invite's address.
    #[error(
        "{at} is not the origin of this invite, or does not broadcast channel {channel}: ask the broadcaster for a new invite"
    )]
    OtherOrigin {
        /// The address in the invite.
        at: String,
        /// The channel in it.
        channel: u32,
    },
    /// `--give-up-after`.
    #[error(
        "no place on channel {channel} within {seconds} s ({last}): is the broadcast on the air?"
    )]
    GaveUp {
        /// The channel.
        channel: u32,
        /// How long was tried.
        seconds: u64,
        /// What was known last.
        last: String,
    },
    /// The spool.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A file of the peer's own in the spool.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The identity's file holds something else.
    #[error("{} holds no identity: remove it, and the peer makes itself a new one", path.display())]
    IdentityDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The identity.
    #[error("{0}")]
    Identity(#[from] IdentityError),
    /// The UDP port is taken.
    #[error(
        "{addr} is taken by another program: name another port with --listen, or leave --listen away"
    )]
    PortTaken {
        /// What was named.
        addr: std::net::SocketAddr,
    },
    /// The port at which an old server comes back is taken.
    #[error(
        "cannot listen on TCP {addr}, where the old server comes back to: {source}; one peer or old client an address: name another address of this machine with --listen (127.0.0.2:7000)"
    )]
    ClientPort {
        /// The address.
        addr: std::net::SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The address for browsers.
    #[cfg(feature = "bridge")]
    #[error("cannot open {addr} for browsers: {source}; name another address with --bridge")]
    Bridge {
        /// The address.
        addr: std::net::SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No UDP socket.
    #[error("{0}")]
    Bind(#[from] BindError),
    /// The channel cannot be opened.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// A thread, a socket or the runtime could not be made.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Whole chunks that are not on the disk.
    #[error(
        "{chunks} whole chunks were received but could not be stored: see the reason above or in .treecast/peer.log of the spool"
    )]
    NotStored {
        /// How many.
        chunks: u64,
    },
    /// A second Ctrl-C.
    #[error("stopped before the children were handed over")]
    Hasty,
    /// Part of this process died.
    #[error("the {0} failed: see the log in the spool's .treecast folder")]
    Broken(&'static str),
    /// Nobody answers on the control port.
    #[error("no peer is running on this spool ({})", dir.display())]
    NoPeer {
        /// The spool.
        dir: PathBuf,
    },
    /// It runs, but does not answer.
    #[error("the peer on {} (process {pid}) does not answer: it may be stopped", dir.display())]
    Silent {
        /// The spool.
        dir: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// It answered something else.
    #[error("the peer on {} refused: {why}", dir.display())]
    Refused {
        /// The spool.
        dir: PathBuf,
        /// Its words.
        why: String,
    },
}

impl PeerError {
    /// 2 where the command line is wrong, as clap has it; 1 for everything else.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            PeerError::Invite(InviteError::Expired(_)) => ExitCode::FAILURE,
            PeerError::Invite(_) | PeerError::InviteKey => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// A file of the peer's own that could not be used.
    pub(crate) fn file(what: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        PeerError::File {
            what,
            path: path.to_owned(),
            source,
        }
    }
}
