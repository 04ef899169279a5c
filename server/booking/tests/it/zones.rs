//! Local times where clocks change: skipped ones, repeated ones, short and long days.

use proptest::prelude::*;
use server_booking::model::UnixSeconds;
use server_booking::plan::PlanRequest;
use server_booking::slots::{SlotsRequest, free_slots};
use server_booking::time::{TimeError, date, grid, label, second, time_of_day, zone};

use crate::lab::Lab;

/// The second of a local time, or why there is none.
fn at(day: &str, time: &str, name: &str) -> Result<i64, TimeError> {
    let zone = zone(name)?;
    second(date(day)?, time_of_day(time)?, &zone).map(|second| second.0)
}

fn utc(day: &str, time: &str) -> i64 {
    at(day, time, "UTC").expect("UTC has every time")
}

#[test]
fn a_local_time_is_the_right_second() {
    for (day, time, name, utc_day, utc_time) in [
        (
            "28/03/2027",
            "01:59",
            "Europe/Berlin",
            "28/03/2027",
            "00:59",
        ),
        (
            "28/03/2027",
            "03:00",
            "Europe/Berlin",
            "28/03/2027",
            "01:00",
        ),
        (
            "15/07/2027",
            "12:00",
            "Europe/Moscow",
            "15/07/2027",
            "09:00",
        ),
        (
            "15/01/2027",
            "12:00",
            "Asia/Kathmandu",
            "15/01/2027",
            "06:15",
        ),
        (
            "01/01/2027",
            "00:30",
            "Pacific/Kiritimati",
            "31/12/2026",
            "10:30",
        ),
        (
            "15/07/2027",
            "23:00",
            "America/New_York",
            "16/07/2027",
            "03:00",
        ),
        (
            "15/01/2027",
            "12:00",
            "Australia/Lord_Howe",
            "15/01/2027",
            "01:00",
        ),
        (
            "15/07/2027",
            "12:00",
            "Australia/Lord_Howe",
            "15/07/2027",
            "01:30",
        ),
    ] {
        assert_eq!(
            at(day, time, name).expect("it exists"),
            utc(utc_day, utc_time),
            "{time} {name}"
        );
    }
}

#[test]
fn a_time_that_is_skipped_is_refused_with_the_reason() {
    for (day, from, until, name) in [
        ("28/03/2027", "02:00", "02:59", "Europe/Berlin"),
        ("14/03/2027", "02:00", "02:59", "America/New_York"),
        ("03/10/2027", "02:00", "02:29", "Australia/Lord_Howe"),
        ("05/09/2027", "00:00", "00:59", "America/Santiago"),
        ("30/04/2027", "00:00", "00:59", "Africa/Cairo"),
        ("30/12/2011", "00:00", "23:59", "Pacific/Apia"),
    ] {
        for time in [from, until] {
            let why = at(day, time, name)
                .expect_err("clocks are put forward over it")
                .to_string();
            assert!(
                why.contains(time) && why.contains(name) && why.contains("does not exist"),
                "{why}"
            );
        }
    }
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let refused = lab.ask(&PlanRequest {
        application: None,
        date: "28/03/2027".to_owned(),
        time: "02:30".to_owned(),
        time_zone: Some("Europe/Berlin".to_owned()),
        minutes: None,
    });
    let why = refused.expect_err("that time is skipped").to_string();
    assert!(why.contains("does not exist in Europe/Berlin"), "{why}");
}

#[test]
fn a_time_that_exists_twice_means_the_first() {
    for (day, time, name, first, later) in [
        ("31/10/2027", "02:30", "Europe/Berlin", "00:30", "+01:00"),
        ("07/11/2027", "01:00", "America/New_York", "05:00", "-05:00"),
        ("04/04/2027", "01:45", "Australia/Lord_Howe", "", "+10:30"),
        ("07/11/2027", "00:30", "America/Havana", "04:30", "-05:00"),
    ] {
        let once = at(day, time, name).expect("it exists");
        if !first.is_empty() {
            assert_eq!(once, utc(day, first), "{name}");
        }
        let again = at(day, &format!("{time}{later}"), name).expect("it exists twice");
        let apart = if name == "Australia/Lord_Howe" {
            1800
        } else {
            3600
        };
        assert_eq!(again - once, apart, "{name}");
        let other = at(day, &format!("{time}+13:00"), name).expect_err("never at that offset");
        assert!(other.to_string().contains("UTC+13:00"), "{other}");
    }
}

