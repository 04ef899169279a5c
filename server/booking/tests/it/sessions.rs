//! Starting, joining, extending, ending.

use server_booking::join::{Join, Stage, join, status};
use server_booking::model::{Code, EndReason, SessionStage, UnixSeconds};
use server_booking::start::Next;
use server_booking::{Refusal, end, expire, start};

use crate::lab::{HOUR, Lab, MIDNIGHT, server};

fn came(lab: &Lab, code: Code) -> Join {
    join(&lab.ledger, &lab.policy, UnixSeconds(lab.now), code)
}

#[test]
fn a_session_starts_on_the_emptiest_server_and_runs_when_the_server_says_so() {
    let mut lab = Lab::new(&[("a", 2, &["chess"]), ("b", 3, &["chess"])]);
    let asked = lab.start("chess").expect("everything is free");
    assert_eq!(
        (&asked.server, asked.stage),
        (&server("b"), SessionStage::Starting)
    );
    assert_eq!(asked.ends_at, UnixSeconds(MIDNIGHT + HOUR));
    assert_eq!(came(&lab, asked.code), Join::Starting);
    let running = lab.started(asked.code).expect("it was asked");
    let address = running.address.clone().expect("it runs");
    let ends_at = running.ends_at;
    assert_eq!(came(&lab, asked.code), Join::Running { address, ends_at });
    assert_eq!(
        lab.started(asked.code),
        Err(Refusal::NotExist),
        "it is said once"
    );
}

#[test]
fn a_server_with_few_applications_is_taken_before_one_that_can_do_all() {
    let mut lab = Lab::new(&[("all", 9, &["chess", "draw"]), ("one", 1, &["chess"])]);
    assert_eq!(lab.start("chess").expect("free").server, server("one"));
    assert_eq!(lab.start("chess").expect("free").server, server("all"));
}

#[test]
fn what_is_promised_is_not_given_to_a_session_at_once() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    lab.book("chess", MIDNIGHT + HOUR / 2, 30)
        .expect("everything is free");
    assert_eq!(
        lab.start("chess"),
        Err(Refusal::Busy),
        "it would last into the promise"
    );
    lab.policy.session_minutes = 30;
    lab.start("chess").expect("it is over before the promise");
}

#[test]
fn a_server_that_refuses_is_passed_over_and_each_is_asked_once() {
    let mut lab = Lab::new(&[
        ("a", 3, &["chess"]),
        ("b", 2, &["chess"]),
        ("c", 1, &["chess"]),
    ]);
    let code = lab.start("chess").expect("everything is free").code;
    let Ok(Next::Ask(second)) = lab.refuse(code, &["a"]) else {
        panic!("b is free");
    };
    assert_eq!(second.session.server, server("b"));
    let Ok(Next::Ask(third)) = lab.refuse(code, &["a", "b"]) else {
        panic!("c is free");
    };
    assert_eq!(third.session.server, server("c"));
    assert_eq!(lab.refuse(code, &["a", "b", "c"]), Ok(Next::NoServer));
    assert_eq!(came(&lab, code), Join::NotExist);
    assert_eq!(lab.refuse(code, &[]), Err(Refusal::NotExist));
}

#[test]
fn a_booking_is_started_by_the_first_who_comes_from_its_time_on() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let booking = lab
        .book("chess", MIDNIGHT + HOUR, 60)
        .expect("everything is free");
    let code = booking.code;
    let starts_at = booking.starts_at;
    lab.now = starts_at.0 - 1;
    assert_eq!(came(&lab, code), Join::NotStarted { starts_at });
    assert_eq!(
        lab.start_booking(code),
        Err(Refusal::NotStarted { starts_at })
    );
    lab.now = starts_at.0 + 100;
    assert_eq!(came(&lab, code), Join::StartIt);
    let session = lab.start_booking(code).expect("its time has come");
    assert_eq!(
        (session.code, session.ends_at, session.booked),
        (code, booking.ends_at, true)
    );
    assert_eq!(
        came(&lab, code),
        Join::Starting,
        "the second waits for the first"
    );
    assert_eq!(
        lab.start_booking(code),
        Err(Refusal::NotExist),
        "it is not started twice"
    );
}

