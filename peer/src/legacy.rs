//! A forest below an old server: this peer takes a place in it, or feeds it as its head, whichever the old server lets it.
//!
//! - `numbering`, `election`: pure; which number a block gets, and when to ask. The old protocol's words, and what a block
//!   is, are in the library beside this program.
//! - `server`: requests to the old server. `listener`: what it brings. `talk`: the conversation that the two make.
//! - `head`: blocks into the forest. `farewell`: in which order a head ends.
//!
//! Nobody in the forest trusts anybody for being in it: who the head is, is what the old server says (its list of
//! receivers) and what the machine at that address proves (its key, and that it is the root). This file must never know
//! how blocks travel or where they are stored.

mod election;
mod farewell;
mod head;
mod listener;
mod numbering;
mod server;
mod talk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_model::Coding;
use overlay_core::Params;
use overlay_quic::{
    Endpoint, Identity, JoinError, Member, MemberConfig, RootCard, TakeOverError, Trust,
};
use rand::Rng as _;

pub(crate) use farewell::Farewell;
pub(crate) use listener::{DEFAULT_CLIENT_PORT, open};
pub(crate) use server::{OldServer, with_port};

use crate::notice::Notice;
use crate::session::Shared;
use crate::storing::Storing;
use election::{Act, Election, must_begin_anew};
use farewell::goodbye;
use head::{Head, OwnSpool, Refused, Taken, unix_s};
use numbering::{Hash, Numbering};
use talk::{Found, Talk};

/// Between two looks at how things stand.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A head that was sent nothing for this long asks again: three rounds of the old server.
const SERVER_SILENCE: Duration = Duration::from_millis(6_500);
/// Between two such requests.
const ASK_AGAIN: Duration = Duration::from_secs(3);
/// How long the old server may be full with nobody feeding the forest before that is said: it forgets a dead head within
/// two rounds.
const FULL_PATIENCE: Duration = Duration::from_secs(8);

/// What a forest below an old server needs to begin.
pub(crate) struct Below {
    /// The old server.
    pub(crate) server: OldServer,
    /// The port at which other peers listen: our own.
    pub(crate) peer_port: u16,
    /// Most children.
    pub(crate) fan_out: u16,
    /// Where the old server comes back to.
    pub(crate) listener: tokio::net::TcpListener,
    /// This peer.
    pub(crate) identity: Identity,
    /// How it ends.
    pub(crate) farewell: Farewell,
}

/// Runs until the channel is closed for good. Not cancel-safe: a goodbye to the old server may be left out.
pub(crate) async fn run(
    below: Below,
    endpoint: Endpoint,
    storing: Arc<Storing>,
    shared: Arc<Shared>,
) -> Result<(), JoinError> {
    let Below {
        server,
        peer_port,
        fan_out,
        listener,
        identity,
        farewell,
    } = below;
    let inbox = listener::start(listener);
    let channel = server.channel;
    let others = (endpoint.clone(), peer_port);
    let (spool, spooling) = OwnSpool::start(storing.clone(), shared.counts.clone());
    let mut task = Task {
        talk: Talk::new(server, inbox, others, shared.clone()),
        identity,
        spool,
        shared: shared.clone(),
        farewell,
        began: Instant::now(),
    };
    loop {
        let config = MemberConfig {
            channel: u32::from(channel),
            trust: Trust::Roots,
            places: Vec::new(),
            fan_out,
            params: Params::default(),
        };
        let member = endpoint.join(config).await?;
        let stored = shared.begin(member.clone(), &storing);
        let end = task.live(&member).await;
        if matches!(end, End::StepDown) {
            shared.say(&Notice::SteppedDown);
        }
        if !matches!(end, End::Closed) {
            member.leave().await;
        }
        stored.end().await;
        if matches!(end, End::Closed) {
            break;
        }
    }
    drop(task);
    // It fails only if it was aborted with the runtime.
    let _ = spooling.await;
    Ok(())
}

/// How a membership ended.
enum End {
    /// The peer leaves.
    Closed,
    /// Another head feeds the forest: everything from the beginning, below it.
    StepDown,
    /// What is known here cannot go together with what the old server says: everything from the beginning.
    Anew,
}

