//! What a player does, and what the session gets.

use proptest::prelude::*;

use crate::epic::channel::{Place, Touch};
use crate::input::{MAX_FINGERS, MAX_KEYSYM, MAX_PAD_BUTTONS, MAX_PADS, TouchPhase};

use super::*;

fn all(hands: &mut Hands, messages: &[ToStreamer]) -> Vec<Input> {
    messages
        .iter()
        .flat_map(|message| hands.take(message))
        .collect()
}

fn down(key: u8) -> ToStreamer {
    ToStreamer::KeyDown { key, repeat: false }
}

fn up(key: u8) -> ToStreamer {
    ToStreamer::KeyUp { key }
}

fn typed(character: char) -> ToStreamer {
    let mut units = [0; 2];
    ToStreamer::KeyPress {
        unit: character.encode_utf16(&mut units)[0],
    }
}

fn key(down: bool, keysym: u32, code: u8) -> Input {
    Input::Key { down, keysym, code }
}

fn at(x: u16, y: u16) -> Place {
    Place { x, y }
}

fn button(button: u8, down: bool, at: Option<(u16, u16)>) -> Input {
    Input::Button { button, down, at }
}

#[test]
fn a_letter_is_the_character_that_was_typed() {
    let mut hands = Hands::new();
    let typing = [down(81), typed('й'), up(81)];
    assert_eq!(
        all(&mut hands, &typing),
        [key(true, 0x0100_0439, 16), key(false, 0x0100_0439, 16)]
    );
    let typing = [down(16), down(65), typed('A'), up(16), up(65)];
    assert_eq!(
        all(&mut hands, &typing),
        [
            key(true, 0xffe1, 42),
            key(true, 0x41, 30),
            key(false, 0xffe1, 42),
            key(false, 0x41, 30)
        ]
    );
}

#[test]
fn a_key_that_types_nothing_is_what_it_is_on_a_us_keyboard() {
    let mut hands = Hands::new();
    assert_eq!(hands.take(&down(219)), []);
    assert_eq!(
        hands.take(&up(219)),
        [key(true, 0x5b, 26), key(false, 0x5b, 26)]
    );
    // The next thing that is said is enough.
    hands.take(&down(16));
    hands.take(&down(50));
    assert_eq!(hands.take(&ToStreamer::MouseEnter), [key(true, 0x40, 3)]);
}

#[test]
fn a_shortcut_does_not_wait_for_a_character() {
    let mut hands = Hands::new();
    hands.take(&down(17));
    assert_eq!(hands.take(&down(67)), [key(true, 0x63, 46)]);
    assert_eq!(hands.take(&up(67)), [key(false, 0x63, 46)]);
}

#[test]
fn a_character_of_the_right_alt_key_is_typed_without_it() {
    let mut hands = Hands::new();
    let typing = [
        down(17),
        down(255),
        down(81),
        typed('@'),
        up(81),
        up(17),
        up(255),
    ];
    assert_eq!(
        all(&mut hands, &typing),
        [
            key(true, 0xffe3, 29),
            key(true, 0xffea, 100),
            key(false, 0xffea, 100),
            key(false, 0xffe3, 29),
            key(true, 0x40, 16),
            key(false, 0x40, 16)
        ]
    );
}

#[test]
fn locks_are_the_browsers() {
    let mut hands = Hands::new();
    assert_eq!(all(&mut hands, &[down(20), up(20), down(144), up(144)]), []);
}

#[test]
fn enter_and_backspace_are_pressed_once() {
    let mut hands = Hands::new();
    let typing = [
        down(13),
        ToStreamer::KeyPress { unit: 13 },
        up(13),
        down(8),
        ToStreamer::KeyPress { unit: 8 },
    ];
    assert_eq!(
        all(&mut hands, &typing),
        [
            key(true, 0xff0d, 28),
            key(false, 0xff0d, 28),
            key(true, 0xff08, 14)
        ]
    );
}

#[test]
fn a_held_key_is_not_pressed_again_and_goes_up_once() {
    let mut hands = Hands::new();
    let held = ToStreamer::KeyDown {
        key: 87,
        repeat: true,
    };
    let typing = [
        down(87),
        typed('w'),
        held.clone(),
        typed('w'),
        held,
        typed('w'),
        up(87),
        up(87),
    ];
    assert_eq!(
        all(&mut hands, &typing),
        [key(true, 0x77, 17), key(false, 0x77, 17)]
    );
}

