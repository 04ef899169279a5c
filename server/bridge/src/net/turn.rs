//! The client's side of one allocation on a TURN server (RFC 8656): asks for it with long-term credentials, keeps it and
//! its permissions, and says when it is over. A state machine without sockets; one request at a time is on its way.
//!
//! It must never know what is sent through the relay.

pub(super) mod permissions;
mod request;
#[cfg(test)]
mod tests;

use permissions::{Passage, Permissions};
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{ATTR_NONCE, ATTR_REALM};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, Getter as _, Message, TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;
use rtc::turn::proto::relayaddr::RelayedAddress;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long each sending of a request waits for its answer; then the server is not there. RFC 8489 section 6.2.1 begins
/// with 500 ms too, and goes on for 39.5 s: by then nobody waits any more.
const WAITS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
];

/// How often the allocation is refreshed. It would last for 10 minutes, but this also keeps the way through a NAT open,
/// and is how a server that started anew is noticed while viewers wait.
const REFRESH: Duration = Duration::from_secs(5);

/// Answers that want other credentials in a row: one without any, one with an old nonce, and one to spare.
const MAX_CHALLENGES: u32 = 3;

/// An answer that is longer is not read.
const MAX_ANSWER: usize = 2048;

/// Of a server's own words.
const MAX_REASON: usize = 60;

const UNAUTHORIZED: u16 = 401;
const ALLOCATION_MISMATCH: u16 = 437;
const STALE_NONCE: u16 = 438;
const WRONG_CREDENTIALS: u16 = 441;

/// Why there is no relay (any more), for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("it does not answer")]
    NoAnswer,
    #[error("it refuses the user name or the password")]
    Credentials,
    #[error("it has still an allocation of before")]
    Taken,
    #[error("it lost the allocation")]
    Lost,
    #[error("the allocation was given back because its password ends")]
    Outlived,
    #[error("it answers {0} {1}")]
    Refused(u16, String),
    #[error("what it answers is not understood")]
    Nonsense,
}

/// With what the server is asked.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
    /// The allocation is given back then, as these are no good much longer and others cannot take it over.
    pub(super) end: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ask {
    Allocate,
    /// Gives back what there may be of before.
    Free,
    /// Gives back what there is, for good.
    Leave,
    Refresh,
    Permit(Vec<IpAddr>),
}

struct Pending {
    ask: Ask,
    id: TransactionId,
    raw: Vec<u8>,
    sent: usize,
    again: Instant,
}

/// What the server told to sign with.
struct Signature {
    realm: String,
    nonce: String,
    key: Vec<u8>,
}

/// What the server gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// What is sent to this address comes to us.
    pub(super) relayed: SocketAddr,
    /// Where we are, as the server sees it.
    pub(super) mapped: Option<SocketAddr>,
}

/// See the head of the file. Order of calls: `handle`, `expire`, `passage`, in any order; then drain `poll_transmit`; then
/// wait until `deadline`. Once `failure` says something it does nothing more.
pub(in crate::net) struct Turn {
    provider: Arc<dyn RTCCryptoProvider>,
    credentials: Credentials,
    signature: Option<Signature>,
    challenges: u32,
    pending: Option<Pending>,
    held: Option<Held>,
    refresh: Instant,
    freed: bool,
    permissions: Permissions,
    out: Option<Vec<u8>>,
    failure: Option<Failure>,
}

impl Turn {
    /// Asks for an allocation.
    pub(super) fn new(
        provider: Arc<dyn RTCCryptoProvider>,
        credentials: Credentials,
        now: Instant,
    ) -> Turn {
        let mut turn = Turn {
            provider,
            credentials,
            signature: None,
            challenges: 0,
            pending: None,
            held: None,
            refresh: now,
            freed: false,
            permissions: Permissions::default(),
            out: None,
            failure: None,
        };
        turn.ask(Ask::Allocate, now);
        turn
    }

    /// The allocation, once it is there.
    pub(super) fn held(&self) -> Option<Held> {
        self.held.filter(|_| self.failure.is_none())
    }

    /// Why it is over, if it is.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether what a viewer sends to a peer arrives.
    pub(super) fn passage(&mut self, viewer: u64, peer: IpAddr, now: Instant) -> Passage {
        match self.held() {
            Some(held) if held.relayed.is_ipv4() == peer.is_ipv4() => {
                self.permissions.passage(viewer, peer, now)
            }
            _ => Passage::Shut,
        }
    }

