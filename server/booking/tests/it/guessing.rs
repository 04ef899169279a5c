//! Guessing codes locks out, for longer each time, and remembers a bounded number of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use server_booking::guess::{GuessLimits, Guesses, LockedOut};
use server_booking::model::{Code, UnixSeconds};

use crate::lab::{HOUR, Lab, MIDNIGHT};

fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

fn miss(guesses: &mut Guesses, address: IpAddr, times: u32, now: i64) -> Option<LockedOut> {
    (0..times)
        .filter_map(|_| guesses.missed(address, UnixSeconds(now)))
        .last()
}

#[test]
fn the_fifth_wrong_code_locks_out_for_longer_each_time() {
    let mut guesses = Guesses::new(GuessLimits::default());
    let mut now = 1_000_000;
    for expected in [300, 600, 1_200, 2_400, 3_600, 3_600] {
        assert_eq!(miss(&mut guesses, v4(1), 4, now), None);
        let locked = miss(&mut guesses, v4(1), 1, now).expect("the fifth is one too many");
        assert_eq!(
            locked,
            LockedOut {
                retry_after: expected,
                everybody: false
            }
        );
        assert_eq!(guesses.check(v4(1), UnixSeconds(now)), Err(locked));
        assert_eq!(
            guesses.check(v4(2), UnixSeconds(now)),
            Ok(()),
            "others are not to blame"
        );
        now += i64::from(expected);
        assert!(guesses.check(v4(1), UnixSeconds(now - 1)).is_err());
        assert_eq!(guesses.check(v4(1), UnixSeconds(now)), Ok(()));
    }
    assert_eq!(guesses.lock_outs(), 6);
    now += 3_600;
    assert_eq!(
        miss(&mut guesses, v4(1), 5, now).map(|locked| locked.retry_after),
        Some(300),
        "forgotten"
    );
}

#[test]
fn a_mistake_now_and_then_locks_nobody_out() {
    let mut guesses = Guesses::new(GuessLimits::default());
    for hour in 0..1_000 {
        assert_eq!(miss(&mut guesses, v4(1), 4, hour * 3_600), None);
    }
}

#[test]
fn many_addresses_together_lock_everybody_out_for_a_moment() {
    let mut guesses = Guesses::new(GuessLimits::default());
    let locked = (0..300)
        .filter_map(|number| guesses.missed(v4(number), UnixSeconds(50)))
        .last();
    assert_eq!(
        locked,
        Some(LockedOut {
            retry_after: 30,
            everybody: true
        })
    );
    assert!(guesses.check(v4(9_999), UnixSeconds(79)).is_err());
    assert_eq!(guesses.check(v4(9_999), UnixSeconds(80)), Ok(()));
}

#[test]
fn a_customer_with_many_ipv6_addresses_is_one() {
    let mut guesses = Guesses::new(GuessLimits::default());
    let address = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, last));
    for last in 0..5 {
        guesses.missed(address(last), UnixSeconds(0));
    }
    assert!(guesses.check(address(99), UnixSeconds(0)).is_err());
    let mapped = IpAddr::V6(Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped());
    miss(&mut guesses, v4(1), 5, 0);
    assert!(
        guesses.check(mapped, UnixSeconds(0)).is_err(),
        "the same address in other clothes"
    );
}

#[test]
fn the_table_is_bounded_and_keeps_who_is_locked_out() {
    let limits = GuessLimits {
        addresses: 100,
        total_misses: u32::MAX,
        ..GuessLimits::default()
    };
    let mut guesses = Guesses::new(limits);
    miss(&mut guesses, v4(0), 5, 0);
    for number in 1..10_000 {
        guesses.missed(v4(number), UnixSeconds(0));
        assert!(guesses.addresses() <= 100);
    }
    assert!(
        guesses.check(v4(0), UnixSeconds(0)).is_err(),
        "the others would be forgotten first"
    );
    guesses.missed(v4(1), UnixSeconds(100_000));
    assert_eq!(guesses.addresses(), 1, "what is over is forgotten");
}

#[test]
fn a_clock_that_jumps_makes_no_lock_out_longer() {
    let mut guesses = Guesses::new(GuessLimits::default());
    miss(&mut guesses, v4(1), 5, 1_000_000_000);
    let locked = guesses
        .check(v4(1), UnixSeconds(0))
        .expect_err("it is locked out");
    assert_eq!(locked.retry_after, 3_600);
    miss(&mut guesses, v4(2), 1, i64::MAX);
    miss(&mut guesses, v4(2), 9, i64::MIN);
    assert!(guesses.check(v4(2), UnixSeconds(i64::MIN)).is_err());
}

#[test]
fn a_code_that_was_somebodys_until_lately_is_no_guess() {
    let mut lab = Lab::new(&[("a", 1, &["chess"])]);
    let code = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free").code;
    let mut codes = (0..Code::COUNT).filter_map(Code::new);
    let other = codes.find(|other| *other != code).expect("many");
    assert!(lab.ledger.has_or_had(code));
    lab.cancel(code).expect("it is known");
    assert!(lab.ledger.has_or_had(code));
    assert!(!lab.ledger.has_or_had(other));
}
