//! Which part of the list of servers a range is.

use server_booking::range::ServerRange;

use crate::lab::{Computer, Lab};

fn names(lab: &Lab, range: &str) -> Vec<String> {
    let range = ServerRange::parse(range).expect("a range");
    range
        .of(lab.world())
        .map(|server| server.id.0.clone())
        .collect()
}

#[test]
fn a_range_includes_both_ends_and_the_order_stays() {
    let computers: [Computer; 4] = [("d", 1, &[]), ("b", 1, &[]), ("a", 1, &[]), ("c", 1, &[])];
    let mut lab = Lab::new(&computers);
    assert_eq!(names(&lab, "0-1"), ["a", "b"]);
    assert_eq!(names(&lab, "2-2"), ["c"]);
    lab.away("a");
    lab.drain("b");
    assert_eq!(names(&lab, "1-99"), ["b", "c", "d"]);
    assert!(names(&lab, "4-9").is_empty());
}

#[test]
fn what_is_turned_round_huge_or_no_range_is_refused() {
    for text in [
        "5-4",
        "0-1000",
        "0-18446744073709551615",
        "0-99999999999999999999999",
        "",
        "-",
        "1",
        "1-",
        "-1",
        "a-b",
        "1--2",
        "1-2-3",
        "+1-2",
        "0x1-2",
        "1.0-2",
    ] {
        assert!(ServerRange::parse(text).is_err(), "{text}");
    }
    assert!(ServerRange::parse("0-999").is_ok());
    assert!(
        ServerRange::parse("18446744073709551614-18446744073709551615").is_ok(),
        "far, but small"
    );
    assert!(ServerRange::parse(" 1 - 2 ").is_ok());
}
