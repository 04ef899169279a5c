//! Rooms under everything that people can do, in any order, and the scenes that matter one by one.

use proptest::prelude::*;

use server_wire::Seconds;

use super::*;

const MOST: u32 = 4;

fn secret(number: u8) -> Token {
    Token::from_random([number; 16])
}

fn guest() -> Guest {
    Guest {
        name: None,
        owner: false,
        watching: false,
        quiet: false,
        resume: None,
    }
}

fn owner() -> Guest {
    Guest {
        owner: true,
        ..guest()
    }
}

fn watcher() -> Guest {
    Guest {
        watching: true,
        ..guest()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A room and what its outputs have led to.
#[derive(Default)]
struct World {
    room: Room,
    now: Duration,
    /// Who drives by the outputs alone; none within: between release and driver.
    driver: Option<u32>,
    secrets: u8,
    by_secret: Vec<u32>,
    given: Vec<u32>,
}

impl World {
    fn enter(&mut self, guest: &Guest) -> Option<u32> {
        let secret = secret(self.secrets);
        let known: Vec<u32> = self.room.members.keys().copied().collect();
        let (client, outs) = self.room.enter(self.now, guest, &secret, MOST)?;
        if !known.contains(&client) {
            self.secrets = self.secrets.wrapping_add(1);
            self.by_secret.push(client);
            assert!(!self.given.contains(&client), "a number is given once");
            self.given.push(client);
        }
        self.take(outs);
        Some(client)
    }

    fn take(&mut self, outs: Vec<Out>) -> Vec<Out> {
        let mut released = false;
        for out in &outs {
            match out {
                Out::ReleaseAll => {
                    assert!(!released, "once for each change");
                    released = true;
                }
                Out::Driver(driver) => {
                    assert!(released, "keys are let go before another drives");
                    released = false;
                    self.driver = *driver;
                }
                Out::Gone(client) => assert!(!self.room.members.contains_key(client)),
                _ => {}
            }
        }
        assert!(!released, "somebody or nobody drives then");
        let tells = outs.iter().filter(|out| **out == Out::Control).count();
        assert!(tells <= 1, "all are told once");
        self.check();
        outs
    }

    fn tried(&mut self, result: Result<Vec<Out>, No>) -> bool {
        match result {
            Ok(outs) => {
                self.take(outs);
                true
            }
            Err(_) => {
                self.check();
                false
            }
        }
    }

    fn check(&self) {
        let room = &self.room;
        assert_eq!(room.driver(), self.driver, "outputs tell who drives");
        if let Some(driver) = room.driver() {
            assert!(room.may_drive(driver), "who drives is there and may");
        }
        let queue = &room.control(self.now, 0).queue;
        for (place, &Count(client)) in queue.iter().enumerate() {
            assert!(room.may_drive(client), "who waits is there and may");
            assert_ne!(Some(client), room.driver(), "who drives does not wait");
            assert!(
                !queue[..place].contains(&Count(client)),
                "nobody waits twice"
            );
        }
        assert!(room.present().count() <= MOST as usize);
        assert!(
            room.members.len() <= 2 * MOST as usize,
            "few are remembered"
        );
        for client in room.numbers() {
            let told = room.control(self.now, client);
            if told.request.is_some() {
                assert!(room.driver() == Some(client) || room.owns(client));
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enter {
        owner: bool,
        watching: bool,
        quiet: bool,
    },
    Resume(u8),
    Lost(u32),
    Leave(u32),
    Presence(u32, bool),
    Request(u32),
    Cancel(u32),
    Refuse(u32, u32),
    Give(u32, u32),
    Release(u32),
    Take(u32),
    Lock(u32, bool),
    Drove(u32),
    Tick(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..12_u32;
    prop_oneof![
        3 => any::<[bool; 3]>().prop_map(|[owner, watching, quiet]| Step::Enter {
            owner: owner && !watching,
            watching,
            quiet,
        }),
        2 => (0..12_u8).prop_map(Step::Resume),
        2 => client().prop_map(Step::Lost),
        1 => client().prop_map(Step::Leave),
        1 => (client(), any::<bool>()).prop_map(|(client, active)| Step::Presence(client, active)),
        4 => client().prop_map(Step::Request),
        1 => client().prop_map(Step::Cancel),
        1 => (client(), client()).prop_map(|(by, to)| Step::Refuse(by, to)),
        2 => (client(), client()).prop_map(|(by, to)| Step::Give(by, to)),
        2 => client().prop_map(Step::Release),
        1 => client().prop_map(Step::Take),
        1 => (client(), any::<bool>()).prop_map(|(by, locked)| Step::Lock(by, locked)),
        2 => client().prop_map(Step::Drove),
        4 => (0..15_000_u32).prop_map(Step::Tick),
    ]
}

fn play(steps: &[Step]) {
    let mut world = World::default();
    for step in steps {
        let now = world.now;
        match *step {
            Step::Enter {
                owner,
                watching,
                quiet,
            } => {
                world.enter(&Guest {
                    owner,
                    watching,
                    quiet,
                    ..guest()
                });
            }
            Step::Resume(number) => {
                let full = world.room.present().count() == MOST as usize;
                let was = world.by_secret.get(usize::from(number)).copied();
                let known = was.filter(|client| world.room.members.contains_key(client));
                let is_new = Guest {
                    resume: Some(secret(number)),
                    ..guest()
                };
                let client = world.enter(&is_new);
                if known.is_some_and(|known| !full || world.room.is_there(known)) {
                    assert_eq!(client, known, "who comes back is who they were");
                }
            }
            Step::Lost(client) => {
                let outs = world.room.lost(now, client);
                world.take(outs);
            }
            Step::Leave(client) => {
                let outs = world.room.leave(now, client);
                world.take(outs);
            }
            Step::Presence(client, active) => {
                let outs = world.room.presence(now, client, active);
                world.take(outs);
            }
            Step::Request(client) => {
                let may = world.room.may_drive(client);
                let done = world.room.request(now, client);
                assert_eq!(world.tried(done), may);
            }
            Step::Cancel(client) => {
                let outs = world.room.cancel(now, client);
                world.take(outs);
            }
            Step::Refuse(by, to) => {
                let done = world.room.refuse(now, by, to);
                world.tried(done);
            }
            Step::Give(by, to) => {
                let may = world.room.driver() == Some(by) || world.room.owns(by);
                let done = world.room.give(now, by, to);
                assert!(!world.tried(done) || (may && world.driver == Some(to)));
            }
            Step::Release(client) => {
                let may = world.room.driver() == Some(client);
                let done = world.room.release(now, client);
                assert_eq!(world.tried(done), may);
            }
            Step::Take(client) => {
                let may = world.room.owns(client);
                let done = world.room.take(now, client);
                assert!(!world.tried(done) || (may && world.driver == Some(client)));
            }
            Step::Lock(client, locked) => {
                let done = world.room.lock(now, client, locked);
                world.tried(done);
            }
            Step::Drove(client) => {
                let outs = world.room.drove(now, client);
                world.take(outs);
            }
            Step::Tick(milliseconds) => {
                world.now += Duration::from_millis(milliseconds.into());
                let outs = world.room.tick(world.now);
                world.take(outs);
            }
        }
    }
    // Left alone, whoever waits gets their turn, and is not forgotten; then those who were lost are.
    let locked = world.room.control(world.now, 0).locked;
    for _ in 0..40 {
        world.now += at(5);
        let outs = world.room.tick(world.now);
        world.take(outs);
        for client in world.room.numbers() {
            let left = world.room.control(world.now, client).seconds_left;
            assert!(left.is_none_or(|left| left.0 <= 10));
        }
        let told = world.room.control(world.now, 0);
        if !locked && !world.room.waits_for_somebody(world.now) {
            assert!(
                told.driver.is_some() || told.queue.is_empty(),
                "nobody waits for nobody"
            );
        }
    }
    assert!(
        world.room.control(world.now, 0).queue.is_empty(),
        "waiting ends"
    );
    assert_eq!(world.room.members.len(), world.room.present().count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_people_do_the_rules_hold(steps in proptest::collection::vec(step(), 1..60)) {
        play(&steps);
    }
}

/// The steps of three people, each tried after each, to a depth that takes a second.
#[test]
fn every_short_history_of_three_people_keeps_the_rules() {
    let begin = [
        Step::Enter {
            owner: true,
            watching: false,
            quiet: false,
        },
        Step::Enter {
            owner: false,
            watching: false,
            quiet: false,
        },
        Step::Enter {
            owner: false,
            watching: true,
            quiet: false,
        },
    ];
    let mut each = vec![
        Step::Tick(6_000),
        Step::Tick(11_000),
        Step::Lock(1, true),
        Step::Lock(1, false),
    ];
    for client in 1..=3 {
        each.extend([
            Step::Lost(client),
            Step::Leave(client),
            Step::Request(client),
            Step::Release(client),
            Step::Give(client, client % 3 + 1),
            Step::Take(client),
            Step::Resume(client as u8 - 1),
        ]);
    }
    for a in &each {
        for b in &each {
            for c in &each {
                let mut steps = begin.to_vec();
                steps.extend([a.clone(), b.clone(), c.clone()]);
                play(&steps);
            }
        }
    }
}

#[test]
fn the_first_drives_and_others_are_granted_what_nobody_has() {
    let mut world = World::default();
    let watcher = world.enter(&watcher()).expect("room");
    assert_eq!(world.driver, None, "who only watches does not drive");
    let ann = world.enter(&owner()).expect("room");
    assert_eq!(world.driver, Some(ann));
    let bob = world.enter(&guest()).expect("room");
    assert_eq!(world.driver, Some(ann));
    assert!(world.room.request(at(0), watcher).is_err());
    let done = world.room.release(at(1), ann);
    assert!(world.tried(done));
    assert_eq!(world.driver, None);
    let done = world.room.request(at(2), bob);
    assert!(world.tried(done));
    assert_eq!(world.driver, Some(bob));
    let told: Vec<_> = world.room.clients();
    assert!(told[0].watching && !told[1].watching && told[1].owner);
    assert_ne!(told[0].colour, told[1].colour);
}

#[test]
fn control_passes_in_turn_from_who_does_nothing_and_stays_with_who_works() {
    let mut world = World::default();
    let [ann, bob, cid] =
        [owner(), guest(), guest()].map(|guest| world.enter(&guest).expect("room"));
    for client in [bob, cid] {
        let done = world.room.request(at(10), client);
        assert!(world.tried(done));
    }
    let asked = world.room.control(at(10), ann);
    assert_eq!(
        (asked.request, asked.seconds_left),
        (Some(Count(bob)), Some(Seconds(10)))
    );
    assert_eq!(world.room.control(at(10), cid).request, None);
    // Ann works on: nothing passes.
    for second in 11..40 {
        let outs = world.room.drove(at(second), ann);
        world.take(outs);
        let outs = world.room.tick(at(second));
        world.take(outs);
    }
    assert_eq!(world.driver, Some(ann));
    let outs = world.room.tick(at(48));
    world.take(outs);
    assert_eq!(world.driver, Some(ann));
    let outs = world.room.tick(at(49));
    let outs = world.take(outs);
    assert_eq!(world.driver, Some(bob));
    assert!(
        outs.iter()
            .any(|out| matches!(out, Out::Did(_, "control_passed", _)))
    );
    // Bob has his ten seconds too.
    let outs = world.room.tick(at(58));
    world.take(outs);
    assert_eq!(world.driver, Some(bob));
    let outs = world.room.tick(at(59));
    world.take(outs);
    assert_eq!(world.driver, Some(cid));
}

#[test]
fn a_reload_of_the_driver_keeps_name_number_and_control_though_others_wait() {
    let mut world = World::default();
    let ann = Guest {
        name: Some(PersonName::cut("Ann")),
        ..owner()
    };
    let ann = world.enter(&ann).expect("room");
    let bob = world.enter(&guest()).expect("room");
    let done = world.room.request(at(1), bob);
    assert!(world.tried(done));
    let outs = world.room.lost(at(2), ann);
    let outs = world.take(outs);
    assert!(
        outs.starts_with(&[Out::People, Out::ReleaseAll, Out::Driver(None)]),
        "{outs:?}"
    );
    assert_eq!(world.room.numbers(), [bob]);
    world.now = at(4);
    let outs = world.room.tick(at(4));
    world.take(outs);
    assert_eq!(world.driver, None, "it waits for her");
    let back = Guest {
        resume: Some(secret(0)),
        ..guest()
    };
    assert_eq!(world.enter(&back), Some(ann));
    assert_eq!(world.driver, Some(ann));
    assert!(world.room.owns(ann));
    assert_eq!(world.room.name(ann).map(|name| name.as_str()), Some("Ann"));
    // Away for longer: Bob drives, and Ann is still herself when she comes back.
    let outs = world.room.lost(at(5), ann);
    world.take(outs);
    let done = world.room.request(at(6), bob);
    assert!(world.tried(done));
    let outs = world.room.tick(at(10));
    world.take(outs);
    assert_eq!(world.driver, Some(bob));
    world.now = at(20);
    assert_eq!(world.enter(&back), Some(ann));
    assert_eq!(world.driver, Some(bob));
    // Away for too long: somebody else.
    let outs = world.room.lost(at(30), ann);
    world.take(outs);
    world.now = at(90);
    let outs = world.room.tick(at(90));
    assert!(world.take(outs).contains(&Out::Gone(ann)));
    assert_ne!(world.enter(&back), Some(ann));
}

#[test]
fn who_comes_back_before_they_were_missed_holds_no_key() {
    let mut world = World::default();
    let ann = world.enter(&owner()).expect("room");
    let back = Guest {
        resume: Some(secret(0)),
        ..guest()
    };
    let (client, outs) = world
        .room
        .enter(at(1), &back, &secret(9), MOST)
        .expect("room");
    assert_eq!(client, ann);
    assert_eq!(
        outs,
        [
            Out::Returned(ann),
            Out::People,
            Out::ReleaseAll,
            Out::Driver(Some(ann))
        ]
    );
    world.take(outs);
}

#[test]
fn a_locked_room_asks_its_owner() {
    let mut world = World::default();
    let [ann, bob, cid] =
        [owner(), guest(), guest()].map(|guest| world.enter(&guest).expect("room"));
    assert!(world.room.lock(at(0), bob, true).is_err());
    let done = world.room.lock(at(0), ann, true);
    assert!(world.tried(done));
    let done = world.room.give(at(1), ann, bob);
    assert!(world.tried(done));
    let done = world.room.request(at(1), cid);
    assert!(world.tried(done));
    assert_eq!(world.room.control(at(1), ann).request, Some(Count(cid)));
    assert_eq!(world.room.control(at(1), ann).seconds_left, None);
    let outs = world.room.tick(at(60));
    world.take(outs);
    assert_eq!(world.driver, Some(bob), "asking gives nothing");
    let done = world.room.release(at(61), bob);
    assert!(world.tried(done));
    assert_eq!(world.driver, None);
    assert!(world.room.refuse(at(62), bob, cid).is_err());
    let done = world.room.refuse(at(62), ann, cid);
    assert!(world.tried(done));
    assert!(world.room.refuse(at(62), ann, cid).is_err());
    let done = world.room.request(at(63), ann);
    assert!(world.tried(done));
    assert_eq!(world.driver, Some(ann), "an owner asks nobody");
}

#[test]
fn everybody_is_idle_when_the_last_one_is_and_input_is_activity() {
    let mut world = World::default();
    let [ann, bob] = [owner(), guest()].map(|guest| world.enter(&guest).expect("room"));
    assert_eq!(world.room.idle_since(), None);
    let outs = world.room.presence(at(5), ann, false);
    assert_eq!(world.take(outs), [Out::People]);
    let outs = world.room.presence(at(9), bob, false);
    world.take(outs);
    assert_eq!(world.room.idle_since(), Some(at(9)));
    let outs = world.room.drove(at(12), ann);
    assert_eq!(world.take(outs), [Out::People]);
    assert_eq!(world.room.idle_since(), None);
    let outs = world.room.drove(at(12), bob);
    assert!(
        world.take(outs).is_empty(),
        "who does not drive does nothing by it"
    );
}

#[test]
fn who_comes_by_another_program_is_idle_when_nothing_comes() {
    let mut world = World::default();
    let quiet = Guest {
        quiet: true,
        ..guest()
    };
    let client = world.enter(&quiet).expect("room");
    let outs = world.room.tick(at(29));
    world.take(outs);
    assert_eq!(world.room.idle_since(), None);
    let outs = world.room.tick(at(30));
    world.take(outs);
    assert_eq!(world.room.idle_since(), Some(at(0)));
    let outs = world.room.drove(at(40), client);
    world.take(outs);
    assert_eq!(world.room.idle_since(), None);
}

#[test]
fn chat_and_data_have_their_rates_and_strangers_have_none() {
    let mut room = Room::default();
    let (client, _) = room.enter(at(0), &guest(), &secret(1), MOST).expect("room");
    assert_eq!((0..9).filter(|_| room.may_chat(at(1), client)).count(), 5);
    assert_eq!(
        (0..99).filter(|_| room.may_relay(at(1), client)).count(),
        20
    );
    assert_eq!((0..99).filter(|_| room.may_ask(at(1), client)).count(), 60);
    assert!(!room.may_chat(at(9), 77));
}
