//! A ledger with a few servers, a clock that is set by hand, and the rules as short calls.
//!
//! Every decision is judged before it is applied (see [`crate::judge`]).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use server_booking::end::Ended;
use server_booking::files::Files;
use server_booking::model::{
    Application, Booking, Change, Code, ServerId, Session, UnixSeconds, World,
};
use server_booking::plan::PlanRequest;
use server_booking::servers::{Back, Hello, StillRunning};
use server_booking::start::{Ask, Next};
use server_booking::{Caller, Decision, Ledger, Policy, Refusal};
use server_booking::{applications, end, expire, extend, plan, servers, start};

use crate::judge;

/// 2027-02-28T00:00:00Z, a Sunday.
pub(crate) const MIDNIGHT: i64 = 1_803_772_800;

/// An hour in seconds.
pub(crate) const HOUR: i64 = 3600;

pub(crate) struct Lab {
    pub(crate) ledger: Ledger,
    pub(crate) policy: Policy,
    pub(crate) now: i64,
    /// What the files said when they were read last.
    pub(crate) files: Option<Files>,
    random: ChaCha8Rng,
}

/// A server, its places and its applications, as in `("a", 2, &["chess"])`.
pub(crate) type Computer<'a> = (&'a str, u32, &'a [&'a str]);

impl Lab {
    /// Servers that have registered, at midnight.
    pub(crate) fn new(computers: &[Computer]) -> Self {
        let mut lab = Self {
            ledger: Ledger::new(World::default()),
            policy: Policy {
                forget_days: 3_000,
                unheard_seconds: 86_400,
                ..Policy::default()
            },
            now: MIDNIGHT,
            files: None,
            random: ChaCha8Rng::seed_from_u64(1),
        };
        for computer in computers {
            lab.back(*computer, &[])
                .expect("the server is within its bounds");
        }
        lab
    }

