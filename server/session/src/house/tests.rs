//! Sessions without a computer: what the state machine decides, also under any mixture of events.

use std::time::Duration;

use proptest::prelude::*;
use server_wire::{ConnectToSession, Token, TokenHash, UserRequest};

use super::*;

mod say;

fn now(seconds: u64) -> Now {
    Now {
        unix: UnixSeconds(1_000_000 + seconds as i64),
        at: Duration::from_secs(seconds),
    }
}

fn house(limit: u32) -> House {
    let rules = Rules {
        limit,
        users_per_session: 2,
        times: Times {
            session_minutes: 60,
            empty_grace_seconds: 30,
            unused_grace_seconds: 600,
            idle_timeout_seconds: 100,
            idle_warning_seconds: 20,
        },
        applications: vec![ApplicationName::cut("app"), ApplicationName::cut("other")],
    };
    House::new(rules, Vec::new())
}

fn code(number: u16) -> Code {
    Code::new(number).expect("a code")
}

fn hash(number: u16) -> TokenHash {
    let [a, b] = number.to_be_bytes();
    let mut random = [0; 16];
    random[..2].copy_from_slice(&[a, b]);
    Token::from_random(random).hash()
}

fn order(number: u16) -> StartOrder {
    StartOrder {
        code: Some(code(number)),
        token_hash: Some(hash(number)),
        ..StartOrder::default()
    }
}

fn started(house: &mut House, at: u64, number: u16) -> Key {
    let start = house.start(
        now(at),
        &order(number),
        &mut || unreachable!("the order has a code"),
        watch(),
    );
    let Start::Launch(key) = start else {
        panic!("{start:?}")
    };
    assert_eq!(house.launched(now(at), key), []);
    key
}

fn by_code(number: u16) -> ConnectToSession {
    ConnectToSession {
        ip: None,
        port: None,
        code: Some(code(number)),
        token: None,
        watch: None,
        resume: None,
        name: None,
    }
}

/// What opens every session to watchers.
fn watch() -> Token {
    Token::from_random([0xaa; 16])
}

/// A secret that nobody has yet.
fn secret() -> Token {
    Token::from_random([0xbb; 16])
}

fn entered(house: &mut House, number: u16) -> u32 {
    let (entrance, _) = house.enter(now(0), &by_code(number), &secret());
    let Entrance::In(_, client) = entrance else {
        panic!("{entrance:?}")
    };
    client
}

fn present(house: &mut House, at: u64, key: Key, client: u32, active: bool) {
    let said = UserRequest::Presence(server_wire::Presence { active });
    house.say(now(at), key, client, said);
}

fn last_end(house: &House) -> EndWord {
    house.ended().last().expect("an end").1.why
}

#[test]
fn a_session_that_is_being_ended_keeps_its_place_until_nothing_of_it_is_left() {
    let mut house = house(1);
    let key = started(&mut house, 0, 1);
    assert_eq!(
        house.end(code(1), EndWord::Operator),
        Some(vec![Action::Terminate(key)])
    );
    assert_eq!(house.end(code(1), EndWord::Operator), None);
    let again = house.start(now(1), &order(2), &mut || code(9), watch());
    assert_eq!(again, Start::LimitReached);
    house.exited(key, "it was ended");
    assert_eq!(last_end(&house), EndWord::Operator);
    started(&mut house, 2, 2);
}

#[test]
fn an_order_that_comes_twice_starts_one_session() {
    let mut house = house(4);
    let Start::Launch(key) = house.start(now(0), &order(1), &mut || code(9), watch()) else {
        panic!("not launched")
    };
    assert_eq!(
        house.start(now(0), &order(1), &mut || code(9), watch()),
        Start::Wait(key)
    );
    house.launched(now(0), key);
    assert_eq!(
        house.start(now(0), &order(1), &mut || code(9), watch()),
        Start::Runs(key)
    );
    let other = StartOrder {
        token_hash: Some(hash(2)),
        ..order(1)
    };
    assert!(matches!(
        house.start(now(0), &other, &mut || code(9), watch()),
        Start::Refused(_)
    ));
    assert_eq!(house.running().len(), 1);
}

#[test]
fn the_bare_order_gets_the_first_application_a_free_code_and_an_hour() {
    let mut house = house(4);
    started(&mut house, 0, 7);
    let mut draws = [code(7), code(8)].into_iter();
    let start = house.start(
        now(0),
        &StartOrder::default(),
        &mut || draws.next().expect("a draw"),
        watch(),
    );
    let Start::Launch(key) = start else {
        panic!("{start:?}")
    };
    let life = house.get(key).expect("a session");
    assert_eq!((life.code, life.application.as_str()), (code(8), "app"));
    assert_eq!(life.ends_at.0, now(3600).unix.0);
}

