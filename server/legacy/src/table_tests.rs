//! The table against a slow, plain one, and its rules one by one.

use std::net::IpAddr;

use proptest::prelude::*;

use crate::table::{Failed, Join, Member, Table, Turn};

fn ip(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, number])
}

fn joined(table: &mut Table, address: u8, channel: u8) -> Member {
    match table.join(ip(address), channel) {
        Join::Accepted(asked) => table.confirm(asked).expect("nothing came between"),
        Join::Full => panic!("full"),
    }
}

#[test]
fn a_channel_takes_as_many_as_its_limit_and_pending_ones_count() {
    let mut table = Table::new([(0, 2)], 10);
    let first = table.join(ip(1), 0);
    assert!(matches!(first, Join::Accepted(_)));
    joined(&mut table, 2, 0);
    assert_eq!(table.join(ip(3), 0), Join::Full);
    assert_eq!(table.list(0), [ip(2)], "who was not told is not listed");
    if let Join::Accepted(asked) = first {
        table.give_up(asked);
    }
    joined(&mut table, 3, 0);
    assert_eq!(table.list(0), [ip(2), ip(3)]);
    assert_eq!(table.join(ip(4), 5), Join::Full, "no such channel");
}

#[test]
fn all_channels_together_have_a_limit() {
    let mut table = Table::new([(0, 5), (1, 5)], 2);
    joined(&mut table, 1, 0);
    joined(&mut table, 2, 1);
    assert_eq!(table.join(ip(3), 1), Join::Full);
}

#[test]
fn who_joins_again_leaves_its_channel_first_and_gets_its_own_place_back() {
    let mut table = Table::new([(0, 1), (1, 1)], 2);
    let old = joined(&mut table, 1, 0);
    joined(&mut table, 1, 0);
    assert_eq!(table.turn(old), None, "the earlier place is gone");
    joined(&mut table, 2, 1);
    assert_eq!(table.join(ip(1), 1), Join::Full);
    assert_eq!(table.count(0), 0, "taken off before the answer");
}

#[test]
fn a_client_that_asks_twice_is_confirmed_once() {
    let mut table = Table::new([(0, 3), (1, 3)], 6);
    let Join::Accepted(first) = table.join(ip(1), 0) else {
        panic!("full");
    };
    let Join::Accepted(second) = table.join(ip(1), 1) else {
        panic!("full");
    };
    assert_eq!(table.confirm(first), None);
    table.give_up(first);
    assert!(table.confirm(second).is_some());
    assert_eq!((table.count(0), table.count(1)), (0, 1));
}

#[test]
fn two_failed_turns_in_a_row_remove_a_client_and_a_good_one_between_saves_it() {
    let mut table = Table::new([(0, 3)], 3);
    let member = joined(&mut table, 1, 0);
    assert_eq!(table.turn(member), Some(Turn { first: true }));
    assert_eq!(table.failed(member), Failed::Kept);
    assert_eq!(table.turn(member), Some(Turn { first: false }));
    table.sent(member);
    assert_eq!(table.failed(member), Failed::Kept);
    assert_eq!(table.failed(member), Failed::Removed);
    assert_eq!(table.turn(member), None);
    assert_eq!(table.failed(member), Failed::Gone);
    assert_eq!(table.count(0), 0);
}