struct Task {
    talk: Talk,
    identity: Identity,
    spool: OwnSpool,
    shared: Arc<Shared>,
    farewell: Farewell,
    began: Instant,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.farewell.empty();
    }
}

/// What one membership knows.
#[derive(Default)]
struct Watch {
    election: Election,
    /// The forest's newest chunk, its hash, and when it was heard of first.
    newest: Option<(u64, Option<Hash>, Duration)>,
    asked_again: Option<Duration>,
    /// Since when the old server says that it is full, and nobody else feeds the forest.
    full_since: Option<Duration>,
    /// The old server's head has a lower epoch than was heard of here, and nothing else is heard: a clock that is behind,
    /// or an epoch that nobody ever had. The old server's word counts.
    anew: bool,
    /// At the last look the old server had been told that we leave, and nothing was on its way.
    quiet: bool,
}

impl Task {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// One membership, from the first search on.
    async fn live(&mut self, member: &Member) -> End {
        let mut watch = Watch::default();
        let mut head: Option<Head> = None;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if member.is_closed() {
                return End::Closed;
            }
            self.talk.resolve().await;
            while let Some(block) = self.talk.block() {
                if head.is_none() {
                    // The old server takes us for a receiver: from an earlier run, or its answer was lost.
                    head = self.accepted(member, &mut watch).await;
                }
                self.block(&mut head, block).await;
            }
            tokio::select! {
                more = self.talk.listen() => {
                    if !more {
                        return End::Closed;
                    }
                    continue;
                }
                _ = look.tick() => {}
            }
            if self.shared.is_leaving() {
                self.finish(head.as_ref(), &mut watch).await;
                continue;
            }
            if let Some(head) = &mut head {
                if self.keep_serving(head, &mut watch).await {
                    return End::StepDown;
                }
                continue;
            }
            let (now, seen) = (self.now(), member.bearings());
            if let Some((seq, hash)) = seen.newest
                && watch.newest.is_none_or(|(known, ..)| seq > known)
            {
                watch.newest = Some((seq, hash, now));
            }
            let draw = |range| rand::rng().random_range(range);
            match watch.election.poll(now, &seen, draw) {
                Some(Act::Look) => self.look(member, &mut watch).await,
                Some(Act::Seek) => head = self.seek(member, &mut watch).await,
                None => {}
            }
            if watch.anew {
                return End::Anew;
            }
        }
    }

    /// On the way out: gives the forest what is in hand, and takes nothing more.
    async fn finish(&mut self, head: Option<&Head>, watch: &mut Watch) {
        if !self.farewell.is_told() {
            return;
        }
        // Twice, since a connection may have been made that nobody has looked at yet.
        let was_quiet = std::mem::replace(&mut watch.quiet, self.talk.is_quiet());
        if !(was_quiet && watch.quiet) {
            return;
        }
        self.talk.close();
        if let Some(head) = head {
            head.spread().await;
        }
        self.farewell.empty();
    }

    /// A block, as a head.
    async fn block(&mut self, head: &mut Option<Head>, data: Bytes) {
        let now = self.now();
        let Some(head) = head else { return };
        let len = data.len();
        match head.take(now, data).await {
            Ok(Taken::Published(seq)) => self.shared.note_block(seq, len),
            Ok(Taken::Duplicate(seq)) => tracing::info!(seq, "the same block came twice"),
            Err(Refused::Publish(overlay_quic::PublishError::Closed)) => {}
            Err(why) => {
                let why = why.to_string();
                self.shared.say(&Notice::BlockRefused { why });
            }
        }
    }

    /// A head that is sent nothing asks to be added again. Says whether somebody else is the head now.
    async fn keep_serving(&mut self, head: &mut Head, watch: &mut Watch) -> bool {
        let now = self.now();
        let silent = now.saturating_sub(head.heard_at) > SERVER_SILENCE;
        let asked = watch
            .asked_again
            .is_some_and(|at| now.saturating_sub(at) < ASK_AGAIN);
        if !silent || asked {
            return false;
        }
        watch.asked_again = Some(now);
        match self.talk.ask_for_place().await {
            Ok(place) => {
                let has_place = place == Some(true);
                if let Ok(Found::Root(card, _)) = self.talk.find_root().await {
                    // Who has the only place is the head, whatever the epochs are; of two with a place, the later one.
                    if !has_place || card.epoch > Some(head.epoch()) {
                        if has_place {
                            goodbye(&self.talk.server).await;
                        }
                        return true;
                    }
                }
                if has_place {
                    head.accepted_again();
                }
            }
            Err(why) => self.talk.trouble(&why),
        }
        self.talk.say(|server| Notice::OldServerSilent { server });
        false
    }

    /// Finds out who the root is of whom is heard.
    async fn look(&mut self, member: &Member, watch: &mut Watch) {
        match self.talk.find_root().await {
            Ok(Found::Root(card, addr)) => self.follow(member, watch, &card, addr),
            Ok(Found::Nobody { .. }) => {}
            Err(why) => self.talk.trouble(&why),
        }
    }

    /// Looks for a root, and asks the old server to be added if there is none.
    async fn seek(&mut self, member: &Member, watch: &mut Watch) -> Option<Head> {
        match self.talk.find_root().await {
            Ok(Found::Root(card, addr)) => {
                watch.anew = must_begin_anew(card.epoch.unwrap_or(0), &member.bearings());
                self.follow(member, watch, &card, addr);
                return None;
            }
            Ok(Found::Nobody { .. }) => {}
            Err(why) => {
                self.talk.trouble(&why);
                return None;
            }
        }
        // The forest may have been repaired, or another head may have come, in the meantime.
        if watch.election.hears_more(&member.bearings()) {
            return None;
        }
        match self.talk.ask_for_place().await {
            Ok(Some(true)) => self.accepted(member, watch).await,
            Ok(Some(false)) => {
                // Whom it accepted needs a moment to become the head, and a dead one two rounds to be forgotten.
                let since = *watch.full_since.get_or_insert_with(|| self.now());
                let for_long = self.now().saturating_sub(since) > FULL_PATIENCE;
                if for_long {
                    self.talk.say(|server| Notice::OldServerFull { server });
                }
                None
            }
            Ok(None) => None,
            Err(why) => {
                self.talk.trouble(&why);
                None
            }
        }
    }

    /// The old server accepted us: become the head, unless it accepted somebody else as well.
    async fn accepted(&mut self, member: &Member, watch: &mut Watch) -> Option<Head> {
        let found = self.talk.find_root().await;
        let other = match &found {
            Ok(Found::Root(..)) => true,
            Ok(Found::Nobody { goes_first }) => *goes_first,
            // Without its list, its word alone counts.
            Err(_) => false,
        };
        if other || self.shared.is_leaving() {
            goodbye(&self.talk.server).await;
            return None;
        }
        let seen = member.bearings();
        let known = seen.epoch.max(seen.trusted_epoch.unwrap_or(0));
        let epoch = unix_s().max(known.saturating_add(1));
        // A chunk may have been repaired since the last look.
        let newest = match seen.newest {
            Some((seq, hash)) if watch.newest.is_none_or(|(older, ..)| seq > older) => {
                Some((seq, hash, self.now()))
            }
            _ => watch.newest,
        };
        let root = member.take_over(epoch, Coding::default(), self.identity.signing_key());
        match root {
            Ok(root) => {
                self.talk.no_trouble();
                self.shared.say(&Notice::Head {
                    server: self.talk.server.to_string(),
                    epoch,
                });
                self.shared.set_head(true);
                let numbers = Numbering::new(newest, unix_s());
                let (channel, spool) = (self.talk.server.channel, self.spool.clone());
                Some(Head::new(root, numbers, channel, spool, self.now()))
            }
            Err(why) => {
                tracing::warn!(%why, "cannot become the head");
                watch.anew = matches!(why, TakeOverError::Epoch { .. });
                goodbye(&self.talk.server).await;
                None
            }
        }
    }

    fn follow(&mut self, member: &Member, watch: &mut Watch, card: &RootCard, addr: SocketAddr) {
        self.talk.no_trouble();
        watch.full_since = None;
        let epoch = card.epoch.unwrap_or(0);
        if member.trust(epoch, card.key.clone()) {
            self.shared.say(&Notice::Following { addr, epoch });
        }
        member.root_moved(card.id, addr);
        watch.election.found(self.now());
    }
}
