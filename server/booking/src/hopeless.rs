//! A quick proof that no moves can make room: at some second, every server is full that the application, or anything
//! that would have to give way for it, runs on.
//!
//! Bookings cannot leave those servers, so one more does not fit on them (Hall's theorem, at one second). It must never
//! call hopeless what is not; that it finds no proof means nothing.

use std::collections::BTreeSet;

use crate::place::{Draft, Kind};
use crate::timeline::Span;

/// What is known as long as nothing moves, by second and application.
#[derive(Default)]
pub(crate) struct Proofs<'l> {
    full: BTreeSet<(i64, &'l str)>,
    open: BTreeSet<(i64, &'l str)>,
}

impl<'l> Draft<'l> {
    /// Whether it is proved that there is no room for one more of a kind, whatever moves.
    pub(crate) fn is_hopeless(&mut self, (application, span): Kind<'l>) -> bool {
        let first_full = self
            .ledger()
            .offering(application)
            .first()
            .and_then(|place| {
                let limit = self.ledger().slot(*place).limit;
                self.timeline(*place).first_at_least(span, limit)
            });
        let Span { from, until } = span;
        [Some(from), Some(until.saturating_sub(1)), first_full]
            .into_iter()
            .flatten()
            .any(|second| self.is_full_at(second, application))
    }

    fn is_full_at(&mut self, second: i64, application: &'l str) -> bool {
        if self.proofs.full.contains(&(second, application)) {
            return true;
        }
        if self.proofs.open.contains(&(second, application)) {
            return false;
        }
        let ledger = self.ledger();
        let mut involved = BTreeSet::from([application]);
        let mut waiting = vec![application];
        let mut seen = vec![false; ledger.places().len()];
        while let Some(next) = waiting.pop() {
            for place in ledger.offering(next) {
                if std::mem::replace(&mut seen[*place], true) {
                    continue;
                }
                let timeline = self.timeline(*place);
                if timeline.load_at(second) < ledger.slot(*place).limit {
                    self.proofs.open.insert((second, application));
                    return false;
                }
                if involved.len() == ledger.offered() {
                    continue;
                }
                for (_, code) in timeline.covering(second) {
                    // What no server runs any more cannot move, and leads nowhere.
                    if let Some(booking) = ledger.world().bookings.get(&code)
                        && !ledger.offering(&booking.application).is_empty()
                        && involved.insert(&booking.application)
                    {
                        waiting.push(&booking.application);
                    }
                }
            }
        }
        let all = involved.into_iter().map(|involved| (second, involved));
        self.proofs.full.extend(all);
        true
    }
}
