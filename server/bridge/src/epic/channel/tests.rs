//! Every message there and back, and whatever bytes come.

use proptest::prelude::*;

use super::*;

fn places() -> impl Strategy<Value = Place> {
    any::<(u16, u16)>().prop_map(|(x, y)| Place { x, y })
}

fn touches() -> impl Strategy<Value = Vec<Touch>> {
    let touch =
        (places(), any::<(u8, u8, bool)>()).prop_map(|(at, (finger, force, valid))| Touch {
            at,
            finger,
            force,
            valid,
        });
    proptest::collection::vec(touch, 1..=MAX_TOUCHES)
}

fn to_streamer() -> impl Strategy<Value = ToStreamer> {
    let text = || ".{0,40}";
    let talk = prop_oneof![
        Just(ToStreamer::KeyframeRequest),
        Just(ToStreamer::QualityControlRequest),
        Just(ToStreamer::FpsRequest),
        Just(ToStreamer::BitrateRequest),
        Just(ToStreamer::StartStreaming),
        Just(ToStreamer::StopStreaming),
        Just(ToStreamer::InitialSettingsRequest),
        text().prop_map(ToStreamer::LatencyTest),
        text().prop_map(ToStreamer::Echo),
        text().prop_map(ToStreamer::DataChannelLatencyTest),
        text().prop_map(ToStreamer::UiInteraction),
        text().prop_map(ToStreamer::Command),
        text().prop_map(ToStreamer::Textbox),
    ];
    let button = || (any::<u8>(), places());
    let hands =
        prop_oneof![
            any::<(u8, bool)>().prop_map(|(key, repeat)| ToStreamer::KeyDown { key, repeat }),
            any::<u8>().prop_map(|key| ToStreamer::KeyUp { key }),
            any::<u16>().prop_map(|unit| ToStreamer::KeyPress { unit }),
            Just(ToStreamer::MouseEnter),
            Just(ToStreamer::MouseLeave),
            button().prop_map(|(button, at)| ToStreamer::MouseDown { button, at }),
            button().prop_map(|(button, at)| ToStreamer::MouseUp { button, at }),
            button().prop_map(|(button, at)| ToStreamer::MouseDouble { button, at }),
            (places(), any::<(i16, i16)>()).prop_map(|(at, (dx, dy))| ToStreamer::MouseMove {
                at,
                dx,
                dy
            }),
            (any::<i16>(), places()).prop_map(|(delta, at)| ToStreamer::MouseWheel { delta, at }),
            touches().prop_map(ToStreamer::TouchStart),
            touches().prop_map(ToStreamer::TouchEnd),
            touches().prop_map(ToStreamer::TouchMove),
            any::<(u8, u8, bool)>().prop_map(|(pad, button, repeat)| ToStreamer::PadPressed {
                pad,
                button,
                repeat
            }),
            any::<(u8, u8)>().prop_map(|(pad, button)| ToStreamer::PadReleased { pad, button }),
            (any::<(u8, u8)>(), -1.0..=1.0)
                .prop_map(|((pad, axis), value)| ToStreamer::PadAnalog { pad, axis, value }),
            Just(ToStreamer::PadConnected),
            any::<u8>().prop_map(|pad| ToStreamer::PadDisconnected { pad }),
        ];
    prop_oneof![talk, hands]
}

fn from_streamer() -> impl Strategy<Value = FromStreamer> {
    let text = || ".{0,40}";
    prop_oneof![
        any::<bool>().prop_map(FromStreamer::QualityControlOwnership),
        any::<bool>().prop_map(FromStreamer::InputControlOwnership),
        text().prop_map(FromStreamer::LatencyTest),
        text().prop_map(FromStreamer::InitialSettings),
        text().prop_map(FromStreamer::Echo),
        text().prop_map(FromStreamer::GamepadResponse),
        text().prop_map(FromStreamer::DataChannelLatencyTest),
        text().prop_map(FromStreamer::Protocol),
    ]
}

