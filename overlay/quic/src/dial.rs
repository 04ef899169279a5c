//! Links in the making: outgoing dials, incoming ones, and which of two crossing dials is kept.
//!
//! Two peers that dial each other at once must end with one link, and neither may see it go and come. So a dialler says
//! hello only if it has no link to that peer and no other dial to it that has said hello; and of two peers that have both
//! said hello, the one with the smaller identity refuses the other's dial, and the larger one accepts. Both decide
//! under their channel's lock, and each decision follows from what the other end has already said, so they agree.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use overlay_core::wire::VERSION;
use overlay_core::{Cause, Hello, Input, Message, PeerId};
use quinn::Connection;

use crate::channel::{Channel, NewLink, State};
use crate::control::{self, ControlError};
use crate::endpoint::Net;
use crate::identity::SERVER_NAME;
use crate::link::{cause_of, close};
use crate::who::{self, WHO_ALPN};
use crate::{socket, tls};

/// How long a dial may take, from the first packet to the other end's hello: two lost packets and a slow peer.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an accepted connection may take to say hello.
pub(crate) const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a dial that was refused as a duplicate waits for the link that is kept.
const OTHER_LINK_WAIT: Duration = Duration::from_millis(500);

/// A dial under way.
#[derive(Debug, Default)]
pub(crate) struct Dialing {
    /// Whom the hello was said to.
    pub(crate) hello_to: Option<PeerId>,
}

