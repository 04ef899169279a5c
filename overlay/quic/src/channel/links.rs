//! The channel's table of links: how one comes in, speaks, and goes.

use std::net::SocketAddr;
use std::sync::Arc;

use media_model::MAX_STRIPES;
use overlay_core::{Cause, Hello, Input, Message, PeerId};

use super::{Channel, MAX_LINKS, State};
use crate::control::{self, Outbox};
use crate::link::{self, Link, LinkRef};
use crate::receive;

/// A link about to be put into the table.
pub(crate) struct NewLink {
    pub(crate) peer: PeerId,
    pub(crate) conn: quinn::Connection,
    pub(crate) addr: SocketAddr,
    pub(crate) dialed: bool,
    /// What the other end said.
    pub(crate) hello: Hello,
    pub(crate) send: quinn::SendStream,
    pub(crate) reader: control::Reader,
    /// What is to be said first.
    pub(crate) first: Option<Hello>,
}

impl Channel {
    /// Takes a link out of the table. Its connection is the caller's to close.
    pub(super) fn remove_link(&self, state: &mut State, peer: PeerId) -> Option<Link> {
        let link = state.links.remove(&peer)?;
        for stripe in 0..MAX_STRIPES as u8 {
            state.stop_serving(peer, stripe);
        }
        let facts = link.facts(peer);
        state.counters.udp_bytes_sent += facts.udp_bytes_sent;
        state.counters.udp_bytes_received += facts.udp_bytes_received;
        Some(link)
    }

    /// What to say first to whoever is seen at `observed`.
    pub(crate) fn hello(&self, observed: SocketAddr) -> Hello {
        self.lock().node.hello(observed)
    }

    /// Puts a link into the table, on which both hellos are said or, where the other end dialled, ours goes first into the
    /// outbox. Starts the link's tasks.
    pub(crate) fn link_up(self: &Arc<Self>, state: &mut State, new: NewLink) {
        let NewLink {
            peer,
            conn,
            addr,
            dialed,
            hello,
            send,
            reader,
            first,
        } = new;
        if state.closed || state.links.len() >= MAX_LINKS {
            link::close(
                &conn,
                if state.closed {
                    Cause::Leaving
                } else {
                    Cause::Busy
                },
            );
            if dialed {
                self.drive(
                    state,
                    Input::DialFailed {
                        peer: Some(peer),
                        addr,
                        cause: Cause::Busy,
                    },
                );
            }
            return;
        }
        if let Some(old) = self.remove_link(state, peer) {
            link::close(&old.conn, Cause::Duplicate);
            self.drive(
                state,
                Input::LinkDown {
                    peer,
                    cause: Cause::Lost,
                },
            );
        }
        let link = LinkRef {
            peer,
            id: state.new_id(),
            conn,
        };
        let outbox = Arc::new(Outbox::default());
        if let Some(first) = first {
            outbox.push(&Message::Hello(first));
        }
        let writer = tokio::spawn(control::write(outbox.clone(), link.conn.clone(), send));
        state.links.insert(
            peer,
            Link::new(&link, addr, dialed, hello.incarnation, outbox, writer),
        );
        tokio::spawn(control::read(self.clone(), link.clone(), reader));
        tokio::spawn(receive::accept(self.clone(), link));
        let direct = crate::socket::is_own(hello.observed, self.net.bound, addr);
        tracing::debug!(peer = %peer.short(), %addr, dialed, direct, "link up");
        self.drive(
            state,
            Input::LinkUp {
                peer,
                addr,
                dialed,
                hello,
                direct,
            },
        );
        self.links_changed.notify_waiters();
    }

    /// A control message came.
    pub(crate) fn message(self: &Arc<Self>, link: &LinkRef, message: Message) {
        let mut state = self.lock();
        if state.has_link(link) {
            self.drive(
                &mut state,
                Input::Message {
                    peer: link.peer,
                    message,
                },
            );
        }
    }

    /// The link is over; its connection is closed with `cause` if it is not yet.
    pub(crate) fn link_lost(self: &Arc<Self>, link: &LinkRef, cause: Cause) {
        let mut state = self.lock();
        if state.has_link(link) {
            tracing::debug!(peer = %link.peer.short(), %cause, "link down");
            link::close(&link.conn, cause);
            self.remove_link(&mut state, link.peer);
            self.drive(
                &mut state,
                Input::LinkDown {
                    peer: link.peer,
                    cause,
                },
            );
        }
    }

    /// The other end sent what does not verify, or what is not the protocol.
    pub(crate) fn corrupt(self: &Arc<Self>, link: &LinkRef) {
        self.lock().counters.blocks_refused += 1;
        self.link_lost(link, Cause::Corrupt);
    }
}
