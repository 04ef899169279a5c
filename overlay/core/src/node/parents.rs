//! The node's parents: a new one is committed to, one fails, drops us, leaves, or names others to turn to.

use crate::id::PeerId;
use crate::io::{Cause, Event, Output};
use crate::stripe::{Orphaned, Purpose};
use crate::tick::{Progress, Tick};
use crate::time::Time;
use crate::wire::{Candidate, Message, names};

use super::Node;

impl Node {
    pub(super) fn accepted(
        &mut self,
        peer: PeerId,
        stripe: u8,
        tick: Tick,
        depth: u16,
        progress: Progress,
    ) {
        self.hear_progress(progress);
        let s = usize::from(stripe);
        let old = self.stripes[s].parent;
        let asked = self.stripes[s]
            .search
            .as_ref()
            .is_some_and(|search| search.awaits(peer));
        // The one rule that keeps the stripe free of cycles: only a strictly newer tick is followed.
        if !asked || self.leaving.is_some() || tick <= self.stripes[s].tick {
            if old != Some(peer) {
                self.send(peer, Message::Detach { stripe });
            }
            if let Some(search) = self.stripes[s].search.as_mut().filter(|_| asked) {
                search.hedged.retain(|(id, _)| *id != peer);
                if search.asking.is_none_or(|asking| asking.peer == peer) {
                    search.asking = None;
                    self.next_candidate(stripe);
                }
            }
            return;
        }
        let now = self.now;
        let state = &mut self.stripes[s];
        let search = state.search.take();
        let improved = search
            .as_ref()
            .is_some_and(|search| search.purpose == Purpose::Improve);
        state.parent = Some(peer);
        state.tick = tick;
        state.tick_at = now;
        state.depth = depth.saturating_add(1);
        state.failures = 0;
        state
            .alternates
            .retain(|candidate| candidate.contact.id != peer);
        state.backup = state.backup.filter(|backup| backup.id != peer);
        if improved {
            state.improve_failures = 0;
        }
        let repaired = state.orphaned.take();
        self.epoch = self.epoch.max(tick.epoch);
        self.book.forgive(peer);
        if let Some(link) = self.links.get_mut(&peer) {
            link.used = now;
        }
        let others = search
            .into_iter()
            .flat_map(|search| search.asked_and_free_to_accept());
        for other in others.chain(old).filter(|other| *other != peer) {
            self.send(other, Message::Detach { stripe });
        }
        self.push(Output::Event(Event::Parent { stripe, peer }));
        if let Some(orphaned) = repaired {
            self.record_repair(stripe, orphaned.cause, now.since(orphaned.since));
        }
        self.forward_beats(&[stripe]);
        self.retry_deferred();
        self.tell_standing();
        self.tell_reports();
    }

    /// A parent is gone, or says that it is: its stripes need another one at once.
    pub(super) fn parent_failed(&mut self, peer: PeerId, cause: Cause, last_heard: Time) {
        for stripe in 0..self.stripes.len() as u8 {
            let state = &mut self.stripes[usize::from(stripe)];
            state.backup = state.backup.filter(|backup| backup.id != peer);
            if state.parent == Some(peer) {
                self.orphan(stripe, cause, last_heard);
            } else if let Some(search) = &mut state.search {
                let hedged_it = search.hedged.iter().any(|(id, _)| *id == peer);
                search.hedged.retain(|(id, _)| *id != peer);
                let asking_it = search.asking.is_some_and(|asking| asking.peer == peer);
                if asking_it || (hedged_it && search.asking.is_none()) {
                    search.asking = None;
                    self.next_candidate(stripe);
                }
            }
        }
        self.start_searches();
    }

    pub(super) fn orphan(&mut self, stripe: u8, cause: Cause, last_heard: Time) {
        let state = &mut self.stripes[usize::from(stripe)];
        let Some(peer) = state.parent.take() else {
            return;
        };
        state.next_try = self.now;
        state.improve_failures = 0;
        if state.orphaned.is_none() {
            state.orphaned = Some(Orphaned {
                cause,
                since: last_heard,
            });
        }
        if let Some(search) = &mut state.search {
            search.purpose = Purpose::Need;
            search.urgent = true;
            self.offer_known(stripe);
        }
        self.push(Output::Event(Event::Orphaned {
            stripe,
            peer,
            cause,
        }));
    }

    pub(super) fn dropped(
        &mut self,
        peer: PeerId,
        stripe: u8,
        cause: Cause,
        candidates: Vec<Candidate>,
    ) {
        if self.stripes[usize::from(stripe)].parent != Some(peer) {
            return;
        }
        self.book.avoid(self.now, peer, self.config.params.avoid);
        self.orphan(stripe, cause, self.now);
        self.search(stripe, Purpose::Need, true, candidates);
    }

    pub(super) fn move_asked(&mut self, peer: PeerId, stripe: u8, candidates: Vec<Candidate>) {
        if self.stripes[usize::from(stripe)].parent == Some(peer) && self.leaving.is_none() {
            // To free a place it must work out, if anybody can: another parent of ours needs no new place for us.
            let urgent = candidates.is_empty();
            self.search(stripe, Purpose::Asked, urgent, candidates);
        }
    }

    pub(super) fn parent_leaves(&mut self, peer: PeerId, candidates: Vec<(u8, Vec<Candidate>)>) {
        for stripe in 0..self.stripes.len() as u8 {
            if self.stripes[usize::from(stripe)].parent == Some(peer) {
                let told = candidates
                    .iter()
                    .find(|(s, _)| *s == stripe)
                    .map(|(_, list)| list.clone())
                    .unwrap_or_default();
                self.stripes[usize::from(stripe)].next_try = self.now;
                self.search(stripe, Purpose::Need, true, told);
            }
        }
    }

    pub(super) fn alternates(
        &mut self,
        peer: PeerId,
        stripe: u8,
        candidates: Vec<Candidate>,
        siblings: Vec<Candidate>,
    ) {
        let own = self.config.id;
        let state = &mut self.stripes[usize::from(stripe)];
        if state.parent != Some(peer) {
            return;
        }
        state.alternates = candidates;
        state.siblings = siblings;
        state
            .alternates
            .retain(|candidate| candidate.contact.id != own && candidate.contact.id != peer);
        state
            .siblings
            .retain(|candidate| candidate.contact.id != own && candidate.contact.id != peer);
        let alternates = &state.alternates;
        state.backup = state.backup.filter(|backup| names(alternates, backup.id));
        self.choose_backups();
    }
}
