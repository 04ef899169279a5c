//! Planning: what is granted, what is refused and why, and which codes are given.

use server_booking::model::{Booking, Change, Code, EndReason, UnixSeconds};
use server_booking::plan::{PlanRequest, plan};
use server_booking::{Ledger, Refusal};

use crate::lab::{HOUR, Lab, MIDNIGHT, server};

fn reason<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    match result {
        Err(Refusal::BadRequest(reason)) => reason,
        other => panic!("a wrong request was answered with {other:?}"),
    }
}

fn request(date: &str, time: &str) -> PlanRequest {
    PlanRequest {
        application: Some("chess".to_owned()),
        date: date.to_owned(),
        time: time.to_owned(),
        ..PlanRequest::default()
    }
}

#[test]
fn a_booking_has_the_time_that_was_asked_for() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let booking = lab
        .ask(&PlanRequest {
            time_zone: Some("europe/moscow".to_owned()),
            minutes: Some(45),
            ..request("1/3/2027", "9:30")
        })
        .expect("everything is free");
    let expected = Booking {
        code: booking.code,
        application: "chess".to_owned(),
        server: server("a"),
        starts_at: UnixSeconds(MIDNIGHT + 24 * HOUR + 6 * HOUR + HOUR / 2),
        ends_at: UnixSeconds(MIDNIGHT + 24 * HOUR + 7 * HOUR + HOUR / 4),
        time_zone: "Europe/Moscow".to_owned(),
        made_at: UnixSeconds(MIDNIGHT),
    };
    assert_eq!(booking, expected);
}

#[test]
fn a_place_is_never_given_twice() {
    let mut lab = Lab::new(&[("a", 2, &["chess"])]);
    let from = MIDNIGHT + 5 * HOUR;
    lab.book("chess", from, 60)
        .expect("the first place is free");
    lab.book("chess", from, 60)
        .expect("the second place is free");
    assert_eq!(lab.book("chess", from, 60), Err(Refusal::Busy));
    assert_eq!(lab.book("chess", from + HOUR - 60, 1), Err(Refusal::Busy));
    assert_eq!(lab.book("chess", from - HOUR, 61), Err(Refusal::Busy));
    lab.book("chess", from + HOUR, 60)
        .expect("the next hour is free");
    lab.book("chess", from - HOUR, 60)
        .expect("the hour before is free");
}

#[test]
fn ten_thousand_requests_for_the_last_slot_give_one_code() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let granted = (0..10_000).filter(|_| lab.book("chess", MIDNIGHT + HOUR, 60).is_ok());
    assert_eq!(granted.count(), 1);
}

#[test]
fn what_is_past_or_far_ahead_is_refused() {
    let mut lab = Lab::new(&[("a", 9, &["chess"])]);
    lab.now = MIDNIGHT + 10 * HOUR + 59;
    lab.ask(&request("28/02/2027", "10:00"))
        .expect("this minute is not past");
    assert_eq!(
        reason(lab.ask(&request("28/02/2027", "09:59"))),
        "that time is past"
    );
    assert_eq!(
        reason(lab.ask(&request("01/01/1970", "00:00"))),
        "that time is past"
    );
    lab.ask(&request("29/04/2027", "10:00"))
        .expect("sixty days ahead are possible");
    let far = reason(lab.ask(&request("29/04/2027", "10:01")));
    assert_eq!(
        far,
        "that time is too far ahead: at most 60 days are possible"
    );
    reason(lab.ask(&request("31/12/9999", "23:59")));
}

#[test]
fn what_is_no_time_is_refused_with_the_reason() {
    let mut lab = Lab::new(&[("a", 9, &["chess"])]);
    for date in [
        "",
        "/",
        "//",
        "1/2",
        "29/02/2027",
        "32/01/2027",
        "0/1/2027",
        "1/13/2027",
        "1/1/27",
        "+1/+2/2027",
        "1/1/99999",
        "2027/03/01",
        "2027-02-29",
        "2027-3",
        "aa/bb/cccc",
        "٣/٣/٢٠٢٧",
        "1/3/2027 ",
    ] {
        let why = reason(lab.ask(&request(date, "10:00")));
        assert!(
            why.contains("is not a date") || why.contains("there is no day"),
            "{date}: {why}"
        );
    }
    for time in [
        "",
        ":",
        "24:00",
        "10",
        "10:60",
        "10:5",
        "-1:00",
        "10:00:00",
        "1000",
        "10:00+",
        "10:00+1",
        "10:00+26:00",
        "１０:００",
    ] {
        let why = reason(lab.ask(&request("01/03/2027", time)));
        assert!(why.contains("is not a time"), "{time}: {why}");
    }
    let long = "x".repeat(1_000_000);
    assert!(reason(lab.ask(&request(&long, "10:00"))).len() < 200);
    assert!(reason(lab.ask(&request("01/03/2027", &long))).len() < 200);
    for zone in ["", "Europe/Nowhere", "../../etc/passwd", "UTC+3", &long] {
        let asked = PlanRequest {
            time_zone: Some(zone.to_owned()),
            ..request("01/03/2027", "10:00")
        };
        let why = reason(lab.ask(&asked));
        assert!(
            why.contains("is not a time zone") && why.len() < 200,
            "{why}"
        );
    }
    for minutes in [0, 241, u32::MAX] {
        let asked = PlanRequest {
            minutes: Some(minutes),
            ..request("01/03/2027", "10:00")
        };
        let why = reason(lab.ask(&asked));
        assert_eq!(
            why,
            format!("{minutes} minutes cannot be asked for: 1 to 240 are possible")
        );
    }
}

