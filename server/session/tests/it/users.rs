//! Users at the session server's own address, and a coordinator of the old kind that dials it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use server_session::SessionConfig;
use server_wire::{
    EndWord, ExtendOrder, Host, Order, OrderAnswer, Port, Token, UnixSeconds, UserAnswer,
};
use tempfile::TempDir;

use crate::lab::{Coordinator, Running, User, code, script, unique};
use crate::processes::until_count;

#[tokio::test]
async fn behind_a_proxy_everybody_is_told_the_address_at_which_it_is_reached() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let mut config = coordinator.config(vec![application]);
    config.advertise = Some((Host::cut("left.example.org"), Port::new(443)));
    let server = Running::start(config).await;
    let data = coordinator.folder.path().join("data");
    let (mut link, register) = coordinator.link().await;
    assert_eq!(
        (register.host.as_str(), register.port.number()),
        ("left.example.org", 443)
    );
    let page = "https://left.example.org:443/session/0042";
    let place = link.started("app", 42).await;
    assert_eq!(place.url.expect("a page").as_str(), page);
    let mut ann = User::connect(server.address, &data).await;
    let asked = r#"{"verb":"CONNECT_TO_SESSION","code":"0042"}"#;
    let answer: UserAnswer = ann.ask(asked).await;
    let UserAnswer::Established(inside) = &answer else {
        panic!("{answer:?}")
    };
    assert_eq!(inside.webrtc_connection_data.as_str(), page);
    server.stop().await;
}

