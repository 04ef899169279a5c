//! Sessions as they run: raised, watched, and gone.

use std::sync::Arc;
use std::time::Duration;

use server_bridge::input::Input;
use server_wire::{Code, CursorShape, OrderAnswer};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::{Driver, Event, secret};
use crate::air::OnAir;
use crate::gate::{Carry, Gate};
use crate::house::reasoned;
use crate::life::{Key, Stage};
use crate::stage::{self, Hands, Show};

/// Between two looks of the pointer, and between two clipboards, that are told; only the newest counts. A guess: an
/// animated pointer is one that moves a little.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// One session that runs.
pub(super) struct Running {
    /// Ends it when it is used or dropped; none: it was used.
    pub(super) end: Option<oneshot::Sender<()>>,
    pub(super) hands: Hands,
    pub(super) gate: Arc<Gate>,
    /// What its pointer looks like.
    pub(super) cursor: Option<CursorShape>,
    pub(super) on_air: Option<OnAir>,
    /// The driver's last input that the house has heard of.
    pub(super) drove_at: Option<Duration>,
    _follower: Aborted,
}

/// A task that is ended when this is dropped.
pub(super) struct Aborted(pub(super) AbortHandle);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Carry for Hands {
    fn carry(&self, input: Input) {
        self.inject(input);
    }

    fn let_go(&self) {
        self.release_all();
    }
}

impl Driver {
    pub(super) fn launch(&mut self, key: Key) {
        let Some(life) = self.house.get(key) else {
            return;
        };
        let mark = secret().secret().to_owned();
        self.record.add(key, &mark, life.report());
        let mut applications = self.config.applications.iter();
        let application = applications
            .find(|one| one.name == life.application)
            .cloned();
        let places = self.record.places(&mark);
        let (report, bridge) = (self.report.clone(), self.around.bridge.clone());
        self.save();
        tokio::spawn(async move {
            let started = match application {
                Some(application) => stage::raise(&application, &mark, &places, &bridge).await,
                None => Err("the application is not configured".to_owned()),
            };
            // A driver that is gone has dropped the session, which kills it.
            let _ = report
                .send(Event::Launched(key, started.map(Box::new)))
                .await;
        });
    }

    pub(super) fn launched(&mut self, key: Key, started: Result<Box<Show>, String>) {
        let show = match started {
            Ok(show) => show,
            Err(why) => return self.not_launched(key, &why),
        };
        let hands = show.hands();
        let (end, ended) = oneshot::channel();
        let follower = tokio::spawn(follow(key, hands.clone(), self.report.clone()));
        let running = Running {
            end: Some(end),
            gate: Arc::new(Gate::new(self.began, Box::new(hands.clone()))),
            hands,
            cursor: None,
            on_air: None,
            drove_at: None,
            _follower: Aborted(follower.abort_handle()),
        };
        self.shows.insert(key, running);
        let report = self.report.clone();
        tokio::spawn(async move {
            let how = show.tend(ended).await;
            let _ = report.send(Event::Exited(key, how)).await;
        });
        let actions = self.house.launched(self.now(), key);
        self.act(actions);
        for (here, answer) in self.waiting.remove(&key).unwrap_or_default() {
            let _ = answer.send(self.connection_data(key, &here));
        }
    }

    fn not_launched(&mut self, key: Key, why: &str) {
        tracing::warn!("a session could not be started: {why}");
        self.house.not_launched(key, why);
        self.record.remove(key);
        self.save();
        for (_, answer) in self.waiting.remove(&key).unwrap_or_default() {
            let _ = answer.send(OrderAnswer::NotStarted(reasoned(why)));
        }
    }

    pub(super) fn exited(&mut self, key: Key, how: &str) {
        if let Some(life) = self.house.get(key) {
            tracing::info!(
                "session {} ({}) is over: {how}",
                life.code,
                life.application
            );
        }
        let actions = self.house.exited(key, how);
        self.act(actions);
        self.shows.remove(&key);
        self.doors.retain(|(other, _), _| *other != key);
        self.seats.retain(|(other, _), _| *other != key);
        self.boards.retain(|(other, _), _| *other != key);
        self.record.remove(key);
        self.save();
    }

    /// Has the application ended.
    pub(super) fn terminate(&mut self, key: Key) {
        let running = self.shows.get_mut(&key);
        if let Some(end) = running.and_then(|running| running.end.take()) {
            // An application that has ended by itself does not listen any more.
            let _ = end.send(());
        }
    }

    /// Tells the house who did something in an application.
    pub(super) fn hear_of_input(&mut self) {
        let mut news = Vec::new();
        for (&key, running) in &mut self.shows {
            let drove_at = running.gate.drove_at();
            if drove_at != running.drove_at {
                running.drove_at = drove_at;
                news.push(key);
            }
        }
        for key in news {
            let now = self.now();
            let driver = self.house.get(key).and_then(|life| life.room.driver());
            if let Some(driver) = driver {
                let actions = self.house.drove(now, key, driver);
                self.act(actions);
            }
        }
    }

    /// Codes of sessions that have a picture.
    pub(super) fn pictures(&self) -> Vec<Code> {
        let each = self.shows.iter().filter_map(|(&key, running)| {
            let life = self.house.get(key)?;
            let is_shown = life.stage == Stage::Running && running.hands.stage().is_some();
            is_shown.then_some(life.code)
        });
        each.collect()
    }
}

/// Tells of pointer and clipboard until neither changes any more.
async fn follow(key: Key, hands: Hands, report: mpsc::Sender<Event>) {
    let (mut cursor, mut clipboard) = (hands.cursor(), hands.clipboard());
    // What is there already is news too.
    cursor.mark_changed();
    loop {
        let event = tokio::select! {
            Ok(()) = cursor.changed() => {
                let shape = cursor.borrow_and_update().clone();
                shape.map(|shape| Event::Cursor(key, shape))
            }
            Ok(()) = clipboard.changed() => {
                let text = clipboard.borrow_and_update().clone();
                text.map(|text| Event::Copied(key, text))
            }
            else => return,
        };
        if let Some(event) = event
            && report.send(event).await.is_err()
        {
            return;
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}
