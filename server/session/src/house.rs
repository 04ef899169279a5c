//! All sessions of one server as a state machine: orders and visitors in, actions out.
//!
//! The driver calls one `handle`-like method an event and then carries out the actions that it gave, in order. How users
//! come and go is in `visit`, what they say in `say`. Pure: time and whatever is random are arguments. It must never know processes, connections or files.

mod say;
mod visit;

use std::collections::{BTreeMap, VecDeque};

use server_wire::{
    ApplicationName, Code, Count, EndWord, EndedSession, IdleWarning, Reason, Reasoned,
    RunningSession, Seconds, SessionExtended, StartOrder, Token, UnixSeconds, UserAnswer, UsersOf,
};

use crate::config::Times;
use crate::life::{Due, Key, Life, Now, Stage};
use crate::room::{Out, Who};

pub(crate) use say::{May, Said};

/// Ends that no coordinator has taken yet; the oldest is forgotten then. A coordinator learns from the next registration
/// too what runs no more. A guess: a day without coordinator.
pub(crate) const MAX_ENDED: usize = 1024;
/// How often another code is drawn when one is taken: with 256 of 10,000 taken, twice is rare.
const CODE_DRAWS: usize = 64;

/// What the state machine goes by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) limit: u32,
    pub(crate) users_per_session: u32,
    pub(crate) times: Times,
    pub(crate) applications: Vec<ApplicationName>,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// End the application and all it started, then say that it has ended.
    Terminate(Key),
    /// Tell one user something.
    Tell(Key, u32, UserAnswer),
    /// Tell one user something that may be left out if they are behind.
    Pass(Key, u32, UserAnswer),
    /// Everybody in it is told who is there.
    TellWhoIsThere(Key),
    /// Everybody in it is told who drives and who wants to.
    TellControl(Key),
    /// Everybody in it is told that its time is over soon.
    TellTimeNear(Key),
    /// Nobody's input counts, and what is held is let go.
    ReleaseAll(Key),
    /// From now on this one's input counts, or nobody's.
    Driver(Key, Option<u32>),
    /// This user came back as who they were.
    Returned(Key, u32),
    /// This user does not come back.
    Gone(Key, u32),
    /// A user did something for the audit.
    Did(Key, Who, &'static str, Option<String>),
}

/// What a room gives, as what is to be done in the house.
fn actions(key: Key, outs: Vec<Out>) -> Vec<Action> {
    let each = outs.into_iter().map(|out| match out {
        Out::ReleaseAll => Action::ReleaseAll(key),
        Out::Driver(driver) => Action::Driver(key, driver),
        Out::Control => Action::TellControl(key),
        Out::People => Action::TellWhoIsThere(key),
        Out::Returned(client) => Action::Returned(key, client),
        Out::Gone(client) => Action::Gone(key, client),
        Out::Did(who, what, detail) => Action::Did(key, who, what, detail),
    });
    each.collect()
}

/// What becomes of an order to start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Start {
    /// Start the application and say how that went.
    Launch(Key),
    /// It was ordered before and is being started.
    Wait(Key),
    /// It was ordered before and runs.
    Runs(Key),
    /// No place.
    LimitReached,
    /// The order makes no sense.
    Refused(Reason),
}

/// What becomes of a wish to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// In, with this number.
    In(Key, u32),
    /// As many are there as may be.
    Full,
    /// No such session.
    NotExist,
}

/// All sessions of one server.
#[derive(Clone, Debug)]
pub(crate) struct House {
    rules: Rules,
    sessions: BTreeMap<Key, Life>,
    last_key: u64,
    draining: bool,
    ended: VecDeque<(u64, EndedSession)>,
    last_ended: u64,
}

