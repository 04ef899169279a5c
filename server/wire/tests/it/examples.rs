//! The messages as they are written down, both ways.

use server_wire::{
    ClientAnswer, ClientRequest, Code, ConnectionData, Host, Id, Order, OrderAnswer, Port, Text,
    UserAnswer, UserRequest, read, write,
};

fn client(text: &str) -> ClientRequest {
    read::<ClientRequest>(text).expect("a request").body
}

#[test]
fn the_requests_of_existing_clients_are_understood() {
    let ClientRequest::GetServers(asked) = client(r#"{"verb":"GET_SERVERS","range":"0-9"}"#) else {
        panic!("another request")
    };
    assert_eq!((asked.range.first(), asked.range.last()), (0, 9));

    let ClientRequest::PlanSession(asked) =
        client(r#"{"verb":"PLAN_SESSION","date":"21/11/2026","time":"00:00"}"#)
    else {
        panic!("another request")
    };
    let date = asked.date;
    assert_eq!((date.day(), date.month(), date.year()), (21, 11, 2026));
    assert_eq!((asked.time.hour(), asked.time.minute()), (0, 0));
    assert_eq!(asked.rc_name, None);

    let ClientRequest::StartSession(asked) =
        client(r#"{"verb":"START_SESSION","rc_name":"SomeRC"}"#)
    else {
        panic!("another request")
    };
    assert_eq!(asked.rc_name.as_str(), "SomeRC");

    let ClientRequest::ConnectWithCode(asked) =
        client(r#"{"verb":"CONNECT_SESSION_WITH_CODE","code":"0000"}"#)
    else {
        panic!("another request")
    };
    assert_eq!(asked.code.number(), 0);
}

#[test]
fn numbers_are_numbers_whether_quoted_or_not_and_what_is_unknown_does_not_matter() {
    let quoted = client(
        r#"{"verb":"EXTEND_SESSION","code":"1234","minutes":"30","colour":{"of":["no"]},"x":null}"#,
    );
    let bare = client(r#"{"verb":"EXTEND_SESSION","code":1234,"minutes":30}"#);
    assert_eq!(quoted, bare);
    let plan = client(
        r#"{"verb":"PLAN_SESSION","date":"1/2/2026","time":"9:05","duration_minutes":"60","tz":null}"#,
    );
    let ClientRequest::PlanSession(plan) = plan else {
        panic!("another request")
    };
    assert_eq!(plan.duration_minutes.map(|minutes| minutes.0), Some(60));
    assert_eq!(plan.tz, None);
    assert_eq!(plan.date.to_string(), "01/02/2026");
    assert_eq!(plan.time.to_string(), "09:05");
}

#[test]
fn the_answers_are_those_that_existing_clients_know() {
    let data = ClientAnswer::ConnectionData(ConnectionData {
        ip: Host::new("0.0.0.1").expect("a host"),
        port: Port::new(1111).expect("a port"),
        code: None,
        token: None,
        url: None,
        ends_at: None,
    });
    assert_eq!(
        write(&data, None),
        r#"{"msg":"SESSION_CONNECTION_DATA","ip":"0.0.0.1","port":"1111"}"#
    );
    assert_eq!(
        write(&ClientAnswer::ServersBusy, None),
        r#"{"msg":"SERVERS_BUSY"}"#
    );
    for text in [
        r#"{"msg":"SERVERS_FOUND","servers":[{"server_name1":"SomeName1","ip":"0.0.0.0","port":"111","rc_info":{"rc_name":"SomeRC","info":{"deskription":[{"en":"best RC and ..."},{"ru":"..."}]}}}]}"#,
        r#"{"msg":"SERVERS_FOUND","servers":[{"server_name":"a","ip":"b","port":"1","rc_info":{"rc_name":"c","info":{"deskription":[]}}}]}"#,
        r#"{"msg":"SERVERS_NOT_FOUND"}"#,
        r#"{"msg":"CONNECTION_CODE","code":"1234"}"#,
        r#"{"msg":"SESSION_NOT_EXIST"}"#,
        r#"{"msg":"SESSION_NOT_STARTED","starts_at":1795262400}"#,
        r#"{"msg":"SESSION_EXTENDED","code":"0042","ends_at":1795262400}"#,
        r#"{"msg":"FREE_SLOTS","rc_name":"SomeRC","date":"21/11/2026","tz":"Europe/Moscow","duration_minutes":60,"slots":["09:00","09:30"]}"#,
        r#"{"msg":"SESSION_STATUS","code":"0042","state":"running","rc_name":"SomeRC","starts_at":1,"ends_at":2,"can_extend_minutes":30}"#,
        r#"{"msg":"LOCKED_OUT","retry_after":30,"reason":"too many wrong codes"}"#,
        r#"{"msg":"BAD_REQUEST","reason":"..."}"#,
    ] {
        let answer = read::<ClientAnswer>(text).expect(text).body;
        assert_eq!(write(&answer, None), text);
    }
}

#[test]
fn a_session_server_understands_the_old_form_and_the_new_one() {
    let Order::StartSession(bare) = read::<Order>(r#"{"verb":"START_SESSION"}"#)
        .expect("an order")
        .body
    else {
        panic!("another order")
    };
    assert_eq!(bare, Default::default());
    let text = r#"{"verb":"START_SESSION","rc_name":"SomeRC","code":"0042","ends_at":"1795262400","token":"0123456789abcdef"}"#;
    let Order::StartSession(full) = read::<Order>(text).expect("an order").body else {
        panic!("another order")
    };
    assert_eq!(full.code, Code::new(42));
    assert_eq!(full.ends_at.map(|at| at.0), Some(1_795_262_400));
    assert_eq!(
        write(&OrderAnswer::LimitReached, None),
        r#"{"msg":"SESSION_LIMIT_REACHED"}"#
    );
    let drain = read::<Order>(r#"{"verb":"DRAIN"}"#).expect("an order").body;
    assert_eq!(drain, Order::Drain(Default::default()));
}

#[test]
fn a_user_connects_and_is_told_who_is_there() {
    let text = r#"{"verb":"CONNECT_TO_SESSION","ip":"0.0.0.1","port":"1111"}"#;
    let UserRequest::ConnectToSession(asked) = read::<UserRequest>(text).expect("asked").body
    else {
        panic!("another request")
    };
    assert_eq!(asked.port, Port::new(1111));
    assert_eq!((&asked.code, &asked.name), (&None, &None));
    assert_eq!(write(&UserRequest::ConnectToSession(asked), None), text);
    let text = r#"{"msg":"SESSION_CONNECTION_ESTABLISHED","WebRTC_connection_data":"https://ip:port","client":2,"clients":[{"client":1,"name":"Ann","owner":true,"active":true},{"client":2,"name":"Guest 2","owner":false,"active":false}]}"#;
    let answer = read::<UserAnswer>(text).expect("an answer").body;
    assert_eq!(write(&answer, None), text);
}

#[test]
fn an_id_comes_back_exactly_as_it_was() {
    for id in [
        "1",
        "null",
        "\"a\\u0020b\"",
        "[1,{\"a\":[]}]",
        "123456789012345678901234567890.50",
        "true",
    ] {
        let text = format!(r#"{{"id":{id},"verb":"SESSION_STATUS","code":"0001"}}"#);
        let message = read::<ClientRequest>(&text).expect("a request");
        let written = write(&ClientAnswer::SessionNotExist, message.id.as_ref());
        assert_eq!(
            written,
            format!(r#"{{"msg":"SESSION_NOT_EXIST","id":{id}}}"#)
        );
        let bad = format!(r#"{{"verb":"NOTHING","id":{id}}}"#);
        let rejected = read::<ClientRequest>(&bad).expect_err("no such verb");
        assert!(rejected.answer().ends_with(&format!(r#","id":{id}}}"#)));
    }
    let without = read::<ClientRequest>(r#"{"verb":"SESSION_STATUS","code":"0001"}"#);
    assert_eq!(without.expect("a request").id, None);
    assert_eq!(Id::number(7).as_number(), Some(7));
}

#[test]
fn our_own_words_are_cut_to_their_bound_and_never_empty() {
    assert_eq!(Text::<8>::cut("a\nb").as_str(), "a b");
    assert_eq!(Text::<3>::cut("äöü").as_str(), "ä");
    assert_eq!(Text::<3>::cut("").as_str(), "-");
}
