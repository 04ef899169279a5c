//! Every request in any order, with a clock that goes on and jumps: nothing is given twice and nothing vanishes.

use proptest::prelude::*;
use server_booking::files::{FileServer, Files};
use server_booking::model::{Code, EndReason, ServerId, SessionStage, UnixSeconds};
use server_booking::{Caller, Ledger, applications, end, files, servers};

use crate::judge;
use crate::lab::{Computer, HOUR, Lab, MIDNIGHT};

const COMPUTERS: [Computer; 4] = [
    ("a", 1, &["chess"]),
    ("b", 2, &["chess", "draw"]),
    ("c", 1, &["draw", "fly"]),
    ("d", 2, &["chess", "draw", "fly"]),
];

const APPLICATIONS: [&str; 3] = ["chess", "draw", "fly"];

/// What may happen. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Event {
    Book {
        application: usize,
        minute: i64,
        minutes: u32,
    },
    Start {
        application: usize,
    },
    Come {
        code: usize,
    },
    Started {
        code: usize,
    },
    Refused {
        code: usize,
        asked: usize,
    },
    Ended {
        code: usize,
    },
    Extend {
        code: usize,
        minutes: u32,
    },
    Cancel {
        code: usize,
    },
    EndByOperator {
        code: usize,
    },
    Away {
        server: usize,
    },
    Back {
        server: usize,
        forgets: usize,
        limit: u32,
    },
    Seen {
        server: usize,
    },
    Drain {
        server: usize,
    },
    Resume {
        server: usize,
    },
    Remove {
        server: usize,
    },
    Files {
        named: usize,
    },
    Drop {
        application: usize,
    },
    Clock {
        seconds: i64,
    },
    Reload,
}

fn event(limits: std::ops::RangeInclusive<u32>) -> impl Strategy<Value = Event> {
    let application = 0..APPLICATIONS.len();
    let minutes = prop_oneof![Just(30_u32), Just(60), 1..240_u32];
    // Most at half hours, where they collide; some at any minute.
    let minute = prop_oneof![4 => (0..12_i64).prop_map(|half| half * 30), 1 => 0..360_i64];
    let code = 0..64_usize;
    let server = 0..COMPUTERS.len();
    let book = (application.clone(), minute, minutes.clone()).prop_map(
        |(application, minute, minutes)| Event::Book {
            application,
            minute,
            minutes,
        },
    );
    prop_oneof![
        12 => book,
        4 => application.clone().prop_map(|application| Event::Start { application }),
        1 => application.prop_map(|application| Event::Drop { application }),
        1 => (0..4_usize).prop_map(|named| Event::Files { named }),
        6 => code.clone().prop_map(|code| Event::Come { code }),
        6 => code.clone().prop_map(|code| Event::Started { code }),
        2 => (code.clone(), 0..16_usize).prop_map(|(code, asked)| Event::Refused { code, asked }),
        1 => code.clone().prop_map(|code| Event::Ended { code }),
        3 => (code.clone(), minutes).prop_map(|(code, minutes)| Event::Extend { code, minutes }),
        1 => code.clone().prop_map(|code| Event::Cancel { code }),
        1 => code.prop_map(|code| Event::EndByOperator { code }),
        2 => server.clone().prop_map(|server| Event::Away { server }),
        3 => (server.clone(), 0..8_usize, limits)
            .prop_map(|(server, forgets, limit)| Event::Back { server, forgets, limit }),
        1 => server.clone().prop_map(|server| Event::Seen { server }),
        1 => server.clone().prop_map(|server| Event::Drain { server }),
        1 => server.clone().prop_map(|server| Event::Resume { server }),
        1 => server.prop_map(|server| Event::Remove { server }),
        6 => (-600..1800_i64).prop_map(|seconds| Event::Clock { seconds }),
        1 => Just(Event::Reload),
    ]
}

/// Files that name some of two servers, each with one of the applications.
fn named_by_files(named: usize) -> Files {
    let servers = ["e", "f"].into_iter().enumerate();
    let servers = servers.filter(|(bit, _)| named & (1 << bit) != 0);
    Files {
        servers: servers
            .map(|(bit, id)| FileServer {
                id: ServerId(id.to_owned()),
                host: "192.0.2.7".to_owned(),
                port: 111,
                applications: vec![APPLICATIONS[bit].to_owned()],
                limit: None,
            })
            .collect(),
        applications: Vec::new(),
    }
}

/// The n-th of all codes in use, counted round.
fn nth(lab: &Lab, n: usize) -> Option<Code> {
    let world = lab.world();
    let codes: Vec<Code> = world
        .bookings
        .keys()
        .chain(world.sessions.keys())
        .copied()
        .collect();
    (!codes.is_empty()).then(|| codes[n % codes.len()])
}

