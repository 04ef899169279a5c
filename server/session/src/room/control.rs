//! Who drives: asked for, given, taken, let go, locked; queued in turn; passed on from whoever does nothing.
//!
//! Every change of driver gives [`Out::ReleaseAll`] first and then [`Out::Driver`], so that nothing that a former driver
//! held stays held.

use std::time::Duration;

use server_wire::{Control, Count, Seconds};

use super::{No, Out, Queue, Room};

/// How long a driver who does nothing keeps control once somebody asks for it. A guess: time to see the question.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// How long somebody waits for control; then they have to ask again. A guess: nobody looks any more.
const MAX_WAIT: Duration = Duration::from_secs(120);
/// How long control waits for a driver whose connection is lost, while others want it: a reload takes less.
const HOLD: Duration = Duration::from_secs(5);

/// Somebody who wants control.
#[derive(Clone, Debug)]
pub(super) struct Request {
    client: u32,
    since: Duration,
    /// Since when this is the next, with the driver that there is now.
    first_since: Option<Duration>,
}

/// Whose control waits for them.
#[derive(Clone, Copy, Debug)]
struct Held {
    client: u32,
    until: Duration,
}

/// Who drives, and who wants to.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    driver: Option<u32>,
    held: Option<Held>,
    queue: Queue,
    locked: bool,
    /// The driver's last input, or when they became it.
    drove_at: Duration,
}

impl Room {
    /// Who drives.
    pub(crate) fn driver(&self) -> Option<u32> {
        self.control.driver
    }

    /// The driver did something in the application.
    pub(crate) fn drove(&mut self, now: Duration, client: u32) -> Vec<Out> {
        if self.control.driver != Some(client) {
            return Vec::new();
        }
        self.control.drove_at = self.control.drove_at.max(now);
        self.presence(now, client, true)
    }

    /// Somebody wants control.
    pub(crate) fn request(&mut self, now: Duration, client: u32) -> Result<Vec<Out>, No> {
        self.check_driver(client)?;
        let state = &mut self.control;
        let waits = state.queue.iter().any(|request| request.client == client);
        if state.driver == Some(client) || waits {
            return Ok(Vec::new());
        }
        state.queue.push_back(Request {
            client,
            since: now,
            first_since: None,
        });
        let mut outs = vec![Out::Did(self.who(client), "control_requested", None)];
        if self.control.driver.is_none() && self.control.locked && self.is_owner(client) {
            self.hand_over(now, Some(client), &mut outs);
        }
        self.settle(now, &mut outs);
        told(&mut outs);
        Ok(outs)
    }

    /// Somebody does not want control any more.
    pub(crate) fn cancel(&mut self, now: Duration, client: u32) -> Vec<Out> {
        let mut outs = Vec::new();
        if self.dequeue(client) {
            self.settle(now, &mut outs);
            told(&mut outs);
        }
        outs
    }

    /// The driver or the owner says no to somebody who asks.
    pub(crate) fn refuse(&mut self, now: Duration, by: u32, to: u32) -> Result<Vec<Out>, No> {
        self.check_giver(by)?;
        if !self.dequeue(to) {
            return Err("nobody of that number asks for control");
        }
        let mut outs = vec![self.did(by, "control_refused", Some(to))];
        self.settle(now, &mut outs);
        told(&mut outs);
        Ok(outs)
    }

    /// The driver or the owner passes control on.
    pub(crate) fn give(&mut self, now: Duration, by: u32, to: u32) -> Result<Vec<Out>, No> {
        self.check_giver(by)?;
        if !self.may_drive(to) {
            return Err("nobody of that number may drive");
        }
        let mut outs = Vec::new();
        if self.control.driver != Some(to) {
            outs.push(self.did(by, "control_given", Some(to)));
            self.hand_over(now, Some(to), &mut outs);
            self.settle(now, &mut outs);
            told(&mut outs);
        }
        Ok(outs)
    }

