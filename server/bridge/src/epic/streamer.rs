//! One streamer: an Unreal Engine application that is relayed to its players.
//!
//! It must never know media: what flows between the streamer and a player does not come past here.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Epic;
use super::message::{self, Signal, StreamerSays};
use super::registry::Key;
use super::socket::{self, Ending, Incoming, Outbox, POLICY};

/// From the question who it is to its name. The plugin answers at once; a guess.
const IDENTIFY: Duration = Duration::from_secs(30);

/// Messages that cannot be read before a streamer is let go.
const MAX_BAD: u32 = crate::input::MAX_BAD;

/// Attends one connection until it is over.
pub(super) async fn attend(stream: TcpStream, epic: Arc<Epic>) {
    let Some((incoming, mut outgoing, outbox)) = socket::accept(stream).await else {
        return;
    };
    outbox.say(message::identify());
    outbox.say(message::config(&epic.sessions.ice_servers()));
    let key = epic.registry().add_streamer(outbox.clone());
    let mut streamer = Streamer {
        key,
        epic,
        outbox,
        is_named: false,
        bad: 0,
    };
    let ending = tokio::select! {
        ending = outgoing.run() => ending,
        ending = streamer.talk(incoming) => ending,
    };
    drop(streamer);
    outgoing.close(ending).await;
}

struct Streamer {
    key: Key,
    epic: Arc<Epic>,
    outbox: Outbox,
    is_named: bool,
    bad: u32,
}

impl Drop for Streamer {
    fn drop(&mut self) {
        self.epic.registry().remove_streamer(self.key);
    }
}

impl Streamer {
    async fn talk(&mut self, mut incoming: Incoming) -> Ending {
        let nameless_until = Instant::now() + IDENTIFY;
        loop {
            let heard = tokio::select! {
                heard = incoming.next() => heard,
                () = tokio::time::sleep_until(nameless_until), if !self.is_named => {
                    return Ending::new(POLICY, "no endpointId");
                }
            };
            let done = match heard {
                Ok(text) => self.heard(&text),
                Err(ending) => return ending,
            };
            if let Err(ending) = done {
                return ending;
            }
        }
    }

    fn heard(&mut self, text: &str) -> Result<(), Ending> {
        let read =
            Signal::read(text).and_then(|signal| signal.from_streamer().map(|says| (signal, says)));
        let (signal, says) = match read {
            Ok(read) => read,
            Err(why) => {
                tracing::debug!(streamer = self.key, %why, "a streamer's message cannot be read");
                return self.misbehaved(&why.to_string());
            }
        };
        let passed_on = match says {
            StreamerSays::EndpointId(wished) => {
                let sessions = self.epic.sessions.list();
                let name = self.epic.registry().name(self.key, &wished, &sessions);
                tracing::info!(?name, "a streamer is there");
                self.is_named = true;
                Ok(())
            }
            StreamerSays::ToPlayer(player) => {
                self.epic.registry().to_player(self.key, &player, signal)
            }
            StreamerSays::DisconnectPlayer(player, reason) => {
                let reason = reason.unwrap_or_else(|| "the streamer let you go".to_owned());
                self.epic.registry().disconnect(self.key, &player, &reason)
            }
            StreamerSays::Ping(time) => {
                self.outbox.say(message::pong(&time));
                Ok(())
            }
            StreamerSays::Nothing => Ok(()),
            StreamerSays::Unknown => {
                let kind = signal.kind();
                tracing::debug!(streamer = self.key, kind, "a streamer's message is unknown");
                Ok(())
            }
        };
        if let Err(why) = passed_on {
            // A player may have left a moment ago: nothing to blame the streamer for.
            tracing::debug!(streamer = self.key, %why, "a streamer's message is not relayed");
        }
        Ok(())
    }

    fn misbehaved(&mut self, why: &str) -> Result<(), Ending> {
        self.bad += 1;
        if self.bad >= MAX_BAD {
            return Err(Ending::new(POLICY, why));
        }
        Ok(())
    }
}