#[test]
fn the_keys_on_the_right_are_theirs() {
    let mut hands = Hands::new();
    assert_eq!(
        all(&mut hands, &[down(253), down(254), down(255)]),
        [
            key(true, 0xffe2, 54),
            key(true, 0xffe4, 97),
            key(true, 0xffea, 100)
        ]
    );
}

#[test]
fn a_mouse_outside_moves_nothing_but_lets_its_button_go() {
    let mut hands = Hands::new();
    let outside = Place::OUTSIDE;
    let doing = [
        ToStreamer::MouseMove {
            at: at(7, 8),
            dx: 0,
            dy: 0,
        },
        ToStreamer::MouseDown {
            button: 0,
            at: at(7, 8),
        },
        ToStreamer::MouseMove {
            at: outside,
            dx: 99,
            dy: 0,
        },
        ToStreamer::MouseUp {
            button: 0,
            at: outside,
        },
    ];
    assert_eq!(
        all(&mut hands, &doing),
        [
            Input::Move { x: 7, y: 8 },
            button(0, true, Some((7, 8))),
            button(0, false, None)
        ]
    );
}

#[test]
fn the_far_edge_that_wrapped_to_zero_is_the_far_edge() {
    let mut hands = Hands::new();
    let to = |x, y, dx, dy| ToStreamer::MouseMove {
        at: at(x, y),
        dx,
        dy,
    };
    let moves = [
        to(65_000, 60_000, 0, 0),
        to(0, 60_100, 300, 0),
        to(0, 0, 0, 500),
        to(0, 0, -32_000, -32_000),
    ];
    assert_eq!(
        all(&mut hands, &moves),
        [
            Input::Move {
                x: 65_000,
                y: 60_000
            },
            Input::Move {
                x: 65_535,
                y: 60_100
            },
            Input::Move {
                x: 65_535,
                y: 65_535
            },
            Input::Move { x: 0, y: 0 }
        ]
    );
}

#[test]
fn a_double_click_is_a_press_that_never_stays() {
    let there = at(5, 6);
    let double = ToStreamer::MouseDouble {
        button: 0,
        at: there,
    };
    let mut hands = Hands::new();
    assert_eq!(hands.take(&double), [button(0, true, Some((5, 6)))]);
    let release = ToStreamer::MouseUp {
        button: 0,
        at: there,
    };
    assert_eq!(hands.take(&release), [button(0, false, Some((5, 6)))]);
    assert_eq!(hands.take(&release), []);

    hands.take(&double);
    assert_eq!(
        hands.take(&ToStreamer::MouseMove {
            at: there,
            dx: 0,
            dy: 0
        }),
        [button(0, false, None), Input::Move { x: 5, y: 6 }]
    );
}

#[test]
fn a_button_is_pressed_once_and_a_sixth_one_is_none() {
    let mut hands = Hands::new();
    let press = |button| ToStreamer::MouseDown {
        button,
        at: at(0, 0),
    };
    assert_eq!(
        all(&mut hands, &[press(4), press(4), press(5), press(255)]),
        [button(4, true, Some((0, 0)))]
    );
}

#[test]
fn the_wheel_turns_where_the_mouse_is_and_the_other_way_round() {
    let mut hands = Hands::new();
    let wheel = |delta| ToStreamer::MouseWheel {
        delta,
        at: at(3, 4),
    };
    assert_eq!(
        all(&mut hands, &[wheel(-120), wheel(i16::MIN)]),
        [
            Input::Move { x: 3, y: 4 },
            Input::Wheel { dx: 0, dy: 120 },
            Input::Wheel {
                dx: 0,
                dy: i16::MAX
            }
        ]
    );
}

#[test]
fn fingers_start_move_and_end_each_for_itself() {
    let mut hands = Hands::new();
    let touch = |finger, x, valid| Touch {
        at: at(x, 9),
        finger,
        force: 255,
        valid,
    };
    let input = |finger, phase, x| Input::Touch {
        finger,
        phase,
        x,
        y: 9,
    };
    let doing = [
        ToStreamer::TouchStart(vec![touch(0, 1, true), touch(1, 2, false)]),
        ToStreamer::TouchMove(vec![touch(0, 1, true), touch(1, 3, true)]),
        ToStreamer::TouchMove(vec![touch(0, 5, true)]),
        ToStreamer::TouchEnd(vec![touch(0, 65_535, false), touch(1, 3, true)]),
        ToStreamer::TouchEnd(vec![touch(0, 5, true), touch(200, 5, true)]),
    ];
    assert_eq!(
        all(&mut hands, &doing),
        [
            input(0, TouchPhase::Start, 1),
            input(0, TouchPhase::Move, 5),
            input(0, TouchPhase::End, 5)
        ]
    );
}

