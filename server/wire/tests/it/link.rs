//! The link's messages and the proof of the secret.

use server_wire::{
    Fingerprint, FromCoordinator, FromSessionServer, MAX_APPLICATIONS, MAX_MESSAGE_LEN,
    MAX_SESSIONS, Nonce, Order, Report, ReportAnswer, Role, Secret, Token, TokenHash, prove, read,
    write,
};

fn secret(fill: char) -> Secret {
    Secret::parse(&fill.to_string().repeat(32)).expect("a secret")
}

#[test]
fn a_proof_holds_for_one_secret_role_pair_of_nonces_and_certificate_only() {
    let (a, b) = (Nonce([1; 32]), Nonce([2; 32]));
    let certificate = Fingerprint([3; 32]);
    let proof = prove(&secret('s'), Role::Coordinator, &a, &b, &certificate);
    assert_eq!(
        proof,
        prove(&secret('s'), Role::Coordinator, &a, &b, &certificate)
    );
    for other in [
        prove(&secret('t'), Role::Coordinator, &a, &b, &certificate),
        prove(&secret('s'), Role::SessionServer, &a, &b, &certificate),
        prove(&secret('s'), Role::Coordinator, &b, &a, &certificate),
        prove(&secret('s'), Role::Coordinator, &a, &a, &certificate),
        prove(
            &secret('s'),
            Role::Coordinator,
            &a,
            &b,
            &Fingerprint([4; 32]),
        ),
    ] {
        assert_ne!(proof, other);
    }
}

#[test]
fn a_secret_is_read_without_the_white_space_around_it_and_never_shown() {
    let text = Secret::text_from_random([7; 32]);
    let (a, b) = (Nonce([1; 32]), Nonce([2; 32]));
    let certificate = Fingerprint([3; 32]);
    let [bare, spaced] = [text.clone(), format!(" {text}\n")].map(|text| {
        let secret = Secret::parse(&text).expect("a secret");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        prove(&secret, Role::SessionServer, &a, &b, &certificate)
    });
    assert_eq!(bare, spaced);
    let error = Secret::parse("short").expect_err("too short");
    assert_eq!(error.found, 5);
}

#[test]
fn a_fingerprint_is_read_as_people_write_it() {
    let fingerprint = Fingerprint([0xAB; 32]);
    let colons = vec!["AB"; 32].join(":");
    assert_eq!(Fingerprint::from_hex(&colons), Some(fingerprint));
    assert_eq!(
        Fingerprint::from_hex(&fingerprint.to_string()),
        Some(fingerprint)
    );
    assert_eq!(Fingerprint::from_hex("ab"), None);
}

#[test]
fn a_token_is_known_by_its_hash_and_shows_itself_to_nobody() {
    let token = Token::from_random([9; 16]);
    assert_eq!(token.secret().len(), 32);
    assert_eq!(format!("{token:?}"), "Token(..)");
    let hash = token.hash();
    assert_eq!(TokenHash::from_hex(&hash.to_string()), Some(hash));
    assert_ne!(Token::from_random([8; 16]).hash(), hash);
}

#[test]
fn both_ends_ask_and_answer_on_one_link() {
    let order = r#"{"verb":"KNOWS_CODE","code":"0042","id":3}"#;
    let heard = read::<FromCoordinator>(order).expect("an order");
    assert!(matches!(
        heard.body,
        FromCoordinator::Order(Order::KnowsCode(_))
    ));
    assert_eq!(write(&heard.body, heard.id.as_ref()), order);
    let answer = r#"{"msg":"KNOWS_CODE","code":"0042","known":true,"id":3}"#;
    let heard = read::<FromSessionServer>(answer).expect("an answer");
    assert!(matches!(heard.body, FromSessionServer::Answer(_)));
    assert_eq!(heard.id.and_then(|id| id.as_number()), Some(3));
    let ended = r#"{"verb":"SESSION_ENDED","code":"0042","why":"application_ended","detail":"status 1","id":4}"#;
    let heard = read::<FromSessionServer>(ended).expect("a report");
    assert_eq!(write(&heard.body, heard.id.as_ref()), ended);
    let taken = r#"{"msg":"TAKEN","code":"0042","id":4}"#;
    let heard = read::<FromCoordinator>(taken).expect("an answer");
    assert!(matches!(
        heard.body,
        FromCoordinator::Answer(ReportAnswer::Taken(_))
    ));
}

#[test]
fn the_fullest_heartbeat_is_within_the_bounds_and_a_fuller_one_is_refused() {
    let entry = |code: usize| {
        serde_json::json!({"code": format!("{code:04}"), "rc_name": "x".repeat(64),
            "ends_at": 1_795_262_400_u64, "token_hash": "f".repeat(64)})
    };
    let users = |code: usize| serde_json::json!({"code": format!("{code:04}"), "users": 256, "active": 256});
    let heartbeat = |count: usize| {
        serde_json::json!({"verb": "HEARTBEAT", "draining": false,
            "running": (0..count).map(entry).collect::<Vec<_>>(),
            "users": (0..count).map(users).collect::<Vec<_>>()})
        .to_string()
    };
    let full = heartbeat(MAX_SESSIONS);
    assert!(full.len() <= MAX_MESSAGE_LEN, "{} bytes", full.len());
    let read_back = read::<Report>(&full).expect("a heartbeat");
    assert!(
        matches!(read_back.body, Report::Heartbeat(beat) if beat.running.len() == MAX_SESSIONS)
    );
    let rejected = read::<Report>(&heartbeat(MAX_SESSIONS + 1)).expect_err("too many");
    assert!(rejected.reason.contains("at most 256 entries"));
}

#[test]
fn a_registration_with_too_many_applications_is_refused() {
    let register = |count: usize| {
        serde_json::json!({"verb": "REGISTER", "name": "a", "nonce": "0".repeat(64), "host": "h",
            "port": "1", "limit": "4", "applications":
            (0..count).map(|at| serde_json::json!({"name": format!("app{at}")})).collect::<Vec<_>>()})
        .to_string()
    };
    read::<Report>(&register(MAX_APPLICATIONS)).expect("a registration");
    read::<Report>(&register(MAX_APPLICATIONS + 1)).expect_err("too many");
}
