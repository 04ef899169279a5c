//! What is read, what is refused, and what we say.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Signal {
    Signal::read(text).expect("a message")
}

#[test]
fn what_a_player_says_is_understood() {
    let candidate = Candidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned(),
        sdp_mid: Some("0".to_owned()),
        sdp_m_line_index: Some(0),
        username_fragment: Some("abcd".to_owned()),
    };
    for (text, says) in [
        (r#"{"type":"listStreamers"}"#, PlayerSays::ListStreamers),
        (
            r#"{"type":"subscribe","streamerId":"1234"}"#,
            PlayerSays::Subscribe("1234".to_owned()),
        ),
        (r#"{"type":"unsubscribe"}"#, PlayerSays::Unsubscribe),
        (
            r#"{"type":"answer","sdp":"v=0","minBitrateBps":0,"maxBitrateBps":1}"#,
            PlayerSays::Answer("v=0".to_owned()),
        ),
        (
            r#"{"type":"offer","sdp":"v=0"}"#,
            PlayerSays::Offer("v=0".to_owned()),
        ),
        (
            r#"{"type":"iceCandidate","candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}}"#,
            PlayerSays::Candidate(candidate),
        ),
        (
            r#"{"type":"ping","time":1700000000000}"#,
            PlayerSays::Ping(1_700_000_000_000_u64.into()),
        ),
        (
            r#"{"type":"layerPreference","spatialLayer":0,"temporalLayer":0}"#,
            PlayerSays::Nothing,
        ),
        (r#"{"type":"stats","data":"x"}"#, PlayerSays::Nothing),
        (r#"{"type":"endpointId","id":"x"}"#, PlayerSays::Unknown),
    ] {
        assert_eq!(read(text).from_player(), Ok(says), "{text}");
    }
}

#[test]
fn what_a_streamer_says_is_understood() {
    for (text, says) in [
        (
            r#"{"type":"endpointId","id":"Editor","protocolVersion":"1.3.0"}"#,
            StreamerSays::EndpointId("Editor".to_owned()),
        ),
        (
            r#"{"type":"offer","sdp":"v=0","playerId":"7"}"#,
            StreamerSays::ToPlayer("7".to_owned()),
        ),
        (
            r#"{"type":"answer","sdp":"v=0","playerId":7}"#,
            StreamerSays::ToPlayer("7".to_owned()),
        ),
        (
            r#"{"type":"disconnectPlayer","playerId":"7","reason":"bye"}"#,
            StreamerSays::DisconnectPlayer("7".to_owned(), Some("bye".to_owned())),
        ),
        (r#"{"type":"ping","time":1}"#, StreamerSays::Ping(1.into())),
        (r#"{"type":"playerCount","count":3}"#, StreamerSays::Nothing),
        (
            r#"{"type":"subscribe","streamerId":"x"}"#,
            StreamerSays::Unknown,
        ),
    ] {
        assert_eq!(read(text).from_streamer(), Ok(says), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(
        Signal::read(&" ".repeat(MAX_MESSAGE_LEN + 1)),
        Err(BadSignal::Long(MAX_MESSAGE_LEN + 1))
    );
    for text in ["", "[]", "7", "{", "\"offer\""] {
        assert!(
            matches!(Signal::read(text), Err(BadSignal::Json(_))),
            "{text}"
        );
    }
    let deep = format!(r#"{{"type":"x","a":{}"#, "[".repeat(1000));
    assert!(matches!(Signal::read(&deep), Err(BadSignal::Json(_))));
    for text in ["{}", r#"{"type":7}"#, r#"{"type":""}"#] {
        assert_eq!(Signal::read(text), Err(BadSignal::NoType), "{text}");
    }
    for (text, field) in [
        (r#"{"type":"subscribe"}"#, "streamerId"),
        (r#"{"type":"answer","sdp":7}"#, "sdp"),
        (r#"{"type":"iceCandidate","candidate":"x"}"#, "candidate"),
        (r#"{"type":"ping","time":"x"}"#, "time"),
    ] {
        match read(text).from_player() {
            Err(BadSignal::Field { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{text}: {other:?}"),
        }
    }
    let nobody = read(r#"{"type":"offer","sdp":"v=0"}"#).from_streamer();
    assert!(matches!(
        nobody,
        Err(BadSignal::Field {
            field: "playerId",
            ..
        })
    ));
    let long = format!(
        r#"{{"type":"subscribe","streamerId":"{}"}}"#,
        "x".repeat(200)
    );
    assert!(matches!(
        read(&long).from_player(),
        Err(BadSignal::LongField { .. })
    ));
}

#[test]
fn a_relayed_message_keeps_what_we_do_not_know() {
    let relayed =
        read(r#"{"type":"offer","sdp":"v=0","playerId":"forged","multiplex":true}"#).relayed("12");
    let value: Value = serde_json::from_str(&relayed).expect("JSON");
    assert_eq!(
        value,
        json!({ "type": "offer", "sdp": "v=0", "playerId": "12", "multiplex": true })
    );
}

#[test]
fn empty_addresses_of_ice_servers_are_left_out() {
    let server = |urls: &[&str], name: Option<&str>| IceServer {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        username: name.map(str::to_owned),
        credential: name.map(str::to_owned),
        secret: None,
    };
    let said: Value =
        serde_json::from_str(&config(&[server(&[""], None), server(&[], None)])).expect("JSON");
    assert_eq!(
        said,
        json!({ "type": "config", "protocolVersion": "1.3.0", "peerConnectionOptions": {} })
    );
    let said: Value =
        serde_json::from_str(&config(&[server(&["", "turn:t.example"], Some("u"))])).expect("JSON");
    assert_eq!(
        said["peerConnectionOptions"],
        json!({ "iceServers": [{ "urls": ["turn:t.example"], "username": "u", "credential": "u" }] })
    );
}

#[test]
fn a_reason_is_cut_at_a_character() {
    assert_eq!(cut("aЖ", 2), "a");
    assert_eq!(cut("aЖ", 3), "aЖ");
}

proptest! {
    #[test]
    fn whatever_comes_never_breaks_it(text in ".{0,200}") {
        if let Ok(signal) = Signal::read(&text) {
            let _ = (signal.from_player(), signal.from_streamer());
        }
    }

    #[test]
    fn whatever_the_fields_hold_never_breaks_it(
        kind in prop_oneof![Just("offer"), Just("iceCandidate"), Just("subscribe"), Just("disconnectPlayer"), Just("ping")],
        field in prop_oneof![Just("sdp"), Just("candidate"), Just("playerId"), Just("time"), Just("reason"), Just("streamerId")],
        value in prop_oneof![Just(json!(null)), Just(json!([])), Just(json!({"candidate": 7})), Just(json!(-1)), ".{0,300}".prop_map(|text| json!(text))],
    ) {
        let signal = read(&json!({ "type": kind, field: value }).to_string());
        let _ = (signal.from_player(), signal.from_streamer());
        prop_assert!(Signal::read(&signal.relayed("1")).is_ok());
    }
}
