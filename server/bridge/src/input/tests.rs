//! Every message there and back, and whatever bytes come.

use proptest::prelude::*;

use super::*;

pub(super) fn inputs() -> impl Strategy<Value = Input> {
    let place = || (any::<u16>(), any::<u16>());
    let phase = prop_oneof![
        Just(TouchPhase::Start),
        Just(TouchPhase::Move),
        Just(TouchPhase::End),
        Just(TouchPhase::Cancel)
    ];
    prop_oneof![
        place().prop_map(|(x, y)| Input::Move { x, y }),
        any::<(i16, i16)>().prop_map(|(dx, dy)| Input::MoveBy { dx, dy }),
        (0..MAX_BUTTONS, any::<bool>(), proptest::option::of(place()))
            .prop_map(|(button, down, at)| Input::Button { button, down, at }),
        any::<(i16, i16)>().prop_map(|(dx, dy)| Input::Wheel { dx, dy }),
        (any::<bool>(), 0..=MAX_KEYSYM, any::<u8>()).prop_map(|(down, keysym, code)| Input::Key {
            down,
            keysym,
            code
        }),
        (0..MAX_FINGERS, phase, place()).prop_map(|(finger, phase, (x, y))| Input::Touch {
            finger,
            phase,
            x,
            y
        }),
        (0..MAX_PADS, 0..MAX_PAD_BUTTONS, any::<u8>())
            .prop_map(|(pad, button, value)| Input::GamepadButton { pad, button, value }),
        (0..MAX_PADS, 0..MAX_PAD_AXES, any::<i16>())
            .prop_map(|(pad, axis, value)| Input::GamepadAxis { pad, axis, value }),
        Just(Input::ReleaseAll),
    ]
}

#[test]
fn the_bytes_are_those_of_the_page() {
    let cases: [(&[u8], PageMessage); 11] = [
        (
            &[1, 0x34, 0x12, 0xff, 0xff],
            PageMessage::Input(Input::Move {
                x: 0x1234,
                y: 0xffff,
            }),
        ),
        (
            &[2, 0xff, 0xff, 2, 0],
            PageMessage::Input(Input::MoveBy { dx: -1, dy: 2 }),
        ),
        (
            &[3, 2, 1, 1, 0, 2, 0],
            PageMessage::Input(Input::Button {
                button: 2,
                down: true,
                at: Some((1, 2)),
            }),
        ),
        (
            &[3, 0, 0],
            PageMessage::Input(Input::Button {
                button: 0,
                down: false,
                at: None,
            }),
        ),
        (
            &[4, 0, 0, 0x88, 0xff],
            PageMessage::Input(Input::Wheel { dx: 0, dy: -120 }),
        ),
        (
            &[5, 1, 0x61, 0, 0, 0, 30],
            PageMessage::Input(Input::Key {
                down: true,
                keysym: 0x61,
                code: 30,
            }),
        ),
        (
            &[6, 9, 3, 1, 0, 2, 0],
            PageMessage::Input(Input::Touch {
                finger: 9,
                phase: TouchPhase::Cancel,
                x: 1,
                y: 2,
            }),
        ),
        (
            &[7, 3, 16, 255],
            PageMessage::Input(Input::GamepadButton {
                pad: 3,
                button: 16,
                value: 255,
            }),
        ),
        (
            &[8, 0, 1, 0x01, 0x80],
            PageMessage::Input(Input::GamepadAxis {
                pad: 0,
                axis: 1,
                value: -32767,
            }),
        ),
        (&[9], PageMessage::Input(Input::ReleaseAll)),
        (&[10, 4, 3, 2, 1], PageMessage::Ping(0x0102_0304)),
    ];
    for (bytes, message) in cases {
        assert_eq!(decode(bytes), Ok(message), "{bytes:?}");
        assert_eq!(encode(&message), bytes, "{message:?}");
    }
}

#[test]
fn what_the_server_says_has_its_bytes() {
    assert_eq!(
        pong(1, 0x0807_0605_0403_0201).as_ref(),
        [138, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    );
    assert_eq!(pointer(0x1234, 7).as_ref(), [129, 0, 0x34, 0x12, 7, 0]);
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    for (bytes, field) in [
        (&[3_u8, 5, 1, 0, 0, 0, 0][..], "button"),
        (&[3, 0, 2, 0, 0, 0, 0], "down"),
        (&[5, 7, 0, 0, 0, 0, 0], "down"),
        (&[5, 1, 0, 0, 0, 0x20, 0], "keysym"),
        (&[6, 10, 0, 0, 0, 0, 0], "finger"),
        (&[6, 0, 4, 0, 0, 0, 0], "phase"),
        (&[7, 4, 0, 0], "pad"),
        (&[7, 0, 32, 0], "pad button"),
        (&[8, 4, 0, 0, 0], "pad"),
        (&[8, 0, 8, 0, 0], "pad axis"),
    ] {
        match decode(bytes) {
            Err(BadInput::Value { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{bytes:?}: {other:?}"),
        }
    }
    assert_eq!(decode(&[]), Err(BadInput::Empty));
    assert_eq!(decode(&[0]), Err(BadInput::Unknown(0)));
    assert_eq!(decode(&[129, 0, 0, 0, 0, 0]), Err(BadInput::Unknown(129)));
}

proptest! {
    #[test]
    fn what_is_written_is_read(input in inputs(), token: u32) {
        for message in [PageMessage::Input(input), PageMessage::Ping(token)] {
            prop_assert_eq!(decode(&encode(&message)), Ok(message));
        }
    }

    #[test]
    fn whatever_comes_is_refused_or_is_exactly_what_was_meant(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(encode(&message).to_vec(), bytes);
        }
    }

    #[test]
    fn one_byte_more_or_less_is_refused(input in inputs(), more: u8) {
        let bytes = encode(&PageMessage::Input(input));
        let mut longer = bytes.to_vec();
        longer.push(more);
        prop_assert!(decode(&longer).is_err());
        prop_assert!(decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
