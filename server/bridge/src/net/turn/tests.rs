//! An allocation from the first request to its end, against answers that are made here. They must never need a server.

use super::request::LIFETIME;
use super::*;
use proptest::prelude::*;
use rtc::stun::message::{
    METHOD_ALLOCATE, METHOD_CREATE_PERMISSION, METHOD_REFRESH, MessageType, Setter,
};
use rtc::turn::proto::lifetime::Lifetime;

const REALM: &str = "example.org";

fn provider() -> Arc<dyn RTCCryptoProvider> {
    rtc::crypto::default_provider().expect("a provider")
}

fn credentials() -> Credentials {
    Credentials {
        username: "ann".into(),
        password: "secret".into(),
        end: None,
    }
}

/// What was asked last, taken apart.
fn asked(turn: &mut Turn) -> Message {
    let mut message = Message::new();
    message.raw = turn.poll_transmit().expect("a request");
    message.decode().expect("a message");
    message
}

/// An answer with these parts, signed with this password.
fn answer(
    to: &Message,
    is_good: bool,
    parts: Vec<Box<dyn Setter>>,
    password: Option<&str>,
) -> Vec<u8> {
    let class = if is_good {
        CLASS_SUCCESS_RESPONSE
    } else {
        CLASS_ERROR_RESPONSE
    };
    let provider = provider();
    let mut all: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(to.transaction_id),
        Box::new(MessageType::new(to.typ.method, class)),
    ];
    for part in parts {
        all.push(part);
    }
    if let Some(password) = password {
        let key = MessageIntegrity::long_term_integrity_key(
            "ann".into(),
            REALM.into(),
            password.into(),
            provider.crypto(),
        );
        all.push(Box::new(MessageIntegrity::new_raw_integrity_with_provider(
            key.expect("MD5"),
            provider.crypto(),
        )));
    }
    let mut message = Message::new();
    message.build(&all).expect("a message");
    message.raw
}

fn challenge(to: &Message, code: u16, nonce: &str) -> Vec<u8> {
    let error = ErrorCodeAttribute {
        code: rtc::stun::error_code::ErrorCode(code),
        reason: b"Try again".to_vec(),
    };
    let parts: Vec<Box<dyn Setter>> = vec![
        Box::new(error),
        Box::new(TextAttribute::new(ATTR_REALM, REALM.into())),
        Box::new(TextAttribute::new(ATTR_NONCE, nonce.into())),
    ];
    answer(to, false, parts, None)
}

fn refusal(to: &Message, code: u16) -> Vec<u8> {
    let error = ErrorCodeAttribute {
        code: rtc::stun::error_code::ErrorCode(code),
        reason: b"No\nway".to_vec(),
    };
    answer(to, false, vec![Box::new(error)], None)
}

fn allocation(to: &Message, password: &str) -> Vec<u8> {
    let relayed = RelayedAddress {
        ip: [192, 0, 2, 15].into(),
        port: 50_000,
    };
    let mapped = XorMappedAddress {
        ip: [192, 0, 2, 1].into(),
        port: 7000,
    };
    let parts: Vec<Box<dyn Setter>> = vec![
        Box::new(relayed),
        Box::new(Lifetime(LIFETIME)),
        Box::new(mapped),
    ];
    answer(to, true, parts, Some(password))
}

fn nonce(message: &Message) -> Option<String> {
    TextAttribute::get_from_as(message, ATTR_NONCE)
        .map(|found| found.text)
        .ok()
}

/// An allocation that is there.
fn held(now: Instant) -> Turn {
    held_with(credentials(), now)
}

fn held_with(credentials: Credentials, now: Instant) -> Turn {
    let mut turn = Turn::new(provider(), credentials, now);
    let request = asked(&mut turn);
    assert_eq!(nonce(&request), None);
    turn.handle(&challenge(&request, UNAUTHORIZED, "one"), now);
    let request = asked(&mut turn);
    assert_eq!(nonce(&request).as_deref(), Some("one"));
    turn.handle(&allocation(&request, "secret"), now);
    turn
}

#[test]
fn an_allocation_is_had_and_kept_with_each_nonce_that_the_server_likes() {
    let now = Instant::now();
    let mut turn = held(now);
    let relayed: SocketAddr = "192.0.2.15:50000".parse().expect("an address");
    assert_eq!(turn.held().map(|held| held.relayed), Some(relayed));
    assert_eq!(turn.deadline(), Some(now + REFRESH));

    let later = now + REFRESH;
    turn.expire(later);
    let request = asked(&mut turn);
    assert_eq!(request.typ.method, METHOD_REFRESH);
    turn.handle(&challenge(&request, STALE_NONCE, "two"), later);
    let request = asked(&mut turn);
    assert_eq!(nonce(&request).as_deref(), Some("two"));
    turn.handle(&answer(&request, true, vec![], Some("secret")), later);
    assert_eq!(
        (turn.deadline(), turn.failure()),
        (Some(later + REFRESH), None)
    );
}

#[test]
fn a_peer_is_let_through_when_something_is_sent_there() {
    let now = Instant::now();
    let mut turn = held(now);
    let peer: IpAddr = [198, 51, 100, 7].into();
    assert_eq!(turn.passage(1, peer, now), Passage::Wanted);
    turn.expire(now);
    let request = asked(&mut turn);
    assert_eq!(request.typ.method, METHOD_CREATE_PERMISSION);
    turn.handle(&answer(&request, true, vec![], Some("secret")), now);
    assert_eq!(turn.passage(1, peer, now), Passage::Open);
    let other_family = "2001:db8::1".parse().expect("an address");
    assert_eq!(turn.passage(1, other_family, now), Passage::Shut);

    let forbidden: IpAddr = [127, 0, 0, 1].into();
    turn.passage(1, forbidden, now);
    turn.expire(now);
    let request = asked(&mut turn);
    turn.handle(&refusal(&request, 403), now);
    assert_eq!(turn.passage(1, forbidden, now), Passage::Shut);
    assert_eq!(turn.passage(1, peer, now), Passage::Open);
    assert_eq!(turn.failure(), None);
}

