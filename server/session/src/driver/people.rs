//! Users: how they come and go, what they say, and what they are told.

use std::net::IpAddr;

use server_wire::{
    ConnectToSession, Count, Established, IceServer, LockedOut, Reason, Seconds, Shown, Text,
    Token, UserAnswer, UserRequest,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Driver, secret};
use crate::ask::{Board, Door, Here, Inside};
use crate::house::{Action, Entrance, Said, reasoned};
use crate::life::{Key, Stage};
use crate::room::Guest;

/// Messages that still have to fit into a user's queue when something is told that may be left out: half of it.
const ROOM_LEFT: usize = crate::door::MAX_TOLD / 2;

/// One user's connection.
pub(super) struct OpenDoor {
    number: u64,
    tell: mpsc::Sender<UserAnswer>,
    here: Here,
    /// The secret by which this user comes back.
    resume: Option<Token>,
}

impl Driver {
    pub(super) fn enter(
        &mut self,
        asked: &ConnectToSession,
        from: IpAddr,
        here: Here,
        tell: mpsc::Sender<UserAnswer>,
    ) -> Result<Inside, UserAnswer> {
        // A token cannot be guessed, so its owner is not kept out by others' guesses.
        let has_token = asked.token.is_some() || asked.watch.is_some();
        if asked.code.is_none() && !has_token {
            let why = "CONNECT_TO_SESSION: \"code\", \"token\" or \"watch\" is needed";
            return Err(UserAnswer::BadRequest(reasoned(why)));
        }
        let now = self.now();
        let locked = self.guesses.locked(now.at, from).filter(|_| !has_token);
        if let Some(left) = locked {
            return Err(UserAnswer::LockedOut(LockedOut {
                retry_after: Seconds(left.as_secs().max(1) as u32),
                reason: Reason::cut("too many wrong codes; wait, then try again"),
            }));
        }
        let new_secret = secret();
        let (entrance, actions) = self.house.enter(now, asked, &new_secret);
        match entrance {
            Entrance::In(key, client) => {
                self.last_door += 1;
                let number = self.last_door;
                let is_back = actions.contains(&Action::Returned(key, client));
                let resume = match is_back {
                    true => asked.resume.clone(),
                    false => Some(new_secret),
                };
                let door = OpenDoor {
                    number,
                    tell,
                    here,
                    resume,
                };
                // Whoever was there with the same secret has another connection now; the old one ends. Who comes in is
                // answered, and is not told the same besides.
                self.doors.remove(&(key, client));
                self.act(actions);
                self.doors.insert((key, client), door);
                let Some(answer) = self.established(key, client) else {
                    return Err(UserAnswer::NotExist);
                };
                self.show_cursor(key, client);
                let door = Door {
                    key,
                    client,
                    number,
                };
                Ok(Inside { door, answer })
            }
            Entrance::Full => Err(UserAnswer::Full),
            Entrance::NotExist => {
                // Counting tokens, which cannot be guessed, would let anybody lock out everybody.
                if !has_token {
                    self.guesses.wrong(now.at, from);
                }
                Err(UserAnswer::NotExist)
            }
        }
    }

    /// A user says something; answered at once, or by whoever it takes.
    pub(super) fn say(
        &mut self,
        door: Door,
        said: UserRequest,
        answer: oneshot::Sender<UserAnswer>,
    ) {
        let Door { key, client, .. } = door;
        if !self.is_open(door) {
            let _ = answer.send(UserAnswer::NotExist);
            return;
        }
        match self.house.say(self.now(), key, client, said) {
            Said::Answer(told, actions) => {
                self.act(actions);
                // Who asked may be gone; what was asked was done all the same.
                let _ = answer.send(told);
            }
            Said::Elsewhere(said) => match said {
                UserRequest::Offer(offer) => self.offer(door, offer, answer),
                UserRequest::Candidate(candidate) => self.candidate(door, candidate, answer),
                UserRequest::Clipboard(clipboard) => self.paste(door, &clipboard, answer),
                UserRequest::Quality => {
                    let _ = answer.send(self.quality(key));
                }
                UserRequest::Extend(by) => self.extend(door, by.minutes, answer),
                UserRequest::Broadcast(wish) => self.broadcast(door, wish.on, answer),
                _ => {
                    let why = reasoned("that is not possible here");
                    let _ = answer.send(UserAnswer::BadRequest(why));
                }
            },
        }
    }

    pub(super) fn leave(&mut self, door: Door) {
        let Door { key, client, .. } = door;
        if self.is_stale(door) {
            return;
        }
        self.doors.remove(&(key, client));
        let actions = self.house.leave(self.now(), key, client);
        self.act(actions);
    }

    pub(super) fn lost(&mut self, door: Door) {
        let Door { key, client, .. } = door;
        if self.is_stale(door) {
            return;
        }
        self.doors.remove(&(key, client));
        let actions = self.house.lost(self.now(), key, client);
        self.act(actions);
    }

    fn is_open(&self, door: Door) -> bool {
        let open = self.doors.get(&(door.key, door.client));
        open.is_some_and(|open| open.number == door.number)
    }

    /// The user has another connection meanwhile.
    fn is_stale(&self, door: Door) -> bool {
        let open = self.doors.get(&(door.key, door.client));
        open.is_some_and(|open| open.number != door.number)
    }

