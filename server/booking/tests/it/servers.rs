//! Session servers that go, come back, are emptied, and what becomes of what was promised there.

use server_booking::model::{Code, EndReason, ServerState, SessionStage, UnixSeconds};
use server_booking::servers::{Hello, server_back, server_remove, server_seen};
use server_booking::start::Next;
use server_booking::{Refusal, end, expire};

use crate::lab::{HOUR, Lab, MIDNIGHT, server};

fn state(lab: &Lab, id: &str) -> Option<ServerState> {
    lab.world()
        .servers
        .get(&server(id))
        .map(|server| server.state)
}

fn where_is(lab: &Lab, code: Code) -> String {
    lab.booking(code).server.0.clone()
}

#[test]
fn bookings_leave_a_server_that_goes_away() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let codes: Vec<Code> = (1..4)
        .map(|hour| {
            lab.book("chess", MIDNIGHT + hour * HOUR, 60)
                .expect("free")
                .code
        })
        .collect();
    lab.back(("b", 1, &["chess"]), &[])
        .expect("within its bounds");
    lab.away("a");
    for code in &codes {
        assert_eq!(where_is(&lab, *code), "b");
    }
    lab.back(("a", 2, &["chess"]), &[])
        .expect("within its bounds");
    for code in codes {
        assert_eq!(where_is(&lab, code), "b", "there is no reason to go back");
    }
}

#[test]
fn a_booking_without_another_server_stays_and_is_tried_again() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let first = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free").code;
    let second = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free").code;
    lab.away("a");
    assert_eq!(
        (where_is(&lab, first), where_is(&lab, second)),
        ("a".into(), "a".into())
    );
    assert_eq!(lab.book("chess", MIDNIGHT + HOUR, 60), Err(Refusal::Busy));
    lab.back(("b", 1, &["chess"]), &[])
        .expect("within its bounds");
    lab.expire();
    let stayed: Vec<Code> = [first, second]
        .into_iter()
        .filter(|code| where_is(&lab, *code) == "a")
        .collect();
    assert_eq!(stayed.len(), 1, "one place, one move");
    lab.now = MIDNIGHT + HOUR;
    assert_eq!(
        lab.start_booking(stayed[0]),
        Err(Refusal::Busy),
        "nobody can take it now"
    );
    lab.back(("a", 2, &["chess"]), &[])
        .expect("within its bounds");
    assert_eq!(
        lab.start_booking(stayed[0])
            .expect("its server is back")
            .server,
        server("a")
    );
}

#[test]
fn a_server_comes_back_and_what_died_there_is_cleaned_up() {
    let mut lab = Lab::new(&[("a", 4, &["chess"])]);
    let lives = lab.run("chess").expect("free").code;
    let died = lab.run("chess").expect("free").code;
    let starting = lab.start("chess").expect("free").code;
    let unseen = lab.start("chess").expect("free").code;
    let unknown = (0..)
        .filter_map(Code::new)
        .find(|code| !lab.world().sessions.contains_key(code))
        .expect("free");
    lab.away("a");
    assert!(
        lab.world().sessions.contains_key(&died),
        "nobody knows yet what runs there"
    );

    let back = lab
        .back(("a", 4, &["chess"]), &[lives, starting, unknown])
        .expect("within its bounds");
    assert_eq!((back.end, back.lost), (vec![unknown], vec![died]));
    assert_eq!(state(&lab, "a"), Some(ServerState::Online));
    assert_eq!(lab.session(lives).stage, SessionStage::Running);
    let late = lab.session(starting);
    assert_eq!(
        (late.stage, late.address.clone()),
        (SessionStage::Running, Some(("192.0.2.1".to_owned(), 4000)))
    );
    assert_eq!(
        lab.session(unseen).stage,
        SessionStage::Starting,
        "whoever asked for it hears of it"
    );
}

#[test]
fn a_session_that_went_elsewhere_is_ended_where_it_was() {
    let mut lab = Lab::new(&[("a", 1, &["chess"]), ("b", 1, &["chess"])]);
    let session = lab.start("chess").expect("free");
    let Ok(Next::Ask(next)) = lab.refuse(session.code, &[&session.server.0]) else {
        panic!("the other server is free");
    };
    lab.started(session.code).expect("it was asked");
    let first = session.server.0;
    let back = lab
        .back((&first, 1, &["chess"]), &[session.code])
        .expect("within its bounds");
    assert_eq!(back.end, [session.code]);
    assert_eq!(lab.session(session.code).server, next.session.server);
}

#[test]
fn a_server_that_is_emptied_keeps_what_it_promised_and_is_given_nothing() {
    let mut lab = Lab::new(&[("a", 3, &["chess"])]);
    let booking = lab.book("chess", MIDNIGHT + HOUR / 2, 30).expect("free");
    let session = lab.run("chess").expect("free").code;
    lab.drain("a");
    assert_eq!(lab.book("chess", MIDNIGHT + HOUR, 60), Err(Refusal::Busy));
    assert_eq!(lab.start("chess"), Err(Refusal::Busy));
    assert!(matches!(
        lab.extend(session, 30),
        Err(Refusal::BadRequest(_))
    ));
    lab.now = booking.starts_at.0;
    assert_eq!(
        lab.start_booking(booking.code)
            .expect("it was promised")
            .server,
        server("a")
    );

    lab.away("a");
    assert_eq!(
        state(&lab, "a"),
        Some(ServerState::Draining),
        "the wish outlives the connection"
    );
    lab.back(("a", 3, &["chess"]), &[session])
        .expect("within its bounds");
    assert_eq!(state(&lab, "a"), Some(ServerState::Draining));
    lab.resume("a");
    lab.start("chess").expect("it takes sessions again");
}

