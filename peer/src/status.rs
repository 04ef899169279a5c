//! What a running peer knows about itself: one value for the menus, for `peer status` and for scripts. Its JSON is
//! described field by field in docs/guide/peer.md.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use overlay_core::{Contact, PeerId};
use overlay_quic::{ChannelFacts, LinkFacts};
use serde::{Deserialize, Serialize};

use crate::notice::{Summary, cause_word};
use crate::pending::Pending;
use crate::rates::Rates;

/// How things stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// No place was found yet.
    #[default]
    Joining,
    /// The channel has no place for it; it waits.
    Full,
    /// It receives the channel.
    Running,
    /// It has received the channel, and lacks too many stripes now.
    Repairing,
    /// It is on its way out.
    Leaving,
}

impl State {
    /// As one sees it in the menus.
    pub(crate) fn words(self) -> &'static str {
        match self {
            State::Joining => "joining",
            State::Full => "channel full, waiting",
            State::Running => "running",
            State::Repairing => "repairing",
            State::Leaving => "leaving",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// 64 hexadecimal digits.
    pub(crate) identity: String,
    /// How things stand.
    pub(crate) state: State,
    /// The channel.
    pub(crate) channel: u32,
    /// The origin's `host:port` in the invite.
    pub(crate) origin: String,
    /// Below an old server: which, and what this peer is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) legacy: Option<Legacy>,
    /// The authority that is followed; 0: none yet.
    pub(crate) epoch: u64,
    /// K; 0: not known yet.
    pub(crate) data_stripes: u8,
    /// M.
    pub(crate) parity_stripes: u8,
    /// Most children.
    pub(crate) fan_out: u16,
    /// The stripe that this peer prefers to relay.
    pub(crate) primary: Option<u8>,
    /// Whether others were seen to reach this peer.
    pub(crate) reachable: bool,
    /// The UDP address.
    pub(crate) listen: String,
    /// The process.
    pub(crate) pid: u32,
    /// Since the start.
    pub(crate) uptime_ms: u64,
    /// The chunk that is being sent by the origin.
    pub(crate) seq_on_air: Option<u64>,
    /// The file that was stored last.
    pub(crate) latest_stored: Option<String>,
    /// By stripe: who sends it.
    pub(crate) stripes: Vec<Stripe>,
    /// Whom this peer sends to.
    pub(crate) children: Vec<Child>,
    /// All bytes of the links, QUIC's own included.
    pub(crate) bytes_sent: u64,
    /// The same, received.
    pub(crate) bytes_received: u64,
    /// A second, over the last seconds.
    pub(crate) bytes_per_s_sent: u64,
    /// A second, over the last seconds.
    pub(crate) bytes_per_s_received: u64,
    /// Blocks.
    pub(crate) blocks: Blocks,
    /// Chunks.
    pub(crate) chunks: Chunks,
    /// Repairs.
    pub(crate) repairs: Repairs,
    /// What waits to be shown.
    pub(crate) pending: Pending,
}

/// What a peer below an old server is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Legacy {
    /// The old server, `host:port`.
    pub(crate) server: String,
    /// Whether this peer takes the blocks from it and feeds the forest.
    pub(crate) head: bool,
    /// Blocks that it took and published.
    pub(crate) blocks: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// The other end of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    /// Its identity.
    pub(crate) peer: String,
    /// IP:port.
    pub(crate) addr: SocketAddr,
    /// The round trip; none while it is not measured.
    pub(crate) rtt_us: Option<u64>,
}

/// A stripe: who sends it, and how far it is from the origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stripe {
    /// Its number.
    pub(crate) stripe: u8,
    /// Who sends it.
    pub(crate) parent: Option<Neighbour>,
    /// Who would send it at once if the parent failed.
    pub(crate) backup: Option<Neighbour>,
    /// Hops from the origin.
    pub(crate) depth: u16,
    /// Payload bytes that the parent has sent in this stripe.
    pub(crate) bytes: u64,
    /// A second, over the last seconds.
    pub(crate) bytes_per_s: u64,
}

/// A peer that this one sends to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Child {
    /// Its identity.
    pub(crate) peer: String,
    /// IP:port.
    pub(crate) addr: SocketAddr,
    /// The round trip; none while it is not measured.
    pub(crate) rtt_us: Option<u64>,
    /// The stripes that it is sent.
    pub(crate) stripes: Vec<u8>,
    /// The same, with what was sent.
    pub(crate) sent: Vec<SentStripe>,
}

/// What a child was sent in one stripe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentStripe {
    /// The stripe.
    pub(crate) stripe: u8,
    /// Payload bytes.
    pub(crate) bytes: u64,
    /// A second, over the last seconds.
    pub(crate) bytes_per_s: u64,
}

/// Blocks since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocks {
    /// New ones that were right.
    pub(crate) verified: u64,
    /// Ones that were not what the origin signed.
    pub(crate) refused: u64,
    /// Ones that parity gave back.
    pub(crate) restored: u64,
    /// Ones that were there already.
    pub(crate) duplicate: u64,
    /// Data blocks of chunks that were lost.
    pub(crate) missing: u64,
    /// Ones given to links.
    pub(crate) sent: u64,
}

/// Chunks since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunks {
    /// Whole and verified.
    pub(crate) complete: u64,
    /// Lost: not all of them came in time.
    pub(crate) missing: u64,
    /// On the disk, now or already shown.
    pub(crate) stored: u64,
    /// Whole, but not on the disk: full, too slow, or not allowed.
    pub(crate) not_stored: u64,
    /// Stored, and gone for newer ones before they were shown: the spool's limit.
    pub(crate) evicted: u64,
    /// Whether the disk is full now.
    pub(crate) disk_full: bool,
}