/// Does it; every decision is judged where it is taken. Requests may be refused, as they should.
fn happen(lab: &mut Lab, event: &Event) {
    lab.expire();
    match event {
        Event::Book {
            application,
            minute,
            minutes,
        } => {
            let from = lab.now - lab.now.rem_euclid(1800) + minute * 60;
            let _ = lab.book(APPLICATIONS[*application], from, *minutes);
        }
        Event::Start { application } => {
            let _ = lab.start(APPLICATIONS[*application]);
        }
        Event::Drop { application } => {
            let caller = lab.caller();
            let name = APPLICATIONS[*application];
            if let Ok(dropped) = applications::remove_application(&lab.ledger, &caller, name) {
                lab.take(dropped);
            }
        }
        Event::Files { named } => {
            let after = named_by_files(*named);
            let before = lab.files.replace(after.clone());
            let caller = lab.caller();
            let round =
                files::reconcile(&lab.ledger, &lab.policy, &caller, before.as_ref(), &after);
            lab.take(round);
        }
        Event::Clock { seconds } => lab.now += seconds,
        Event::Reload => {
            let world = lab.world().clone();
            lab.ledger.replace(world);
        }
        Event::Come { code }
        | Event::Started { code }
        | Event::Refused { code, .. }
        | Event::Ended { code }
        | Event::Extend { code, .. }
        | Event::Cancel { code }
        | Event::EndByOperator { code } => {
            if let Some(code) = nth(lab, *code) {
                to_a_code(lab, event, code);
            }
        }
        Event::Away { server }
        | Event::Back { server, .. }
        | Event::Seen { server }
        | Event::Drain { server }
        | Event::Resume { server }
        | Event::Remove { server } => to_a_server(lab, event, COMPUTERS[*server]),
    }
}

fn to_a_code(lab: &mut Lab, event: &Event, code: Code) {
    match event {
        Event::Come { .. } => {
            let _ = lab.start_booking(code);
        }
        Event::Started { .. } => {
            let _ = lab.started(code);
        }
        Event::Refused { asked, .. } => {
            let asked: Vec<&str> = COMPUTERS
                .iter()
                .enumerate()
                .filter(|(bit, _)| asked & (1 << bit) != 0)
                .map(|(_, (id, ..))| *id)
                .collect();
            let _ = lab.refuse(code, &asked);
        }
        Event::Ended { .. } => {
            let Some(session) = lab.world().sessions.get(&code) else {
                return;
            };
            let server = session.server.clone();
            let over =
                end::session_ended(&lab.ledger, &lab.caller(), code, &server, EndReason::Empty);
            lab.take(over.expect("it runs there"));
        }
        Event::Extend { minutes, .. } => {
            let _ = lab.extend(code, *minutes);
        }
        Event::Cancel { .. } => {
            let _ = lab.cancel(code);
        }
        Event::EndByOperator { .. } => {
            let over = end::end(&lab.ledger, &lab.caller(), code, EndReason::Operator);
            lab.take(over.expect("the code is in use"));
        }
        _ => {}
    }
}

fn to_a_server(lab: &mut Lab, event: &Event, (name, least, applications): Computer) {
    let id = ServerId(name.to_owned());
    let caller = Caller {
        now: UnixSeconds(lab.now),
        actor: "test",
    };
    let decision = match event {
        Event::Away { .. } => servers::server_away(&lab.ledger, &caller, &id),
        Event::Seen { .. } => servers::server_seen(&lab.ledger, &lab.policy, &caller, &id),
        Event::Drain { .. } => servers::server_drain(&lab.ledger, &caller, &id),
        Event::Resume { .. } => servers::server_resume(&lab.ledger, &caller, &id),
        Event::Remove { .. } => servers::server_remove(&lab.ledger, &caller, &id),
        Event::Back { forgets, limit, .. } => {
            let sessions = lab.world().sessions.values();
            let running: Vec<Code> = sessions
                .filter(|session| session.server == id && session.stage == SessionStage::Running)
                .map(|session| session.code)
                .skip(*forgets)
                .collect();
            let limit = if *limit == 0 { least } else { *limit };
            let back = lab.back((name, limit, applications), &running);
            back.expect("the server is within its bounds");
            return;
        }
        _ => return,
    };
    if let Ok(decision) = decision {
        lab.take(decision);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_given_twice_and_nothing_vanishes(events in prop::collection::vec(event(0..=0), 1..120)) {
        let mut lab = Lab::new(&COMPUTERS);
        lab.now = MIDNIGHT + 10 * HOUR;
        for event in &events {
            happen(&mut lab, event);
            for (id, peak) in judge::peaks(lab.world()) {
                let limit = lab.world().servers.get(&id).map_or(0, |server| server.limit);
                prop_assert!(peak <= limit, "{} places of {} on {}", peak, limit, id.0);
            }
        }
    }

    #[test]
    fn a_server_that_takes_less_is_given_nothing_more(events in prop::collection::vec(event(0..=4), 1..120)) {
        let mut lab = Lab::new(&COMPUTERS);
        lab.now = MIDNIGHT + 10 * HOUR;
        for event in &events {
            happen(&mut lab, event);
        }
    }

    #[test]
    fn a_ledger_read_anew_decides_the_same(events in prop::collection::vec(event(0..=2), 1..80)) {
        let mut lab = Lab::new(&COMPUTERS);
        lab.now = MIDNIGHT + 10 * HOUR;
        for event in &events {
            happen(&mut lab, event);
        }
        let fresh = Ledger::new(lab.world().clone());
        let day = |ledger: &Ledger, name: &str| {
            let request = server_booking::slots::SlotsRequest {
                application: Some(name.to_owned()),
                date: "28/02/2027".to_owned(),
                ..Default::default()
            };
            server_booking::slots::free_slots(ledger, &lab.policy, UnixSeconds(lab.now), &request)
        };
        for name in APPLICATIONS {
            prop_assert_eq!(day(&lab.ledger, name), day(&fresh, name));
        }
    }
}