/// Why a dial came to nothing.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("cannot be dialled: {0}")]
    Connect(#[from] quinn::ConnectError),
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    #[error("no answer within {} s", DIAL_TIMEOUT.as_secs())]
    TimedOut,
    #[error("another peer is there: {found}, not {expected}")]
    OtherPeer { expected: PeerId, found: PeerId },
    #[error("it shows no identity")]
    NoIdentity,
    #[error("that is ourselves")]
    Ourselves,
    #[error("another link to it is kept")]
    Duplicate,
    #[error("it speaks of channel {0}, or of another version")]
    Mismatch(u32),
    #[error("{0}")]
    Control(#[from] ControlError),
    #[error("the control stream broke: {0}")]
    Write(#[from] quinn::WriteError),
}

impl DialError {
    fn cause(&self, conn: Option<&Connection>) -> Cause {
        match self {
            DialError::OtherPeer { .. }
            | DialError::NoIdentity
            | DialError::Ourselves
            | DialError::Mismatch(_) => Cause::Mismatch,
            DialError::Duplicate => Cause::Duplicate,
            DialError::Control(why) if why.is_corrupt() => Cause::Corrupt,
            DialError::Connection(why) => cause_of(why),
            DialError::Connect(_) | DialError::TimedOut => Cause::Lost,
            DialError::Control(_) | DialError::Write(_) => conn
                .and_then(Connection::close_reason)
                .map_or(Cause::Lost, |why| cause_of(&why)),
        }
    }
}

/// Dials and gives the channel `LinkUp` or `DialFailed`.
pub(crate) async fn dial(channel: Arc<Channel>, id: u64, peer: Option<PeerId>, addr: SocketAddr) {
    let mut conn = None;
    let attempt =
        tokio::time::timeout(DIAL_TIMEOUT, attempt(&channel, id, peer, addr, &mut conn)).await;
    let why = match attempt.unwrap_or(Err(DialError::TimedOut)) {
        Ok(()) => return,
        Err(why) => why,
    };
    let cause = why.cause(conn.as_ref());
    tracing::debug!(%addr, %why, %cause, "dial failed");
    if let Some(conn) = &conn {
        // A polite word for whoever is there; after its own close this changes nothing.
        close(conn, cause);
    }
    let found = channel
        .lock()
        .dials
        .get(&id)
        .and_then(|dialing| dialing.hello_to)
        .or(peer);
    if cause == Cause::Duplicate {
        wait_for_link(&channel, found).await;
    }
    let mut state = channel.lock();
    state.dials.remove(&id);
    // The link that is kept has answered the state machine already.
    let answered =
        cause == Cause::Duplicate && peer.is_some_and(|peer| state.links.contains_key(&peer));
    if !answered {
        channel.drive(&mut state, Input::DialFailed { peer, addr, cause });
    }
}

async fn attempt(
    channel: &Arc<Channel>,
    id: u64,
    expected: Option<PeerId>,
    addr: SocketAddr,
    made: &mut Option<Connection>,
) -> Result<(), DialError> {
    let net = &channel.net;
    let conn = net
        .quinn
        .connect_with(net.client.clone(), addr, SERVER_NAME)?
        .await?;
    *made = Some(conn.clone());
    let peer = tls::peer_of(&conn).ok_or(DialError::NoIdentity)?;
    if let Some(expected) = expected.filter(|expected| *expected != peer) {
        return Err(DialError::OtherPeer {
            expected,
            found: peer,
        });
    }
    let hello = {
        let mut state = channel.lock();
        if peer == net.own {
            return Err(DialError::Ourselves);
        }
        if state.links.contains_key(&peer) || state.says_hello_to(peer) {
            return Err(DialError::Duplicate);
        }
        if let Some(dialing) = state.dials.get_mut(&id) {
            dialing.hello_to = Some(peer);
        }
        state.node.hello(addr)
    };
    let (mut send, recv) = conn.open_bi().await?;
    send.write_chunk(control::framed(&Message::Hello(hello)))
        .await?;
    let mut reader = control::Reader::new(recv);
    let hello = reader.hello().await?;
    if !is_ours(&hello, channel.number) {
        return Err(DialError::Mismatch(hello.channel));
    }
    let mut state = channel.lock();
    if state.links.contains_key(&peer) {
        return Err(DialError::Duplicate);
    }
    state.dials.remove(&id);
    let new = NewLink {
        peer,
        conn,
        addr,
        dialed: true,
        hello,
        send,
        reader,
        first: None,
    };
    channel.link_up(&mut state, new);
    Ok(())
}

async fn wait_for_link(channel: &Channel, peer: Option<PeerId>) {
    let Some(peer) = peer else { return };
    let there = async {
        loop {
            let mut changed = std::pin::pin!(channel.links_changed.notified());
            changed.as_mut().enable();
            if channel.lock().links.contains_key(&peer) {
                return;
            }
            changed.await;
        }
    };
    // If it does not come, the dial has failed after all.
    let _ = tokio::time::timeout(OTHER_LINK_WAIT, there).await;
}

fn is_ours(hello: &Hello, channel: u32) -> bool {
    hello.version == VERSION && hello.channel == channel
}

impl State {
    /// Whether a dial to `peer` has said hello and waits for the answer.
    fn says_hello_to(&self, peer: PeerId) -> bool {
        self.dials
            .values()
            .any(|dialing| dialing.hello_to == Some(peer))
    }

    /// Whether a peer's dial that said `hello` is refused because another link to it is kept.
    fn keeps_other(&self, own: PeerId, peer: PeerId, hello: &Hello) -> bool {
        match self.links.get(&peer) {
            // It would not have dialled if it still had our link, unless its hello crossed ours.
            Some(link) => {
                link.incarnation == hello.incarnation
                    && link.dialed
                    && own < peer
                    && link.since.elapsed() < HELLO_TIMEOUT
            }
            None => own < peer && self.says_hello_to(peer),
        }
    }
}

/// Takes an incoming connection as far as a link of one of the channels, or closes it.
pub(crate) async fn incoming(net: Arc<Net>, incoming: quinn::Incoming) {
    let from = incoming.remote_address();
    let conn = match incoming.accept() {
        Ok(connecting) => tokio::time::timeout(DIAL_TIMEOUT, connecting).await,
        Err(why) => Ok(Err(why)),
    };
    let conn = match conn {
        Ok(Ok(conn)) => conn,
        Ok(Err(why)) => return tracing::debug!(%from, %why, "handshake failed"),
        Err(_) => return tracing::debug!(%from, "handshake too slow"),
    };
    if tls::protocol_of(&conn).as_deref() == Some(WHO_ALPN) {
        return who::answer(net, conn).await;
    }
    let cause = match tokio::time::timeout(HELLO_TIMEOUT, welcome(&net, &conn)).await {
        Ok(Ok(())) => return,
        Ok(Err(cause)) => cause,
        Err(_) => Cause::TooSlow,
    };
    tracing::debug!(%from, %cause, "incoming link refused");
    close(&conn, cause);
}

async fn welcome(net: &Arc<Net>, conn: &Connection) -> Result<(), Cause> {
    let peer = tls::peer_of(conn).ok_or(Cause::Mismatch)?;
    let (send, recv) = conn.accept_bi().await.map_err(|why| cause_of(&why))?;
    let mut reader = control::Reader::new(recv);
    let hello = reader.hello().await.map_err(|why| {
        if why.is_corrupt() {
            Cause::Corrupt
        } else {
            Cause::Lost
        }
    })?;
    let channel = net.channel(hello.channel).ok_or(Cause::Mismatch)?;
    if peer == net.own || !is_ours(&hello, channel.number) {
        return Err(Cause::Mismatch);
    }
    let addr = socket::plain(conn.remote_address());
    let first = channel.hello(addr);
    let mut state = channel.lock();
    if state.keeps_other(net.own, peer, &hello) {
        return Err(Cause::Duplicate);
    }
    let new = NewLink {
        peer,
        conn: conn.clone(),
        addr,
        dialed: false,
        hello,
        send,
        reader,
        first: Some(first),
    };
    channel.link_up(&mut state, new);
    Ok(())
}
