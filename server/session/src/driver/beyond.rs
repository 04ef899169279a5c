//! What reaches beyond this computer: more time, which only the coordinator has; channels of the forest; the audit.

use std::time::Duration;

use server_wire::{
    Count, Deed, ExtendWanted, Minutes, OnAir as OnAirTold, ReportAnswer, Seconds, SessionExtended,
    Text, TimeWarning, UnixSeconds, UserAnswer,
};
use tokio::sync::oneshot;

use super::{Driver, Event};
use crate::air::OnAir;
use crate::ask::{Door, Wish};
use crate::house::{May, reasoned};
use crate::life::{Key, Stage};
use crate::room::Who;

/// How long the coordinator may take to answer; its own patience with its database is one second.
const WISH_PATIENCE: Duration = Duration::from_secs(3);
/// Why a session is not longer where nobody knows what comes after it.
const NO_LINK: &str = "this session server has no link to a coordinator, which alone knows whether the time after the session is free";
/// Why a session is not on a channel where there are none.
const NO_CHANNELS: &str = "this session server has no channels; whoever runs it gives it some with --session-channels, or as broadcast in its configuration";

/// A user who waits to be told what became of a broadcast.
pub(super) struct Asked {
    door: Door,
    answer: oneshot::Sender<UserAnswer>,
}

impl Driver {
    /// A user wants more time.
    pub(super) fn extend(
        &mut self,
        door: Door,
        minutes: Minutes,
        answer: oneshot::Sender<UserAnswer>,
    ) {
        let Door { key, client, .. } = door;
        if let Err(why) = self.house.may(key, client, May::Join) {
            let _ = answer.send(why);
            return;
        }
        let told = self.wish(key, Some(minutes));
        let detail = Some(format!("by {} minutes", minutes.0));
        let actions = self.house.did(key, client, "extension_wanted", detail);
        self.act(actions);
        tokio::spawn(async move {
            let told = match told.await {
                Some(ReportAnswer::Extended(SessionExtended { code, ends_at })) => {
                    UserAnswer::Extended(SessionExtended { code, ends_at })
                }
                Some(ReportAnswer::Busy) => UserAnswer::Busy,
                Some(ReportAnswer::NotExtended(why)) => UserAnswer::NotAllowed(why),
                _ => UserAnswer::NotAllowed(reasoned(NO_LINK)),
            };
            // Who asked may be gone.
            let _ = answer.send(told);
        });
    }

    /// A session's time is over soon: whether it could be longer is found out, then its users are told.
    pub(super) fn ask_for_time(&mut self, key: Key) {
        let Some(ends_at) = self.house.get(key).map(|life| life.ends_at) else {
            return;
        };
        let (told, report) = (self.wish(key, None), self.report.clone());
        tokio::spawn(async move {
            let can = match told.await {
                Some(ReportAnswer::Extendable(most)) => most.minutes.0 > 0,
                _ => false,
            };
            let _ = report.send(Event::Extendable(key, ends_at, can)).await;
        });
    }

    /// Users are told, if nothing has changed meanwhile.
    pub(super) fn time_is_near(&mut self, key: Key, ends_at: UnixSeconds, can_extend: bool) {
        let life = self.house.get(key);
        let still =
            life.is_some_and(|life| life.ends_at == ends_at && life.stage == Stage::Running);
        let left = ends_at.0 - self.now().unix.0;
        if let (true, Ok(left @ 1..)) = (still, u32::try_from(left)) {
            let told = UserAnswer::TimeWarning(TimeWarning {
                seconds_left: Seconds(left),
                can_extend,
            });
            for client in self.inside(key) {
                self.tell(key, client, told.clone());
            }
        }
    }

    /// Asks the coordinator; none: it cannot be asked, or does not answer.
    fn wish(
        &self,
        key: Key,
        minutes: Option<Minutes>,
    ) -> impl Future<Output = Option<ReportAnswer>> + use<> {
        let life = self.house.get(key);
        let wanted = life.map(|life| ExtendWanted {
            code: life.code,
            token_hash: life.token_hash,
            minutes,
        });
        let (answer, answered) = oneshot::channel();
        let sent = match (wanted, &self.around.wishes) {
            // Full: nobody takes them, so the link is not there.
            (Some(wanted), Some(wishes)) => wishes.try_send(Wish { wanted, answer }).is_ok(),
            _ => false,
        };
        async move {
            let answered = tokio::time::timeout(WISH_PATIENCE, answered);
            if sent {
                answered.await.ok()?.ok()
            } else {
                None
            }
        }
    }

