//! Which numbers the rules accept.

use server_booking::Policy;

#[test]
fn the_defaults_go_together() {
    assert_eq!(Policy::default().check(), Ok(()));
}

#[test]
fn numbers_that_do_not_go_together_are_named_with_what_is_accepted() {
    let good = Policy::default;
    for (policy, line) in [
        (
            Policy {
                slot_minutes: 0,
                ..good()
            },
            "slot_minutes: 0 is not accepted; 1 to 1440 are",
        ),
        (
            Policy {
                session_minutes: 241,
                ..good()
            },
            "session_minutes: 241 is not accepted; 1 to 240 are",
        ),
        (
            Policy {
                max_bookings: 10_001,
                ..good()
            },
            "max_bookings: 10001 is not accepted; 0 to 10000 are",
        ),
        (
            Policy {
                unheard_seconds: 30,
                ..good()
            },
            "seen_every_seconds: 20 is not accepted; 1 to 15 are",
        ),
        (
            Policy {
                time_zone: "Mars".to_owned(),
                ..good()
            },
            "time_zone: \"Mars\" is not accepted; an IANA name is, such as Europe/Moscow",
        ),
    ] {
        let refused = policy.check().expect_err(line);
        assert_eq!(refused.to_string(), line);
    }
}