#[test]
fn a_booking_may_be_started_early_only_where_there_is_room_before_it() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    lab.policy.early_start_seconds = 300;
    let before = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    let booking = lab.book("chess", MIDNIGHT + 2 * HOUR, 60).expect("free");
    let starts_at = booking.starts_at;
    lab.now = starts_at.0 - 301;
    assert_eq!(came(&lab, booking.code), Join::NotStarted { starts_at });
    lab.now += 1;
    assert_eq!(came(&lab, booking.code), Join::StartIt);
    assert_eq!(
        lab.start_booking(booking.code),
        Err(Refusal::NotStarted { starts_at })
    );
    lab.cancel(before.code).expect("it is booked");
    let session = lab
        .start_booking(booking.code)
        .expect("there is room before it");
    assert_eq!(session.starts_at, UnixSeconds(lab.now));
}

#[test]
fn a_booking_that_no_server_takes_stands_and_may_be_tried_again() {
    let mut lab = Lab::new(&[("a", 1, &["chess"]), ("b", 1, &["chess"])]);
    let booking = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    lab.now = booking.starts_at.0 + 5;
    let first = lab
        .start_booking(booking.code)
        .expect("its time has come")
        .server;
    let Ok(Next::Ask(other)) = lab.refuse(booking.code, &[&first.0]) else {
        panic!("the other server is free");
    };
    assert_ne!(other.session.server, first);
    let Ok(Next::Rebooked(again)) = lab.refuse(booking.code, &["a", "b"]) else {
        panic!("it was booked");
    };
    assert_eq!((again.code, again.ends_at), (booking.code, booking.ends_at));
    lab.start_booking(booking.code)
        .expect("it may be tried again");
}

#[test]
fn a_session_that_nobody_waits_for_ends_and_a_booked_one_stands_again() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let booking = lab.book("chess", MIDNIGHT, 60).expect("free");
    lab.start_booking(booking.code).expect("its time has come");
    let other = lab.start("chess").expect("a place is free").code;
    lab.policy.unheard_seconds = 60;
    assert_eq!(
        expire::next_expiry(&lab.ledger, &lab.policy),
        Some(UnixSeconds(MIDNIGHT + 60)),
        "its server"
    );
    lab.now += i64::from(lab.policy.starting_seconds);
    let ended: Vec<_> = lab
        .expire()
        .into_iter()
        .map(|ended| (ended.why, ended.server))
        .collect();
    let lost = (EndReason::NotStarted, Some(server("a")));
    assert_eq!(ended, [lost.clone(), lost]);
    assert_eq!(came(&lab, other), Join::NotExist);
    assert_eq!(came(&lab, booking.code), Join::StartIt);
}

#[test]
fn an_answer_that_comes_from_another_server_is_not_believed() {
    let mut lab = Lab::new(&[("a", 1, &["chess"]), ("b", 1, &["chess"])]);
    let session = lab.start("chess").expect("free");
    let other = server(if session.server == server("a") {
        "b"
    } else {
        "a"
    });
    let address = ("192.0.2.9".to_owned(), 1);
    let late = start::started(&lab.ledger, &lab.caller(), session.code, &other, address);
    assert_eq!(late.expect_err("another was asked"), Refusal::NotExist);
    let late = end::session_ended(
        &lab.ledger,
        &lab.caller(),
        session.code,
        &other,
        EndReason::Empty,
    );
    assert_eq!(late.expect_err("it runs elsewhere"), Refusal::NotExist);
}

#[test]
fn a_session_is_extended_while_the_next_time_is_free() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let code = lab.run("chess").expect("free").code;
    let can = |lab: &Lab| {
        let status = status(&lab.ledger, &lab.policy, UnixSeconds(lab.now), code);
        status.expect("it runs").can_extend_minutes
    };
    assert_eq!(can(&lab), 180);
    lab.book("chess", MIDNIGHT + 2 * HOUR, 60).expect("free");
    assert_eq!(can(&lab), 60);
    assert_eq!(lab.extend(code, 61), Err(Refusal::Busy));
    assert_eq!(lab.extend(code, 60), Ok(UnixSeconds(MIDNIGHT + 2 * HOUR)));
    assert_eq!(can(&lab), 0);
    assert_eq!(lab.extend(code, 1), Err(Refusal::Busy));
    for minutes in [0, 121, u32::MAX] {
        assert!(matches!(
            lab.extend(code, minutes),
            Err(Refusal::BadRequest(_))
        ));
    }
}

