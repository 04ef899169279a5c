//! Hands on a small keyboard: what is typed, what is held, what is released.

use proptest::prelude::*;
use server_bridge::input::{Input, TouchPhase};

use super::super::touch::TOGETHER;
use super::*;

const CTRL: u32 = 0xffe3;
const CYRILLIC_ES: u32 = 0x0100_0441;
const EURO: u32 = 0x0100_20ac;
/// Keys of the display.
const KEY_A: u8 = 9;
const KEY_7: u8 = 10;
const KEY_SHIFT: u8 = 11;
const KEY_CTRL: u8 = 12;
const KEY_C: u8 = 13;
const KEY_RETURN: u8 = 14;
const SPARE: u8 = 15;

/// evdev's name for a key of the display.
fn code(keycode: u8) -> u8 {
    keycode - 8
}

fn hands() -> Hands {
    let symbols = [
        [0xff1b, 0],
        [0x61, 0x41],
        [0x37, 0x26],
        [SHIFT_L, 0],
        [CTRL, 0],
        [0x63, 0x43],
        [0xff0d, 0],
        [0, 0],
    ];
    let keymap = Keymap::new(8, 2, symbols.as_flattened());
    Hands::new(1280, 720, keymap, GamepadKeys::default())
}

fn key(down: bool, keysym: u32, code: u8) -> Input {
    Input::Key { down, keysym, code }
}

fn acts(hands: &mut Hands, inputs: &[Input]) -> Vec<Act> {
    let mut acts = Vec::new();
    for input in inputs {
        hands.take(*input, Instant::now(), &mut acts);
    }
    acts
}

#[test]
fn a_key_is_pressed_once_however_often_the_browser_repeats_it() {
    let mut hands = hands();
    let typed = acts(
        &mut hands,
        &[
            key(true, 0x61, code(KEY_A)),
            key(true, 0x61, code(KEY_A)),
            // Shift was pressed meanwhile: it is the same key all the same.
            key(false, 0x41, code(KEY_A)),
            key(false, 0x41, code(KEY_A)),
        ],
    );
    assert_eq!(typed, [Act::Key(KEY_A, true), Act::Key(KEY_A, false)]);
}

#[test]
fn a_character_of_another_level_is_typed_as_it_was_meant() {
    let mut hands = hands();
    // A keyboard whose 7 with Shift is what here is 7 without.
    let typed = acts(
        &mut hands,
        &[key(true, SHIFT_L, code(KEY_SHIFT)), key(true, 0x37, 60)],
    );
    assert_eq!(
        typed,
        [
            Act::Key(KEY_SHIFT, true),
            Act::Key(KEY_SHIFT, false),
            Act::Key(KEY_7, true),
            Act::Key(KEY_SHIFT, true)
        ]
    );
    // And the other way round: a phone has no Shift.
    acts(&mut hands, &[Input::ReleaseAll]);
    let typed = acts(&mut hands, &[key(true, 0x41, 0), key(false, 0x61, 0)]);
    assert_eq!(
        typed,
        [
            Act::Key(KEY_SHIFT, true),
            Act::Key(KEY_A, true),
            Act::Key(KEY_SHIFT, false),
            Act::Key(KEY_A, false)
        ]
    );
}

#[test]
fn a_shortcut_with_another_script_is_the_key_where_it_is() {
    let mut hands = hands();
    let typed = acts(
        &mut hands,
        &[
            key(true, CTRL, code(KEY_CTRL)),
            key(true, CYRILLIC_ES, code(KEY_C)),
        ],
    );
    assert_eq!(typed, [Act::Key(KEY_CTRL, true), Act::Key(KEY_C, true)]);
    acts(&mut hands, &[Input::ReleaseAll]);
    // Without the modifier it is the character.
    let typed = acts(&mut hands, &[key(true, CYRILLIC_ES, code(KEY_C))]);
    assert_eq!(
        typed,
        [Act::Bind(SPARE, CYRILLIC_ES), Act::Key(SPARE, true)]
    );
    // The only spare key is held, so there is none for the next.
    assert_eq!(acts(&mut hands, &[key(true, EURO, 0)]), []);
    acts(&mut hands, &[Input::ReleaseAll]);
    let typed = acts(&mut hands, &[key(true, EURO, 0)]);
    assert_eq!(typed, [Act::Bind(SPARE, EURO), Act::Key(SPARE, true)]);
}