#[test]
fn a_server_that_takes_less_gives_up_what_it_cannot_keep() {
    let mut lab = Lab::new(&[("a", 3, &["chess", "draw"])]);
    for _ in 0..3 {
        lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    }
    let draw = lab
        .book("draw", MIDNIGHT + 3 * HOUR, 60)
        .expect("free")
        .code;
    lab.back(("b", 1, &["chess", "draw"]), &[])
        .expect("within its bounds");
    lab.back(("a", 1, &["chess"]), &[])
        .expect("within its bounds");
    assert_eq!(where_is(&lab, draw), "b", "it does not run there any more");
    let on = |lab: &Lab, id: &str| {
        let bookings = lab.world().bookings.values();
        bookings
            .filter(|booking| booking.application == "chess" && booking.server.0 == id)
            .count()
    };
    assert_eq!(
        (on(&lab, "a"), on(&lab, "b")),
        (2, 1),
        "as many as found a place have moved"
    );
    lab.back(("c", 5, &["chess"]), &[])
        .expect("within its bounds");
    lab.back(("a", 0, &["chess"]), &[])
        .expect("within its bounds");
    assert_eq!((on(&lab, "a"), on(&lab, "b"), on(&lab, "c")), (0, 1, 2));
}

#[test]
fn heartbeats_are_stored_now_and_then_and_silence_is_noticed() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    lab.policy.unheard_seconds = 60;
    let seen = |lab: &mut Lab| {
        let decision = server_seen(&lab.ledger, &lab.policy, &lab.caller(), &server("a"))
            .expect("it is known");
        let stored = decision.changes.len();
        lab.take(decision);
        stored
    };
    lab.now += 19;
    assert_eq!(seen(&mut lab), 0);
    lab.now += 1;
    assert_eq!(seen(&mut lab), 1);
    assert_eq!(
        expire::next_expiry(&lab.ledger, &lab.policy),
        Some(UnixSeconds(lab.now + 60))
    );
    lab.now += 59;
    lab.expire();
    assert_eq!(state(&lab, "a"), Some(ServerState::Online));
    lab.now += 1;
    lab.expire();
    assert_eq!(state(&lab, "a"), Some(ServerState::Away));
    assert_eq!(
        seen(&mut lab),
        2,
        "its return, and an entry for the operator"
    );
    assert_eq!(state(&lab, "a"), Some(ServerState::Online));
    let unknown = server_seen(&lab.ledger, &lab.policy, &lab.caller(), &server("b"));
    assert_eq!(unknown, Err(Refusal::NotExist));
}

#[test]
fn a_server_that_is_gone_for_good_is_forgotten_once_nothing_is_promised_there() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    lab.policy.forget_days = 1;
    lab.policy.unused_seconds = 172_800;
    let code = lab
        .book("chess", MIDNIGHT + 23 * HOUR, 180)
        .expect("free")
        .code;
    lab.away("a");
    lab.now += 25 * HOUR;
    lab.expire();
    assert_eq!(
        state(&lab, "a"),
        Some(ServerState::Away),
        "a booking waits for it"
    );
    lab.cancel(code).expect("it is booked");
    lab.expire();
    assert_eq!(state(&lab, "a"), None);
}

#[test]
fn a_server_is_removed_once_it_is_empty() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let code = lab.run("chess").expect("free").code;
    let remove = |lab: &mut Lab| {
        let removed = server_remove(&lab.ledger, &lab.caller(), &server("a"));
        lab.take(removed.expect("it is known"));
    };
    remove(&mut lab);
    assert_eq!(state(&lab, "a"), Some(ServerState::Draining));
    let over = end::session_ended(
        &lab.ledger,
        &lab.caller(),
        code,
        &server("a"),
        EndReason::Idle,
    );
    lab.take(over.expect("it runs there"));
    remove(&mut lab);
    assert_eq!(state(&lab, "a"), None);
    let again = server_remove(&lab.ledger, &lab.caller(), &server("a"));
    assert_eq!(again, Err(Refusal::NotExist));
}

#[test]
fn a_server_out_of_bounds_is_refused() {
    let lab = Lab::new(&[]);
    let good = Hello {
        id: server("a"),
        host: "192.0.2.1".to_owned(),
        port: 1,
        applications: vec!["chess".to_owned()],
        limit: 1,
    };
    let accepted = |hello: &Hello| server_back(&lab.ledger, &lab.caller(), hello, &[]).is_ok();
    assert!(accepted(&good));
    let many: Vec<String> = (0..201).map(|n| format!("game{n}")).collect();
    for bad in [
        Hello {
            id: server(""),
            ..good.clone()
        },
        Hello {
            id: server(&"x".repeat(129)),
            ..good.clone()
        },
        Hello {
            id: server("a\nb"),
            ..good.clone()
        },
        Hello {
            id: server(" a"),
            ..good.clone()
        },
        Hello {
            host: String::new(),
            ..good.clone()
        },
        Hello {
            limit: 1_001,
            ..good.clone()
        },
        Hello {
            applications: vec![String::new()],
            ..good.clone()
        },
        Hello {
            applications: many,
            ..good.clone()
        },
    ] {
        assert!(!accepted(&bad), "{bad:?}");
    }
}

#[test]
fn the_same_server_may_come_and_go_for_ever() {
    let mut lab = Lab::new(&[("stays", 1, &["chess"])]);
    let code = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free").code;
    for number in 0..5_000 {
        let id = format!("s{number}");
        lab.put(server_booking::model::Change::PutServer(
            server_booking::model::SessionServer {
                id: server(&id),
                ..lab.world().servers[&server("stays")].clone()
            },
        ));
        lab.put(server_booking::model::Change::RemoveServer(server(&id)));
    }
    assert!(lab.ledger.is_in_step());
    assert_eq!(where_is(&lab, code), "stays");
}
