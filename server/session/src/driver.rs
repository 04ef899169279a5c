//! The one task that has the sessions: takes what connections ask, calls the state machine, and does what it says.
//!
//! It never waits for a connection, a program or a coordinator: what takes time is a task of its own, whose news come back
//! as an event. It must never know what carries a message.

mod beyond;
mod people;
mod picture;
mod show;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::Rng as _;
use server_bridge::Bridge;
use server_wire::{
    Code, ConnectionData, CursorShape, Draining, EndWord, EndedSession, KnowsCode, KnowsCodeAnswer,
    Order, OrderAnswer, SessionExtended, StartOrder, Token, UnixSeconds,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::air::OnAir;
use crate::ask::{Ask, Here, View, Wish};
use crate::config::SessionConfig;
use crate::deeds::Deeds;
use crate::guess::Guesses;
use crate::house::{House, Rules, Start, reasoned};
use crate::life::{Key, Now, Stage};
use crate::record::Record;
use crate::stage::Show;

/// Asks that wait for the driver; who asks waits when they are that many.
pub(crate) const MAX_ASKS: usize = 256;
/// News of programs and pictures that wait for the driver.
const MAX_EVENTS: usize = 64;
/// How often it looks what time has brought: ends are that exact.
const TICK: Duration = Duration::from_millis(200);
/// How long all applications may take to end when the server stops: what one may take, and a little.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What tasks of the driver's tell it.
enum Event {
    Launched(Key, Result<Box<Show>, String>),
    Exited(Key, String),
    /// A user's connection for the picture stands, under the bridge's number.
    Seated(picture::SeatId, u64),
    /// It is over, and why.
    Unseated(picture::SeatId, String),
    /// The pointer looks different.
    Cursor(Key, CursorShape),
    /// The application has copied something.
    Copied(Key, Arc<str>),
    /// A channel was looked for, for a user who waits for the answer.
    Aired(beyond::Asked, Result<OnAir, String>),
    /// Whether a session that ends then could be longer.
    Extendable(Key, UnixSeconds, bool),
}

/// What the driver has besides the state machine and its file.
pub(crate) struct Surroundings {
    pub(crate) bridge: Bridge,
    /// To the link; none: no coordinator is dialled from here.
    pub(crate) wishes: Option<mpsc::Sender<Wish>>,
    /// For the link; none: as above.
    pub(crate) deeds: Option<Arc<Deeds>>,
}

/// The state machine and its surroundings.
pub(crate) struct Driver {
    config: Arc<SessionConfig>,
    house: House,
    guesses: Guesses,
    record: Record,
    around: Surroundings,
    shows: BTreeMap<Key, show::Running>,
    waiting: BTreeMap<Key, Vec<(Here, oneshot::Sender<OrderAnswer>)>>,
    doors: BTreeMap<(Key, u32), people::OpenDoor>,
    last_door: u64,
    seats: BTreeMap<(Key, u32), picture::Seats>,
    last_seat: u64,
    /// Users of other programs, and how they hear whether they drive.
    boards: BTreeMap<(Key, u32), watch::Sender<bool>>,
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
        around: Surroundings,
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
            around,
            shows: BTreeMap::new(),
            waiting: BTreeMap::new(),
            doors: BTreeMap::new(),
            last_door: 0,
            seats: BTreeMap::new(),
            last_seat: 0,
            boards: BTreeMap::new(),
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
                    self.hear_of_input();
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
            pictures: self.pictures(),
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
                    self.lost(inside.door);
                }
            }
            Ask::Say { door, said, answer } => self.say(door, said, answer),
            Ask::Leave(door) => self.leave(door),
            Ask::Lost(door) => self.lost(door),
            Ask::Picture { code, from, answer } => {
                // Who asked may be gone.
                let _ = answer.send(self.picture_of(code, from));
            }
            Ask::Board { code, answer } => {
                if let Err(Ok(board)) = answer.send(self.board(code)) {
                    self.unboard(board.key, board.client);
                }
            }
            Ask::Wants { key, client } => self.wants_control(key, client),
            Ask::Unboard { key, client } => self.unboard(key, client),
            Ask::Taken(number) => {
                self.house.taken(number);
                self.save();
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Launched(key, started) => self.launched(key, started),
            Event::Exited(key, how) => self.exited(key, &how),
            Event::Seated(id, viewer) => self.seated(id, viewer),
            Event::Unseated(id, why) => self.unseated(id, &why),
            Event::Cursor(key, shape) => self.cursor(key, shape),
            Event::Copied(key, text) => self.copied(key, &text),
            Event::Aired(asked, found) => self.aired(asked, found),
            Event::Extendable(key, ends_at, can) => self.time_is_near(key, ends_at, can),
        }
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
        let watch = secret();
        let refusal = match self.house.start(self.now(), order, &mut draw, watch) {
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
}

/// A secret that nobody guesses.
fn secret() -> Token {
    Token::from_random(rand::rng().random())
}