#[test]
fn caps_lock_does_not_make_another_shortcut() {
    let mut hands = hands();
    let typed = acts(
        &mut hands,
        &[
            key(true, 0xffe5, 58),
            key(true, CTRL, code(KEY_CTRL)),
            key(true, 0x43, code(KEY_C)),
        ],
    );
    assert_eq!(typed, [Act::Key(KEY_CTRL, true), Act::Key(KEY_C, true)]);
}

#[test]
fn places_are_pixels_and_the_last_one_is_inside() {
    let mut hands = hands();
    let at = Some((u16::MAX, u16::MAX));
    let done = acts(
        &mut hands,
        &[
            Input::Move { x: 32_768, y: 0 },
            Input::Button {
                button: 2,
                down: true,
                at,
            },
            Input::Button {
                button: 9,
                down: true,
                at: None,
            },
        ],
    );
    assert_eq!(
        done,
        [
            Act::MoveTo(640, 0),
            Act::MoveTo(1279, 719),
            Act::Button(3, true)
        ]
    );
}

#[test]
fn parts_of_a_notch_come_together() {
    let mut hands = hands();
    let wheel = |dy| Input::Wheel { dx: 0, dy };
    assert_eq!(acts(&mut hands, &[wheel(60)]), []);
    let turned = [Act::Button(5, true), Act::Button(5, false)];
    assert_eq!(acts(&mut hands, &[wheel(60)]), turned);
    let turned = [Act::Button(4, true), Act::Button(4, false)];
    assert_eq!(acts(&mut hands, &[wheel(-130)]), turned);
    let most = acts(&mut hands, &[wheel(i16::MAX)]).len();
    assert_eq!(most, 2 * MAX_NOTCHES as usize);
}

#[test]
fn a_gamepad_and_a_finger_are_keys_and_a_button_until_everything_is_released() {
    let mut hands = hands();
    let done = acts(
        &mut hands,
        &[
            Input::GamepadButton {
                pad: 0,
                button: 0,
                value: 255,
            },
            Input::GamepadAxis {
                pad: 0,
                axis: 9,
                value: i16::MAX,
            },
            Input::Touch {
                finger: 0,
                phase: TouchPhase::Start,
                x: 0,
                y: 0,
            },
            Input::ReleaseAll,
            Input::ReleaseAll,
        ],
    );
    assert_eq!(
        done,
        [
            Act::Key(KEY_RETURN, true),
            Act::MoveTo(0, 0),
            Act::Key(KEY_RETURN, false),
        ]
    );
    assert_eq!(hands.wake_at(), None, "the finger is forgotten");
}

#[test]
fn a_finger_that_stays_alone_presses_until_everything_is_released() {
    let mut hands = hands();
    let began = Instant::now();
    let down = Input::Touch {
        finger: 0,
        phase: TouchPhase::Start,
        x: 0,
        y: 0,
    };
    let mut done = Vec::new();
    hands.take(down, began, &mut done);
    let wake = hands.wake_at().expect("it waits");
    hands.due(began, &mut done);
    assert_eq!(done, [Act::MoveTo(0, 0)]);
    hands.due(wake, &mut done);
    assert_eq!(done[1..], [Act::MoveTo(0, 0), Act::Button(1, true)]);
    assert_eq!(
        acts(&mut hands, &[Input::ReleaseAll]),
        [Act::Button(1, false)]
    );
}

#[test]
fn another_keyboard_is_followed_while_keys_are_held() {
    let mut hands = hands();
    acts(
        &mut hands,
        &[
            key(true, 0x61, code(KEY_A)),
            key(true, EURO, 0),
            key(false, EURO, 0),
        ],
    );
    assert!(hands.has_bound(SPARE));
    // Two letters have changed places; the display says what was bound too.
    let symbols = [
        [0xff1b, 0],
        [0x63, 0x43],
        [0x37, 0x26],
        [SHIFT_L, 0],
        [CTRL, 0],
        [0x61, 0x41],
        [0xff0d, 0],
        [EURO, EURO],
    ];
    hands.follow(2, symbols.as_flattened());
    let typed = acts(
        &mut hands,
        &[
            key(true, 0x63, code(KEY_C)),
            key(false, 0x61, code(KEY_A)),
            key(false, 0x63, code(KEY_C)),
            key(true, EURO, 0),
            key(false, EURO, 0),
        ],
    );
    // The key of the letter is held for another one: it is let go first, and once more when its last user lets go.
    assert_eq!(
        typed,
        [
            Act::Key(KEY_A, false),
            Act::Key(KEY_A, true),
            Act::Key(KEY_A, false),
            Act::Key(SPARE, true),
            Act::Key(SPARE, false)
        ]
    );
    // Whoever gave the spare key something else has it.
    let symbols = [[0xff1b, 0], [0x63, 0x43], [0, 0]];
    hands.follow(2, symbols.as_flattened());
    assert!(!hands.has_bound(SPARE));
    assert_eq!(
        acts(&mut hands, &[key(true, EURO, 0)]),
        [Act::Bind(10, EURO), Act::Key(10, true)]
    );
}