fn names(answer: &UserAnswer) -> Vec<&str> {
    match answer {
        UserAnswer::Established(inside) => {
            inside.clients.iter().map(|one| one.name.as_str()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn users_enter_by_code_or_token_see_each_other_and_are_told_the_end() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let data = coordinator.folder.path().join("data");
    let (mut link, _) = coordinator.link().await;
    let place = link.started("app", 42).await;
    assert_eq!(
        place.url.expect("a page").as_str(),
        format!("https://{}/session/0042", server.address)
    );

    let mut ann = User::connect(server.address, &data).await;
    let token = Token::from_random([42; 16]);
    let asked = format!(
        r#"{{"verb":"CONNECT_TO_SESSION","token":"{}","name":"Ann"}}"#,
        token.secret()
    );
    let answer: UserAnswer = ann.ask(&asked).await;
    let UserAnswer::Established(inside) = &answer else {
        panic!("{answer:?}")
    };
    assert_eq!(inside.client.0, 1);
    assert!(inside.clients[0].owner);
    assert_eq!(
        inside.webrtc_connection_data.as_str(),
        format!("https://{}/session/0042", server.address)
    );

    let mut bob = User::connect(server.address, &data).await;
    let asked = r#"{"verb":"CONNECT_TO_SESSION","ip":"0.0.0.1","port":1111,"code":"0042"}"#;
    let answer: UserAnswer = bob.ask(asked).await;
    assert_eq!(names(&answer), ["Ann", "Guest 2"]);
    assert_eq!(names(&ann.hear().await), ["Ann", "Guest 2"]);
    bob.send(r#"{"verb":"PRESENCE","active":false}"#).await;
    let UserAnswer::Established(seen) = ann.hear().await else {
        panic!("not told")
    };
    assert!(seen.clients[0].active && !seen.clients[1].active);
    drop(bob);
    assert_eq!(names(&ann.hear().await), ["Ann"]);

    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let soon = Order::Extend(ExtendOrder {
        code: code(42),
        ends_at: UnixSeconds(unix as i64 + 1),
    });
    assert!(matches!(link.order(soon).await, OrderAnswer::Extended(_)));
    assert!(matches!(ann.hear().await, UserAnswer::Extended(_)));
    let UserAnswer::Ended(ended) = ann.hear().await else {
        panic!("not told")
    };
    assert_eq!((ended.why, ended.token_hash), (EndWord::TimeOver, None));
    assert_eq!(link.ended().await.0.why, EndWord::TimeOver);
    server.stop().await;
}

#[tokio::test]
async fn a_session_ends_after_its_last_user() {
    let coordinator = Coordinator::new().await;
    let mark = unique();
    let mut config = coordinator.config(vec![script("app", &format!("exec sleep {mark}"))]);
    config.times.empty_grace_seconds = 1;
    let server = Running::start(config).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 1).await;
    let data = coordinator.folder.path().join("data");
    let mut user = User::connect(server.address, &data).await;
    let answer: UserAnswer = user
        .ask(r#"{"verb":"CONNECT_TO_SESSION","code":"0001"}"#)
        .await;
    assert_eq!(names(&answer), ["Guest 1"]);
    let left: UserAnswer = user.ask(r#"{"verb":"LEAVE_SESSION","id":1}"#).await;
    assert_eq!(left, UserAnswer::Left);
    assert_eq!(link.ended().await.0.why, EndWord::Empty);
    server.stop().await;
}

#[tokio::test]
async fn guessing_codes_is_locked_out_and_the_owners_token_still_opens() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 9999).await;
    let data = coordinator.folder.path().join("data");
    let mut guesser = User::connect(server.address, &data).await;
    for number in 0..10 {
        let asked = format!(r#"{{"verb":"CONNECT_TO_SESSION","code":"{number:04}"}}"#);
        assert_eq!(
            guesser.ask::<UserAnswer>(&asked).await,
            UserAnswer::NotExist
        );
    }
    let right = r#"{"verb":"CONNECT_TO_SESSION","code":"9999"}"#;
    let answer: UserAnswer = guesser.ask(right).await;
    assert!(
        matches!(answer, UserAnswer::LockedOut(ref out) if out.retry_after.0 > 0),
        "{answer:?}"
    );
    let token = Token::from_random([9999_u16 as u8; 16]);
    let asked = format!(
        r#"{{"verb":"CONNECT_TO_SESSION","token":"{}"}}"#,
        token.secret()
    );
    let answer: UserAnswer = guesser.ask(&asked).await;
    assert_eq!(names(&answer), ["Guest 1"]);
    server.stop().await;
}

#[tokio::test]
async fn wrong_tokens_lock_nobody_out() {
    let coordinator = Coordinator::new().await;
    let application = script("app", &format!("exec sleep {}", unique()));
    let server = Running::start(coordinator.config(vec![application])).await;
    let (mut link, _) = coordinator.link().await;
    link.started("app", 255).await;
    let data = coordinator.folder.path().join("data");
    let mut user = User::connect(server.address, &data).await;
    // More than the wrong codes of everybody that are looked at in a minute.
    for number in 0..250 {
        let token = Token::from_random([number; 16]);
        let token = token.secret();
        // The right code beside it does not make it right.
        let asked = format!(r#"{{"verb":"CONNECT_TO_SESSION","code":"0255","token":"{token}"}}"#);
        let answer: UserAnswer = user.ask(&asked).await;
        assert_eq!(answer, UserAnswer::NotExist);
    }
    let asked = r#"{"verb":"CONNECT_TO_SESSION","code":"0255"}"#;
    let answer: UserAnswer = user.ask(asked).await;
    assert_eq!(names(&answer), ["Guest 1"]);
    server.stop().await;
}

#[tokio::test]
async fn bad_requests_are_answered_and_the_connection_stays_open() {
    let coordinator = Coordinator::new().await;
    let server = Running::start(coordinator.config(vec![script("app", "sleep 1")])).await;
    let (_link, _) = coordinator.link().await;
    let data = coordinator.folder.path().join("data");
    let mut user = User::connect(server.address, &data).await;
    let long = format!("\"{}\"", "x".repeat(200_000));
    for text in [
        "",
        "nonsense",
        "[]",
        "{\"verb\":1}",
        r#"{"verb":"CONNECT_TO_SESSION"}"#,
        r#"{"verb":"START_SESSION"}"#,
        &long,
    ] {
        let answer: UserAnswer = user.ask(text).await;
        assert!(
            matches!(answer, UserAnswer::BadRequest(_)),
            "{text}: {answer:?}"
        );
    }
    user.send_bytes(b"bytes").await;
    assert!(matches!(user.hear().await, UserAnswer::BadRequest(_)));
    let answer: UserAnswer = user
        .ask(r#"{"verb":"CONNECT_TO_SESSION","code":"0001"}"#)
        .await;
    assert_eq!(answer, UserAnswer::NotExist);
    server.stop().await;
}

#[tokio::test]
async fn a_coordinator_of_the_old_kind_dials_it_and_starts_a_session() {
    let folder = TempDir::new().expect("a folder");
    let mark = unique();
    let application = script("app", &format!("exec sleep {mark}"));
    let name = server_wire::Text::cut("old");
    let mut config = SessionConfig::local(name, folder.path(), vec![application]);
    config.limit = 1;
    config.coordinators = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let server = Running::start(config).await;
    let mut old = User::connect(server.address, folder.path()).await;
    let OrderAnswer::ConnectionData(data) = old.ask(r#"{"verb":"START_SESSION"}"#).await else {
        panic!("not started")
    };
    assert_eq!(data.port.number(), server.address.port());
    until_count(&format!("sleep {mark}"), 1).await;
    let full: OrderAnswer = old.ask(r#"{"verb":"START_SESSION"}"#).await;
    assert_eq!(full, OrderAnswer::LimitReached);
    let code = data.code.expect("a code");
    let ending: OrderAnswer = old
        .ask(&format!(r#"{{"verb":"END_SESSION","code":"{code}"}}"#))
        .await;
    assert!(matches!(ending, OrderAnswer::Ending(_)));
    until_count(&mark, 0).await;
    server.stop().await;
}
