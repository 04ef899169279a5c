//! One player: a browser that runs Epic's frontend, in one of our sessions or relayed to a streamer.
//!
//! It must never know what is said on the data channel.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::message::{self, PlayerSays, Signal};
use super::registry::Key;
use super::seat::Seat;
use super::socket::{self, Ending, GOING_AWAY, Incoming, Outbox, POLICY};
use super::{Epic, Joined};
use crate::rate::Allowance;

/// To enter a session and make an offer. The session server answers within milliseconds; a guess.
const JOIN: Duration = Duration::from_secs(10);

/// Subscriptions at once: each makes a WebRTC connection.
const SUBSCRIPTIONS: u32 = 5;

/// After that, one subscription every so often.
const SUBSCRIPTION_EVERY: Duration = Duration::from_secs(2);

/// Messages that cannot be read before a player is let go; as on the data channel.
const MAX_BAD: u32 = crate::input::MAX_BAD;

/// Attends one connection until it is over.
pub(super) async fn attend(stream: TcpStream, epic: Arc<Epic>) {
    let Some((incoming, mut outgoing, outbox)) = socket::accept(stream).await else {
        return;
    };
    outbox.say(message::config(&epic.sessions.ice_servers()));
    let key = epic.registry().add_player(outbox.clone());
    let mut player = Player {
        key,
        epic,
        outbox,
        seat: None,
        subscriptions: Allowance::new(SUBSCRIPTIONS, SUBSCRIPTION_EVERY, Instant::now()),
        bad: 0,
    };
    let ending = tokio::select! {
        ending = outgoing.run() => ending,
        ending = player.talk(incoming) => ending,
    };
    // Whoever it saw hears of it before it takes its time to close.
    drop(player);
    outgoing.close(ending).await;
}

struct Player {
    key: Key,
    epic: Arc<Epic>,
    outbox: Outbox,
    seat: Option<Box<Seat>>,
    subscriptions: Allowance,
    bad: u32,
}

impl Drop for Player {
    fn drop(&mut self) {
        self.epic.registry().remove_player(self.key);
    }
}

impl Player {
    async fn talk(&mut self, mut incoming: Incoming) -> Ending {
        loop {
            let heard = tokio::select! {
                heard = incoming.next() => heard,
                why = over(&mut self.seat) => {
                    // Frontends do not come back by themselves to what is over.
                    return Ending::new(GOING_AWAY, &why);
                }
            };
            let done = match heard {
                Ok(text) => self.heard(&text).await,
                Err(ending) => return ending,
            };
            if let Err(ending) = done {
                return ending;
            }
        }
    }

    async fn heard(&mut self, text: &str) -> Result<(), Ending> {
        let read =
            Signal::read(text).and_then(|signal| signal.from_player().map(|says| (signal, says)));
        let (signal, says) = match read {
            Ok(read) => read,
            Err(why) => {
                tracing::debug!(player = self.key, %why, "a player's message cannot be read");
                self.bad += 1;
                return if self.bad >= MAX_BAD {
                    Err(Ending::new(POLICY, &why.to_string()))
                } else {
                    Ok(())
                };
            }
        };
        match says {
            PlayerSays::ListStreamers => {
                self.outbox.say(message::streamer_list(&self.epic.list()));
            }
            PlayerSays::Subscribe(name) => self.subscribe(&name).await,
            PlayerSays::Unsubscribe => self.leave(),
            PlayerSays::Ping(time) => self.outbox.say(message::pong(&time)),
            PlayerSays::Offer(sdp) if !self.is_relayed() => self.offered(&sdp).await,
            PlayerSays::Answer(sdp) if !self.is_relayed() => self.answered(&sdp).await,
            PlayerSays::Candidate(candidate) if !self.is_relayed() => {
                if let Some(seat) = &self.seat
                    && let Err(why) = seat.add_candidate(&candidate).await
                {
                    tracing::debug!(player = self.key, %why, "a candidate is not used");
                }
            }
            PlayerSays::Offer(_) | PlayerSays::Answer(_) | PlayerSays::Candidate(_) => {
                if let Err(why) = self.epic.registry().to_streamer(self.key, signal) {
                    tracing::debug!(player = self.key, %why, "a message is not relayed");
                }
            }
            PlayerSays::Nothing => {}
            PlayerSays::Unknown => {
                tracing::debug!(
                    player = self.key,
                    kind = signal.kind(),
                    "a player's message is unknown"
                );
            }
        }
        Ok(())
    }

    fn is_relayed(&self) -> bool {
        self.epic.registry().sees_streamer(self.key)
    }

    fn leave(&mut self) {
        self.seat = None;
        self.epic.registry().unsubscribe(self.key);
    }

    async fn subscribe(&mut self, name: &str) {
        self.leave();
        if self.epic.sessions.list().iter().any(|code| code == name) {
            match self.offer_of(name).await {
                Ok((seat, sdp)) => {
                    let number = self.key.to_string();
                    self.outbox
                        .say(message::description("offer", &sdp, &number));
                    self.seat = Some(Box::new(seat));
                }
                Err(why) => self.outbox.say(message::subscribe_failed(&why)),
            }
            return;
        }
        let subscribed = self.epic.registry().subscribe(self.key, name);
        if let Err(why) = subscribed {
            self.outbox
                .say(message::subscribe_failed(&format!("{name}: {why}")));
        }
    }

    async fn offer_of(&mut self, name: &str) -> Result<(Seat, String), String> {
        let joined = self.join(name).await?;
        let offer = timeout(JOIN, Seat::offering(joined)).await;
        let offer = offer.map_err(|_| "the session does not answer".to_owned())?;
        offer.map_err(|why| why.to_string())
    }

    /// A frontend that begins by itself names nobody: it can only mean the one that is there.
    async fn offered(&mut self, sdp: &str) {
        let list = self.epic.list();
        let [name] = list.as_slice() else {
            let why =
                "an offer without a subscription is for the only streamer, and there is not one";
            self.outbox.say(message::subscribe_failed(why));
            return;
        };
        self.seat = None;
        let answer = match self.join(name).await {
            Ok(joined) => timeout(JOIN, Seat::answering(joined, sdp)).await,
            Err(why) => {
                self.outbox.say(message::subscribe_failed(&why));
                return;
            }
        };
        match answer {
            Ok(Ok((seat, sdp))) => {
                let number = self.key.to_string();
                self.outbox
                    .say(message::description("answer", &sdp, &number));
                self.seat = Some(Box::new(seat));
            }
            Ok(Err(why)) => self.outbox.say(message::subscribe_failed(&why.to_string())),
            Err(_) => self
                .outbox
                .say(message::subscribe_failed("the session does not answer")),
        }
    }

    async fn answered(&mut self, sdp: &str) {
        let Some(seat) = &self.seat else { return };
        if let Err(why) = seat.accept_answer(sdp).await {
            tracing::debug!(player = self.key, %why, "an answer is not used");
            self.seat = None;
            self.outbox.say(message::subscribe_failed(&why.to_string()));
        }
    }

    async fn join(&mut self, name: &str) -> Result<Joined, String> {
        if self.subscriptions.take(Instant::now()).is_err() {
            return Err("too many subscriptions; try again in a few seconds".to_owned());
        }
        timeout(JOIN, self.epic.sessions.join(name))
            .await
            .map_err(|_| "the session does not answer".to_owned())?
    }
}

/// When the seat is over, and why; never without one. Cancel-safe.
async fn over(seat: &mut Option<Box<Seat>>) -> String {
    match seat {
        Some(seat) => seat.over().await,
        None => pending().await,
    }
}
