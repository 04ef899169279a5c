//! The life of one session: starting, running, ending, and when it has to end.
//!
//! Who is in it is its room's matter. Pure: time is an argument. It must never know processes or connections.

use std::time::Duration;

use server_wire::{ApplicationName, Code, EndWord, RunningSession, Token, TokenHash, UnixSeconds};

use crate::config::Times;
use crate::room::Room;

/// Before a session's time is over its users are told, so long before. A guess: enough to decide.
pub(crate) const TIME_WARNING_SECONDS: i64 = 60;

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
    /// Its time is over soon.
    TimeNear,
}

/// One session.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) code: Code,
    pub(crate) application: ApplicationName,
    pub(crate) ends_at: UnixSeconds,
    pub(crate) token_hash: Option<TokenHash>,
    /// What opens it to those who only watch.
    pub(crate) watch: Token,
    pub(crate) stage: Stage,
    pub(crate) room: Room,
    /// Since when nobody is there.
    empty_since: Option<Duration>,
    /// Somebody was there.
    visited: bool,
    warned: bool,
    /// The end before which users were warned.
    warned_of: Option<UnixSeconds>,
}

impl Life {
    /// A session whose application is being started.
    pub(crate) fn new(
        code: Code,
        application: ApplicationName,
        ends_at: UnixSeconds,
        token_hash: Option<TokenHash>,
        watch: Token,
    ) -> Self {
        Self {
            code,
            application,
            ends_at,
            token_hash,
            watch,
            stage: Stage::Starting,
            room: Room::default(),
            empty_since: None,
            visited: false,
            warned: false,
            warned_of: None,
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

    /// Somebody came or went.
    pub(crate) fn counted(&mut self, now: Now) {
        if !self.room.is_empty() {
            self.empty_since = None;
            self.visited = true;
        } else if self.empty_since.is_none() {
            self.empty_since = Some(now.at);
        }
    }

    /// Somebody came who does not know what the others were told of its end: all are told with the next tick.
    pub(crate) fn remind(&mut self) {
        self.warned_of = None;
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
        let is_near = now.unix.0 >= self.ends_at.0 - TIME_WARNING_SECONDS;
        if is_near && self.warned_of != Some(self.ends_at) {
            self.warned_of = Some(self.ends_at);
            return Some(Due::TimeNear);
        }
        let idle = self.room.idle_since();
        let idle = idle.filter(|_| times.idle_timeout_seconds > 0);
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