    /// The owner wants the session on a channel, or off it.
    pub(super) fn broadcast(&mut self, door: Door, on: bool, answer: oneshot::Sender<UserAnswer>) {
        let Door { key, client, .. } = door;
        if let Err(why) = self.house.may(key, client, May::Own) {
            let _ = answer.send(why);
            return;
        }
        let is_on = self.on_air(key).on;
        if !on && is_on {
            if let Some(running) = self.shows.get_mut(&key) {
                running.hands.set_broadcast(None);
                running.on_air = None;
            }
            self.tell_on_air(key, client);
            let actions = self.house.did(key, client, "broadcast_ended", None);
            self.act(actions);
        }
        let Some(air) = self.config.air.clone().filter(|_| on && !is_on) else {
            let told = match on && !is_on {
                true => UserAnswer::NotAllowed(reasoned(NO_CHANNELS)),
                false => UserAnswer::Broadcast(self.on_air(key)),
            };
            let _ = answer.send(told);
            return;
        };
        let stage = self
            .shows
            .get(&key)
            .and_then(|running| running.hands.stage());
        let life = self.house.get(key).filter(|_| stage.is_some());
        let Some(life) = life else {
            let why = reasoned("this application has no picture");
            let _ = answer.send(UserAnswer::NotAllowed(why));
            return;
        };
        let mut applications = self.config.applications.iter();
        let application = applications.find(|one| one.name == life.application);
        let title = application.and_then(|one| one.title.get("en").or(one.title.values().next()));
        let title = title.map_or_else(|| life.application.to_string(), |title| title.to_string());
        let (code, report) = (life.code.to_string(), self.report.clone());
        let asked = Asked { door, answer };
        tokio::task::spawn_blocking(move || {
            let found = air.begin(&code, &title);
            // A driver that is gone has no sessions left either.
            let _ = report.blocking_send(Event::Aired(asked, found));
        });
    }

    /// A channel was found, or not.
    pub(super) fn aired(&mut self, asked: Asked, found: Result<OnAir, String>) {
        let Asked { door, answer } = asked;
        let Door { key, client, .. } = door;
        let is_running = self.is_running(key);
        let told = match (found, self.shows.get_mut(&key).filter(|_| is_running)) {
            (Err(why), _) => UserAnswer::NotAllowed(reasoned(&why)),
            (Ok(_), None) => UserAnswer::NotExist,
            // Asked for twice at once: the first one stays.
            (Ok(_), Some(running)) if running.on_air.is_some() => {
                UserAnswer::Broadcast(self.on_air(key))
            }
            (Ok(on_air), Some(running)) => {
                running.hands.set_broadcast(Some(on_air.tap.clone()));
                let detail = Some(format!("channel {}", on_air.channel));
                running.on_air = Some(on_air);
                self.tell_on_air(key, client);
                let actions = self.house.did(key, client, "broadcast_begun", detail);
                self.act(actions);
                UserAnswer::Broadcast(self.on_air(key))
            }
        };
        let _ = answer.send(told);
    }

    /// Whether a session is on a channel.
    pub(super) fn on_air(&self, key: Key) -> OnAirTold {
        let running = self.shows.get(&key);
        match running.and_then(|running| running.on_air.as_ref()) {
            None => OnAirTold::default(),
            Some(on_air) => OnAirTold {
                on: true,
                channel: Some(Count(on_air.channel)),
                invite: on_air.invite.as_deref().map(Text::cut),
            },
        }
    }

    /// All but the one who is answered are told.
    fn tell_on_air(&mut self, key: Key, but: u32) {
        let told = UserAnswer::Broadcast(self.on_air(key));
        for client in self.inside(key) {
            if client != but {
                self.tell(key, client, told.clone());
            }
        }
    }

    /// For the audit, if a coordinator keeps one.
    pub(super) fn did(&self, key: Key, who: Who, what: &str, detail: Option<String>) {
        let Some(life) = self.house.get(key) else {
            return;
        };
        tracing::info!(
            "session {}: {who}: {what} {}",
            life.code,
            detail.as_deref().unwrap_or("")
        );
        if let Some(deeds) = &self.around.deeds {
            deeds.push(Deed {
                code: life.code,
                who,
                what: Text::cut(what),
                detail: detail.as_deref().map(Text::cut),
            });
        }
    }
}