#[test]
fn the_bytes_are_those_of_the_frontend() {
    let at = Place { x: 0x1234, y: 2 };
    let cases: [(ToStreamer, &[u8]); 8] = [
        (
            ToStreamer::KeyDown {
                key: 253,
                repeat: true,
            },
            &[60, 253, 1],
        ),
        (
            ToStreamer::MouseMove {
                at,
                dx: -1,
                dy: 256,
            },
            &[74, 0x34, 0x12, 2, 0, 0xff, 0xff, 0, 1],
        ),
        (
            ToStreamer::MouseWheel { delta: -120, at },
            &[75, 0x88, 0xff, 0x34, 0x12, 2, 0],
        ),
        (
            ToStreamer::MouseDown { button: 2, at },
            &[72, 2, 0x34, 0x12, 2, 0],
        ),
        (
            ToStreamer::TouchStart(vec![Touch {
                at,
                finger: 3,
                force: 255,
                valid: true,
            }]),
            &[80, 1, 0x34, 0x12, 2, 0, 3, 255, 1],
        ),
        (
            ToStreamer::PadAnalog {
                pad: 1,
                axis: 5,
                value: 1.0,
            },
            &[92, 1, 5, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
        ),
        (
            ToStreamer::PadReleased { pad: 0, button: 16 },
            &[91, 0, 16, 0],
        ),
        (
            ToStreamer::Echo("aЖ".to_owned()),
            &[8, 2, 0, 0x61, 0, 0x16, 4],
        ),
    ];
    for (message, bytes) in cases {
        assert_eq!(message.encode(), bytes, "{message:?}");
        assert_eq!(ToStreamer::decode(bytes), Ok(message));
    }
    assert_eq!(
        FromStreamer::Protocol("{}".to_owned()).encode().as_ref(),
        [255, 0x7b, 0, 0x7d, 0]
    );
    assert_eq!(
        FromStreamer::InputControlOwnership(true).encode().as_ref(),
        [12, 1]
    );
}

#[test]
fn messages_that_frontends_send_bare_are_read() {
    assert_eq!(
        ToStreamer::decode(&[8]),
        Ok(ToStreamer::Echo(String::new()))
    );
    assert_eq!(
        ToStreamer::decode(&[9]),
        Ok(ToStreamer::DataChannelLatencyTest(String::new()))
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (bytes, why) in [
        (&[][..], BadMessage::Empty),
        (&[110, 1, 2], BadMessage::Unknown(110)),
        (&[60, 1], BadMessage::Short(60)),
        (&[61, 1, 2], BadMessage::Long(61)),
        (&[80, 0], BadMessage::Touches(0)),
        (&[80, 11], BadMessage::Touches(11)),
        (&[6, 1, 0, 0, 0xd8], BadMessage::Text(6)),
        (&[6, 0xff, 0xff, 0x61, 0], BadMessage::Short(6)),
        (
            &[92, 0, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
            BadMessage::NotFinite(92),
        ),
    ] {
        assert_eq!(ToStreamer::decode(bytes), Err(why), "{bytes:?}");
    }
    assert_eq!(FromStreamer::decode(&[7, 0x61]), Err(BadMessage::Text(7)));
}

proptest! {
    #[test]
    fn what_a_player_writes_is_read(message in to_streamer()) {
        prop_assert_eq!(ToStreamer::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn what_a_streamer_writes_is_read(message in from_streamer()) {
        prop_assert_eq!(FromStreamer::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn whatever_comes_is_refused_or_read(kind in prop_oneof![0_u8..10, 50_u8..=95, any::<u8>()],
        rest in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = vec![kind];
        bytes.extend(rest);
        if let Ok(message) = ToStreamer::decode(&bytes) {
            prop_assert_eq!(ToStreamer::decode(&message.encode()), Ok(message));
        }
        if let Ok(message) = FromStreamer::decode(&bytes) {
            prop_assert_eq!(FromStreamer::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_message_cut_anywhere_never_breaks_it(message in to_streamer(), cut in any::<prop::sample::Index>()) {
        let bytes = message.encode();
        let _ = ToStreamer::decode(&bytes[..cut.index(bytes.len())]);
    }
}
