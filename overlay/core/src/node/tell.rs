//! What a node tells its parents about the trees below it, and its children about the trees above it.

use rand::seq::IndexedRandom;

use crate::id::{Contact, PeerId};
use crate::wire::{Candidate, Message, Report};

use super::Node;
use super::serve::merge;

/// Places reported for one stripe of a subtree: enough to spread some joiners between two reports.
const REPORTED_PLACES: usize = 4;
/// Dials for backups at a time, so that an upkeep never floods.
const BACKUP_DIALS: usize = 3;

impl Node {
    /// Tells each parent about our part of its stripes, if that has changed.
    pub(super) fn tell_reports(&mut self) {
        let mut by_parent: std::collections::BTreeMap<PeerId, Vec<Report>> =
            std::collections::BTreeMap::new();
        for stripe in 0..self.stripes.len() as u8 {
            let Some(parent) = self.stripes[usize::from(stripe)].parent else {
                continue;
            };
            let mut places: Vec<Candidate> = self.own_place(stripe).into_iter().collect();
            places.extend(self.places_below(stripe));
            places.sort_by_key(|place| (place.cost, place.contact));
            places.dedup_by_key(|place| place.contact.id);
            places.truncate(REPORTED_PLACES);
            let mut lifts: Vec<Candidate> = self.own_lift(stripe).into_iter().collect();
            lifts.extend(self.lifts_below(stripe));
            lifts.sort_by_key(|place| (place.cost, place.contact));
            lifts.truncate(REPORTED_PLACES);
            let (size, interior) = (self.subtree_size(stripe), self.subtree_interior(stripe));
            by_parent.entry(parent).or_default().push(Report {
                stripe,
                size,
                interior,
                places,
                lifts,
            });
        }
        for (parent, reports) in by_parent {
            let Some(link) = self.links.get_mut(&parent) else {
                continue;
            };
            if link.told_reports != reports {
                link.told_reports.clone_from(&reports);
                self.send(parent, Message::Reports(reports));
            }
        }
    }

    /// Tells each child whom to turn to when we fail, if that has changed.
    pub(super) fn tell_alternates(&mut self) {
        let mut told = Vec::new();
        for (child, stripes) in self.children.iter() {
            let Some(link) = self.links.get(&child) else {
                continue;
            };
            for &stripe in stripes {
                let (candidates, siblings) = self.alternates_for(child, stripe);
                if link
                    .told_alternates
                    .get(&stripe)
                    .is_none_or(|(c, s)| *c != candidates || *s != siblings)
                {
                    told.push((child, stripe, candidates, siblings));
                }
            }
        }
        for (child, stripe, candidates, siblings) in told {
            if let Some(link) = self.links.get_mut(&child) {
                link.told_alternates
                    .insert(stripe, (candidates.clone(), siblings.clone()));
            }
            self.send(
                child,
                Message::Alternates {
                    stripe,
                    candidates,
                    siblings,
                },
            );
        }
    }

    /// Whom a child can turn to in a stripe: our parent, its other children, and whom it named. The costs are left out of
    /// it (they change often, and an alternate is asked anyway).
    pub(super) fn alternates_for(
        &self,
        child: PeerId,
        stripe: u8,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let state = &self.stripes[usize::from(stripe)];
        let plain = |contact: Contact| Candidate {
            contact,
            cost: state.depth,
            places: 0,
        };
        let mut candidates: Vec<Candidate> = Vec::new();
        let parent = state.parent.and_then(|parent| self.contact_of(parent));
        merge(&mut candidates, parent.map(plain));
        merge(
            &mut candidates,
            state
                .siblings
                .iter()
                .map(|candidate| plain(candidate.contact)),
        );
        merge(
            &mut candidates,
            state
                .alternates
                .iter()
                .map(|candidate| plain(candidate.contact)),
        );
        let mut siblings: Vec<Candidate> = Vec::new();
        let others = self
            .children
            .of_stripe(stripe)
            .filter(|other| *other != child);
        let others = others
            .filter_map(|other| self.links.get(&other))
            .filter(|link| link.reachable && link.fan_out > 0);
        merge(
            &mut siblings,
            others.map(|link| Candidate {
                contact: link.contact,
                cost: state.depth + 1,
                places: 0,
            }),
        );
        if self.is_root() {
            candidates.clone_from(&siblings);
        }
        candidates.retain(|candidate| candidate.contact.id != child);
        (candidates, siblings)
    }

    /// For each stripe a peer that does not fail together with the parent, linked and idle.
    pub(super) fn choose_backups(&mut self) {
        let mut dials = 0;
        for stripe in 0..self.stripes.len() {
            let state = &self.stripes[stripe];
            let Some(parent) = state.parent else { continue };
            if state.backup.is_some() {
                continue;
            }
            let usable = |candidate: &&Candidate| {
                let peer = candidate.contact.id;
                peer != parent
                    && !self.children.serves(peer, stripe as u8)
                    && !self.book.avoids(self.now, peer)
            };
            let options: Vec<Contact> = state
                .alternates
                .iter()
                .filter(usable)
                .map(|candidate| candidate.contact)
                .collect();
            let linked: Vec<Contact> = options
                .iter()
                .copied()
                .filter(|contact| self.links.contains_key(&contact.id))
                .collect();
            if let Some(contact) = linked.choose(&mut self.rng) {
                self.stripes[stripe].backup = Some(*contact);
            } else if let Some(contact) = options.choose(&mut self.rng).copied()
                && dials < BACKUP_DIALS
                && self.dial(Some(contact.id), contact.addr)
            {
                dials += 1;
                self.stripes[stripe].backup = Some(contact);
            }
        }
    }
}