    /// What is to be sent to the server.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.take()
    }

    /// When to call `expire`.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.failure.is_some() {
            return None;
        }
        if let Some(pending) = &self.pending {
            return Some(pending.again);
        }
        let others = [self.permissions.deadline(), self.credentials.end];
        let first = others.into_iter().flatten().min();
        Some(first.map_or(self.refresh, |at| at.min(self.refresh)))
    }

    /// Its time has come.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.failure.is_some() {
            return;
        }
        if let Some(pending) = &mut self.pending {
            if now < pending.again {
                return;
            }
            match WAITS.get(pending.sent) {
                Some(wait) => {
                    pending.sent += 1;
                    pending.again = now + *wait;
                    self.out = Some(pending.raw.clone());
                }
                None => self.failure = Some(Failure::NoAnswer),
            }
            return;
        }
        if self.held.is_none() {
            return;
        }
        if self.credentials.end.is_some_and(|end| now >= end) {
            self.held = None;
            self.ask(Ask::Leave, now);
            return;
        }
        if now >= self.refresh {
            self.ask(Ask::Refresh, now);
            return;
        }
        let peers = self.permissions.next(now);
        if !peers.is_empty() {
            self.ask(Ask::Permit(peers), now);
        }
    }

    /// The words with which the allocation is given back; nothing else must be done with this afterwards.
    pub(super) fn release(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.held()?;
        self.ask(Ask::Free, now);
        self.out.take()
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        match self.request(&ask) {
            Ok((id, raw)) => {
                self.out = Some(raw.clone());
                self.pending = Some(Pending {
                    ask,
                    id,
                    raw,
                    sent: 1,
                    again: now + WAITS[0],
                });
            }
            Err(error) => {
                // A user name that is too long, or no MD5.
                tracing::debug!(%error, "a request for a TURN server");
                self.failure = Some(Failure::Credentials);
            }
        }
    }

    /// Something came from the server that is no indication.
    pub(super) fn handle(&mut self, datagram: &[u8], now: Instant) {
        if self.failure.is_some() || datagram.len() > MAX_ANSWER {
            return;
        }
        let mut message = Message::new();
        message.raw = datagram.to_vec();
        if message.decode().is_err() {
            return;
        }
        let Some(pending) = self
            .pending
            .take_if(|pending| pending.id == message.transaction_id)
        else {
            return;
        };
        let class = message.typ.class;
        if class == CLASS_SUCCESS_RESPONSE {
            if self.is_forged(&mut message) {
                self.pending = Some(pending);
                return;
            }
            self.challenges = 0;
            self.done(pending.ask, &message, now);
        } else if class == CLASS_ERROR_RESPONSE {
            self.refused(pending.ask, &message, now);
        } else {
            self.pending = Some(pending);
        }
    }

    /// RFC 8489 section 9.2.5: what is not signed with our password is not the server's.
    fn is_forged(&self, message: &mut Message) -> bool {
        self.signature.as_ref().is_some_and(|signature| {
            MessageIntegrity::check(message, &signature.key, self.provider.crypto()).is_err()
        })
    }

    fn done(&mut self, ask: Ask, message: &Message, now: Instant) {
        match ask {
            Ask::Allocate => {
                let (mut relayed, mut mapped) =
                    (RelayedAddress::default(), XorMappedAddress::default());
                if relayed.get_from(message).is_err() || relayed.port == 0 {
                    self.failure = Some(Failure::Nonsense);
                    return;
                }
                let mapped = mapped.get_from(message).is_ok().then_some(mapped);
                self.held = Some(Held {
                    relayed: SocketAddr::new(relayed.ip, relayed.port),
                    mapped: mapped.map(|mapped| SocketAddr::new(mapped.ip, mapped.port)),
                });
                self.refresh = now + REFRESH;
            }
            Ask::Free => self.ask(Ask::Allocate, now),
            Ask::Leave => self.failure = Some(Failure::Outlived),
            Ask::Refresh => self.refresh = now + REFRESH,
            Ask::Permit(peers) => self.permissions.granted(&peers, now),
        }
    }

    fn refused(&mut self, ask: Ask, message: &Message, now: Instant) {
        let mut error = ErrorCodeAttribute::default();
        if error.get_from(message).is_err() {
            self.failure = Some(Failure::Nonsense);
            return;
        }
        let code = error.code.0;
        let is_challenge =
            code == STALE_NONCE || (code == UNAUTHORIZED && self.signature.is_none());
        if is_challenge {
            self.challenges += 1;
            let signed = self.challenges <= MAX_CHALLENGES && self.sign(message);
            if signed {
                self.ask(ask, now);
            } else {
                self.failure = Some(Failure::Nonsense);
            }
            return;
        }
        let failure = match (code, &ask) {
            (_, Ask::Leave) => Failure::Outlived,
            (UNAUTHORIZED | WRONG_CREDENTIALS, _) => Failure::Credentials,
            (ALLOCATION_MISMATCH, Ask::Allocate) if !self.freed => {
                // The same port of ours, before a restart: the server still keeps it.
                self.freed = true;
                self.ask(Ask::Free, now);
                return;
            }
            (ALLOCATION_MISMATCH, Ask::Allocate | Ask::Free) => Failure::Taken,
            (ALLOCATION_MISMATCH, Ask::Refresh | Ask::Permit(_)) => Failure::Lost,
            (_, Ask::Permit(peers)) => {
                self.permissions.refused(peers);
                return;
            }
            _ => Failure::Refused(code, words(&error.reason)),
        };
        self.failure = Some(failure);
    }

    /// Takes what an answer says to sign with; false: it does not.
    fn sign(&mut self, message: &Message) -> bool {
        let text = |kind| TextAttribute::get_from_as(message, kind).map(|found| found.text);
        let (Ok(realm), Ok(nonce)) = (text(ATTR_REALM), text(ATTR_NONCE)) else {
            return false;
        };
        let key = MessageIntegrity::long_term_integrity_key(
            self.credentials.username.clone(),
            realm.clone(),
            self.credentials.password.clone(),
            self.provider.crypto(),
        );
        self.signature = key.ok().map(|key| Signature { realm, nonce, key });
        self.signature.is_some()
    }
}

fn words(reason: &[u8]) -> String {
    let reason = String::from_utf8_lossy(reason);
    let plain = reason.chars().filter(|letter| !letter.is_control());
    plain.take(MAX_REASON).collect()
}
