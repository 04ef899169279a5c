//! What happens, in two forms: a line for scripts and words for people. Who is told is not known here.

use std::net::SocketAddr;

use overlay_core::{Cause, PeerId};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The socket is there.
    Listening {
        /// With its real port.
        addr: SocketAddr,
        /// Whether the usual port was taken.
        moved: bool,
        /// Who this peer is.
        identity: PeerId,
    },
    /// Browsers may watch, at this address.
    #[cfg(feature = "bridge")]
    Browsers(SocketAddr),
    /// The channel's form became known.
    Joined {
        /// The channel.
        channel: u32,
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
    /// A stripe's parent failed.
    Orphaned {
        /// The stripe.
        stripe: u8,
        /// Who it was.
        peer: PeerId,
        /// What happened.
        cause: Cause,
    },
    /// A stripe that had lost its parent has one again.
    Repaired {
        /// The stripe.
        stripe: u8,
        /// What had happened.
        cause: Cause,
        /// How long it took.
        ms: u64,
    },
    /// There is no place on the channel.
    Full {
        /// Stripes without a parent.
        stripes: u8,
        /// Until the next try.
        retry_ms: u64,
        /// Whether the peer had a place before.
        had_place: bool,
    },
    /// Nobody whom the invite names answers.
    Unreachable {
        /// The address.
        at: String,
        /// What is known of why.
        why: String,
        /// Until the next try.
        retry_ms: u64,
    },
    /// A chunk is lost.
    Missed {
        /// The chunk.
        seq: u64,
    },
    /// A chunk is on the disk.
    Stored {
        /// Its file.
        name: String,
    },
    /// A chunk was on the disk before.
    Known {
        /// Its file.
        name: String,
    },
    /// A chunk that nobody had shown had to go for a newer one.
    Evicted {
        /// Its file.
        name: String,
    },
    /// No space is left. Said once, until there is some.
    DiskFull {
        /// The chunk that waits for space.
        name: String,
    },
    /// There is space again.
    Storing,
    /// A whole chunk was given up.
    NotStored {
        /// Its file.
        name: String,
        /// Why.
        why: String,
        /// Whether the reason was said before.
        again: bool,
    },
    /// Whole chunks left the window before the disk had time for them.
    DiskSlow {
        /// How many since the last time that this was said.
        chunks: u64,
    },
    /// Below an old server: this peer feeds the forest.
    Head {
        /// The old server.
        server: String,
        /// Its authority.
        epoch: u64,
    },
    /// Below an old server: another peer does.
    Following {
        /// Where it is.
        addr: SocketAddr,
        /// Its authority.
        epoch: u64,
    },
    /// Another peer feeds the forest now.
    SteppedDown,
    /// The old server takes nobody more, and whom it lists is no peer that answers.
    OldServerFull {
        /// The old server.
        server: String,
    },
    /// The old server cannot be asked.
    OldServerTrouble {
        /// The old server.
        server: String,
        /// What is known of why.
        why: String,
    },
    /// The old server accepted this peer and sends nothing.
    OldServerSilent {
        /// The old server.
        server: String,
    },
    /// What the old server sent is no block.
    BlockRefused {
        /// What is wrong with it.
        why: String,
    },
    /// The children are being handed over.
    Leaving,
    /// The end.
    Left(Summary),
}

/// What a peer has done, at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Chunks that were whole.
    pub(crate) chunks: u64,
    /// Chunks that were lost.
    pub(crate) missing: u64,
    /// Chunks on the disk.
    pub(crate) stored: u64,
    /// Whole chunks that are not.
    pub(crate) not_stored: u64,
    /// Bytes.
    pub(crate) sent: u64,
    /// Bytes.
    pub(crate) received: u64,
    /// Repairs.
    pub(crate) repairs: u64,
}

/// A cause as one word.
pub(crate) fn cause_word(cause: Cause) -> String {
    cause.to_string().replace(' ', "-")
}

impl Notice {
    /// The line for scripts: an event, then `key=value`; a file's name is always the rest of the line.
    pub(crate) fn line(&self) -> String {
        match self {
            Notice::Listening { addr, identity, .. } => {
                format!("listening addr={addr} identity={identity}")
            }
            #[cfg(feature = "bridge")]
            Notice::Browsers(addr) => format!("browsers addr={addr}"),
            Notice::Joined {
                channel,
                data,
                parity,
            } => {
                format!("joined channel={channel} stripes={data}+{parity}")
            }
            Notice::Parent { stripe, peer } => format!("parent stripe={stripe} peer={peer}"),
            Notice::Orphaned {
                stripe,
                peer,
                cause,
            } => {
                format!(
                    "orphaned stripe={stripe} peer={peer} cause={}",
                    cause_word(*cause)
                )
            }
            Notice::Repaired { stripe, cause, ms } => {
                format!(
                    "repaired stripe={stripe} cause={} ms={ms}",
                    cause_word(*cause)
                )
            }
            Notice::Full {
                stripes, retry_ms, ..
            } => {
                format!("full stripes={stripes} retry_ms={retry_ms}")
            }
            Notice::Unreachable { at, retry_ms, .. } => {
                format!("unreachable addr={at} retry_ms={retry_ms}")
            }
            Notice::Missed { seq } => format!("missed seq={seq}"),
            Notice::Stored { name } => format!("stored {name}"),
            Notice::Known { name } => format!("known {name}"),
            Notice::Evicted { name } => format!("evicted {name}"),
            Notice::DiskFull { name } => format!("disk-full {name}"),
            Notice::Storing => "storing".to_owned(),
            Notice::NotStored { name, .. } => format!("not-stored {name}"),
            Notice::DiskSlow { chunks } => format!("disk-slow chunks={chunks}"),
            Notice::Head { server, epoch } => format!("head epoch={epoch} server={server}"),
            Notice::Following { addr, epoch } => format!("following addr={addr} epoch={epoch}"),
            Notice::SteppedDown => "stepped-down".to_owned(),
            Notice::OldServerFull { server } => format!("old-server-full server={server}"),
            Notice::OldServerTrouble { server, .. } => {
                format!("old-server-trouble server={server}")
            }
            Notice::OldServerSilent { server } => format!("old-server-silent server={server}"),
            Notice::BlockRefused { why } => format!("block-refused {why}"),
            Notice::Leaving => "leaving".to_owned(),
            Notice::Left(s) => format!(
                "left chunks={} missing={} stored={} not_stored={} sent={} received={} repairs={}",
                s.chunks, s.missing, s.stored, s.not_stored, s.sent, s.received, s.repairs
            ),
        }
    }

