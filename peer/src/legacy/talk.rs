//! The conversation with the old server, and with whom it lists: who receives the channel, whether one of them is the
//! root, whether there is a place. Blocks that come in between wait.
//!
//! This file must never know what follows from the answers.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use old_server::wire::{self, Word};
use overlay_quic::{Endpoint, RootCard};

use super::listener::{Came, Inbox};
use super::server::{AskError, OldServer};
use crate::notice::Notice;
use crate::session::Shared;

/// How long whoever is listed may take to say whether it is the root: a few round trips of a far peer.
const CARD_PATIENCE: Duration = Duration::from_millis(600);
/// How long the old server may take to come back with its answer: it tries for a second, and may be busy before.
const ANSWER_PATIENCE: Duration = Duration::from_millis(2_500);
/// Between two words about an old server that cannot be asked.
const TROUBLE_EVERY: Duration = Duration::from_secs(30);
/// Blocks that came while something else was awaited. More are two rounds old.
const MAX_WAITING: usize = 2;
/// How often the old server's name is resolved anew, for the addresses that it may come from.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);

/// Whom the old server's list leads to.
pub(super) enum Found {
    /// The root, and where it is.
    Root(Box<RootCard>, SocketAddr),
    /// No root; whether another peer at a lower address, which goes first, is about to become it.
    Nobody { goes_first: bool },
}

/// See the module.
pub(super) struct Talk {
    pub(super) server: OldServer,
    resolved: Option<Instant>,
    /// Where peers listen.
    peer_port: u16,
    endpoint: Endpoint,
    shared: Arc<Shared>,
    inbox: Inbox,
    /// Blocks that came while an answer was awaited.
    waiting: VecDeque<Bytes>,
    /// When the latest trouble with the old server was said.
    said: Option<Instant>,
}

impl Talk {
    pub(super) fn new(
        server: OldServer,
        inbox: Inbox,
        (endpoint, peer_port): (Endpoint, u16),
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            server,
            resolved: None,
            peer_port,
            endpoint,
            shared,
            inbox,
            waiting: VecDeque::new(),
            said: None,
        }
    }

    /// Whether nothing waits, and nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.inbox.is_quiet() && self.waiting.is_empty()
    }

    /// Nothing more is taken from the old server.
    pub(super) fn close(&mut self) {
        self.inbox.close();
    }

    /// A block that waits.
    pub(super) fn block(&mut self) -> Option<Bytes> {
        self.waiting.pop_front()
    }

    /// Takes the next thing that the old server brings; `false`: nothing comes any more. Cancel-safe.
    pub(super) async fn listen(&mut self) -> bool {
        match self.inbox.came.recv().await {
            Some(came) => {
                // An answer that nobody waits for is late.
                self.sort(came);
                true
            }
            None => false,
        }
    }

    /// Says what is wrong with the old server, not too often.
    pub(super) fn say(&mut self, notice: impl FnOnce(String) -> Notice) {
        if self.said.is_none_or(|at| at.elapsed() >= TROUBLE_EVERY) {
            self.said = Some(Instant::now());
            self.shared.say(&notice(self.server.to_string()));
        }
    }

    /// The trouble is over: the next one is said at once.
    pub(super) fn no_trouble(&mut self) {
        self.said = None;
    }

    /// The old server could not be asked.
    pub(super) fn trouble(&mut self, why: &AskError) {
        let why = why.to_string();
        self.say(|server| Notice::OldServerTrouble { server, why });
    }

    /// Keeps the addresses that the old server may come from.
    pub(super) async fn resolve(&mut self) {
        if self.resolved.is_some_and(|at| at.elapsed() < RESOLVE_EVERY) {
            return;
        }
        self.resolved = Some(Instant::now());
        match self.server.addresses().await {
            Ok(found) => self.inbox.take_from(found),
            Err(why) => self.trouble(&why),
        }
    }

    /// Sorts what the old server brought: a block waits for its turn, an answer is given back.
    fn sort(&mut self, came: Came) -> Option<Word> {
        let bytes = match came {
            Came::All(bytes) => bytes,
            Came::Broken(why) => {
                self.shared.say(&Notice::BlockRefused { why });
                return None;
            }
        };
        match wire::sort(&bytes) {
            Word::Empty => {
                let why = "it is empty".to_owned();
                self.shared.say(&Notice::BlockRefused { why });
                None
            }
            Word::Block => {
                if self.waiting.len() == MAX_WAITING {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(bytes);
                None
            }
            answer => Some(answer),
        }
    }

    /// Asks everybody on the old server's list whether it is the root.
    pub(super) async fn find_root(&mut self) -> Result<Found, AskError> {
        let mut receivers = self.server.list().await?;
        if receivers.comes_later {
            receivers.listed = self.listed_later().await?;
        }
        let own = receivers.own;
        let channel = u32::from(self.server.channel);
        let ask = |ip: IpAddr| {
            let (endpoint, addr) = (self.endpoint.clone(), SocketAddr::new(ip, self.peer_port));
            tokio::spawn(async move {
                let card = endpoint.ask_root(addr, channel, CARD_PATIENCE).await;
                (addr, card)
            })
        };
        let listed = receivers.listed.into_iter().map(|ip| ip.to_canonical());
        let others = listed.filter(|ip| *ip != own);
        let asked: Vec<_> = others.map(ask).collect();
        let mut goes_first = false;
        let mut best: Option<(RootCard, SocketAddr)> = None;
        for answer in asked {
            // It fails only if it was aborted with the runtime.
            let Ok((addr, card)) = answer.await else {
                continue;
            };
            match card {
                // Ourselves, by the address that the old server knows us by.
                Ok(card) if card.id == self.endpoint.id() => {}
                Ok(card) if card.epoch.is_some() => {
                    if best
                        .as_ref()
                        .is_none_or(|(known, _)| card.epoch > known.epoch)
                    {
                        best = Some((card, addr));
                    }
                }
                Ok(_) => goes_first |= addr.ip() < own,
                Err(why) => tracing::debug!(%addr, %why, "listed, but no peer answers there"),
            }
        }
        Ok(match best {
            Some((card, addr)) => Found::Root(Box::new(card), addr),
            None => Found::Nobody { goes_first },
        })
    }

    /// The list, from a server that sends it on a connection of its own.
    async fn listed_later(&mut self) -> Result<Vec<IpAddr>, AskError> {
        let deadline = tokio::time::Instant::now() + ANSWER_PATIENCE;
        loop {
            let came = tokio::time::timeout_at(deadline, self.inbox.came.recv()).await;
            let Ok(Some(came)) = came else {
                return Err(AskError::TimedOut);
            };
            if let Came::All(bytes) = &came
                && wire::sort(bytes) == Word::List
            {
                return Ok(wire::parse_list(bytes)?);
            }
            self.sort(came);
        }
    }

    /// Asks to be added: `true` if the old server did, `false` if its channel is full, nothing if it did not say.
    pub(super) async fn ask_for_place(&mut self) -> Result<Option<bool>, AskError> {
        self.server.add().await?;
        let deadline = tokio::time::Instant::now() + ANSWER_PATIENCE;
        loop {
            let came = tokio::time::timeout_at(deadline, self.inbox.came.recv()).await;
            let Ok(Some(came)) = came else {
                return Ok(None);
            };
            match self.sort(came) {
                Some(Word::Accepted) => return Ok(Some(true)),
                Some(Word::Full) => return Ok(Some(false)),
                _ => {}
            }
        }
    }
}
