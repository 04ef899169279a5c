//! A simulated day: people book, come or do not, extend, leave; servers fail and return. What the rules decide is
//! checked now and then against the whole world by other means.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use server_booking::model::{Change, Code, EndReason, ServerId, UnixSeconds, World};
use server_booking::plan::PlanRequest;
use server_booking::servers::{Hello, StillRunning};
use server_booking::{Caller, Decision, Ledger, Policy, Refusal};
use server_booking::{end, expire, extend, plan, servers, start};

/// Bookings that are granted.
pub(crate) const BOOKINGS: u32 = 100_000;

const SERVERS: u32 = 200;
const APPLICATIONS: u32 = 20;

/// Places of a server: with these, more is asked for at times than there is.
const LIMIT: u32 = 14;

/// 2027-02-28T00:00:00Z.
const MIDNIGHT: i64 = 1_803_772_800;
const DAY: i64 = 24 * 3600;

/// Decisions between two checks of the whole world.
const CHECK_EVERY: u32 = 1_000;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Day {
    pub(crate) bookings: u32,
    pub(crate) refused: u32,
    pub(crate) moves: u32,
    pub(crate) sessions: u32,
    pub(crate) extensions: u32,
    pub(crate) most_codes: usize,
    pub(crate) decisions: u32,
    pub(crate) checks: u32,
}

struct Simulation {
    ledger: Ledger,
    policy: Policy,
    now: i64,
    random: ChaCha8Rng,
    /// Bookings by the second at which somebody comes.
    visits: BTreeMap<(i64, Code), ()>,
    day: Day,
}

/// Simulates a day.
pub(crate) fn run(seed: u64) -> Day {
    let mut simulation = Simulation {
        ledger: Ledger::new(World::default()),
        policy: Policy {
            unheard_seconds: 86_400,
            ..Policy::default()
        },
        now: MIDNIGHT,
        random: ChaCha8Rng::seed_from_u64(seed),
        visits: BTreeMap::new(),
        day: Day::default(),
    };
    for number in 0..SERVERS {
        simulation.server_back(number);
    }
    while simulation.day.bookings < BOOKINGS {
        let share = i64::from(simulation.day.bookings) * DAY / i64::from(BOOKINGS);
        let next = (MIDNIGHT + share).max(simulation.now);
        simulation.pass_until(next);
        simulation.book();
    }
    simulation.check();
    simulation.day
}