#[test]
fn before_a_paste_the_clipboard_is_waited_for() {
    let mut hands = hands();
    let typed = acts(
        &mut hands,
        &[
            key(true, CTRL, code(KEY_CTRL)),
            key(true, 0x76, 47),
            key(true, 0x63, code(KEY_C)),
        ],
    );
    // This keyboard has no V, which does not matter here.
    assert_eq!(
        typed,
        [
            Act::Key(KEY_CTRL, true),
            Act::AwaitPaste,
            Act::Key(KEY_C, true)
        ]
    );
    acts(&mut hands, &[Input::ReleaseAll]);
    let typed = acts(&mut hands, &[key(true, 0x76, 47)]);
    assert!(!typed.contains(&Act::AwaitPaste), "a letter is no paste");
}

fn any_input() -> impl Strategy<Value = Input> {
    let keysyms = prop_oneof![
        Just(0x61),
        Just(0x41),
        Just(0x37),
        Just(0x26),
        Just(SHIFT_L),
        Just(CTRL),
        Just(CYRILLIC_ES),
        Just(EURO),
        any::<u32>()
    ];
    prop_oneof![
        (any::<bool>(), keysyms, 0_u8..20).prop_map(|(down, keysym, code)| key(down, keysym, code)),
        (any::<u8>(), any::<bool>()).prop_map(|(button, down)| Input::Button {
            button,
            down,
            at: None
        }),
        (any::<u8>(), 0..4, any::<u16>()).prop_map(|(finger, phase, x)| Input::Touch {
            finger,
            phase: [
                TouchPhase::Start,
                TouchPhase::Move,
                TouchPhase::End,
                TouchPhase::Cancel
            ][phase as usize],
            x,
            y: x
        }),
        (any::<u8>(), 0_u8..20, any::<u8>())
            .prop_map(|(pad, button, value)| Input::GamepadButton { pad, button, value }),
        (any::<u8>(), 0_u8..5, any::<i16>()).prop_map(|(pad, axis, value)| Input::GamepadAxis {
            pad,
            axis,
            value
        }),
        (any::<i16>(), any::<i16>()).prop_map(|(dx, dy)| Input::Wheel { dx, dy }),
    ]
}

proptest! {
    /// Whatever a user sends, the display's idea of what is down is ours, and in the end nothing is.
    #[test]
    fn nothing_stays_down(inputs in proptest::collection::vec(any_input(), 0..80)) {
        let mut hands = hands();
        let mut all = acts(&mut hands, &inputs);
        hands.due(Instant::now() + TOGETHER, &mut all);
        hands.release_all(&mut all);
        hands.unbind_all(&mut all);
        let mut down = std::collections::BTreeSet::new();
        let mut bound = std::collections::BTreeSet::new();
        for act in all {
            match act {
                Act::Key(keycode, true) => { down.insert((0, keycode)); }
                Act::Key(keycode, false) => { down.remove(&(0, keycode)); }
                Act::Button(button, true) => { prop_assert!(down.insert((1, button))); }
                Act::Button(button, false) => { prop_assert!(down.remove(&(1, button))); }
                Act::Bind(keycode, 0) => { bound.remove(&keycode); }
                Act::Bind(keycode, _) => {
                    prop_assert!(!down.contains(&(0, keycode)), "a held key is bound anew");
                    bound.insert(keycode);
                }
                Act::MoveTo(..) | Act::MoveBy(..) | Act::AwaitPaste => {}
            }
        }
        prop_assert!(down.is_empty(), "{:?} stay down", down);
        prop_assert!(bound.is_empty(), "{:?} stay bound", bound);
    }
}