#[test]
fn an_order_that_makes_no_sense_is_refused_with_the_reason() {
    let mut house = house(4);
    let unknown = StartOrder {
        rc_name: Some(ApplicationName::cut("nothing")),
        ..order(1)
    };
    let Start::Refused(reason) = house.start(now(0), &unknown, &mut || code(9), watch()) else {
        panic!("started")
    };
    assert!(reason.contains("accepted are app, other"));
    let past = StartOrder {
        ends_at: Some(now(0).unix),
        ..order(1)
    };
    assert!(matches!(
        house.start(now(0), &past, &mut || code(9), watch()),
        Start::Refused(_)
    ));
}

#[test]
fn a_session_ended_while_it_starts_is_ended_as_soon_as_it_runs() {
    let mut house = house(4);
    let Start::Launch(key) = house.start(now(0), &order(1), &mut || code(9), watch()) else {
        panic!("not launched")
    };
    assert_eq!(house.end(code(1), EndWord::Cancelled), Some(vec![]));
    assert_eq!(house.launched(now(1), key), [Action::Terminate(key)]);
    house.exited(key, "it was ended");
    assert_eq!(last_end(&house), EndWord::Cancelled);
}

#[test]
fn a_session_ended_while_it_starts_and_that_cannot_be_started_is_reported_too() {
    let mut house = house(4);
    let mut launch = |number| match house.start(now(0), &order(number), &mut || code(9), watch()) {
        Start::Launch(key) => key,
        other => panic!("{other:?}"),
    };
    let (first, second) = (launch(1), launch(2));
    house.not_launched(first, "no such program");
    assert_eq!(house.ended().count(), 0);
    house.end(code(2), EndWord::Cancelled);
    house.not_launched(second, "no such program");
    let (_, ended) = house.ended().next().expect("an end");
    assert_eq!((ended.code, ended.why), (code(2), EndWord::Cancelled));
    assert_eq!(ended.token_hash, Some(hash(2)));
    assert!(house.is_empty());
}

#[test]
fn time_over_ends_it_and_an_extension_moves_that() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    entered(&mut house, 1);
    let told = house.extend(code(1), now(4000).unix).expect("a session");
    assert!(matches!(
        told[..],
        [Action::Tell(_, 1, UserAnswer::Extended(_))]
    ));
    assert_eq!(house.tick(now(3939)), []);
    assert_eq!(house.tick(now(3940)), [Action::TellTimeNear(key)]);
    assert_eq!(house.tick(now(3999)), []);
    assert_eq!(house.tick(now(4000)), [Action::Terminate(key)]);
    assert_eq!(house.tick(now(4001)), []);
    let told = house.exited(key, "it was ended");
    assert!(matches!(
        told[..],
        [Action::Tell(_, 1, UserAnswer::Ended(_))]
    ));
    assert_eq!(last_end(&house), EndWord::TimeOver);
    assert_eq!(house.extend(code(1), now(5000).unix), None);
}

#[test]
fn a_reload_does_not_end_a_session_and_an_empty_one_ends_after_its_grace() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    let first = entered(&mut house, 1);
    house.leave(now(100), key, first);
    assert_eq!(house.tick(now(129)), []);
    let second = entered(&mut house, 1);
    assert_eq!((first, second), (1, 2));
    assert_eq!(house.tick(now(1000)), []);
    house.leave(now(1000), key, second);
    assert_eq!(house.tick(now(1030)), [Action::Terminate(key)]);
    house.exited(key, "it was ended");
    assert_eq!(last_end(&house), EndWord::Empty);
}

#[test]
fn a_session_to_which_nobody_comes_waits_longer() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    assert_eq!(house.tick(now(599)), []);
    assert_eq!(house.tick(now(600)), [Action::Terminate(key)]);
}

#[test]
fn a_session_to_which_nobody_has_to_come_runs_to_its_end() {
    let mut house = house(4);
    house.rules.times.unused_grace_seconds = 0;
    let key = started(&mut house, 0, 1);
    house.extend(code(1), now(7200).unix).expect("a session");
    for seconds in [1, 600, 3600, 7199] {
        assert_eq!(house.tick(now(seconds)), []);
    }
    assert_eq!(house.tick(now(7200)), [Action::Terminate(key)]);
    house.exited(key, "it was ended");
    assert_eq!(last_end(&house), EndWord::TimeOver);
}