    pub(crate) fn caller(&self) -> Caller<'static> {
        Caller {
            now: UnixSeconds(self.now),
            actor: "test",
        }
    }

    pub(crate) fn world(&self) -> &World {
        self.ledger.world()
    }

    pub(crate) fn booking(&self, code: Code) -> &Booking {
        &self.world().bookings[&code]
    }

    pub(crate) fn session(&self, code: Code) -> &Session {
        &self.world().sessions[&code]
    }

    /// Takes a decision over, as the coordinator does after storing it.
    pub(crate) fn take<A>(&mut self, decision: Decision<A>) -> A {
        judge::decision(&self.ledger, &self.policy, self.now, &decision.changes);
        self.ledger.apply_all(&decision.changes);
        assert!(self.ledger.is_in_step(), "the indices are not the world's");
        decision.answer
    }

    /// Any change, unjudged.
    pub(crate) fn put(&mut self, change: Change) {
        self.ledger.apply(&change);
    }

    pub(crate) fn add_application(&mut self, name: &str) {
        let application = Application {
            name: name.to_owned(),
            ..Application::default()
        };
        let decision = applications::put_application(&self.ledger, &self.caller(), &application);
        self.take(decision.expect("the application is within its bounds"));
    }

    /// Books by the second, however far ahead: what a request asks for is tried in other tests.
    pub(crate) fn book(
        &mut self,
        application: &str,
        from: i64,
        minutes: u32,
    ) -> Result<Booking, Refusal> {
        let from = jiff::Timestamp::from_second(from).expect("a second of this era");
        let from = from.to_zoned(jiff::tz::TimeZone::UTC);
        self.ask(&PlanRequest {
            application: Some(application.to_owned()),
            date: from.strftime("%d/%m/%Y").to_string(),
            time: from.strftime("%H:%M").to_string(),
            time_zone: Some("UTC".to_owned()),
            minutes: Some(minutes),
        })
    }

    pub(crate) fn ask(&mut self, request: &PlanRequest) -> Result<Booking, Refusal> {
        let caller = self.caller();
        let random = &mut self.random;
        let mut candidates =
            || Code::new(random.random_range(0..Code::COUNT)).expect("below the count");
        let planned = plan::plan(
            &self.ledger,
            &self.policy,
            &caller,
            request,
            &mut candidates,
        )?;
        let booking = self.take(planned).booking;
        assert_eq!(
            *self.booking(booking.code),
            booking,
            "the answer is what is stored"
        );
        Ok(booking)
    }

    pub(crate) fn start(&mut self, application: &str) -> Result<Session, Refusal> {
        let caller = self.caller();
        let random = &mut self.random;
        let mut candidates =
            || Code::new(random.random_range(0..Code::COUNT)).expect("below the count");
        let name = Some(application);
        let ask = start::start(
            &self.ledger,
            &self.policy,
            &caller,
            name,
            "hash",
            &mut candidates,
        )?;
        let Ask { session } = self.take(ask);
        assert_eq!(
            *self.session(session.code),
            session,
            "the answer is what is stored"
        );
        Ok(session)
    }

    pub(crate) fn start_booking(&mut self, code: Code) -> Result<Session, Refusal> {
        let caller = self.caller();
        let ask = start::start_booking(&self.ledger, &self.policy, &caller, code, "hash")?;
        let Ask { session } = self.take(ask);
        assert_eq!(*self.session(code), session, "the answer is what is stored");
        Ok(session)
    }

    pub(crate) fn refuse(&mut self, code: Code, asked: &[&str]) -> Result<Next, Refusal> {
        let asked: Vec<ServerId> = asked.iter().map(|id| server(id)).collect();
        let next = start::next_server(&self.ledger, &self.policy, &self.caller(), code, &asked)?;
        Ok(self.take(next))
    }

    pub(crate) fn started(&mut self, code: Code) -> Result<Session, Refusal> {
        let session = self.world().sessions.get(&code);
        let id = session.map_or_else(|| server("nobody"), |session| session.server.clone());
        let address = ("192.0.2.1".to_owned(), 4000 + code.number());
        let running = start::started(&self.ledger, &self.caller(), code, &id, address)?;
        Ok(self.take(running))
    }

    /// Starts at once and runs.
    pub(crate) fn run(&mut self, application: &str) -> Result<Session, Refusal> {
        let code = self.start(application)?.code;
        self.started(code)
    }

    pub(crate) fn extend(&mut self, code: Code, minutes: u32) -> Result<UnixSeconds, Refusal> {
        let extended = extend::extend(&self.ledger, &self.policy, &self.caller(), code, minutes)?;
        let extended = self.take(extended);
        assert_eq!(
            self.session(code).ends_at,
            extended.ends_at,
            "the answer is what is stored"
        );
        Ok(extended.ends_at)
    }

    pub(crate) fn cancel(&mut self, code: Code) -> Result<Ended, Refusal> {
        let cancelled = end::cancel(&self.ledger, &self.caller(), code)?;
        Ok(self.take(cancelled))
    }

    pub(crate) fn expire(&mut self) -> Vec<Ended> {
        let expired = expire::expire(&self.ledger, &self.policy, &self.caller());
        self.take(expired)
    }

    pub(crate) fn back(&mut self, computer: Computer, running: &[Code]) -> Result<Back, Refusal> {
        let (id, limit, names) = computer;
        let hello = Hello {
            id: server(id),
            host: "192.0.2.1".to_owned(),
            port: 4000,
            applications: names.iter().map(|name| (*name).to_owned()).collect(),
            limit,
        };
        let running: Vec<StillRunning> = running
            .iter()
            .map(|code| StillRunning {
                code: *code,
                address: None,
            })
            .collect();
        let back = servers::server_back(&self.ledger, &self.caller(), &hello, &running)?;
        Ok(self.take(back))
    }

    pub(crate) fn away(&mut self, id: &str) {
        let away = servers::server_away(&self.ledger, &self.caller(), &server(id));
        self.take(away.expect("the server is known"));
    }

    pub(crate) fn drain(&mut self, id: &str) {
        let drained = servers::server_drain(&self.ledger, &self.caller(), &server(id));
        self.take(drained.expect("the server is known"));
    }

    pub(crate) fn resume(&mut self, id: &str) {
        let resumed = servers::server_resume(&self.ledger, &self.caller(), &server(id));
        self.take(resumed.expect("the server is known"));
    }
}

pub(crate) fn server(id: &str) -> ServerId {
    ServerId(id.to_owned())
}
