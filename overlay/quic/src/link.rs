//! What is kept for one link to a peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use media_model::MAX_STRIPES;
use overlay_core::{Cause, PeerId};
use quinn::{Connection, ConnectionError, VarInt};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::control::Outbox;
use crate::counters::LinkFacts;

/// Pulls of one link that are answered at once; more are dropped, and asked again by who needs them. Counted in
/// `transport`'s number of streams.
const MAX_ANSWERS: usize = 8;
/// Payload bytes of duplicates that a link may bring on top of twice what it brought new. A repair brings a window's
/// worth; more is a flood. A guess.
const MAX_DUPLICATE_BYTES: u64 = 256 * 1024 * 1024;

/// Names one link for the tasks that belong to it: a peer may come back on another.
#[derive(Clone)]
pub(crate) struct LinkRef {
    pub(crate) peer: PeerId,
    pub(crate) id: u64,
    pub(crate) conn: Connection,
}

/// A link that stands.
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) conn: Connection,
    pub(crate) addr: SocketAddr,
    pub(crate) dialed: bool,
    pub(crate) incarnation: u64,
    pub(crate) since: Instant,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) writer: JoinHandle<()>,
    pub(crate) answers: Arc<Semaphore>,
    sent: [u64; MAX_STRIPES],
    received: [u64; MAX_STRIPES],
    new_bytes: u64,
    duplicate_bytes: u64,
    datagrams: u64,
}

impl Link {
    pub(crate) fn new(
        link: &LinkRef,
        addr: SocketAddr,
        dialed: bool,
        incarnation: u64,
        outbox: Arc<Outbox>,
        writer: JoinHandle<()>,
    ) -> Self {
        Self {
            id: link.id,
            conn: link.conn.clone(),
            addr,
            dialed,
            incarnation,
            since: Instant::now(),
            outbox,
            writer,
            answers: Arc::new(Semaphore::new(MAX_ANSWERS)),
            sent: [0; MAX_STRIPES],
            received: [0; MAX_STRIPES],
            new_bytes: 0,
            duplicate_bytes: 0,
            datagrams: 0,
        }
    }

    /// Whether anything came since the last time that this was asked.
    pub(crate) fn has_news(&mut self) -> bool {
        let before = std::mem::replace(&mut self.datagrams, self.conn.stats().udp_rx.datagrams);
        self.datagrams != before
    }

    pub(crate) fn took(&mut self, stripe: u8, bytes: u64) {
        if let Some(sum) = self.sent.get_mut(usize::from(stripe)) {
            *sum += bytes;
        }
    }

    pub(crate) fn brought_new(&mut self, stripe: u8, bytes: usize) {
        if let Some(sum) = self.received.get_mut(usize::from(stripe)) {
            *sum += bytes as u64;
        }
        self.new_bytes += bytes as u64;
    }

    /// Counts a duplicate; says whether there are too many.
    pub(crate) fn brought_duplicate(&mut self, bytes: usize) -> bool {
        self.duplicate_bytes += bytes as u64;
        self.duplicate_bytes > 2 * self.new_bytes + MAX_DUPLICATE_BYTES
    }

    pub(crate) fn facts(&self, id: PeerId) -> LinkFacts {
        let stats = self.conn.stats();
        LinkFacts {
            id,
            addr: self.addr,
            dialed: self.dialed,
            rtt_us: stats.path.rtt.as_micros() as u64,
            block_bytes_sent: self.sent.to_vec(),
            block_bytes_received: self.received.to_vec(),
            udp_bytes_sent: stats.udp_tx.bytes,
            udp_bytes_received: stats.udp_rx.bytes,
            packets_sent: stats.path.sent_packets,
            packets_lost: stats.path.lost_packets,
        }
    }
}

/// Ends a connection now, saying why; what was not sent yet is lost.
pub(crate) fn close(conn: &Connection, cause: Cause) {
    conn.close(VarInt::from_u32(cause.code()), cause.to_string().as_bytes());
}

/// Why a connection ended, as the other end said, or `Lost`.
pub(crate) fn cause_of(error: &ConnectionError) -> Cause {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            Cause::from_code(close.error_code.into_inner())
        }
        _ => Cause::Lost,
    }
}
