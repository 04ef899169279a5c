//! What users of a session say, as far as rules answer it: control, names, chat, data, presence.
//!
//! It must never know pictures, clipboards or coordinators; for what others answer it says whether somebody may.

use server_wire::{
    Control, Count, Presence, Reasoned, Relayed, Said as ChatSaid, UserAnswer, UserRequest,
};

use super::{Action, House, actions, reasoned};
use crate::life::{Key, Life, Now, Stage};
use crate::room::{No, Out};

/// What came of a user's words.
#[derive(Debug)]
pub(crate) enum Said {
    /// The answer, and what is to be done before it is given.
    Answer(UserAnswer, Vec<Action>),
    /// Somebody else has to answer it.
    Elsewhere(UserRequest),
}

/// What somebody has to be for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// More than one who watches.
    Join,
    /// The one who drives.
    Drive,
    /// The one who started it.
    Own,
}

/// Why somebody who says too much is not heard.
const TOO_OFTEN: No = "that is too often: wait a little";
/// Why somebody who is in no session is not heard.
const NOT_IN: No = "you are in no session that runs";

impl House {
    /// A user says something.
    pub(crate) fn say(&mut self, now: Now, key: Key, client: u32, said: UserRequest) -> Said {
        let Some(life) = running(self.sessions.get_mut(&key)) else {
            return Said::Answer(UserAnswer::NotExist, Vec::new());
        };
        let is_asked_often = matches!(
            said,
            UserRequest::Presence(_) | UserRequest::Chat(_) | UserRequest::Relay(_)
        );
        if !is_asked_often && !life.room.may_ask(now.at, client) {
            return refused(TOO_OFTEN);
        }
        // Whoever says anything is there; what a program sends by itself says nothing.
        let is_by_hand = !matches!(
            said,
            UserRequest::Presence(_)
                | UserRequest::Relay(_)
                | UserRequest::Quality
                | UserRequest::Offer(_)
                | UserRequest::Candidate(_)
        );
        let mut done = Vec::new();
        if is_by_hand {
            done = actions(key, life.room.presence(now.at, client, true));
        }
        let outs = match said {
            UserRequest::Presence(Presence { active }) => {
                let outs = life.room.presence(now.at, client, active);
                let answer = UserAnswer::Presence(Presence { active });
                return Said::Answer(answer, actions(key, outs));
            }
            UserRequest::RequestControl => life.room.request(now.at, client),
            UserRequest::CancelRequest => Ok(life.room.cancel(now.at, client)),
            UserRequest::GiveControl(to) => life.room.give(now.at, client, to.client.0),
            UserRequest::RefuseControl(to) => life.room.refuse(now.at, client, to.client.0),
            UserRequest::ReleaseControl => life.room.release(now.at, client),
            UserRequest::TakeControl => life.room.take(now.at, client),
            UserRequest::LockControl(lock) => life.room.lock(now.at, client, lock.locked),
            UserRequest::SetName(wish) => {
                done.extend(actions(key, life.room.rename(client, wish.name)));
                return Said::Answer(UserAnswer::Done, done);
            }
            UserRequest::Chat(words) => {
                if !life.room.may_chat(now.at, client) {
                    return refused(TOO_OFTEN);
                }
                let Some(name) = life.room.name(client).cloned() else {
                    return refused(NOT_IN);
                };
                let told = UserAnswer::Chat(ChatSaid {
                    client: Count(client),
                    name,
                    text: words.text,
                    at: now.unix,
                });
                done.extend(to_others(life, client, |other| {
                    Action::Pass(key, other, told.clone())
                }));
                return Said::Answer(told, done);
            }
            UserRequest::Relay(data) => {
                if !life.room.may_relay(now.at, client) {
                    return refused(TOO_OFTEN);
                }
                let told = UserAnswer::Relay(Relayed {
                    from: Count(client),
                    data: data.data,
                });
                let to = data.to.map(|to| to.0);
                let mut passed =
                    to_others(life, client, |other| Action::Pass(key, other, told.clone()));
                passed.retain(|action| match (action, to) {
                    (Action::Pass(_, other, _), Some(to)) => *other == to,
                    _ => true,
                });
                if to.is_some() && passed.is_empty() {
                    return refused("nobody else of that number is there");
                }
                return Said::Answer(UserAnswer::Done, passed);
            }
            other => return Said::Elsewhere(other),
        };
        match outs {
            Ok(outs) => {
                done.extend(actions(key, outs));
                let control = life.room.control(now.at, client);
                Said::Answer(UserAnswer::Control(control), done)
            }
            Err(why) => Said::Answer(UserAnswer::NotAllowed(reasoned(why)), done),
        }
    }

    /// Whether somebody may do what the house does not do itself.
    ///
    /// # Errors
    /// Why not, as the answer.
    pub(crate) fn may(&self, key: Key, client: u32, what: May) -> Result<(), UserAnswer> {
        let life = self.sessions.get(&key);
        let Some(life) = life.filter(|life| life.stage == Stage::Running) else {
            return Err(UserAnswer::NotExist);
        };
        let room = &life.room;
        let why = match what {
            May::Join => (!room.may_drive(client)).then_some("who only watches may not do that"),
            May::Drive => {
                (room.driver() != Some(client)).then_some("only who has control may do that")
            }
            May::Own => (!room.owns(client)).then_some("only who started the session may do that"),
        };
        match why {
            None => Ok(()),
            Some(why) => Err(UserAnswer::NotAllowed(reasoned(why))),
        }
    }

    /// Something of the driver's came to the application.
    pub(crate) fn drove(&mut self, now: Now, key: Key, client: u32) -> Vec<Action> {
        match running(self.sessions.get_mut(&key)) {
            Some(life) => actions(key, life.room.drove(now.at, client)),
            None => Vec::new(),
        }
    }

    /// Somebody who came by another program wants control.
    pub(crate) fn request(&mut self, now: Now, key: Key, client: u32) -> Vec<Action> {
        match running(self.sessions.get_mut(&key)) {
            Some(life) => actions(key, life.room.request(now.at, client).unwrap_or_default()),
            None => Vec::new(),
        }
    }

    /// Who drives and who wants to, as somebody is told.
    pub(crate) fn control(&self, now: Now, key: Key, client: u32) -> Control {
        let life = self.sessions.get(&key);
        life.map(|life| life.room.control(now.at, client))
            .unwrap_or_default()
    }

    /// A user did something for the audit, which the house does not do itself.
    pub(crate) fn did(
        &self,
        key: Key,
        client: u32,
        what: &'static str,
        detail: Option<String>,
    ) -> Vec<Action> {
        match self.sessions.get(&key) {
            Some(life) => actions(key, vec![Out::Did(life.room.who(client), what, detail)]),
            None => Vec::new(),
        }
    }
}

fn running(life: Option<&mut Life>) -> Option<&mut Life> {
    life.filter(|life| life.stage == Stage::Running)
}

fn to_others(life: &Life, client: u32, tell: impl Fn(u32) -> Action) -> Vec<Action> {
    let others = life.room.numbers().into_iter();
    others.filter(|&other| other != client).map(tell).collect()
}

fn refused(why: No) -> Said {
    let why: Reasoned = reasoned(why);
    Said::Answer(UserAnswer::NotAllowed(why), Vec::new())
}