#[test]
fn a_wrong_password_is_called_that() {
    let now = Instant::now();
    let mut turn = Turn::new(provider(), credentials(), now);
    let request = asked(&mut turn);
    turn.handle(&challenge(&request, UNAUTHORIZED, "one"), now);
    let request = asked(&mut turn);
    turn.handle(&challenge(&request, UNAUTHORIZED, "two"), now);
    assert_eq!(turn.failure(), Some(&Failure::Credentials));
    assert_eq!((turn.deadline(), turn.poll_transmit()), (None, None));
}

#[test]
fn a_server_that_is_silent_is_given_up_within_seconds() {
    let mut now = Instant::now();
    let start = now;
    let mut turn = Turn::new(provider(), credentials(), now);
    let mut sent = 0;
    while turn.failure().is_none() {
        sent += usize::from(turn.poll_transmit().is_some());
        now = turn.deadline().expect("a timer");
        turn.expire(now);
    }
    assert_eq!(
        (sent, now - start),
        (WAITS.len(), Duration::from_millis(3500))
    );
    assert_eq!(turn.failure(), Some(&Failure::NoAnswer));
}

#[test]
fn what_was_left_from_before_is_given_back_first() {
    let now = Instant::now();
    let mut turn = Turn::new(provider(), credentials(), now);
    let request = asked(&mut turn);
    turn.handle(&challenge(&request, UNAUTHORIZED, "one"), now);
    let request = asked(&mut turn);
    turn.handle(&refusal(&request, ALLOCATION_MISMATCH), now);
    let request = asked(&mut turn);
    assert_eq!(request.typ.method, METHOD_REFRESH);
    turn.handle(&answer(&request, true, vec![], Some("secret")), now);
    let request = asked(&mut turn);
    assert_eq!(request.typ.method, METHOD_ALLOCATE);
    turn.handle(&refusal(&request, ALLOCATION_MISMATCH), now);
    assert_eq!(turn.failure(), Some(&Failure::Taken), "once is enough");
}

#[test]
fn a_server_that_started_anew_has_lost_the_allocation() {
    let now = Instant::now();
    let mut turn = held(now);
    turn.expire(now + REFRESH);
    let request = asked(&mut turn);
    turn.handle(&refusal(&request, ALLOCATION_MISMATCH), now + REFRESH);
    assert_eq!((turn.failure(), turn.held()), (Some(&Failure::Lost), None));
}

#[test]
fn an_allocation_is_given_back_before_its_password_ends() {
    let now = Instant::now();
    let end = now + REFRESH / 2;
    let lasting = Credentials {
        end: Some(end),
        ..credentials()
    };
    for is_willing in [true, false] {
        let mut turn = held_with(lasting.clone(), now);
        assert_eq!(turn.deadline(), Some(end));
        turn.expire(end);
        let request = asked(&mut turn);
        assert_eq!(request.typ.method, METHOD_REFRESH);
        let mut lifetime = Lifetime::default();
        lifetime.get_from(&request).expect("it is named");
        assert_eq!(lifetime.0, Duration::ZERO);
        assert_eq!((turn.held(), turn.failure()), (None, None));
        let answer = match is_willing {
            true => answer(&request, true, vec![], Some("secret")),
            false => refusal(&request, UNAUTHORIZED),
        };
        turn.handle(&answer, end);
        assert_eq!(turn.failure(), Some(&Failure::Outlived));
    }
}

#[test]
fn what_somebody_else_says_is_not_the_server() {
    let now = Instant::now();
    let mut turn = Turn::new(provider(), credentials(), now);
    let request = asked(&mut turn);
    turn.handle(&challenge(&request, UNAUTHORIZED, "one"), now);
    let request = asked(&mut turn);
    turn.handle(&allocation(&request, "guessed"), now);
    assert_eq!((turn.held(), turn.failure()), (None, None));
    turn.handle(&allocation(&request, "secret"), now);
    assert!(turn.held().is_some());
}

#[test]
fn a_servers_own_words_are_short_and_on_one_line() {
    let now = Instant::now();
    let mut turn = Turn::new(provider(), credentials(), now);
    let request = asked(&mut turn);
    turn.handle(&refusal(&request, 486), now);
    let failure = turn.failure().expect("it failed").to_string();
    assert_eq!(failure, "it answers 486 Noway");
    assert_eq!(words(&[b'a'; 500]).len(), MAX_REASON);
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(mut data in proptest::collection::vec(any::<u8>(), 0..300), class in 0u8..4) {
        let now = Instant::now();
        let mut turn = Turn::new(provider(), credentials(), now);
        let request = asked(&mut turn);
        if data.len() >= 20 {
            data[..2].copy_from_slice(&[(class & 2) >> 1, 3 | ((class & 1) << 4)]);
            let len = (data.len() as u16 - 20).to_be_bytes();
            data[2..4].copy_from_slice(&len);
            data[4..8].copy_from_slice(&request.raw[4..8]);
            data[8..20].copy_from_slice(&request.transaction_id.0);
        }
        turn.handle(&data, now);
        turn.expire(now);
    }
}