#[test]
fn when_all_are_idle_they_are_warned_and_then_it_ends_unless_somebody_is_back() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    let (a, b) = (entered(&mut house, 1), entered(&mut house, 1));
    present(&mut house, 10, key, a, false);
    assert_eq!(house.tick(now(500)), []);
    present(&mut house, 500, key, b, false);
    assert_eq!(house.tick(now(579)), []);
    let warned = house.tick(now(580));
    let left = |action: &Action| match action {
        Action::Tell(_, _, UserAnswer::IdleWarning(warning)) => warning.seconds_left.0,
        other => panic!("{other:?}"),
    };
    assert_eq!(warned.iter().map(left).collect::<Vec<_>>(), [20, 20]);
    assert_eq!(house.tick(now(581)), []);
    present(&mut house, 590, key, a, true);
    assert_eq!(
        house.tick(now(590)).iter().map(left).collect::<Vec<_>>(),
        [0, 0]
    );
    present(&mut house, 600, key, a, false);
    house.tick(now(690));
    assert_eq!(house.tick(now(700)), [Action::Terminate(key)]);
    house.exited(key, "it was ended");
    assert_eq!(last_end(&house), EndWord::Idle);
}

#[test]
fn a_clock_that_jumps_back_or_is_set_right_ends_nothing_early() {
    let mut house = house(4);
    started(&mut house, 1000, 1);
    entered(&mut house, 1);
    let back = Now {
        unix: UnixSeconds(0),
        at: now(1001).at,
    };
    assert_eq!(house.tick(back), []);
}

