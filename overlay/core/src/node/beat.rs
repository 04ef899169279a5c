//! The node in time: the root's ticks and their way down, heartbeats, suspicion and death, and pulls of what is overdue.

use crate::id::PeerId;
use crate::io::{Cause, Role};
use crate::stripe::{Orphaned, Purpose};
use crate::tick::Tick;
use crate::time::Span;
use crate::wire::{Beat, Message};

use super::Node;

/// A timer that comes later than this says that this very process was not running: neighbours are not suspected for it.
const OWN_PAUSE: Span = Span::ms(75);
/// A stripe whose blocks are this late, while others' come, is taken from another parent. Well above QUIC's retransmission.
const STRIPE_LATE: Span = Span::ms(1_000);
/// How often that is looked at; also the least time between two such decisions.
const LAG_CHECK_EVERY: Span = Span::ms(500);
/// A stripe whose ticks stand still for this long, while others' go on, hangs below somebody who finds no parent.
const TICK_STALE: Span = Span::ms(1_000);
/// Ticks of a stripe that came within this time count as going on.
const TICK_FRESH: Span = Span::ms(300);

impl Node {
    pub(super) fn timer(&mut self) {
        if !self.started {
            return;
        }
        self.expire_searches();
        self.retry_deferred();
        if self.now < self.next_beat {
            return;
        }
        if self.now.since(self.next_beat) > OWN_PAUSE {
            let lately = self.now - self.config.params.heartbeat;
            for link in self.links.values_mut() {
                link.last_heard = link.last_heard.max(lately);
            }
        }
        let heartbeat = self.config.params.heartbeat;
        let next = self.next_beat + heartbeat;
        self.next_beat = if next > self.now {
            next
        } else {
            self.now + heartbeat
        };
        self.beat();
    }

    fn beat(&mut self) {
        self.tick_as_root();
        self.detect_silence();
        self.detect_lag();
        self.start_searches();
        self.pull_what_is_overdue();
        if self.now >= self.next_upkeep {
            self.upkeep();
            self.next_upkeep = self.now + self.jittered(self.config.params.improve_every);
        }
        self.tell_reports();
        self.tell_alternates();
        self.tell_standing();
        self.send_heartbeats();
        if !self.is_root() && self.links.is_empty() {
            self.bootstrap();
        }
        self.finish_leave_if_done();
    }

    fn tick_as_root(&mut self) {
        let Role::Root { epoch } = self.config.role else {
            return;
        };
        self.root_tick += 1;
        for stripe in &mut self.stripes {
            stripe.tick = Tick {
                epoch,
                count: self.root_tick,
            };
            stripe.tick_at = self.now;
        }
        let all: Vec<u8> = (0..self.stripes.len() as u8).collect();
        self.forward_beats(&all);
        self.retry_deferred();
    }

    /// A parent's beats: followed where it is the parent and the tick is not held still, and passed on at once.
    pub(super) fn beats(&mut self, peer: PeerId, beats: &[Beat]) {
        let mut news = Vec::new();
        for beat in beats {
            let Some(stripe) = self.stripes.get_mut(usize::from(beat.stripe)) else {
                continue;
            };
            if stripe.parent != Some(peer) {
                let asking_it = stripe
                    .search
                    .as_ref()
                    .is_some_and(|search| search.awaits(peer));
                if !asking_it {
                    // It takes us for its child, which we are not (any more).
                    self.send(
                        peer,
                        Message::Detach {
                            stripe: beat.stripe,
                        },
                    );
                }
                continue;
            }
            if stripe.frozen() || beat.tick <= stripe.tick {
                continue;
            }
            stripe.tick = beat.tick;
            stripe.tick_at = self.now;
            stripe.depth = beat.depth.saturating_add(1);
            self.epoch = self.epoch.max(beat.tick.epoch);
            news.push(beat.stripe);
        }
        if !news.is_empty() {
            self.forward_beats(&news);
            self.retry_deferred();
        }
    }

    /// Tells the children our ticks in these stripes.
    pub(super) fn forward_beats(&mut self, stripes: &[u8]) {
        let mut pulses: Vec<(PeerId, Vec<Beat>)> = Vec::new();
        for (child, taken) in self.children.iter() {
            let beats: Vec<Beat> = stripes
                .iter()
                .filter(|stripe| taken.contains(stripe))
                .map(|&stripe| {
                    let state = &self.stripes[usize::from(stripe)];
                    Beat {
                        stripe,
                        tick: state.tick,
                        depth: state.depth,
                    }
                })
                .collect();
            if !beats.is_empty() {
                pulses.push((child, beats));
            }
        }
        for (child, beats) in pulses {
            self.pulse(child, beats);
        }
    }

    fn pulse(&mut self, peer: PeerId, beats: Vec<Beat>) {
        let (progress, newest_whole) = (self.ledger.progress(), self.ledger.newest_whole());
        self.send(
            peer,
            Message::Pulse {
                beats,
                progress,
                newest_whole,
            },
        );
    }