    /// Words for people.
    pub(crate) fn words(&self) -> String {
        match self {
            Notice::Listening {
                addr, moved: false, ..
            } => format!("listening on UDP {addr}"),
            Notice::Listening {
                addr, moved: true, ..
            } => {
                format!("the usual port is taken: listening on UDP {addr} instead")
            }
            #[cfg(feature = "bridge")]
            Notice::Browsers(addr) => format!("browsers may watch at http://{addr}/"),
            Notice::Joined {
                channel,
                data,
                parity,
            } => {
                format!("on channel {channel}: {data} stripes of data, {parity} of parity")
            }
            Notice::Parent { stripe, peer } => {
                format!("stripe {stripe} comes from {}", peer.short())
            }
            Notice::Orphaned {
                stripe,
                peer,
                cause,
            } => {
                format!("stripe {stripe} lost its parent {} ({cause})", peer.short())
            }
            Notice::Repaired { stripe, cause, ms } => {
                format!("stripe {stripe} repaired in {ms} ms (parent: {cause})")
            }
            Notice::Full {
                stripes, had_place, ..
            } => match had_place {
                false => {
                    format!("the channel is full: {stripes} stripes wait for a place; trying again")
                }
                true => format!("{stripes} stripes find no other parent; trying again"),
            },
            Notice::Unreachable { at, why, .. } => {
                format!("cannot reach {at} ({why}); trying again")
            }
            Notice::Missed { seq } => format!("chunk {seq} is lost: not all of it came in time"),
            Notice::Stored { name } => format!("{name} stored"),
            Notice::Known { name } => format!("{name} was stored before"),
            Notice::Evicted { name } => {
                format!(
                    "{name} was not shown and had to go: the spool is at its limit (--spool-limit)"
                )
            }
            Notice::DiskFull { name } => {
                format!(
                    "the disk is full: {name} waits for space; relaying goes on. Free some space"
                )
            }
            Notice::Storing => "there is space again: chunks are stored".to_owned(),
            Notice::NotStored { name, why, .. } => format!("{name} is not stored: {why}"),
            Notice::DiskSlow { chunks } => {
                format!("the disk is too slow: {chunks} whole chunks were not stored in time")
            }
            Notice::Head { server, .. } => {
                format!("head: this peer takes the channel from {server} and feeds the others")
            }
            Notice::Following { addr, .. } => format!("{addr} feeds the channel"),
            Notice::SteppedDown => {
                "another peer feeds the channel now: joining below it".to_owned()
            }
            Notice::OldServerFull { server } => format!(
                "{server} takes no more receivers on this channel, and no peer answers at the addresses that it lists; trying again"
            ),
            Notice::OldServerTrouble { server, why } => {
                format!("cannot ask {server} ({why}); trying again")
            }
            Notice::OldServerSilent { server } => {
                format!("{server} sends nothing: is it on the air? Asking again")
            }
            Notice::BlockRefused { why } => {
                format!("what the old server sent is not broadcast: {why}")
            }
            Notice::Leaving => "leaving: the children are handed over".to_owned(),
            Notice::Left(s) => format!(
                "left: {} chunks whole, {} missing, {} stored, {} not stored; {} sent, {} received; {} repairs",
                s.chunks,
                s.missing,
                s.stored,
                s.not_stored,
                crate::text::bytes(s.sent),
                crate::text::bytes(s.received),
                s.repairs
            ),
        }
    }

    /// Whether somebody should do something, or at least know.
    pub(crate) fn is_trouble(&self) -> bool {
        matches!(
            self,
            Notice::Full { .. }
                | Notice::Unreachable { .. }
                | Notice::Missed { .. }
                | Notice::Evicted { .. }
                | Notice::DiskFull { .. }
                | Notice::NotStored { again: false, .. }
                | Notice::DiskSlow { .. }
                | Notice::OldServerFull { .. }
                | Notice::OldServerTrouble { .. }
                | Notice::OldServerSilent { .. }
                | Notice::BlockRefused { .. }
                | Notice::Listening { moved: true, .. }
        )
    }

    /// Whether it is too usual for the menus' event line.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(
            self,
            Notice::Stored { .. }
                | Notice::Known { .. }
                | Notice::Parent { .. }
                | Notice::NotStored { again: true, .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_scripts_is_one_event_and_its_values() {
        let peer = PeerId([0xab; 32]);
        let repaired = Notice::Repaired {
            stripe: 2,
            cause: Cause::TooSlow,
            ms: 84,
        };
        assert_eq!(repaired.line(), "repaired stripe=2 cause=too-slow ms=84");
        assert_eq!(
            Notice::Stored {
                name: "my film_00001.mkv".to_owned()
            }
            .line(),
            "stored my film_00001.mkv"
        );
        let parent = Notice::Parent { stripe: 0, peer }.line();
        assert_eq!(parent, format!("parent stripe=0 peer={}", "ab".repeat(32)));
    }
}