    /// The driver lets control go.
    pub(crate) fn release(&mut self, now: Duration, by: u32) -> Result<Vec<Out>, No> {
        if self.control.driver != Some(by) {
            return Err("only who has control can release it");
        }
        let mut outs = vec![self.did(by, "control_released", None)];
        self.hand_over(now, None, &mut outs);
        self.settle(now, &mut outs);
        told(&mut outs);
        Ok(outs)
    }

    /// The owner takes control.
    pub(crate) fn take(&mut self, now: Duration, by: u32) -> Result<Vec<Out>, No> {
        self.check_owner(by)?;
        self.check_driver(by)?;
        let mut outs = Vec::new();
        if self.control.driver != Some(by) {
            outs.push(self.did(by, "control_taken", None));
            self.hand_over(now, Some(by), &mut outs);
            self.settle(now, &mut outs);
            told(&mut outs);
        }
        Ok(outs)
    }

    /// The owner says whether asking alone gives control.
    pub(crate) fn lock(&mut self, now: Duration, by: u32, locked: bool) -> Result<Vec<Out>, No> {
        self.check_owner(by)?;
        if self.control.locked == locked {
            return Ok(Vec::new());
        }
        self.control.locked = locked;
        let word = if locked {
            "control_locked"
        } else {
            "control_unlocked"
        };
        let mut outs = vec![self.did(by, word, None)];
        if let Some(first) = self.control.queue.front_mut() {
            first.first_since = None;
        }
        self.settle(now, &mut outs);
        told(&mut outs);
        Ok(outs)
    }

    /// Who drives and who wants to, as `client` is told.
    pub(crate) fn control(&self, now: Duration, client: u32) -> Control {
        let state = &self.control;
        let first = state.queue.front();
        let decides = state.driver == Some(client)
            || (self.owns(client) && (state.locked || state.driver.is_none()));
        let left = first.and_then(|request| self.passes_at(request));
        let left = left.map(|at| at.saturating_sub(now).as_secs_f64().ceil() as u32);
        let concerns = decides || first.is_some_and(|request| request.client == client);
        Control {
            driver: state.driver.map(Count),
            queue: state
                .queue
                .iter()
                .map(|request| Count(request.client))
                .collect(),
            locked: state.locked,
            request: first
                .filter(|_| decides)
                .map(|request| Count(request.client)),
            seconds_left: left.filter(|_| concerns).map(Seconds),
        }
    }

    /// Who comes into a session in which nobody could drive, drives.
    pub(super) fn first_drives(&mut self, now: Duration, client: u32, outs: &mut Vec<Out>) {
        let others = self.numbers_of(|member| member.absent_since.is_none() && !member.watching);
        let alone = others.filter(|&other| other != client).count() == 0;
        let allowed = !self.control.locked || self.is_owner(client);
        if alone && allowed && self.may_drive(client) && self.control.driver.is_none() {
            self.hand_over(now, Some(client), outs);
            told(outs);
        }
    }

    /// Somebody comes back: control that was held for them is theirs again. Who comes back without having been missed has
    /// another page now, which holds no key.
    pub(super) fn drives_again(&mut self, now: Duration, client: u32, outs: &mut Vec<Out>) {
        let is_held = self.control.held.is_some_and(|held| held.client == client);
        if self.control.driver == Some(client) {
            outs.extend([Out::ReleaseAll, Out::Driver(Some(client))]);
        } else if is_held && self.control.driver.is_none() && self.may_drive(client) {
            self.hand_over(now, Some(client), outs);
            told(outs);
        } else {
            self.first_drives(now, client, outs);
        }
    }

    /// Somebody is not there any more; `may_return`: only their connection is lost.
    pub(super) fn goes(
        &mut self,
        now: Duration,
        client: u32,
        may_return: bool,
        outs: &mut Vec<Out>,
    ) {
        let waited = self.dequeue(client);
        let drove = self.control.driver == Some(client);
        if drove {
            self.hand_over(now, None, outs);
            self.control.held = may_return.then_some(Held {
                client,
                until: now + HOLD,
            });
        }
        if !may_return {
            self.forget_held(client);
        }
        self.settle(now, outs);
        if drove || waited {
            told(outs);
        }
    }

