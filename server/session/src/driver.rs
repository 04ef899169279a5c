//! The one task that has the sessions: takes what connections ask, calls the state machine, and does what it says.
//!
//! It never waits for a connection, a program or a coordinator. It must never know what carries a message.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::Rng as _;
use server_wire::{
    Code, ConnectToSession, ConnectionData, Count, Draining, EndWord, EndedSession, Established,
    KnowsCode, KnowsCodeAnswer, LockedOut, Order, OrderAnswer, Reason, Seconds, SessionExtended,
    StartOrder, Token, UnixSeconds, UserAnswer,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::ask::{Ask, Here, Inside, View};
use crate::config::SessionConfig;
use crate::guess::Guesses;
use crate::house::{Action, Entrance, House, Rules, Start, reasoned};
use crate::life::{Key, Now, Stage};
use crate::program::{self, Program};
use crate::record::Record;

/// Asks that wait for the driver; who asks waits when they are that many.
pub(crate) const MAX_ASKS: usize = 256;
/// News of programs that wait for the driver.
const MAX_EVENTS: usize = 64;
/// How often it looks what time has brought: ends are that exact.
const TICK: Duration = Duration::from_millis(200);
/// How long all applications may take to end when the server stops: what one may take, and a little.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

enum Event {
    Launched(Key, Result<Box<Program>, String>),
    Exited(Key, String),
}

struct Door {
    tell: mpsc::Sender<UserAnswer>,
    here: Here,
}

/// The state machine and its surroundings.
pub(crate) struct Driver {
    config: Arc<SessionConfig>,
    house: House,
    guesses: Guesses,
    record: Record,
    /// Ends a program when it is used or dropped.
    programs: BTreeMap<Key, oneshot::Sender<()>>,
    waiting: BTreeMap<Key, Vec<(Here, oneshot::Sender<OrderAnswer>)>>,
    doors: BTreeMap<(Key, u32), Door>,
    view: watch::Sender<View>,
    asks: mpsc::Receiver<Ask>,
    events: mpsc::Receiver<Event>,
    report: mpsc::Sender<Event>,
    began: Instant,
}

impl Driver {
    pub(crate) fn new(
        config: Arc<SessionConfig>,
        record: Record,
        untold: Vec<EndedSession>,
        asks: mpsc::Receiver<Ask>,
    ) -> Self {
        let rules = Rules {
            limit: config.limit,
            users_per_session: config.users_per_session,
            times: config.times,
            applications: config
                .applications
                .iter()
                .map(|one| one.name.clone())
                .collect(),
        };
        let (report, events) = mpsc::channel(MAX_EVENTS);
        let driver = Self {
            config,
            house: House::new(rules, untold),
            guesses: Guesses::new(),
            record,
            programs: BTreeMap::new(),
            waiting: BTreeMap::new(),
            doors: BTreeMap::new(),
            view: watch::Sender::default(),
            asks,
            events,
            report,
            began: Instant::now(),
        };
        driver.publish();
        driver
    }

    /// What the coordinator is told, whenever it changes.
    pub(crate) fn view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Runs until `stop`, and then until everything has ended.
    pub(crate) async fn run(&mut self, stop: impl Future<Output = ()>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                Some(ask) = self.asks.recv() => self.ask(ask),
                Some(event) = self.events.recv() => self.event(event),
                _ = tick.tick() => {
                    let actions = self.house.tick(self.now());
                    self.act(actions);
                }
                () = &mut stop => break,
            }
            self.publish();
        }
        let actions = self.house.end_all();
        self.act(actions);
        self.publish();
        let deadline = tokio::time::Instant::now() + STOP_PATIENCE;
        while !self.house.is_empty() {
            tokio::select! {
                Some(ask) = self.asks.recv() => self.ask(ask),
                Some(event) = self.events.recv() => self.event(event),
                () = tokio::time::sleep_until(deadline) => {
                    tracing::error!("not everything has ended; the guardians kill what is left");
                    return;
                }
            }
            self.publish();
        }
    }

    /// Goes on taking `TAKEN` until no end is untold. Cancel-safe.
    pub(crate) async fn until_told(&mut self) {
        while self.house.ended().next().is_some() {
            match self.asks.recv().await {
                Some(ask) => self.ask(ask),
                None => return,
            }
            self.publish();
        }
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            unix: UnixSeconds(i64::try_from(unix.as_secs()).unwrap_or(i64::MAX)),
            at: self.began.elapsed(),
        }
    }

    fn publish(&self) {
        let view = View {
            running: self.house.running(),
            users: self.house.users(),
            draining: self.house.draining(),
            ended: self.house.ended().cloned().collect(),
        };
        self.view.send_if_modified(|old| {
            let is_new = *old != view;
            *old = view;
            is_new
        });
    }

    fn save(&self) {
        let ended: Vec<_> = self.house.ended().map(|(_, ended)| ended.clone()).collect();
        self.record.write(&ended);
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Order {
                order,
                here,
                answer,
            } => self.order(order, here, answer),
            Ask::Enter {
                asked,
                from,
                here,
                tell,
                answer,
            } => {
                let result = self.enter(&asked, from, here, tell);
                if let Err(Ok(inside)) = answer.send(result) {
                    // The connection is gone already.
                    self.leave(inside.key, inside.client);
                }
            }
            Ask::Presence {
                key,
                client,
                active,
            } => {
                let actions = self.house.presence(self.now(), key, client, active);
                self.act(actions);
            }
            Ask::Leave { key, client } => self.leave(key, client),
            Ask::Taken(number) => {
                self.house.taken(number);
                self.save();
            }
        }
    }

    fn leave(&mut self, key: Key, client: u32) {
        self.doors.remove(&(key, client));
        let actions = self.house.leave(self.now(), key, client);
        self.act(actions);
    }

    fn order(&mut self, order: Order, here: Here, answer: oneshot::Sender<OrderAnswer>) {
        let now = match order {
            Order::StartSession(order) => return self.start(&order, here, answer),
            Order::EndSession(order) => {
                let why = order.why.unwrap_or(EndWord::Operator);
                match self.house.end(order.code, why) {
                    Some(actions) => {
                        self.act(actions);
                        OrderAnswer::Ending(KnowsCode { code: order.code })
                    }
                    None => OrderAnswer::NotExist,
                }
            }
            Order::Extend(order) => match self.house.extend(order.code, order.ends_at) {
                Some(actions) => {
                    self.act(actions);
                    OrderAnswer::Extended(SessionExtended {
                        code: order.code,
                        ends_at: order.ends_at,
                    })
                }
                None => OrderAnswer::NotExist,
            },
            Order::Drain(order) => {
                self.house.drain(order.draining);
                OrderAnswer::Draining(Draining {
                    draining: order.draining,
                })
            }
            Order::KnowsCode(order) => OrderAnswer::KnowsCode(KnowsCodeAnswer {
                code: order.code,
                known: self.house.knows(order.code),
            }),
        };
        // Who asked may be gone; the order was carried out all the same.
        let _ = answer.send(now);
    }

    fn start(&mut self, order: &StartOrder, here: Here, answer: oneshot::Sender<OrderAnswer>) {
        let mut random = rand::rng();
        let mut draw = || {
            let number = random.random_range(0..Code::COUNT);
            Code::new(number).expect("the range ends below the count")
        };
        let refusal = match self.house.start(self.now(), order, &mut draw) {
            Start::Launch(key) => {
                self.waiting.entry(key).or_default().push((here, answer));
                return self.launch(key);
            }
            Start::Wait(key) => {
                return self.waiting.entry(key).or_default().push((here, answer));
            }
            Start::Runs(key) => self.connection_data(key, &here),
            Start::LimitReached => OrderAnswer::LimitReached,
            Start::Refused(reason) => OrderAnswer::BadRequest(reasoned(&reason)),
        };
        let _ = answer.send(refusal);
    }

    fn launch(&mut self, key: Key) {
        let Some(life) = self.house.get(key) else {
            return;
        };
        let mark = Token::from_random(rand::rng().random()).secret().to_owned();
        self.record.add(key, &mark, life.report());
        let mut applications = self.config.applications.iter();
        let application = applications
            .find(|one| one.name == life.application)
            .cloned();
        let places = self.record.places(&mark);
        let report = self.report.clone();
        self.save();
        tokio::task::spawn(async move {
            let start = move || match application {
                Some(application) => program::start(&application, &mark, &places).map(Box::new),
                None => Err("the application is not configured".to_owned()),
            };
            let started = tokio::task::spawn_blocking(start).await;
            let started = started.unwrap_or_else(|why| Err(format!("the start broke off: {why}")));
            // A driver that is gone has dropped the program, which kills it.
            let _ = report.send(Event::Launched(key, started)).await;
        });
    }

    fn event(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Launched(key, Ok(program)) => {
                let (end, ended) = oneshot::channel();
                self.programs.insert(key, end);
                let report = self.report.clone();
                tokio::task::spawn(async move {
                    let how = program.tend(ended).await;
                    let _ = report.send(Event::Exited(key, how)).await;
                });
                let actions = self.house.launched(now, key);
                self.act(actions);
                for (here, answer) in self.waiting.remove(&key).unwrap_or_default() {
                    let _ = answer.send(self.connection_data(key, &here));
                }
            }
            Event::Launched(key, Err(why)) => {
                tracing::warn!("a session could not be started: {why}");
                self.house.not_launched(key, &why);
                self.record.remove(key);
                self.save();
                for (_, answer) in self.waiting.remove(&key).unwrap_or_default() {
                    let _ = answer.send(OrderAnswer::NotStarted(reasoned(&why)));
                }
            }
            Event::Exited(key, how) => {
                self.programs.remove(&key);
                if let Some(life) = self.house.get(key) {
                    tracing::info!(
                        "session {} ({}) is over: {how}",
                        life.code,
                        life.application
                    );
                }
                let actions = self.house.exited(key, &how);
                self.act(actions);
                self.doors.retain(|(other, _), _| *other != key);
                self.record.remove(key);
                self.save();
            }
        }
    }

    fn connection_data(&self, key: Key, here: &Here) -> OrderAnswer {
        match self.house.get(key) {
            Some(life) if life.stage == Stage::Running => {
                OrderAnswer::ConnectionData(ConnectionData {
                    ip: here.host.clone(),
                    port: here.port,
                    code: Some(life.code),
                    token: None,
                    url: Some(here.url(&format!("/session/{}", life.code))),
                    ends_at: Some(life.ends_at),
                })
            }
            _ => OrderAnswer::NotStarted(reasoned("it was ended before it ran")),
        }
    }

    fn enter(
        &mut self,
        asked: &ConnectToSession,
        from: IpAddr,
        here: Here,
        tell: mpsc::Sender<UserAnswer>,
    ) -> Result<Inside, UserAnswer> {
        if asked.code.is_none() && asked.token.is_none() {
            let why = "CONNECT_TO_SESSION: \"code\" or \"token\" is needed";
            return Err(UserAnswer::BadRequest(reasoned(why)));
        }
        let now = self.now();
        // A token cannot be guessed, so its owner is not kept out by others' guesses.
        let locked = self
            .guesses
            .locked(now.at, from)
            .filter(|_| asked.token.is_none());
        if let Some(left) = locked {
            return Err(UserAnswer::LockedOut(LockedOut {
                retry_after: Seconds(left.as_secs().max(1) as u32),
                reason: Reason::cut("too many wrong codes; wait, then try again"),
            }));
        }
        let (entrance, actions) = self.house.enter(asked);
        self.act(actions);
        match entrance {
            Entrance::In(key, client) => {
                let answer = self.established(key, client, &here);
                self.doors.insert((key, client), Door { tell, here });
                Ok(Inside {
                    key,
                    client,
                    answer,
                })
            }
            Entrance::Full => Err(UserAnswer::Full),
            Entrance::NotExist => {
                // Counting tokens, which cannot be guessed, would let anybody lock out everybody.
                if asked.token.is_none() {
                    self.guesses.wrong(now.at, from);
                }
                Err(UserAnswer::NotExist)
            }
        }
    }

    fn established(&self, key: Key, client: u32, here: &Here) -> Established {
        let life = self.house.get(key);
        Established {
            webrtc_connection_data: here.url(""),
            client: Count(client),
            clients: life.map(|life| life.clients()).unwrap_or_default(),
            ends_at: life.map(|life| life.ends_at),
            resume: None,
            watch: None,
            ice_servers: Vec::new(),
            application: None,
            control: None,
            broadcast: None,
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Terminate(key) => {
                    if let Some(end) = self.programs.remove(&key) {
                        // A program that has ended by itself does not listen any more.
                        let _ = end.send(());
                    }
                }
                Action::Tell(key, client, answer) => self.tell(key, client, answer),
                Action::TellWhoIsThere(key) => {
                    let inside = self.doors.range((key, 0)..=(key, u32::MAX));
                    let each: Vec<_> = inside
                        .map(|(&(_, client), door)| {
                            (client, self.established(key, client, &door.here))
                        })
                        .collect();
                    for (client, answer) in each {
                        self.tell(key, client, UserAnswer::Established(Box::new(answer)));
                    }
                }
            }
        }
    }

    /// Tells a user; one whose queue is full is let go, and its connection ends.
    fn tell(&mut self, key: Key, client: u32, answer: UserAnswer) {
        let Some(door) = self.doors.get(&(key, client)) else {
            return;
        };
        if door.tell.try_send(answer).is_err() {
            self.doors.remove(&(key, client));
        }
    }
}
