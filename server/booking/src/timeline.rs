//! What is claimed on one session server: how many places at which second, and by whom.
//!
//! A step function from boundary to boundary, and the claims by their beginning. It must never know why a claim is
//! there or whether it may be moved.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Code;

/// From which second (included) until which (excluded).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Span {
    fn is_empty(self) -> bool {
        self.until <= self.from
    }
}

/// The claims on one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// Claims from this second until the next key; before the first key there are none. Neighbours differ.
    steps: BTreeMap<i64, u32>,
    /// Beginning, end, whose.
    claims: BTreeSet<(i64, i64, Code)>,
    /// The longest claim that was ever here, in seconds: how far before a moment one that covers it can begin.
    longest: i64,
}

impl Timeline {
    /// Adds a claim; one without a second in it is none.
    pub(crate) fn add(&mut self, span: Span, code: Code) {
        if span.is_empty() || !self.claims.insert((span.from, span.until, code)) {
            return;
        }
        self.longest = self.longest.max(span.until.saturating_sub(span.from));
        self.shift(span, |load| load + 1);
    }

    /// Removes a claim, if it is there.
    pub(crate) fn remove(&mut self, span: Span, code: Code) {
        if self.claims.remove(&(span.from, span.until, code)) {
            self.shift(span, |load| load.saturating_sub(1));
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// Claims at a second.
    pub(crate) fn load_at(&self, second: i64) -> u32 {
        self.steps
            .range(..=second)
            .next_back()
            .map_or(0, |(_, load)| *load)
    }

    /// The most claims at any second of a span.
    pub(crate) fn peak(&self, span: Span) -> u32 {
        if span.is_empty() {
            return 0;
        }
        self.steps
            .range(span.from..span.until)
            .map(|(_, load)| *load)
            .fold(self.load_at(span.from), u32::max)
    }

    /// The first second of a span with at least this many claims.
    pub(crate) fn first_at_least(&self, span: Span, claims: u32) -> Option<i64> {
        if span.is_empty() {
            return None;
        }
        if self.load_at(span.from) >= claims {
            return Some(span.from);
        }
        self.steps
            .range(span.from..span.until)
            .find(|(_, load)| **load >= claims)
            .map(|(second, _)| *second)
    }

    /// The next second after this one at which their number changes.
    pub(crate) fn next_step(&self, second: i64) -> Option<i64> {
        self.steps
            .range(second.saturating_add(1)..)
            .next()
            .map(|(second, _)| *second)
    }

    /// The claims that cover a second, by their beginning.
    pub(crate) fn covering(&self, second: i64) -> impl Iterator<Item = (Span, Code)> {
        let first = second.saturating_sub(self.longest);
        self.claims
            .range((first, i64::MIN, LEAST)..=(second, i64::MAX, MOST))
            .filter(move |(_, until, _)| *until > second)
            .map(|(from, until, code)| {
                let span = Span {
                    from: *from,
                    until: *until,
                };
                (span, *code)
            })
    }

    /// Every claim, by its beginning.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (Span, Code)> {
        self.claims.iter().map(|(from, until, code)| {
            let span = Span {
                from: *from,
                until: *until,
            };
            (span, *code)
        })
    }

    /// Every second at which the number of claims changes, and to what.
    pub(crate) fn steps(&self) -> Vec<(i64, u32)> {
        self.steps
            .iter()
            .map(|(second, load)| (*second, *load))
            .collect()
    }

    fn shift(&mut self, span: Span, by: impl Fn(u32) -> u32) {
        for edge in [span.from, span.until] {
            let load = self.load_at(edge);
            self.steps.entry(edge).or_insert(load);
        }
        for (_, load) in self.steps.range_mut(span.from..span.until) {
            *load = by(*load);
        }
        for edge in [span.from, span.until] {
            let before = self
                .steps
                .range(..edge)
                .next_back()
                .map_or(0, |(_, load)| *load);
            if self.steps.get(&edge) == Some(&before) {
                self.steps.remove(&edge);
            }
        }
    }
}

/// The least code.
const LEAST: Code = Code::FIRST;

/// The greatest code.
const MOST: Code = Code::LAST;