    /// Who is gone for good gets nothing back.
    pub(super) fn forget_held(&mut self, client: u32) {
        self.control.held = self.control.held.filter(|held| held.client != client);
    }

    /// What time has brought to those who wait.
    pub(super) fn control_tick(&mut self, now: Duration, outs: &mut Vec<Out>) {
        let before = self.control.queue.len();
        let mut changed = false;
        self.control
            .queue
            .retain(|request| now < request.since + MAX_WAIT);
        changed |= self.control.queue.len() != before;
        if let Some(first) = self.control.queue.front()
            && self.passes_at(first).is_some_and(|at| now >= at)
        {
            let client = first.client;
            let from = self
                .control
                .driver
                .map(|driver| format!("from {driver}, idle"));
            outs.push(Out::Did(self.who(client), "control_passed", from));
            self.hand_over(now, Some(client), outs);
            changed = true;
        }
        let driver = self.control.driver;
        self.settle(now, outs);
        if changed || driver != self.control.driver {
            told(outs);
        }
    }

    /// When control passes to whoever is next, if the driver goes on doing nothing.
    fn passes_at(&self, first: &Request) -> Option<Duration> {
        let state = &self.control;
        let since = first.first_since?.max(state.drove_at);
        (state.driver.is_some() && !state.locked).then_some(since + REQUEST_PATIENCE)
    }

    /// Gives control to whoever is next if nobody has it, and lets the driver be asked for the next.
    fn settle(&mut self, now: Duration, outs: &mut Vec<Out>) {
        let state = &self.control;
        if state.driver.is_none()
            && !state.locked
            && !self.waits_for_somebody(now)
            && let Some(first) = state.queue.front()
        {
            let client = first.client;
            self.hand_over(now, Some(client), outs);
        }
        if let Some(first) = self.control.queue.front_mut() {
            first.first_since.get_or_insert(now);
        }
    }

    /// Whether control waits for a driver who was lost just now.
    pub(super) fn waits_for_somebody(&self, now: Duration) -> bool {
        self.control.held.is_some_and(|held| now < held.until)
    }

    /// The one place where the driver changes.
    fn hand_over(&mut self, now: Duration, to: Option<u32>, outs: &mut Vec<Out>) {
        debug_assert!(
            to.is_none_or(|to| self.may_drive(to)),
            "who drives is there"
        );
        if self.control.driver == to {
            return;
        }
        outs.push(Out::ReleaseAll);
        self.control.driver = to;
        self.control.held = None;
        self.control.drove_at = now;
        if let Some(to) = to {
            self.dequeue(to);
        }
        // The next is asked for anew.
        for request in &mut self.control.queue {
            request.first_since = None;
        }
        outs.push(Out::Driver(to));
    }

    fn dequeue(&mut self, client: u32) -> bool {
        let before = self.control.queue.len();
        self.control
            .queue
            .retain(|request| request.client != client);
        self.control.queue.len() != before
    }

    fn did(&self, by: u32, what: &'static str, to: Option<u32>) -> Out {
        let detail = to.map(|to| self.who(to).as_str().to_owned());
        Out::Did(self.who(by), what, detail)
    }

    fn check_driver(&self, client: u32) -> Result<(), No> {
        match self.may_drive(client) {
            true => Ok(()),
            false => Err("who only watches cannot have control"),
        }
    }

    fn check_owner(&self, client: u32) -> Result<(), No> {
        match self.owns(client) {
            true => Ok(()),
            false => Err("only who started the session may do that"),
        }
    }

    fn check_giver(&self, client: u32) -> Result<(), No> {
        match self.control.driver == Some(client) || self.owns(client) {
            true => Ok(()),
            false => Err("only who has control, or who started the session, may do that"),
        }
    }
}

/// All are told, once.
fn told(outs: &mut Vec<Out>) {
    outs.retain(|out| *out != Out::Control);
    outs.push(Out::Control);
}