#[test]
fn an_unknown_application_is_refused_and_none_at_all_means_any() {
    let mut lab = Lab::new(&[("a", 1, &["chess"]), ("b", 1, &["draw"])]);
    let from = MIDNIGHT + HOUR;
    assert!(reason(lab.book("poker", from, 60)).contains("\"poker\" is not known"));
    assert!(reason(lab.book("", from, 60)).contains("is empty"));
    assert!(reason(lab.book(&"x".repeat(129), from, 60)).contains("129 bytes"));
    let any = PlanRequest {
        application: None,
        ..request("28/02/2027", "01:00")
    };
    assert_eq!(lab.ask(&any).expect("chess is free").application, "chess");
    assert_eq!(lab.ask(&any).expect("draw is free").application, "draw");
    assert_eq!(lab.ask(&any), Err(Refusal::Busy));
}

#[test]
fn an_application_without_a_server_is_busy() {
    let mut lab = Lab::new(&[]);
    lab.add_application("chess");
    assert_eq!(lab.book("chess", MIDNIGHT + HOUR, 60), Err(Refusal::Busy));
    assert_eq!(lab.start("chess"), Err(Refusal::Busy));
}

#[test]
fn a_cancelled_place_is_free_again_and_its_code_rests() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let from = MIDNIGHT + HOUR;
    let first = lab.book("chess", from, 60).expect("everything is free");
    let over = lab.cancel(first.code).expect("it is booked");
    assert_eq!((over.server, over.why), (None, EndReason::Cancelled));
    assert_eq!(lab.cancel(first.code), Err(Refusal::NotExist));

    // The only candidate is the code that has just ended: it is not given while others are free.
    let mut again = || first.code;
    let caller = lab.caller();
    let planned = plan(
        &lab.ledger,
        &lab.policy,
        &caller,
        &request("28/02/2027", "01:00"),
        &mut again,
    );
    let planned = lab.take(planned.expect("the place is free"));
    assert_ne!(planned.booking.code, first.code);
}

#[test]
fn a_code_that_vanishes_from_a_world_that_is_read_anew_rests_too() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let gone = lab
        .book("chess", MIDNIGHT + HOUR, 60)
        .expect("everything is free")
        .code;
    let mut world = lab.world().clone();
    world.bookings.clear();
    lab.ledger.replace(world);
    let mut again = || gone;
    let caller = lab.caller();
    let planned = plan(
        &lab.ledger,
        &lab.policy,
        &caller,
        &request("28/02/2027", "01:00"),
        &mut again,
    );
    assert_ne!(
        planned.expect("the place is free").answer.booking.code,
        gone
    );
}

/// Every code but some is booked.
fn nearly_all_codes(but: &[u16]) -> Lab {
    let mut lab = Lab::new(&[("a", 2, &["chess"]), ("full", 0, &["chess"])]);
    for code in (0..Code::COUNT)
        .filter(|code| !but.contains(code))
        .filter_map(Code::new)
    {
        lab.put(Change::PutBooking(Booking {
            code,
            application: "chess".to_owned(),
            server: server("full"),
            starts_at: UnixSeconds(MIDNIGHT + 9 * HOUR),
            ends_at: UnixSeconds(MIDNIGHT + 10 * HOUR),
            time_zone: "UTC".to_owned(),
            made_at: UnixSeconds(MIDNIGHT),
        }));
    }
    lab.policy.max_bookings = 10_000;
    lab
}

#[test]
fn the_last_free_code_is_found_and_then_there_is_none() {
    let mut lab = nearly_all_codes(&[4711]);
    let last = lab.start("chess").expect("one code is free");
    assert_eq!(last.code.number(), 4711);
    assert_eq!(lab.start("chess"), Err(Refusal::NoCodeFree));
    assert_eq!(
        lab.book("chess", MIDNIGHT + HOUR, 60),
        Err(Refusal::NoCodeFree)
    );
}

#[test]
fn of_resting_codes_alone_the_one_that_rests_for_longest_is_given() {
    let mut lab = nearly_all_codes(&[]);
    for code in [7, 5, 9].map(|number| Code::new(number).expect("a code")) {
        lab.cancel(code).expect("it is booked");
    }
    let codes = [0; 2].map(|_| lab.start("chess").expect("a place is free").code.number());
    assert_eq!(codes, [7, 5]);
}

#[test]
fn codes_remain_for_sessions_when_the_bookings_are_at_their_limit() {
    let mut lab = Lab::new(&[("a", 5, &["chess"])]);
    lab.policy.max_bookings = 2;
    for _ in 0..2 {
        lab.book("chess", MIDNIGHT + HOUR, 60)
            .expect("a place is free");
    }
    assert_eq!(
        lab.book("chess", MIDNIGHT + HOUR, 60),
        Err(Refusal::NoCodeFree)
    );
    lab.start("chess").expect("a session needs no booking");
}

#[test]
fn a_world_with_claims_on_servers_that_nobody_knows_is_read() {
    let mut lab = nearly_all_codes(&[4711]);
    let mut world = lab.world().clone();
    world.servers.clear();
    lab.ledger = Ledger::new(world);
    assert!(lab.ledger.is_in_step());
    assert_eq!(lab.book("chess", MIDNIGHT + HOUR, 60), Err(Refusal::Busy));
    lab.now = MIDNIGHT + 9 * HOUR;
    let code = Code::new(1).expect("a code");
    assert_eq!(lab.start_booking(code), Err(Refusal::Busy));
    lab.back(("new", 1, &["chess"]), &[])
        .expect("the server is within its bounds");
    assert_eq!(
        lab.start_booking(code)
            .expect("there is a server now")
            .server,
        server("new")
    );
}
