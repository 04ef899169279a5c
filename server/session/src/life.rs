//! The life of one session: starting, running, ending; who is in it, and when it has to end.
//!
//! Pure: time is an argument. It must never know processes or connections.

use std::collections::BTreeMap;
use std::time::Duration;

use server_wire::{
    ApplicationName, Client, Code, Count, EndWord, PersonName, RunningSession, Text, TokenHash,
    UnixSeconds,
};

use crate::config::Times;

/// A moment, on both clocks: the calendar's for ends that were promised, which may jump, and one that only runs forward
/// for how long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// What the calendar says.
    pub(crate) unix: UnixSeconds,
    /// Since some moment before everything.
    pub(crate) at: Duration,
}

/// Which session: never given again by one session server, in contrast to a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u64);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The application is being started.
    Starting,
    /// It runs.
    Running,
    /// It is being ended, and keeps its place until it is gone.
    Ending(EndWord),
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The session has to end.
    End(EndWord),
    /// Users are told in how many seconds it will; 0: not any more.
    Warn(u32),
}

#[derive(Clone, Debug)]
struct User {
    name: PersonName,
    owner: bool,
    /// Since when the user does nothing, as far as it was said.
    idle_since: Option<Duration>,
}

/// One session.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) code: Code,
    pub(crate) application: ApplicationName,
    pub(crate) ends_at: UnixSeconds,
    pub(crate) token_hash: Option<TokenHash>,
    pub(crate) stage: Stage,
    users: BTreeMap<u32, User>,
    /// The number that was given last.
    last_client: u32,
    /// Since when nobody is there.
    empty_since: Option<Duration>,
    /// Somebody was there.
    visited: bool,
    warned: bool,
}

impl Life {
    /// A session whose application is being started.
    pub(crate) fn new(
        code: Code,
        application: ApplicationName,
        ends_at: UnixSeconds,
        token_hash: Option<TokenHash>,
    ) -> Self {
        Self {
            code,
            application,
            ends_at,
            token_hash,
            stage: Stage::Starting,
            users: BTreeMap::new(),
            last_client: 0,
            empty_since: None,
            visited: false,
            warned: false,
        }
    }

    /// The application runs; false: the session has to be ended meanwhile.
    pub(crate) fn runs(&mut self, now: Now) -> bool {
        if self.stage != Stage::Starting {
            return false;
        }
        self.stage = Stage::Running;
        self.empty_since = Some(now.at);
        true
    }

    /// Somebody comes in; none: as many are there as may be.
    pub(crate) fn enter(
        &mut self,
        name: Option<PersonName>,
        owner: bool,
        most: u32,
    ) -> Option<u32> {
        if self.users.len() as u64 >= u64::from(most) {
            return None;
        }
        self.last_client += 1;
        let name = name.unwrap_or_else(|| Text::cut(&format!("Guest {}", self.last_client)));
        let user = User {
            name,
            owner,
            idle_since: None,
        };
        self.users.insert(self.last_client, user);
        self.empty_since = None;
        self.visited = true;
        Some(self.last_client)
    }

    /// Somebody goes; false: they were not there.
    pub(crate) fn leave(&mut self, now: Now, client: u32) -> bool {
        let was_there = self.users.remove(&client).is_some();
        if was_there && self.users.is_empty() {
            self.empty_since = Some(now.at);
        }
        was_there
    }

    /// Somebody says whether they do something; true: that is new.
    pub(crate) fn presence(&mut self, now: Now, client: u32, active: bool) -> bool {
        let Some(user) = self.users.get_mut(&client) else {
            return false;
        };
        let was_active = user.idle_since.is_none();
        user.idle_since = match active {
            true => None,
            false => user.idle_since.or(Some(now.at)),
        };
        was_active != active
    }

    /// Since when everybody who is there does nothing. Who never said anything about it counts as active.
    fn idle_since(&self) -> Option<Duration> {
        let each: Option<Vec<Duration>> = self.users.values().map(|user| user.idle_since).collect();
        each?.into_iter().max()
    }

    /// What time has brought; asked again until nothing is due.
    pub(crate) fn due(&mut self, now: Now, times: &Times) -> Option<Due> {
        if self.stage != Stage::Running {
            return None;
        }
        if now.unix >= self.ends_at {
            return Some(Due::End(EndWord::TimeOver));
        }
        let seconds = |count| Duration::from_secs(u64::from(count));
        if let Some(since) = self.empty_since {
            let grace = match self.visited {
                true => times.empty_grace_seconds,
                false if times.unused_grace_seconds == 0 => return None,
                false => times.unused_grace_seconds,
            };
            let is_over = now.at >= since + seconds(grace);
            return is_over.then_some(Due::End(EndWord::Empty));
        }
        let idle = self.idle_since().filter(|_| times.idle_timeout_seconds > 0);
        let Some(since) = idle else {
            return std::mem::take(&mut self.warned).then_some(Due::Warn(0));
        };
        let end = since + seconds(times.idle_timeout_seconds);
        let left = end.saturating_sub(now.at);
        if left.is_zero() {
            return Some(Due::End(EndWord::Idle));
        }
        if !self.warned && left <= seconds(times.idle_warning_seconds) {
            self.warned = true;
            return Some(Due::Warn(left.as_secs().max(1) as u32));
        }
        None
    }

    /// Who is there.
    pub(crate) fn clients(&self) -> Vec<Client> {
        let each = self.users.iter().map(|(&number, user)| Client {
            client: Count(number),
            name: user.name.clone(),
            owner: user.owner,
            active: user.idle_since.is_none(),
            colour: None,
            watching: false,
        });
        each.collect()
    }

    /// Their numbers.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.users.keys().copied().collect()
    }

    /// As the coordinator is told of it.
    pub(crate) fn report(&self) -> RunningSession {
        RunningSession {
            code: self.code,
            rc_name: self.application.clone(),
            ends_at: self.ends_at,
            token_hash: self.token_hash,
        }
    }
}
