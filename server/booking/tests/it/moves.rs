//! Bookings that move make room; what was found is compared with what is possible.

use proptest::prelude::*;
use server_booking::Refusal;
use server_booking::model::UnixSeconds;
use server_booking::slots::{SlotsRequest, free_slots};

use crate::lab::{Computer, HOUR, Lab, MIDNIGHT, server};

#[test]
fn a_booking_moves_to_make_room_and_keeps_code_and_time() {
    let mut lab = Lab::new(&[("both", 1, &["chess", "draw"])]);
    let chess = lab.book("chess", MIDNIGHT + HOUR, 60).expect("free");
    assert_eq!(lab.book("draw", MIDNIGHT + HOUR, 60), Err(Refusal::Busy));
    lab.back(("one", 1, &["chess"]), &[])
        .expect("the server is within its bounds");
    let draw = lab
        .book("draw", MIDNIGHT + HOUR, 60)
        .expect("chess can move");
    assert_eq!(draw.server, server("both"));
    let moved = lab.booking(chess.code);
    assert_eq!(
        (&moved.server, moved.starts_at, moved.ends_at),
        (&server("one"), chess.starts_at, chess.ends_at)
    );
}

#[test]
fn a_chain_of_moves_is_found() {
    // Each server can do its own and the next application; only the last has room.
    let names: Vec<String> = (0..=20).map(|n| format!("game{n:02}")).collect();
    let mut lab = Lab::new(&[]);
    for n in 0..20 {
        let computer = format!("s{n:02}");
        lab.back((&computer, 1, &[&names[n], &names[n + 1]]), &[])
            .expect("within its bounds");
        lab.book(&names[n], MIDNIGHT + HOUR, 60).expect("free");
    }
    lab.back(("end", 1, &[&names[20]]), &[])
        .expect("within its bounds");
    // game20 may run on s19 or end. Fill `end` by it; the next needs s19, so game19 has nowhere to go.
    lab.book(&names[20], MIDNIGHT + HOUR, 60).expect("free");
    assert_eq!(
        lab.book(&names[20], MIDNIGHT + HOUR, 60),
        Err(Refusal::Busy)
    );
    lab.back(("zero", 1, &[&names[0]]), &[])
        .expect("within its bounds");
    // Now everybody can move down by one, from s19 to zero.
    lab.book(&names[20], MIDNIGHT + HOUR, 60)
        .expect("a chain of twenty moves");
    assert_eq!(lab.world().bookings.len(), 22);
    let full = lab.book(&names[20], MIDNIGHT + HOUR, 60);
    assert_eq!(full, Err(Refusal::Busy));
}

#[test]
fn two_short_bookings_move_for_a_long_one() {
    let mut lab = Lab::new(&[("wide", 1, &["chess", "draw"])]);
    let early = lab.book("chess", MIDNIGHT + HOUR, 30).expect("free");
    let late = lab
        .book("chess", MIDNIGHT + HOUR + HOUR / 2, 30)
        .expect("free");
    lab.back(("one", 1, &["chess"]), &[])
        .expect("within its bounds");
    lab.book("draw", MIDNIGHT + HOUR, 60)
        .expect("both can move");
    for code in [early.code, late.code] {
        assert_eq!(lab.booking(code).server, server("one"));
    }
}

#[test]
fn what_was_moved_in_vain_is_where_it_was() {
    let mut lab = Lab::new(&[
        ("a", 1, &["chess", "draw", "fly"]),
        ("b", 1, &["draw", "golf", "hike", "iris"]),
    ]);
    let early = lab.book("chess", MIDNIGHT + HOUR, 30).expect("free");
    lab.book("fly", MIDNIGHT + HOUR + HOUR / 2, 30)
        .expect("free");
    let golf = lab.book("golf", MIDNIGHT + HOUR, 60).expect("free");
    lab.back(("c", 1, &["chess"]), &[])
        .expect("within its bounds");
    lab.back(("d", 1, &["golf"]), &[])
        .expect("within its bounds");
    // On a, chess could go to c, but fly has nowhere to go. So it is b that is cleared, and chess stays.
    let draw = lab.book("draw", MIDNIGHT + HOUR, 60);
    assert_eq!(draw.expect("golf can move").server, server("b"));
    assert_eq!(lab.booking(golf.code).server, server("d"));
    assert_eq!(lab.booking(early.code).server, server("a"));
}

#[test]
fn a_session_that_runs_never_moves() {
    let mut lab = Lab::new(&[("both", 1, &["chess", "draw"])]);
    lab.run("chess").expect("free");
    lab.back(("one", 1, &["chess"]), &[])
        .expect("within its bounds");
    assert_eq!(lab.start("draw"), Err(Refusal::Busy));
}