#[test]
fn only_what_changed_on_a_gamepad_goes_on() {
    let mut hands = Hands::new();
    assert_eq!(hands.connect_pad(), Some(0));
    assert_eq!(hands.connect_pad(), Some(1));
    let analog = |axis, value| ToStreamer::PadAnalog {
        pad: 1,
        axis,
        value,
    };
    let pressed = ToStreamer::PadPressed {
        pad: 1,
        button: 3,
        repeat: true,
    };
    let doing = [
        analog(1, 0.0),
        analog(2, 1.0),
        analog(2, 1.0),
        analog(5, 0.5),
        pressed.clone(),
        pressed,
        analog(9, 1.0),
        analog(0, 1.0),
    ];
    let axis = |axis, value| Input::GamepadAxis {
        pad: 1,
        axis,
        value,
    };
    let press = |button, value| Input::GamepadButton {
        pad: 1,
        button,
        value,
    };
    assert_eq!(
        all(&mut hands, &doing),
        [axis(1, -32_767), press(6, 128), press(3, 255)]
    );
    assert_eq!(
        hands.take(&ToStreamer::PadDisconnected { pad: 1 }),
        [press(3, 0), press(6, 0), axis(1, 0)]
    );
    assert_eq!(hands.connect_pad(), Some(1));
    assert_eq!(
        (hands.connect_pad(), hands.connect_pad()),
        (Some(2), Some(3))
    );
    assert_eq!(hands.connect_pad(), None);
}

#[test]
fn what_somebody_else_let_go_is_not_let_go_again() {
    let mut hands = Hands::new();
    hands.take(&down(16));
    hands.take(&ToStreamer::MouseDown {
        button: 0,
        at: at(0, 0),
    });
    hands.forget();
    let later = [
        up(16),
        ToStreamer::MouseUp {
            button: 0,
            at: at(0, 0),
        },
    ];
    assert_eq!(all(&mut hands, &later), []);
}

#[test]
fn no_two_keys_share_a_place_but_those_with_two_numbers() {
    let mut places = std::collections::BTreeMap::<u8, Vec<u8>>::new();
    for js in 0..=255_u8 {
        if let Some(key) = keys::key(js) {
            places.entry(key.code).or_default().push(js);
        }
    }
    places.retain(|_, codes| codes.len() > 1);
    // Clear is the 5 of the number pad; Firefox has its own numbers for three.
    let shared: Vec<Vec<u8>> = places.into_values().collect();
    assert_eq!(
        shared,
        [vec![173, 189], vec![61, 187], vec![59, 186], vec![12, 101]]
    );
}

proptest! {
    #[test]
    fn every_input_is_within_its_bounds(bytes in proptest::collection::vec(
        (prop_oneof![60_u8..63, 70_u8..77, 80_u8..83, 90_u8..95], proptest::collection::vec(any::<u8>(), 0..12)), 0..64)) {
        let mut hands = Hands::new();
        for (kind, fields) in bytes {
            let mut message = vec![kind];
            message.extend(fields);
            let Ok(message) = ToStreamer::decode(&message) else { continue };
            for input in hands.take(&message) {
                match input {
                    Input::Key { keysym, .. } => prop_assert!(keysym <= MAX_KEYSYM),
                    Input::Button { button, .. } => prop_assert!(button < 5),
                    Input::Touch { finger, .. } => prop_assert!(finger < MAX_FINGERS),
                    Input::GamepadButton { pad, button, .. } => {
                        prop_assert!(pad < MAX_PADS && button < MAX_PAD_BUTTONS);
                    }
                    Input::GamepadAxis { pad, axis, .. } => prop_assert!(pad < MAX_PADS && axis < 4),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn presses_and_releases_of_a_key_alternate(keys in proptest::collection::vec((0_u8..4, any::<bool>(), any::<bool>()), 0..60)) {
        let mut hands = Hands::new();
        let mut is_down = [false; 256];
        for (which, goes_down, types) in keys {
            let js = 65 + which;
            let mut inputs = hands.take(&if goes_down { down(js) } else { up(js) });
            if goes_down && types {
                inputs.extend(hands.take(&typed('x')));
            }
            for input in inputs {
                if let Input::Key { down, code, .. } = input {
                    prop_assert_ne!(is_down[usize::from(code)], down);
                    is_down[usize::from(code)] = down;
                }
            }
        }
    }
}