impl House {
    /// With the ends that were not taken before the last stop.
    pub(crate) fn new(rules: Rules, untold: Vec<EndedSession>) -> Self {
        let mut house = Self {
            rules,
            sessions: BTreeMap::new(),
            last_key: 0,
            draining: false,
            ended: VecDeque::new(),
            last_ended: 0,
        };
        for ended in untold {
            house.push_ended(ended);
        }
        house
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Life> {
        self.sessions.get(&key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub(crate) fn draining(&self) -> bool {
        self.draining
    }

    pub(crate) fn running(&self) -> Vec<RunningSession> {
        self.sessions.values().map(Life::report).collect()
    }

    pub(crate) fn users(&self) -> Vec<UsersOf> {
        let each = self.sessions.values().map(|life| {
            let clients = life.room.clients();
            let active = clients.iter().filter(|client| client.active).count();
            UsersOf {
                code: life.code,
                users: Count(clients.len() as u32),
                active: Count(active as u32),
            }
        });
        each.collect()
    }

    pub(crate) fn ended(&self) -> impl Iterator<Item = &(u64, EndedSession)> {
        self.ended.iter()
    }

    fn push_ended(&mut self, ended: EndedSession) {
        if self.ended.len() == MAX_ENDED {
            self.ended.pop_front();
        }
        self.last_ended += 1;
        self.ended.push_back((self.last_ended, ended));
    }

    /// A coordinator has written an end down.
    pub(crate) fn taken(&mut self, number: u64) {
        self.ended.retain(|(other, _)| *other != number);
    }

    /// The session that starts or runs under a code.
    fn alive(&self, code: Code) -> Option<Key> {
        let mut each = self.sessions.iter();
        each.find(|(_, life)| life.code == code && !matches!(life.stage, Stage::Ending(_)))
            .map(|(&key, _)| key)
    }

    pub(crate) fn knows(&self, code: Code) -> bool {
        self.alive(code).is_some()
    }

    /// An order to start; `draw` gives random codes, for an order that names none; `watch` is a random token.
    pub(crate) fn start(
        &mut self,
        now: Now,
        order: &StartOrder,
        draw: &mut dyn FnMut() -> Code,
        watch: Token,
    ) -> Start {
        let refused = |why: String| Start::Refused(Reason::cut(&why));
        let names = &self.rules.applications;
        let application = match &order.rc_name {
            Some(name) if !names.contains(name) => {
                let known: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                return refused(format!(
                    "\"rc_name\": {name} does not run here; accepted are {}",
                    known.join(", ")
                ));
            }
            Some(name) => name.clone(),
            None => match names.first() {
                Some(name) => name.clone(),
                None => return refused("no application runs here".to_owned()),
            },
        };
        let token_hash = order
            .token_hash
            .or(order.token.as_ref().map(|token| token.hash()));
        let again = order.code.and_then(|code| self.alive(code));
        if let Some((key, life)) = again.and_then(|key| Some((key, self.sessions.get(&key)?))) {
            let is_same = life.token_hash == token_hash && life.application == application;
            return match life.stage {
                Stage::Starting if is_same => Start::Wait(key),
                Stage::Running if is_same => Start::Runs(key),
                _ => {
                    refused("\"code\": another session has it here; end that one first".to_owned())
                }
            };
        }
        if self.draining || self.sessions.len() as u64 >= u64::from(self.rules.limit) {
            return Start::LimitReached;
        }
        let lasts = i64::from(self.rules.times.session_minutes) * 60;
        let ends_at = order.ends_at.unwrap_or(UnixSeconds(now.unix.0 + lasts));
        if ends_at <= now.unix {
            return refused("\"ends_at\": a second in the future is accepted".to_owned());
        }
        let is_taken = |code: &Code| self.sessions.values().any(|life| life.code == *code);
        let drawn = || (0..CODE_DRAWS).map(|_| draw()).find(|code| !is_taken(code));
        let Some(code) = order.code.or_else(drawn) else {
            return Start::LimitReached;
        };
        // Whoever gives a code anew knows that what had it before is over.
        self.ended.retain(|(_, ended)| ended.code != code);
        self.last_key += 1;
        let key = Key(self.last_key);
        let life = Life::new(code, application, ends_at, token_hash, watch);
        self.sessions.insert(key, life);
        Start::Launch(key)
    }

    /// The application of a session runs.
    pub(crate) fn launched(&mut self, now: Now, key: Key) -> Vec<Action> {
        match self.sessions.get_mut(&key).map(|life| life.runs(now)) {
            Some(false) => vec![Action::Terminate(key)],
            Some(true) | None => Vec::new(),
        }
    }

    /// The application of a session could not be started; who ordered it is told by the answer. Who ordered its end
    /// meanwhile was told that it is ending, and waits for that.
    pub(crate) fn not_launched(&mut self, key: Key, how: &str) {
        if let Some(life) = self.sessions.remove(&key)
            && let Stage::Ending(why) = life.stage
        {
            self.push_ended(ended(&life, why, how));
        }
    }

    /// The application of a session has ended, by itself or as it was told, and nothing of it is left.
    pub(crate) fn exited(&mut self, key: Key, how: &str) -> Vec<Action> {
        let Some(life) = self.sessions.remove(&key) else {
            return Vec::new();
        };
        let why = match life.stage {
            Stage::Ending(why) => why,
            Stage::Starting | Stage::Running => EndWord::ApplicationEnded,
        };
        let ended = ended(&life, why, how);
        self.push_ended(ended.clone());
        let told = EndedSession {
            token_hash: None,
            detail: None,
            ..ended
        };
        let tell = |client| Action::Tell(key, client, UserAnswer::Ended(told.clone()));
        life.room.numbers().into_iter().map(tell).collect()
    }

    /// An order to end; false: no such session.
    pub(crate) fn end(&mut self, code: Code, why: EndWord) -> Option<Vec<Action>> {
        let key = self.alive(code)?;
        Some(self.end_key(key, why))
    }

    fn end_key(&mut self, key: Key, why: EndWord) -> Vec<Action> {
        let Some(life) = self.sessions.get_mut(&key) else {
            return Vec::new();
        };
        match std::mem::replace(&mut life.stage, Stage::Ending(why)) {
            // When it runs it is told to end.
            Stage::Starting => Vec::new(),
            Stage::Running => vec![Action::Terminate(key)],
            first @ Stage::Ending(_) => {
                life.stage = first;
                Vec::new()
            }
        }
    }

    /// The server stops: everything ends.
    pub(crate) fn end_all(&mut self) -> Vec<Action> {
        self.draining = true;
        let keys: Vec<Key> = self.sessions.keys().copied().collect();
        let each = keys.into_iter();
        each.flat_map(|key| self.end_key(key, EndWord::ServerLost))
            .collect()
    }

    /// An order to move a session's end; none: no such session.
    pub(crate) fn extend(&mut self, code: Code, ends_at: UnixSeconds) -> Option<Vec<Action>> {
        let key = self.alive(code)?;
        let life = self.sessions.get_mut(&key)?;
        life.ends_at = ends_at;
        let told = UserAnswer::Extended(SessionExtended { code, ends_at });
        let tell = |client| Action::Tell(key, client, told.clone());
        Some(life.room.numbers().into_iter().map(tell).collect())
    }

    /// An order to take no sessions, or to take them again.
    pub(crate) fn drain(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// What time has brought.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        let keys: Vec<Key> = self.sessions.keys().copied().collect();
        for key in keys {
            let Some(life) = self.sessions.get_mut(&key) else {
                continue;
            };
            actions.extend(self::actions(key, life.room.tick(now.at)));
            match life.due(now, &self.rules.times) {
                None => {}
                Some(Due::TimeNear) => actions.push(Action::TellTimeNear(key)),
                Some(Due::End(why)) => actions.extend(self.end_key(key, why)),
                Some(Due::Warn(left)) => {
                    let told = UserAnswer::IdleWarning(IdleWarning {
                        seconds_left: Seconds(left),
                    });
                    let tell = |client| Action::Tell(key, client, told.clone());
                    actions.extend(life.room.numbers().into_iter().map(tell));
                }
            }
        }
        actions
    }
}

/// How a session ended, for the coordinator.
fn ended(life: &Life, why: EndWord, how: &str) -> EndedSession {
    EndedSession {
        code: life.code,
        why,
        token_hash: life.token_hash,
        detail: Some(Reason::cut(how)),
    }
}

/// An answer that only has a reason.
pub(crate) fn reasoned(why: &str) -> Reasoned {
    Reasoned {
        reason: Reason::cut(why),
    }
}

#[cfg(test)]
mod tests;