#[test]
fn a_search_among_many_full_servers_ends() {
    let names: Vec<String> = (0..8).map(|n| format!("game{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut lab = Lab::new(&[]);
    for n in 0..60 {
        lab.back((&format!("s{n:03}"), 3, &names), &[])
            .expect("within its bounds");
    }
    for n in 0..180 {
        lab.book(names[n % 8], MIDNIGHT + HOUR, 60).expect("free");
    }
    for name in names {
        assert_eq!(lab.book(name, MIDNIGHT + HOUR, 60), Err(Refusal::Busy));
    }
}

const NAMES: [&str; 4] = ["chess", "draw", "fly", "golf"];

/// Whether claims of equal times fit: a matching of claims and places, sought here in another way.
fn fits(computers: &[(u32, Vec<usize>)], claims: &[usize]) -> bool {
    fn place(
        claim: usize,
        claims: &[usize],
        places: &[Vec<usize>],
        taken: &mut [Option<usize>],
        seen: &mut [bool],
    ) -> bool {
        for number in 0..places.len() {
            if seen[number] || !places[number].contains(&claims[claim]) {
                continue;
            }
            seen[number] = true;
            let free = match taken[number] {
                None => true,
                Some(other) => place(other, claims, places, taken, seen),
            };
            if free {
                taken[number] = Some(claim);
                return true;
            }
        }
        false
    }
    let places: Vec<Vec<usize>> = computers
        .iter()
        .flat_map(|(limit, names)| (0..*limit).map(|_| names.clone()))
        .collect();
    let mut taken = vec![None; places.len()];
    (0..claims.len()).all(|claim| {
        place(
            claim,
            claims,
            &places,
            &mut taken,
            &mut vec![false; places.len()],
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_equal_times_a_place_is_found_whenever_all_can_be_placed(
        computers in prop::collection::vec((1..4_u32, prop::sample::subsequence(vec![0, 1, 2, 3], 1..=4)), 1..7),
        wishes in prop::collection::vec(0..4_usize, 1..30),
    ) {
        let mut lab = Lab::new(&[]);
        for name in NAMES {
            lab.add_application(name);
        }
        for (number, (limit, names)) in computers.iter().enumerate() {
            let names: Vec<&str> = names.iter().map(|name| NAMES[*name]).collect();
            let id = format!("s{number}");
            let computer: Computer = (&id, *limit, &names);
            lab.back(computer, &[]).expect("the server is within its bounds");
        }
        let mut granted = Vec::new();
        for wish in wishes {
            let mut all = granted.clone();
            all.push(wish);
            let found = lab.book(NAMES[wish], MIDNIGHT + HOUR, 60);
            prop_assert_eq!(found.is_ok(), fits(&computers, &all), "{:?} on top of {:?}", wish, granted);
            if found.is_ok() {
                granted = all;
            }
        }
    }

    #[test]
    fn of_mixed_times_no_place_is_given_twice_by_any_chain_of_moves(
        computers in prop::collection::vec((1..3_u32, prop::sample::subsequence(vec![0, 1, 2, 3], 1..=3)), 4..9),
        wishes in prop::collection::vec((0..4_usize, 0..5_i64, 1..4_u32), 20..60),
    ) {
        let mut lab = Lab::new(&[]);
        for name in NAMES {
            lab.add_application(name);
        }
        for (number, (limit, names)) in computers.iter().enumerate() {
            let names: Vec<&str> = names.iter().map(|name| NAMES[*name]).collect();
            let id = format!("s{number}");
            lab.back((&id, *limit, &names), &[]).expect("the server is within its bounds");
        }
        for (wish, half, halves) in wishes {
            let from = MIDNIGHT + HOUR + half * HOUR / 2;
            // Every decision is judged; whether it finds a place is its own affair.
            let _ = lab.book(NAMES[wish], from, halves * 30);
        }
        lab.away("s0");
        lab.away("s1");
    }

    #[test]
    fn a_slot_is_shown_as_free_exactly_when_it_is_granted(
        bookings in prop::collection::vec((0..4_usize, 0..12_i64, 1..5_u32), 0..30),
        wish in 0..4_usize,
        halves in 1..4_u32,
    ) {
        let mut lab = Lab::new(&[("a", 1, &["chess", "draw"]), ("b", 1, &["draw", "fly"]), ("c", 2, &["fly", "golf", "chess"])]);
        lab.now += 2 * HOUR + 90;
        for (name, half, halves) in bookings {
            let _ = lab.book(NAMES[name], MIDNIGHT + half * HOUR / 2, halves * 30);
        }
        let request = SlotsRequest {
            application: Some(NAMES[wish].to_owned()),
            date: "2027-02-28".to_owned(),
            time_zone: None,
            minutes: Some(halves * 30),
        };
        let day = free_slots(&lab.ledger, &lab.policy, UnixSeconds(lab.now), &request).expect("a day");
        prop_assert_eq!(day.slots.len(), 48);
        for slot in day.slots.into_iter().take(16) {
            let ledger = lab.ledger.clone();
            let booked = lab.book(NAMES[wish], slot.starts_at.0, halves * 30);
            prop_assert_eq!(booked.is_ok(), slot.free, "{}", slot.time);
            lab.ledger = ledger;
        }
    }
}