#[test]
fn a_session_is_as_full_as_may_be_and_its_owner_is_known_by_the_token() {
    let mut house = house(4);
    started(&mut house, 0, 1);
    let mut random = [0; 16];
    random[1] = 1;
    let owner = ConnectToSession {
        token: Some(Token::from_random(random)),
        code: None,
        ..by_code(1)
    };
    let (Entrance::In(key, client), _) = house.enter(now(0), &owner, &secret()) else {
        panic!("not let in")
    };
    entered(&mut house, 1);
    assert_eq!(
        house.enter(now(0), &by_code(1), &secret()).0,
        Entrance::Full
    );
    let clients = house.get(key).expect("a session").room.clients();
    assert_eq!(client, 1);
    assert_eq!(
        clients.iter().map(|one| one.owner).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(clients[1].name.as_str(), "Guest 2");
    let stranger = ConnectToSession {
        token: Some(Token::from_random([7; 16])),
        ..by_code(1)
    };
    assert_eq!(
        house.enter(now(0), &stranger, &secret()).0,
        Entrance::NotExist
    );
    assert_eq!(
        house.enter(now(0), &by_code(2), &secret()).0,
        Entrance::NotExist
    );
}

#[test]
fn a_draining_server_keeps_what_runs_and_takes_nothing_until_it_is_resumed() {
    let mut house = house(4);
    started(&mut house, 0, 1);
    house.drain(true);
    assert_eq!(
        house.start(now(0), &order(2), &mut || code(9), watch()),
        Start::LimitReached
    );
    entered(&mut house, 1);
    house.drain(false);
    started(&mut house, 0, 2);
}

#[test]
fn ends_are_kept_until_they_are_taken_and_a_code_given_anew_makes_the_old_end_void() {
    let mut house = house(4);
    for number in [1, 2] {
        let key = started(&mut house, 0, number);
        house.exited(key, "status 0");
    }
    let ended: Vec<_> = house
        .ended()
        .map(|(number, ended)| (*number, ended.code))
        .collect();
    assert_eq!(ended, [(1, code(1)), (2, code(2))]);
    house.taken(1);
    started(&mut house, 1, 2);
    assert_eq!(house.ended().count(), 0);
}

#[test]
fn untold_ends_are_bounded() {
    let mut house = house(4);
    for _ in 0..MAX_ENDED + 5 {
        let mut drawn = 0..;
        let mut draw = || code(drawn.next().expect("a number") % 10_000);
        let Start::Launch(key) = house.start(now(0), &StartOrder::default(), &mut draw, watch())
        else {
            panic!("not launched")
        };
        house.push_ended(EndedSession {
            code: code(9_999),
            why: EndWord::Idle,
            token_hash: None,
            detail: None,
        });
        house.exited(key, "status 0");
    }
    assert_eq!(house.ended().count(), MAX_ENDED);
}

#[derive(Clone, Debug)]
enum Step {
    Start(u16),
    Launched(u64, bool),
    Exited(u64),
    End(u16),
    Enter(u16),
    Leave(u64, u32),
    Presence(u64, u32, bool),
    Drain(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..6_u16).prop_map(Step::Start),
        (1..12_u64, any::<bool>()).prop_map(|(key, good)| Step::Launched(key, good)),
        (1..12_u64).prop_map(Step::Exited),
        (0..6_u16).prop_map(Step::End),
        (0..6_u16).prop_map(Step::Enter),
        (1..12_u64, 1..4_u32).prop_map(|(key, client)| Step::Leave(key, client)),
        (1..12_u64, 1..4_u32, any::<bool>())
            .prop_map(|(key, client, on)| Step::Presence(key, client, on)),
        any::<bool>().prop_map(Step::Drain),
        (0..400_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_places_and_codes_are_given_once_and_every_session_ends_once(
        steps in proptest::collection::vec(step(), 0..120)
    ) {
        let mut house = house(3);
        let mut at = 0;
        let mut ends = 0;
        let mut over = 0;
        let mut launching: Vec<Key> = Vec::new();
        let mut live: Vec<Key> = Vec::new();
        for step in steps {
            match step {
                Step::Start(number) => {
                    if let Start::Launch(key) = house.start(now(at), &order(number), &mut || code(99), watch()) {
                        launching.push(key);
                        // A code given anew makes its old end void.
                        ends = house.ended().count();
                    }
                }
                Step::Launched(number, good) => {
                    let key = Key(number);
                    if let Some(place) = launching.iter().position(|other| *other == key) {
                        launching.remove(place);
                        if good {
                            house.launched(now(at), key);
                            live.push(key);
                        } else {
                            let stage = house.get(key).map(|life| life.stage);
                            if matches!(stage, Some(Stage::Ending(_))) {
                                ends += 1;
                                over += 1;
                            }
                            house.not_launched(key, "no such program");
                        }
                    }
                }
                Step::Exited(number) => {
                    let key = Key(number);
                    let was_live = live.contains(&key);
                    if was_live {
                        live.retain(|other| *other != key);
                        house.exited(key, "status 0");
                        ends += 1;
                        over += 1;
                        prop_assert_eq!(house.exited(key, "status 0"), vec![]);
                    }
                }
                Step::End(number) => { house.end(code(number), EndWord::Operator); }
                Step::Enter(number) => { house.enter(now(at), &by_code(number), &secret()); }
                Step::Leave(key, client) => { house.leave(now(at), Key(key), client); }
                Step::Presence(key, client, on) => { present(&mut house, at, Key(key), client, on); }
                Step::Drain(on) => house.drain(on),
                Step::Wait(seconds) => {
                    at += seconds;
                    for action in house.tick(now(at)) {
                        if let Action::Terminate(key) = action {
                            prop_assert!(live.contains(&key));
                        }
                    }
                }
            }
            let running = house.running();
            prop_assert!(running.len() <= 3);
            prop_assert_eq!(running.len(), launching.len() + live.len());
            prop_assert_eq!(house.ended().count(), ends);
            prop_assert!(over >= ends);
            let alive = (0..6).filter(|&number| house.knows(code(number))).count();
            prop_assert!(alive <= running.len());
            for users in house.users() {
                prop_assert!(users.users.0 <= 2 && users.active <= users.users);
            }
        }
    }
}

#[test]
fn after_an_extension_users_are_warned_again() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    entered(&mut house, 1);
    house.extend(code(1), now(100).unix).expect("a session");
    assert_eq!(house.tick(now(40)), [Action::TellTimeNear(key)]);
    house.extend(code(1), now(200).unix).expect("a session");
    assert_eq!(house.tick(now(139)), []);
    assert_eq!(house.tick(now(140)), [Action::TellTimeNear(key)]);
    assert_eq!(house.tick(now(141)), []);
}

#[test]
fn who_comes_in_the_last_minute_is_told_that_it_is_the_last() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    entered(&mut house, 1);
    house.extend(code(1), now(100).unix).expect("a session");
    assert_eq!(house.tick(now(40)), [Action::TellTimeNear(key)]);
    assert_eq!(house.tick(now(50)), []);
    entered(&mut house, 1);
    assert_eq!(house.tick(now(51)), [Action::TellTimeNear(key)]);
    assert_eq!(house.tick(now(52)), []);
}