/// Repairs since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repairs {
    /// How many.
    pub(crate) total: u64,
    /// The latest of them, oldest first.
    pub(crate) latest: Vec<Repair>,
}

/// A stripe that lost its parent and got another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repair {
    /// What happened to the parent.
    pub(crate) cause: String,
    /// The stripe.
    pub(crate) stripe: u8,
    /// From the parent's last sign to the new parent's acceptance.
    pub(crate) ms: u64,
}

/// What rates are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flow {
    /// All links, sent.
    Sent,
    /// All links, received.
    Received,
    /// From a peer in a stripe.
    From(PeerId, u8),
    /// To a peer in a stripe.
    To(PeerId, u8),
}

/// The sums of `facts` by flow, for [`Rates`].
fn sums(facts: &ChannelFacts) -> BTreeMap<Flow, u64> {
    let mut sums = BTreeMap::from([
        (Flow::Sent, facts.counters.udp_bytes_sent),
        (Flow::Received, facts.counters.udp_bytes_received),
    ]);
    for link in &facts.links {
        for stripe in 0..facts.forest.stripes.len() as u8 {
            sums.insert(Flow::From(link.id, stripe), from(link, stripe));
            sums.insert(Flow::To(link.id, stripe), to(link, stripe));
        }
    }
    sums
}

fn from(link: &LinkFacts, stripe: u8) -> u64 {
    link.block_bytes_received
        .get(usize::from(stripe))
        .copied()
        .unwrap_or(0)
}

fn to(link: &LinkFacts, stripe: u8) -> u64 {
    link.block_bytes_sent
        .get(usize::from(stripe))
        .copied()
        .unwrap_or(0)
}

/// Makes the part of a status that follows from the channel.
pub(crate) fn fill(
    status: &mut Status,
    facts: &ChannelFacts,
    rates: &mut Rates<Flow>,
    now: Instant,
) {
    rates.sample(now, sums(facts));
    let (forest, counters) = (&facts.forest, &facts.counters);
    let link = |id: PeerId| facts.links.iter().find(|link| link.id == id);
    let neighbour = |contact: Contact| Neighbour {
        peer: contact.id.to_string(),
        addr: link(contact.id).map_or(contact.addr, |link| link.addr),
        rtt_us: link(contact.id).map(|link| link.rtt_us),
    };
    status.epoch = forest.epoch;
    (status.data_stripes, status.parity_stripes) = (forest.data, forest.parity);
    (status.primary, status.reachable) = (forest.primary, forest.reachable);
    status.seq_on_air = (forest.progress.epoch > 0).then_some(forest.progress.seq);
    let stripe = |facts: &overlay_core::StripeFacts| {
        let flow = facts
            .parent
            .map(|parent| Flow::From(parent.id, facts.stripe));
        Stripe {
            stripe: facts.stripe,
            parent: facts.parent.map(neighbour),
            backup: facts.backup.map(neighbour),
            depth: facts.depth,
            bytes: facts
                .parent
                .and_then(|p| link(p.id))
                .map_or(0, |link| from(link, facts.stripe)),
            bytes_per_s: flow.map_or(0, |flow| rates.per_second(&flow)),
        }
    };
    status.stripes = forest.stripes.iter().map(stripe).collect();
    let child = |child: &overlay_core::ChildFacts| Child {
        peer: child.id.to_string(),
        addr: child.addr,
        rtt_us: child.rtt_us.or(link(child.id).map(|link| link.rtt_us)),
        stripes: child.stripes.clone(),
        sent: child
            .stripes
            .iter()
            .map(|stripe| SentStripe {
                stripe: *stripe,
                bytes: link(child.id).map_or(0, |link| to(link, *stripe)),
                bytes_per_s: rates.per_second(&Flow::To(child.id, *stripe)),
            })
            .collect(),
    };
    status.children = forest.children.iter().map(child).collect();
    (status.bytes_sent, status.bytes_received) =
        (counters.udp_bytes_sent, counters.udp_bytes_received);
    status.bytes_per_s_sent = rates.per_second(&Flow::Sent);
    status.bytes_per_s_received = rates.per_second(&Flow::Received);
    status.blocks = Blocks {
        verified: counters.blocks_verified,
        refused: counters.blocks_refused,
        restored: counters.blocks_restored,
        duplicate: counters.blocks_duplicate,
        missing: counters.blocks_missing,
        sent: counters.blocks_sent,
    };
    status.chunks.complete = forest.chunks_whole;
    status.chunks.missing = forest.chunks_missed;
    let repair = |repair: &overlay_core::RepairFacts| Repair {
        cause: cause_word(repair.cause),
        stripe: repair.stripe,
        ms: repair.ms,
    };
    status.repairs = Repairs {
        total: forest.repairs_total,
        latest: forest.repairs.iter().map(repair).collect(),
    };
}

impl Status {
    /// What is said at the end.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            chunks: self.chunks.complete,
            missing: self.chunks.missing,
            stored: self.chunks.stored,
            not_stored: self.chunks.not_stored,
            sent: self.bytes_sent,
            received: self.bytes_received,
            repairs: self.repairs.total,
        }
    }

    /// The first digits of the identity, for people.
    pub(crate) fn short_identity(&self) -> &str {
        self.identity.get(..8).unwrap_or("")
    }
}
