//! What is refused, and that the reason helps.

use server_wire::{
    ClientRequest, MAX_ID_LEN, MAX_MESSAGE_LEN, MAX_USER_MESSAGE_LEN, Order, UserRequest, read,
};

fn reason(text: &str) -> String {
    let rejected = read::<ClientRequest>(text).expect_err(text);
    let answer = rejected.answer();
    assert!(answer.starts_with(r#"{"msg":"BAD_REQUEST","reason":""#));
    serde_json::from_str::<serde_json::Value>(&answer).expect("the answer is JSON");
    rejected.reason.to_string()
}

#[test]
fn every_mistake_is_named_with_its_field_and_with_what_is_accepted() {
    for (text, words) in [
        ("", "one JSON object is accepted"),
        ("[]", "one JSON object is accepted"),
        ("{", "one JSON object is accepted"),
        (
            "{}",
            "a text in \"verb\" is missing; accepted are GET_SERVERS",
        ),
        (r#"{"verb":5}"#, "a text in \"verb\" is missing"),
        (
            r#"{"verb":"get_servers"}"#,
            "verb \"get_servers\" is not known",
        ),
        (
            r#"{"verb":"GET_SERVERS"}"#,
            "GET_SERVERS: missing field `range`",
        ),
        (
            r#"{"verb":"GET_SERVERS","range":"9-0"}"#,
            "\"range\": X-Y is accepted",
        ),
        (
            r#"{"verb":"GET_SERVERS","range":"0-4000000000"}"#,
            "at most 1024 entries",
        ),
        (
            r#"{"verb":"GET_SERVERS","range":"-1-3"}"#,
            "X-Y is accepted",
        ),
        (
            r#"{"verb":"GET_SERVERS","range":[0,1]}"#,
            "\"range\": invalid type",
        ),
        (
            r#"{"verb":"PLAN_SESSION","date":"31/02/2026","time":"00:00"}"#,
            "\"date\": a day that exists is accepted",
        ),
        (
            r#"{"verb":"PLAN_SESSION","date":"29/02/2027","time":"00:00"}"#,
            "a day that exists",
        ),
        (
            r#"{"verb":"PLAN_SESSION","date":"2026-11-21","time":"00:00"}"#,
            "day/month/year",
        ),
        (
            r#"{"verb":"PLAN_SESSION","date":"21/11/2026","time":"24:00"}"#,
            "\"time\": a time from 00:00 to 23:59 is accepted",
        ),
        (
            r#"{"verb":"PLAN_SESSION","date":"21/11/2026","time":"09:00","duration_minutes":0}"#,
            "\"duration_minutes\": a whole number from 1 to 10080 is accepted",
        ),
        (
            r#"{"verb":"PLAN_SESSION","date":"21/11/2026","time":"09:00","duration_minutes":"+5"}"#,
            "a whole number from 1",
        ),
        (
            r#"{"verb":"EXTEND_SESSION","code":"1234","minutes":1.5}"#,
            "a whole number from 1",
        ),
        (
            r#"{"verb":"CANCEL_PLAN","code":"123"}"#,
            "exactly four digits",
        ),
        (
            r#"{"verb":"CANCEL_PLAN","code":"12345"}"#,
            "exactly four digits",
        ),
        (r#"{"verb":"CANCEL_PLAN","code":42}"#, "exactly four digits"),
        (
            r#"{"verb":"CANCEL_PLAN","code":"١٢٣٤"}"#,
            "exactly four digits",
        ),
        (
            r#"{"verb":"CANCEL_PLAN","code":" 123"}"#,
            "exactly four digits",
        ),
        (
            r#"{"verb":"START_SESSION","rc_name":""}"#,
            "\"rc_name\": a text of 1 to 128 bytes",
        ),
        (
            r#"{"verb":"START_SESSION","rc_name":"a\u0000b"}"#,
            "without control characters",
        ),
    ] {
        let reason = reason(text);
        assert!(reason.contains(words), "{text}: {reason}");
    }
}

#[test]
fn long_and_deep_messages_are_refused_before_they_are_read() {
    let long = format!(
        r#"{{"verb":"START_SESSION","rc_name":"{}"}}"#,
        "x".repeat(MAX_MESSAGE_LEN)
    );
    assert!(reason(&long).contains("a message has at most 65536"));
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    assert!(reason(&deep).contains("more than 16 deep"));
    let endless = "{\"a\":".repeat(10_000);
    assert!(reason(&endless).contains("more than 16 deep"));
    // Brackets inside of text are text.
    let text = format!(
        r#"{{"verb":"SESSION_STATUS","code":"0001","x":"\"{}"}}"#,
        "[".repeat(99)
    );
    read::<ClientRequest>(&text).expect("a request");
    let deepest = format!(
        r#"{{"verb":"SESSION_STATUS","code":"0001","x":{}{}}}"#,
        "[".repeat(15),
        "]".repeat(15)
    );
    read::<ClientRequest>(&deepest).expect("a request");
}

#[test]
fn an_id_is_repeated_only_up_to_its_bound() {
    let id = "x".repeat(MAX_ID_LEN);
    let text = format!(r#"{{"verb":"SESSION_STATUS","code":"0001","id":"{id}"}}"#);
    let rejected = read::<ClientRequest>(&text).expect_err("too long");
    assert_eq!(rejected.id, None);
    assert!(rejected.reason.contains("at most 256 are repeated"));
}

#[test]
fn a_long_unknown_verb_is_not_sent_back_whole() {
    let text = format!(r#"{{"verb":"{}"}}"#, "A".repeat(60_000));
    assert!(reason(&text).len() <= 512);
}

#[test]
fn a_request_of_one_conversation_is_none_of_another() {
    read::<UserRequest>(r#"{"verb":"GET_SERVERS","range":"0-1"}"#).expect_err("of clients");
    read::<Order>(r#"{"verb":"CONNECT_TO_SESSION"}"#).expect_err("of users");
    read::<ClientRequest>(r#"{"verb":"END_SESSION","code":"0001"}"#).expect_err("of coordinators");
}

#[test]
fn what_a_user_says_is_bounded_field_by_field() {
    for (text, words) in [
        (
            r#"{"verb":"CHAT","text":""}"#.to_owned(),
            "\"text\": a text of 1 to 1000 bytes",
        ),
        (
            format!(r#"{{"verb":"CHAT","text":"{}"}}"#, "x".repeat(1001)),
            "a text of 1 to 1000 bytes",
        ),
        (
            r#"{"verb":"CHAT","text":"a\u0007b"}"#.to_owned(),
            "without control characters",
        ),
        (
            r#"{"verb":"WEBRTC_OFFER"}"#.to_owned(),
            "WEBRTC_OFFER: missing field `sdp`",
        ),
        (
            format!(
                r#"{{"verb":"WEBRTC_OFFER","sdp":"{}"}}"#,
                "v".repeat(65_537)
            ),
            "a text of 1 to 65536 bytes",
        ),
        (
            format!(r#"{{"verb":"RELAY","data":"{}"}}"#, "d".repeat(16_385)),
            "a text of at most 16384 bytes",
        ),
        (
            format!(r#"{{"verb":"CLIPBOARD","text":"{}"}}"#, "d".repeat(65_537)),
            "a text of at most 65536 bytes",
        ),
        (
            r#"{"verb":"GIVE_CONTROL","client":-1}"#.to_owned(),
            "\"client\": a whole number from 0",
        ),
        (
            r#"{"verb":"WEBRTC_CANDIDATE","candidate":"","sdpMLineIndex":65536}"#.to_owned(),
            "\"sdpMLineIndex\"",
        ),
        (
            r#"{"verb":"SET_NAME","name":""}"#.to_owned(),
            "a text of 1 to 48 bytes",
        ),
        (
            format!(
                r#"{{"verb":"CLIPBOARD","text":"{}"}}"#,
                "x".repeat(MAX_USER_MESSAGE_LEN)
            ),
            "a message has at most 397312",
        ),
    ] {
        let rejected = read::<UserRequest>(&text).expect_err("too much");
        assert!(rejected.reason.contains(words), "{}", rejected.reason);
    }
    let widest = format!(
        r#"{{"verb":"CLIPBOARD","text":"{}"}}"#,
        "\\u0001".repeat(65_536)
    );
    read::<UserRequest>(&widest).expect("a clipboard of escapes");
}
