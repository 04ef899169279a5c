//! Floods, order and nonsense, on a clock of the test's own.

use proptest::prelude::*;

use super::super::{encode, tests::inputs};
use super::*;

const SECOND: u64 = 1_000_000;

fn press(down: bool) -> Input {
    Input::Key {
        down,
        keysym: 0x61,
        code: 30,
    }
}

fn at(x: u16) -> Input {
    Input::Move { x, y: 0 }
}

/// Uses up everything that motion may use.
fn flooded() -> Intake {
    let mut intake = Intake::new(0);
    for x in 0..(BURST - RESERVE) as u16 {
        assert_eq!(intake.admit(at(x), 0), [at(x)]);
    }
    assert_eq!(intake.admit(at(9_000), 0), []);
    intake
}

#[test]
fn a_flood_of_moves_is_merged_into_the_last_one() {
    let mut intake = flooded();
    for x in 9_001..9_100 {
        assert_eq!(intake.admit(at(x), 0), []);
    }
    let wake = intake.wake_at_us().expect("something is held");
    assert_eq!(intake.due(wake - 1), []);
    assert_eq!(intake.due(wake), [at(9_099)]);
    assert_eq!(intake.wake_at_us(), None);
    assert_eq!(intake.dropped(), 0);
}

#[test]
fn a_key_passes_a_flood_and_comes_after_the_moves_before_it() {
    let mut intake = flooded();
    assert_eq!(intake.admit(press(true), 0), [at(9_000), press(true)]);
}

#[test]
fn distances_add_up_and_a_place_replaces_them() {
    let mut intake = flooded();
    let by = |dx| Input::MoveBy { dx, dy: -dx };
    intake.admit(by(300), 0);
    intake.admit(by(i16::MAX), 0);
    intake.admit(Input::Wheel { dx: 0, dy: 120 }, 0);
    intake.admit(Input::Wheel { dx: 0, dy: 120 }, 0);
    let held = intake.due(SECOND);
    let sum = Input::MoveBy {
        dx: i16::MAX,
        dy: -i16::MAX - 1,
    };
    assert_eq!(held, [at(9_000), sum, Input::Wheel { dx: 0, dy: 240 }]);

    let mut intake = flooded();
    intake.admit(by(300), 0);
    intake.admit(at(7), 0);
    assert_eq!(intake.due(SECOND), [at(7)]);
}

#[test]
fn fingers_and_axes_are_held_apart() {
    let mut intake = flooded();
    let finger = |finger, x| Input::Touch {
        finger,
        phase: TouchPhase::Move,
        x,
        y: 0,
    };
    let axis = |axis, value| Input::GamepadAxis {
        pad: 0,
        axis,
        value,
    };
    for input in [
        finger(0, 1),
        finger(1, 2),
        finger(0, 3),
        axis(0, 1),
        axis(1, 2),
        axis(0, 3),
    ] {
        assert_eq!(intake.admit(input, 0), []);
    }
    assert_eq!(
        intake.due(SECOND),
        [
            at(9_000),
            finger(0, 3),
            finger(1, 2),
            axis(0, 3),
            axis(1, 2)
        ]
    );
}

#[test]
fn after_a_lost_release_everything_is_let_go_first() {
    let mut intake = Intake::new(0);
    let mut taken = 0;
    while !intake.admit(press(true), 0).is_empty() {
        taken += 1;
    }
    assert_eq!(taken, BURST);
    assert_eq!(intake.admit(press(false), 0), []);
    assert_eq!(intake.dropped(), 2);
    let wake = intake.wake_at_us().expect("a release is owed");
    assert_eq!(intake.due(wake), [Input::ReleaseAll]);
    assert_eq!(intake.admit(press(true), wake), [press(true)]);
}

#[test]
fn a_ping_is_answered_with_the_time_until_there_is_no_room() {
    let mut intake = Intake::new(0);
    let ping = encode(&PageMessage::Ping(7));
    let mut answered = 0;
    while let Some(answer) = intake.take(&ping, 5).expect("readable").answer {
        assert_eq!(answer, pong(7, 5));
        answered += 1;
    }
    assert_eq!(answered, BURST);
    assert_eq!(intake.dropped(), 1);
}

#[test]
fn nonsense_is_counted_and_the_thirty_second_is_the_last() {
    let mut intake = Intake::new(0);
    for _ in 1..MAX_BAD {
        let taken = intake.take(&[77], 0).expect("borne");
        assert_eq!(taken.bad, Some(BadInput::Unknown(77)));
    }
    let end = intake.take(&[], 0).expect_err("enough");
    assert_eq!(end.last, BadInput::Empty);
    assert_eq!(intake.bad(), MAX_BAD);
}

proptest! {
    #[test]
    fn no_second_ever_sees_more_than_a_thousand(
        steps in proptest::collection::vec((0_u64..3_000, inputs()), 1..4_000),
    ) {
        let mut intake = Intake::new(0);
        let mut now = 0;
        let mut given = Vec::new();
        for (step, input) in steps {
            now += step;
            given.extend(intake.admit(input, now).iter().map(|_| now));
        }
        let mut first = 0;
        for (index, at) in given.iter().enumerate() {
            while given[first] + SECOND <= *at {
                first += 1;
            }
            prop_assert!(index - first < (RATE_PER_SECOND + BURST) as usize);
        }
    }

    #[test]
    fn what_is_due_is_given_when_it_said(inputs in proptest::collection::vec(inputs(), 1..600)) {
        let mut intake = Intake::new(0);
        for input in inputs {
            intake.admit(input, 0);
        }
        if let Some(wake) = intake.wake_at_us() {
            prop_assert!(!intake.due(wake).is_empty());
        }
        prop_assert_eq!(intake.wake_at_us(), None);
    }

    #[test]
    fn whatever_comes_never_breaks_it(messages in proptest::collection::vec(
        (proptest::collection::vec(any::<u8>(), 0..12), any::<u64>()), 0..200)) {
        let mut intake = Intake::new(0);
        for (message, now) in messages {
            if intake.take(&message, now).is_err() {
                break;
            }
            intake.wake_at_us();
        }
    }
}