impl Simulation {
    fn caller(&self) -> Caller<'static> {
        Caller {
            now: UnixSeconds(self.now),
            actor: "somebody",
        }
    }

    fn take<A>(&mut self, decision: Decision<A>) -> A {
        let put = |change: &&Change| match change {
            Change::PutBooking(new) => self.ledger.world().bookings.contains_key(&new.code),
            _ => false,
        };
        let moves = decision.changes.iter().filter(put).count();
        self.day.moves += u32::try_from(moves).expect("few");
        self.ledger.apply_all(&decision.changes);
        self.day.decisions += 1;
        if self.day.decisions.is_multiple_of(CHECK_EVERY) {
            self.check();
        }
        decision.answer
    }

    fn book(&mut self) {
        // People look for a half hour within the next hour and a half, and for the next one if it is taken.
        let half = self.now - self.now.rem_euclid(1800) + 1800 * self.random.random_range(1..=3);
        let half = jiff::Timestamp::from_second(half).expect("a second of this era");
        let half = half.to_zoned(jiff::tz::TimeZone::UTC);
        let request = PlanRequest {
            application: Some(format!(
                "game{:02}",
                self.random.random_range(0..APPLICATIONS)
            )),
            date: half.strftime("%d/%m/%Y").to_string(),
            time: half.strftime("%H:%M").to_string(),
            time_zone: None,
            minutes: Some(if self.random.random_bool(0.7) { 30 } else { 60 }),
        };
        let caller = self.caller();
        let random = &mut self.random;
        let mut candidates =
            || Code::new(random.random_range(0..Code::COUNT)).expect("below the count");
        match plan::plan(
            &self.ledger,
            &self.policy,
            &caller,
            &request,
            &mut candidates,
        ) {
            Ok(planned) => {
                let booking = self.take(planned).booking;
                self.day.bookings += 1;
                let come = booking.starts_at.0 + self.random.random_range(0..300);
                if self.random.random_bool(0.95) {
                    self.visits.insert((come, booking.code), ());
                }
                let codes = self.ledger.world().bookings.len() + self.ledger.world().sessions.len();
                self.day.most_codes = self.day.most_codes.max(codes);
            }
            Err(Refusal::Busy) => {
                self.day.refused += 1;
                self.now += 1;
            }
            Err(other) => panic!("a good request is refused: {other}"),
        }
    }

    fn pass_until(&mut self, until: i64) {
        loop {
            let visit = self.visits.first_key_value().map(|(visit, ())| *visit);
            let due = expire::next_expiry(&self.ledger, &self.policy).map(|due| due.0);
            let next = visit.map(|(second, _)| second).into_iter().chain(due).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            self.now = self.now.max(next);
            let over = expire::expire(&self.ledger, &self.policy, &self.caller());
            self.take(over);
            if let Some((second, code)) = visit.filter(|(second, _)| *second <= self.now) {
                self.visits.remove(&(second, code));
                self.come(code);
            }
        }
        self.now = until;
    }

    fn come(&mut self, code: Code) {
        let asked =
            match start::start_booking(&self.ledger, &self.policy, &self.caller(), code, "hash") {
                Ok(asked) => self.take(asked).session,
                // It was moved into the past of a visit, or its server is away and all others are full.
                Err(Refusal::Busy | Refusal::NotExist) => return,
                Err(other) => panic!("a booking's time has come: {other}"),
            };
        let address = ("192.0.2.1".to_owned(), 4000);
        let running = start::started(&self.ledger, &self.caller(), code, &asked.server, address);
        self.take(running.expect("it was asked"));
        self.day.sessions += 1;
        match self.random.random_range(0..1_000) {
            0..100 => {
                let over = end::session_ended(
                    &self.ledger,
                    &self.caller(),
                    code,
                    &asked.server,
                    EndReason::Empty,
                );
                self.take(over.expect("it runs there"));
            }
            100..200 => {
                let more = extend::extend(&self.ledger, &self.policy, &self.caller(), code, 30);
                if let Ok(more) = more {
                    self.take(more);
                    self.day.extensions += 1;
                }
            }
            200 => {
                let away = servers::server_away(&self.ledger, &self.caller(), &asked.server);
                self.take(away.expect("it is known"));
                let number = asked.server.0[1..].parse().expect("its number");
                self.server_back(number);
            }
            _ => {}
        }
    }

    fn server_back(&mut self, number: u32) {
        let id = ServerId(format!("s{number:03}"));
        let sessions = self.ledger.world().sessions.values();
        let running: Vec<StillRunning> = sessions
            .filter(|session| session.server == id)
            .map(|session| StillRunning {
                code: session.code,
                address: None,
            })
            .collect();
        let hello = Hello {
            id,
            host: "192.0.2.1".to_owned(),
            port: 4000,
            applications: (0..5)
                .map(|n| format!("game{:02}", (number + n * 3) % APPLICATIONS))
                .collect(),
            limit: LIMIT,
        };
        let back = servers::server_back(&self.ledger, &self.caller(), &hello, &running);
        self.take(back.expect("the server is within its bounds"));
    }

    /// No server has promised more than it takes at any second.
    fn check(&mut self) {
        let world = self.ledger.world();
        let mut edges: BTreeMap<&ServerId, Vec<(i64, bool)>> = BTreeMap::new();
        let bookings = world.bookings.values();
        let bookings =
            bookings.map(|booking| (&booking.server, booking.starts_at, booking.ends_at));
        let sessions = world.sessions.values();
        let sessions =
            sessions.map(|session| (&session.server, session.starts_at, session.ends_at));
        for (server, from, until) in bookings.chain(sessions) {
            edges
                .entry(server)
                .or_default()
                .extend([(from.0, true), (until.0, false)]);
        }
        for (server, mut edges) in edges {
            edges.sort_unstable();
            let mut claims = 0_u32;
            for (second, begins) in edges {
                claims = if begins { claims + 1 } else { claims - 1 };
                assert!(
                    claims <= LIMIT,
                    "{claims} places on {} at {second}",
                    server.0
                );
            }
        }
        self.day.checks += 1;
    }
}
