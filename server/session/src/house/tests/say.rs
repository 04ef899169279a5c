//! What users may say, and whom it reaches.

use super::*;

#[test]
fn watchers_watch_and_say_no_more_than_they_may() {
    let mut house = house(4);
    let key = started(&mut house, 0, 1);
    let watcher = ConnectToSession {
        watch: Some(watch()),
        token: Some(Token::from_random([0; 16])),
        ..by_code(9)
    };
    let (entrance, actions) = house.enter(now(1), &watcher, &secret());
    assert_eq!(entrance, Entrance::In(key, 1));
    assert!(!actions.contains(&Action::Driver(key, Some(1))));
    assert!(house.get(key).expect("a session").room.clients()[0].watching);
    for may in [May::Join, May::Drive, May::Own] {
        assert!(matches!(
            house.may(key, 1, may),
            Err(UserAnswer::NotAllowed(_))
        ));
    }
    for said in [
        UserRequest::RequestControl,
        UserRequest::TakeControl,
        UserRequest::ReleaseControl,
        UserRequest::LockControl(server_wire::LockControl { locked: true }),
    ] {
        let Said::Answer(UserAnswer::NotAllowed(_), _) = house.say(now(1), key, 1, said) else {
            panic!("allowed")
        };
    }
    let driver = entered(&mut house, 1);
    assert_eq!(
        house.get(key).expect("a session").room.driver(),
        Some(driver)
    );
    assert!(house.may(key, driver, May::Drive).is_ok());
    assert!(house.may(key, driver, May::Own).is_err());
}

#[test]
fn words_reach_the_others_and_data_reaches_whom_it_is_for() {
    let mut house = house(4);
    house.rules.users_per_session = 3;
    let key = started(&mut house, 0, 1);
    for _ in 0..3 {
        entered(&mut house, 1);
    }
    let chat = |text: &str| {
        UserRequest::Chat(server_wire::Say {
            text: server_wire::Lines::new(text).expect("a word"),
        })
    };
    let passed = |said: Said| match said {
        Said::Answer(answer, actions) => {
            let to = actions.iter().filter_map(|action| match action {
                Action::Pass(_, to, _) => Some(*to),
                _ => None,
            });
            (answer, to.collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    let (answer, to) = passed(house.say(now(1), key, 2, chat("hello")));
    assert!(matches!(answer, UserAnswer::Chat(_)));
    assert_eq!(to, [1, 3]);
    let relay = |to: Option<u32>| {
        UserRequest::Relay(server_wire::Relay {
            to: to.map(Count),
            data: server_wire::Anything::new("x").expect("short"),
        })
    };
    assert_eq!(passed(house.say(now(1), key, 2, relay(None))).1, [1, 3]);
    assert_eq!(passed(house.say(now(1), key, 2, relay(Some(3)))).1, [3]);
    let (answer, _) = passed(house.say(now(1), key, 2, relay(Some(2))));
    assert!(matches!(answer, UserAnswer::NotAllowed(_)));
    let (answer, _) = (0..9)
        .map(|_| passed(house.say(now(1), key, 3, chat("again"))))
        .last()
        .expect("nine");
    assert!(matches!(answer, UserAnswer::NotAllowed(_)), "too often");
}