    fn send_heartbeats(&mut self) {
        let params = &self.config.params;
        // Half a heartbeat of slack: what was sent within it has just said that we live.
        let active_after = Span(params.heartbeat.0 / 2);
        let due: Vec<PeerId> = self
            .links
            .iter()
            .filter(|(peer, link)| {
                let after = if self.is_active(**peer) {
                    active_after
                } else {
                    params.idle_heartbeat
                };
                self.now.since(link.last_sent) >= after
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.pulse(peer, Vec::new());
        }
    }

    fn detect_silence(&mut self) {
        let mut dead = Vec::new();
        let mut suspected = Vec::new();
        for (peer, link) in &self.links {
            let silent = self.now.since(link.last_heard);
            let active = self.is_active(*peer);
            let params = &self.config.params;
            if silent
                >= if active {
                    params.dead_after
                } else {
                    params.idle_dead_after
                }
            {
                dead.push(*peer);
            } else if active && !link.suspected && silent >= link.patience(params.suspect_after) {
                suspected.push((*peer, link.last_heard));
            }
        }
        for (peer, last_heard) in suspected {
            if let Some(link) = self.links.get_mut(&peer) {
                link.suspected = true;
            }
            for stripe in self
                .stripes
                .iter_mut()
                .filter(|stripe| stripe.parent == Some(peer))
            {
                stripe.next_try = self.now;
                stripe.orphaned.get_or_insert(Orphaned {
                    cause: Cause::Lost,
                    since: last_heard,
                });
            }
        }
        for peer in dead {
            self.close(peer, Cause::Lost);
        }
    }

    /// A suspected peer gave a sign: searches that have not asked anybody yet are not needed any more.
    pub(super) fn revived(&mut self, peer: PeerId) {
        for stripe in self
            .stripes
            .iter_mut()
            .filter(|stripe| stripe.parent == Some(peer) && !stripe.frozen())
        {
            stripe.orphaned = None;
            if stripe
                .search
                .as_ref()
                .is_some_and(|search| search.purpose == Purpose::Need)
            {
                stripe.search = None;
            }
        }
    }

    /// The third detector: a stripe that is late against its own rhythm, or whose ticks stand still, while others go on.
    fn detect_lag(&mut self) {
        if self.is_root() || self.now.since(self.lag_checked) < LAG_CHECK_EVERY {
            return;
        }
        self.lag_checked = self.now;
        let stripes = 0..self.stripes.len() as u8;
        let late: Vec<u8> = stripes
            .clone()
            .filter(|stripe| self.ledger.stripe_lags(self.now, STRIPE_LATE, *stripe))
            .collect();
        let others_run = self
            .stripes
            .iter()
            .any(|stripe| self.now.since(stripe.tick_at) < TICK_FRESH);
        let stale: Vec<u8> = stripes
            .filter(|stripe| {
                others_run
                    && self.now.since(self.stripes[usize::from(*stripe)].tick_at) > TICK_STALE
            })
            .collect();
        // If most are late, the fault is ours or our network's, and no other parent would help.
        if late.len() * 2 <= self.stripes.len() {
            for stripe in late {
                self.leave_behind(stripe, Cause::TooSlow);
            }
        }
        for stripe in stale {
            self.leave_behind(stripe, Cause::Lost);
        }
    }

    fn leave_behind(&mut self, stripe: u8, cause: Cause) {
        let now = self.now;
        let state = &mut self.stripes[usize::from(stripe)];
        if state.parent.is_none() || state.search.is_some() || now < state.next_try {
            return;
        }
        state.next_try = now + STRIPE_LATE;
        state.orphaned.get_or_insert(Orphaned {
            cause,
            since: state.tick_at,
        });
        self.search(stripe, Purpose::Need, true, Vec::new());
    }

    fn pull_what_is_overdue(&mut self) {
        if self.is_root() || self.links.is_empty() {
            return;
        }
        let served: Vec<bool> = self
            .stripes
            .iter()
            .map(|stripe| {
                stripe
                    .parent
                    .and_then(|parent| self.links.get(&parent))
                    .is_some_and(|link| !link.suspected)
            })
            .collect();
        let needs = self.ledger.needs(self.now, &self.config.params, &served);
        for need in needs {
            if let Some(peer) = self.neighbour_for(need.seq, need.stripe) {
                self.send(
                    peer,
                    Message::Pull {
                        seq: need.seq,
                        stripe: need.stripe,
                        rows: need.rows,
                    },
                );
            }
        }
    }

    /// Whom to pull from: somebody who has the whole chunk, else anybody, never the same twice in a row.
    fn neighbour_for(&mut self, seq: u64, stripe: u8) -> Option<PeerId> {
        use rand::seq::IndexedRandom;
        let parent = self.stripes[usize::from(stripe)].parent;
        let alive = || self.links.values().filter(|link| !link.suspected);
        let whole: Vec<PeerId> = alive()
            .filter(|link| link.newest_whole.is_some_and(|newest| newest >= seq))
            .map(|link| link.contact.id)
            .collect();
        let any: Vec<PeerId> = alive()
            .map(|link| link.contact.id)
            .filter(|peer| Some(*peer) != parent)
            .collect();
        let from = if whole.is_empty() { any } else { whole };
        from.choose(&mut self.rng).copied()
    }
}