    /// Somebody comes by another program than our page.
    pub(super) fn board(&mut self, code: server_wire::Code) -> Result<Board, String> {
        let key = self.house.runs(code).ok_or("there is no such session")?;
        let running = self.shows.get(&key).ok_or("the session has ended")?;
        let gate = running.gate.clone();
        let stage = running.hands.stage();
        let stage = stage.ok_or("the session has no picture")?;
        let guest = Guest {
            name: Some(Text::cut("Pixel Streaming")),
            owner: false,
            watching: false,
            quiet: true,
            resume: None,
        };
        let now = self.now();
        let (entrance, actions) = self.house.let_in(now, key, &guest, &secret());
        let Entrance::In(key, client) = entrance else {
            return Err("as many users are in the session as may be".to_owned());
        };
        let (tell, control) = watch::channel(false);
        self.boards.insert((key, client), tell);
        self.act(actions);
        // Its page has no button to ask with.
        let actions = self.house.request(now, key, client);
        self.act(actions);
        Ok(Board {
            key,
            client,
            stage,
            gate,
            control,
        })
    }

    /// A user whose page has no button to ask with pressed something. It drives if nobody does; whoever drives is not
    /// asked, or a watcher's clicks would ask them again and again.
    pub(super) fn wants_control(&mut self, key: Key, client: u32) {
        let now = self.now();
        let is_free = self.house.control(now, key, client).driver.is_none();
        if self.boards.contains_key(&(key, client)) && is_free {
            let actions = self.house.request(now, key, client);
            self.act(actions);
        }
    }

    pub(super) fn unboard(&mut self, key: Key, client: u32) {
        if self.boards.remove(&(key, client)).is_some() {
            let actions = self.house.leave(self.now(), key, client);
            self.act(actions);
        }
    }

    /// Who a user is, who else is there, and what is there; none: they are gone.
    fn established(&self, key: Key, client: u32) -> Option<Box<Established>> {
        let door = self.doors.get(&(key, client))?;
        let life = self.house.get(key)?;
        let mut applications = self.config.applications.iter();
        let application = applications.find(|one| one.name == life.application);
        let servers = self.around.bridge.ice_servers();
        Some(Box::new(Established {
            webrtc_connection_data: door.here.url(&format!("/session/{}", life.code)),
            client: Count(client),
            clients: life.room.clients(),
            ends_at: Some(life.ends_at),
            resume: door.resume.clone(),
            watch: life.room.owns(client).then(|| life.watch.clone()),
            ice_servers: servers.iter().filter_map(ice_server).collect(),
            application: application.map(|one| Shown {
                name: one.name.clone(),
                title: one.title.clone(),
                width: one.width,
                height: one.height,
            }),
            control: Some(life.room.control(self.now().at, client)),
            broadcast: Some(self.on_air(key)),
        }))
    }

    pub(super) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Terminate(key) => self.terminate(key),
                Action::Tell(key, client, answer) => self.tell(key, client, answer),
                Action::Pass(key, client, answer) => self.pass(key, client, answer),
                Action::TellWhoIsThere(key) => {
                    for client in self.inside(key) {
                        if let Some(told) = self.established(key, client) {
                            self.tell(key, client, UserAnswer::Established(told));
                        }
                    }
                }
                Action::TellControl(key) => {
                    for client in self.inside(key) {
                        let control = self.house.control(self.now(), key, client);
                        self.tell(key, client, UserAnswer::Control(control));
                    }
                }
                Action::TellTimeNear(key) => self.ask_for_time(key),
                Action::ReleaseAll(key) => {
                    if let Some(running) = self.shows.get(&key) {
                        running.gate.release();
                    }
                }
                Action::Driver(key, driver) => {
                    if let Some(running) = self.shows.get(&key) {
                        running.gate.admit(driver);
                    }
                    for (&(_, client), control) in self.boards.range((key, 0)..=(key, u32::MAX)) {
                        control.send_if_modified(|drives| {
                            let was = std::mem::replace(drives, driver == Some(client));
                            was != *drives
                        });
                    }
                }
                Action::Returned(..) => {}
                Action::Gone(key, client) => {
                    self.doors.remove(&(key, client));
                    self.seats.remove(&(key, client));
                    self.boards.remove(&(key, client));
                }
                Action::Did(key, who, what, detail) => self.did(key, who, what, detail),
            }
        }
    }

    /// Those who have a connection.
    pub(super) fn inside(&self, key: Key) -> Vec<u32> {
        let inside = self.doors.range((key, 0)..=(key, u32::MAX));
        inside.map(|(&(_, client), _)| client).collect()
    }

    /// Tells a user; one whose queue is full is let go, and its connection ends.
    pub(super) fn tell(&mut self, key: Key, client: u32, answer: UserAnswer) {
        let Some(door) = self.doors.get(&(key, client)) else {
            return;
        };
        if door.tell.try_send(answer).is_err() {
            self.doors.remove(&(key, client));
        }
    }

    /// Tells a user what may be left out: it is if they are behind.
    pub(super) fn pass(&mut self, key: Key, client: u32, answer: UserAnswer) {
        let door = self.doors.get(&(key, client));
        if let Some(door) = door.filter(|door| door.tell.capacity() > ROOM_LEFT) {
            // Closed: its connection is ending.
            let _ = door.tell.try_send(answer);
        }
    }

    /// Whether a session runs that somebody is in.
    pub(super) fn is_running(&self, key: Key) -> bool {
        let life = self.house.get(key);
        life.is_some_and(|life| life.stage == Stage::Running)
    }
}

/// As users are told; none: longer than anything that is meant.
fn ice_server(server: &server_bridge::IceServer) -> Option<IceServer> {
    let bounded = |text: &String| Text::new(text).ok();
    Some(IceServer {
        urls: server
            .urls
            .iter()
            .filter_map(|url| Text::new(url).ok())
            .collect(),
        username: server.username.as_ref().and_then(bounded),
        credential: server.credential.as_ref().and_then(bounded),
    })
    .filter(|server| !server.urls.is_empty())
}