#[test]
fn leaving_another_channel_than_ones_own_changes_nothing() {
    let mut table = Table::new([(0, 1), (1, 1)], 2);
    joined(&mut table, 1, 0);
    assert!(!table.leave(ip(1), 1));
    assert!(!table.leave(ip(2), 0));
    assert_eq!(table.count(0), 1);
    assert!(table.leave(ip(1), 0));
    assert_eq!(table.count(0), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Join(u8, u8),
    Confirm(usize),
    GiveUp(usize),
    Leave(u8, u8),
    Sent(usize),
    Failed(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..8_u8;
    let channel = 0..4_u8;
    prop_oneof![
        4 => (who.clone(), channel.clone()).prop_map(|(who, channel)| Step::Join(who, channel)),
        4 => any::<usize>().prop_map(Step::Confirm),
        1 => any::<usize>().prop_map(Step::GiveUp),
        1 => (who, channel).prop_map(|(who, channel)| Step::Leave(who, channel)),
        1 => any::<usize>().prop_map(Step::Sent),
        3 => any::<usize>().prop_map(Step::Failed),
    ]
}

/// A place as a plain list has it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plain {
    who: u8,
    channel: u8,
    confirmed: bool,
    failures: u8,
}

const LIMITS: [(u8, usize); 3] = [(0, 2), (1, 3), (2, 8)];
const MOST: usize = 6;

proptest! {
    #[test]
    fn whatever_happens_the_table_is_as_a_plain_list_would_have_it(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut table = Table::new(LIMITS, MOST);
        // In the order of confirmation, those that were not told yet behind.
        let mut plain: Vec<Plain> = Vec::new();
        // Every place there ever was, with the table's word for it.
        let mut known: Vec<(Member, Plain)> = Vec::new();
        for step in steps {
            match step {
                Step::Join(who, channel) => {
                    plain.retain(|place| place.who != who);
                    let limit = LIMITS.iter().find(|(number, _)| *number == channel);
                    let taken = plain.iter().filter(|place| place.channel == channel).count();
                    let has_room = plain.len() < MOST && limit.is_some_and(|(_, most)| taken < *most);
                    match table.join(ip(who), channel) {
                        Join::Accepted(member) => {
                            prop_assert!(has_room);
                            let place = Plain { who, channel, confirmed: false, failures: 0 };
                            plain.push(place);
                            // Whatever was known of the address is void.
                            known.retain(|(old, _)| old.ip != ip(who));
                            known.push((member, place));
                        }
                        Join::Full => {
                            prop_assert!(!has_room);
                            known.retain(|(old, _)| old.ip != ip(who));
                        }
                    }
                }
                Step::Confirm(at) if !known.is_empty() => {
                    let at = at % known.len();
                    let (member, _) = known[at];
                    let found = plain.iter().position(|p| ip(p.who) == member.ip);
                    let confirmed = table.confirm(member);
                    match found {
                        Some(index) if !plain[index].confirmed => {
                            let mut place = plain.remove(index);
                            place.confirmed = true;
                            plain.push(place);
                            known[at] = (confirmed.expect("it was pending"), place);
                        }
                        _ => prop_assert_eq!(confirmed, None),
                    }
                }
                Step::GiveUp(at) if !known.is_empty() => {
                    let (member, _) = known[at % known.len()];
                    table.give_up(member);
                    plain.retain(|place| ip(place.who) != member.ip);
                }
                Step::Leave(who, channel) => {
                    let before = plain.len();
                    plain.retain(|place| place.who != who || place.channel != channel);
                    prop_assert_eq!(table.leave(ip(who), channel), plain.len() < before);
                }
                Step::Sent(at) if !known.is_empty() => {
                    let (member, _) = known[at % known.len()];
                    table.sent(member);
                    for place in &mut plain {
                        if ip(place.who) == member.ip {
                            place.failures = 0;
                        }
                    }
                }
                Step::Failed(at) if !known.is_empty() => {
                    let (member, _) = known[at % known.len()];
                    let found = plain.iter().position(|p| ip(p.who) == member.ip && p.confirmed);
                    let wanted = match found {
                        None => Failed::Gone,
                        Some(index) if plain[index].failures == 1 => {
                            plain.remove(index);
                            Failed::Removed
                        }
                        Some(index) => {
                            plain[index].failures += 1;
                            Failed::Kept
                        }
                    };
                    prop_assert_eq!(table.failed(member), wanted);
                }
                Step::Confirm(_) | Step::GiveUp(_) | Step::Sent(_) | Step::Failed(_) => {}
            }
            for channel in 0..4 {
                let wanted: Vec<IpAddr> = plain
                    .iter()
                    .filter(|place| place.confirmed && place.channel == channel)
                    .map(|place| ip(place.who))
                    .collect();
                prop_assert_eq!(table.list(channel), wanted);
                prop_assert_eq!(table.count(channel), table.list(channel).len());
            }
        }
    }
}