#[test]
fn short_and_long_days_have_the_slots_that_they_have() {
    for (day, name, minutes, slots) in [
        ("28/03/2027", "Europe/Berlin", 30, 46),
        ("31/10/2027", "Europe/Berlin", 30, 50),
        ("01/06/2027", "Europe/Berlin", 30, 48),
        ("31/10/2027", "Europe/Moscow", 30, 48),
        ("03/10/2027", "Australia/Lord_Howe", 30, 47),
        ("04/04/2027", "Australia/Lord_Howe", 30, 49),
        ("05/09/2027", "America/Santiago", 60, 23),
        ("07/11/2027", "America/Havana", 60, 25),
        ("30/12/2011", "Pacific/Apia", 30, 0),
        ("01/01/2027", "UTC", 1440, 1),
        ("01/01/2027", "UTC", 7, 206),
    ] {
        let grid = grid(
            date(day).expect("a date"),
            minutes,
            &zone(name).expect("a zone"),
        );
        assert_eq!(grid.len(), slots, "{day} in {name}");
    }
}

#[test]
fn what_is_listed_on_a_long_day_can_be_booked_as_it_is_listed() {
    let mut lab = Lab::new(&[("a", 50, &["chess"])]);
    lab.now = utc("31/10/2027", "00:00") - 12 * 3600;
    let request = SlotsRequest {
        application: Some("chess".to_owned()),
        date: "31/10/2027".to_owned(),
        time_zone: Some("europe/BERLIN".to_owned()),
        minutes: Some(30),
    };
    let day = free_slots(&lab.ledger, &lab.policy, UnixSeconds(lab.now), &request).expect("a day");
    assert_eq!(
        (day.date.as_str(), day.time_zone.as_str(), day.slots.len()),
        ("2027-10-31", "Europe/Berlin", 50)
    );
    let around: Vec<&str> = day.slots[4..9]
        .iter()
        .map(|slot| slot.time.as_str())
        .collect();
    assert_eq!(
        around,
        ["02:00", "02:30", "02:00+01:00", "02:30+01:00", "03:00"]
    );
    for slot in day.slots {
        assert!(slot.free, "{}", slot.time);
        let booking = lab.ask(&PlanRequest {
            application: Some("chess".to_owned()),
            date: day.date.clone(),
            time: slot.time,
            time_zone: Some(day.time_zone.clone()),
            minutes: Some(30),
        });
        assert_eq!(booking.expect("it is free").starts_at, slot.starts_at);
    }
}

#[test]
fn slots_that_are_past_or_far_ahead_are_not_free() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    lab.now += 12 * 3600 + 30;
    let free = |day: &str| {
        let request = SlotsRequest {
            date: day.to_owned(),
            ..SlotsRequest::default()
        };
        let day =
            free_slots(&lab.ledger, &lab.policy, UnixSeconds(lab.now), &request).expect("a day");
        day.slots
            .into_iter()
            .filter(|slot| slot.free)
            .map(|slot| slot.time)
            .collect::<Vec<_>>()
    };
    assert_eq!(free("27/02/2027").len(), 0);
    assert_eq!(free("28/02/2027").len(), 24);
    assert_eq!(free("28/02/2027")[0], "12:00", "this minute is not past");
    assert_eq!(free("29/04/2027").last().map(String::as_str), Some("12:00"));
    assert_eq!(free("30/04/2027").len(), 0);
}

const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Moscow",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_slot_of_every_day_leads_back_to_its_second(
        zone_number in 0..ZONES.len(), day_number in 0..3_650_i64, minutes in prop::sample::select(vec![15_u32, 30, 60]),
    ) {
        let zone = zone(ZONES[zone_number]).expect("a zone");
        let first = jiff::civil::date(2024, 1, 1);
        let day = first.checked_add(jiff::Span::new().days(day_number)).expect("a day");
        let grid = grid(day, minutes, &zone);
        prop_assert!(grid.windows(2).all(|pair| pair[0] < pair[1]));
        for slot in &grid {
            let label = label(*slot, &zone);
            prop_assert_eq!(second(day, time_of_day(&label).expect("a time"), &zone), Ok(*slot), "{}", label);
        }
        let length = day.to_zoned(zone.clone()).and_then(|start| start.tomorrow().map(|end| {
            end.start_of_day().expect("a day").timestamp().as_second() - start.start_of_day().expect("a day").timestamp().as_second()
        })).expect("two days");
        if length % (i64::from(minutes) * 60) == 0 {
            prop_assert_eq!(i64::try_from(grid.len()).expect("few"), length / 60 / i64::from(minutes), "{}", day);
        }
    }

    #[test]
    fn no_text_upsets_the_readers(text in "\\PC{0,12}", digits in "[0-9:/+-]{0,12}") {
        for text in [text, digits] {
            let _ = date(&text);
            let _ = time_of_day(&text);
            let _ = zone(&text);
            let _ = server_booking::range::ServerRange::parse(&text);
        }
    }
}
