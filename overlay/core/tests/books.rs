//! The ledger of blocks and the table of children, against the plainest model of each.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::collections::BTreeSet;

use overlay_core::children::Children;
use overlay_core::ledger::{FROM_NEWEST, Ledger};
use overlay_core::time::Span;
use overlay_core::{Params, PeerId, Progress, Time};
use proptest::prelude::*;

const ROWS: u32 = 6;

fn at(ms: u64) -> Time {
    Time(ms * 1_000)
}

fn bit(rows: &[u8], row: u32) -> bool {
    rows.get((row / 8) as usize)
        .is_some_and(|byte| byte & (1 << (row % 8)) != 0)
}

proptest! {
    #[test]
    fn a_want_names_exactly_the_blocks_that_are_there(blocks in prop::collection::vec((0u64..4, 0u32..ROWS, 0u8..5), 0..80)) {
        let mut ledger = Ledger::new(4, 1, &Params::default());
        for seq in 0..4 {
            ledger.span(at(1), 1, seq, ROWS, true);
        }
        let mut model = BTreeSet::new();
        for (seq, row, stripe) in blocks {
            prop_assert_eq!(ledger.block(seq, row, stripe), model.insert((seq, row, stripe)));
        }
        for stripe in 0..5 {
            let want = ledger.want(stripe);
            for seq in 0..4 {
                for row in 0..ROWS {
                    let told = want.have.iter().any(|(s, rows)| *s == seq && bit(rows, row));
                    prop_assert_eq!(told, model.contains(&(seq, row, stripe)));
                }
            }
        }
    }

    #[test]
    fn what_is_pulled_suffices_and_is_never_there_already(blocks in prop::collection::vec((0u32..ROWS, 0u8..5), 0..30)) {
        let params = Params::default();
        let mut ledger = Ledger::new(4, 1, &params);
        ledger.span(at(1), 1, 7, ROWS, true);
        let mut model = BTreeSet::new();
        for (row, stripe) in blocks {
            ledger.block(7, row, stripe);
            model.insert((row, stripe));
        }
        ledger.hear_progress(at(10), Progress { epoch: 1, seq: 7, rows: ROWS, first_seq: 7 });
        let needs = ledger.needs(at(10) + params.pull_after, &params, &[false; 5]);
        for row in 0..ROWS {
            let have = model.iter().filter(|(r, _)| *r == row).count();
            let asked: Vec<u8> = needs.iter().filter(|need| bit(&need.rows, row)).map(|need| need.stripe).collect();
            prop_assert!(asked.iter().all(|stripe| !model.contains(&(row, *stripe))));
            prop_assert_eq!(asked.len(), 4usize.saturating_sub(have));
        }
    }

    #[test]
    fn the_fan_out_is_never_exceeded(limit in 0u16..5, steps in prop::collection::vec((0u8..8, 0u8..3, any::<bool>()), 0..100)) {
        let mut children = Children::new(limit);
        let mut model: BTreeSet<(u8, u8)> = BTreeSet::new();
        for (peer, stripe, add) in steps {
            let id = PeerId([peer; 32]);
            if add && children.has_place_for(id) {
                children.add(id, stripe);
                model.insert((peer, stripe));
            } else if !add {
                prop_assert_eq!(children.remove(id, stripe), model.remove(&(peer, stripe)));
            }
            let distinct: BTreeSet<u8> = model.iter().map(|(peer, _)| *peer).collect();
            prop_assert!(distinct.len() <= usize::from(limit));
            prop_assert_eq!(children.len(), distinct.len());
            prop_assert_eq!(children.load(), model.len());
        }
    }
}

#[test]
fn a_newcomer_wants_what_its_parent_has_whole() {
    let ledger = Ledger::new(4, 1, &Params::default());
    assert_eq!(ledger.want(0).from_seq, FROM_NEWEST);
}

#[test]
fn a_chunk_that_leaves_the_window_unfinished_is_missed_once() {
    let params = Params::default();
    let mut ledger = Ledger::new(4, 1, &params);
    let mut missed = Vec::new();
    for seq in 5..30 {
        let moved = ledger.span(at(seq * 2_000), 1, seq, ROWS, true);
        missed.extend(moved.missed);
        if seq != 9 {
            ledger.whole(seq);
        }
    }
    assert_eq!(missed, [9]);
    assert_eq!(ledger.missed_total, 1);
}

#[test]
fn chunks_before_a_new_epoch_that_nobody_broadcast_are_not_missed() {
    let params = Params::default();
    let mut ledger = Ledger::new(4, 1, &params);
    ledger.span(at(1), 1, 5, ROWS, true);
    ledger.whole(5);
    // The origin was away from chunk 6 to 99.
    let mut missed = Vec::new();
    for seq in 100..130 {
        missed.extend(ledger.span(at(seq * 2_000), 2, seq, ROWS, true).missed);
        ledger.whole(seq);
    }
    assert_eq!(missed, Vec::<u64>::new());
}

#[test]
fn a_neighbour_cannot_move_the_window_by_its_word() {
    let mut ledger = Ledger::new(4, 1, &Params::default());
    ledger.span(at(1), 1, 5, ROWS, true);
    assert!(!ledger.hear_progress(
        at(2),
        Progress {
            epoch: 9,
            seq: u64::MAX,
            rows: 0,
            first_seq: u64::MAX
        }
    ));
    assert!(
        ledger.block(5, 0, 0),
        "the window still begins where the signed span said"
    );
}

#[test]
fn a_served_stripe_is_given_more_time_before_it_is_pulled() {
    let params = Params::default();
    let mut ledger = Ledger::new(1, 0, &params);
    ledger.span(at(1), 1, 0, ROWS, true);
    ledger.hear_progress(
        at(10),
        Progress {
            epoch: 1,
            seq: 0,
            rows: 2,
            first_seq: 0,
        },
    );
    assert!(
        ledger
            .needs(at(10) + params.pull_after, &params, &[true])
            .is_empty()
    );
    assert_eq!(
        ledger
            .needs(at(10) + params.pull_after_served, &params, &[true])
            .len(),
        1
    );
    assert!(
        ledger
            .needs(at(11) + params.pull_after_served, &params, &[true])
            .is_empty(),
        "not again at once"
    );
    let again = at(10) + params.pull_after_served + params.pull_retry + Span::ms(1);
    assert_eq!(ledger.needs(again, &params, &[true]).len(), 1);
}