#[test]
fn an_extension_moves_the_booking_that_is_in_its_way() {
    let mut lab = Lab::new(&[("a", 1, &["chess"]), ("b", 1, &["chess"])]);
    let session = lab.run("chess").expect("free");
    let next = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    let other = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    let same = if next.server == session.server {
        next
    } else {
        other.clone()
    };
    assert_eq!(
        lab.extend(session.code, 30),
        Err(Refusal::Busy),
        "both servers are promised then"
    );
    let away = if same == other {
        lab.world()
            .bookings
            .values()
            .find(|b| b.code != same.code)
            .expect("two")
    } else {
        &other
    }
    .code;
    lab.cancel(away).expect("it is booked");
    let found = status(&lab.ledger, &lab.policy, UnixSeconds(lab.now), session.code);
    assert_eq!(
        found.expect("it runs").can_extend_minutes,
        30,
        "one slot, by a move"
    );
    lab.extend(session.code, 30)
        .expect("the booking in the way can move");
    assert_ne!(lab.booking(same.code).server, session.server);
}

#[test]
fn what_does_not_run_is_not_extended() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let booking = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free").code;
    let starting = lab.start("chess").expect("free").code;
    assert!(matches!(
        lab.extend(booking, 30),
        Err(Refusal::BadRequest(_))
    ));
    assert!(matches!(
        lab.extend(starting, 30),
        Err(Refusal::BadRequest(_))
    ));
    lab.started(starting).expect("it was asked");
    lab.now += HOUR;
    assert_eq!(
        lab.extend(starting, 30),
        Err(Refusal::NotExist),
        "its time is over"
    );
}

#[test]
fn time_ends_sessions_and_bookings_that_nobody_came_to() {
    let mut lab = Lab::new(&[("a", 3, &["chess"])]);
    let session = lab.run("chess").expect("free").code;
    let short = lab
        .book("chess", MIDNIGHT + HOUR / 2, 5)
        .expect("free")
        .code;
    let long = lab
        .book("chess", MIDNIGHT + HOUR / 2, 60)
        .expect("free")
        .code;
    let mut ended = Vec::new();
    while let Some(next) =
        expire::next_expiry(&lab.ledger, &lab.policy).filter(|next| next.0 < MIDNIGHT + 12 * HOUR)
    {
        assert!(next.0 > lab.now, "what was due is done");
        lab.now = next.0;
        ended.extend(
            lab.expire()
                .into_iter()
                .map(|over| (lab.now - MIDNIGHT, over.code, over.why)),
        );
    }
    assert_eq!(
        ended,
        [
            (35 * 60, short, EndReason::Unused),
            (45 * 60, long, EndReason::Unused),
            (60 * 60, session, EndReason::TimeOver),
        ]
    );
}

#[test]
fn what_is_over_is_not_found_even_before_it_was_cleared_away() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let session = lab.run("chess").expect("free").code;
    let booking = lab
        .book("chess", MIDNIGHT + HOUR / 2, 60)
        .expect("free")
        .code;
    lab.now = MIDNIGHT + HOUR;
    for code in [session, booking] {
        assert_eq!(came(&lab, code), Join::NotExist);
        assert_eq!(
            status(&lab.ledger, &lab.policy, UnixSeconds(lab.now), code),
            None
        );
        assert_eq!(lab.start_booking(code), Err(Refusal::NotExist));
    }
}

#[test]
fn a_status_says_how_far_it_is() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let stage = |lab: &Lab, code| {
        status(&lab.ledger, &lab.policy, UnixSeconds(lab.now), code).map(|found| found.stage)
    };
    let code = lab.book("chess", MIDNIGHT, 60).expect("free").code;
    assert_eq!(stage(&lab, code), Some(Stage::Planned));
    lab.start_booking(code).expect("its time has come");
    assert_eq!(stage(&lab, code), Some(Stage::Starting));
    lab.started(code).expect("it was asked");
    assert_eq!(stage(&lab, code), Some(Stage::Running));
    assert!(
        matches!(lab.cancel(code), Err(Refusal::BadRequest(_))),
        "it runs"
    );
    let over = end::end(&lab.ledger, &lab.caller(), code, EndReason::Operator).expect("it runs");
    assert_eq!(lab.take(over).server, Some(server("a")));
    assert_eq!(stage(&lab, code), None);
}

#[test]
fn a_clock_that_went_back_starts_no_more_than_the_server_takes() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    lab.policy.session_minutes = 10;
    lab.run("chess").expect("free");
    lab.now -= HOUR;
    assert_eq!(
        lab.start("chess"),
        Err(Refusal::Busy),
        "its time is free, its place is not"
    );
}
