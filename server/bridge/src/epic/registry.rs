//! Who is connected: streamers by their names, players by their numbers, and who sees whom.
//!
//! It says what follows to those concerned, and never waits. It must never know a socket, or our own sessions but their names.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{self, MAX_ID_LEN, Signal, cut};
use super::socket::{ASKED_FOR, Ending, NORMAL, Outbox};

/// Of one connection, never given twice.
pub(super) type Key = u64;

/// The name of a streamer that gives an empty one.
const NAMELESS: &str = "Streamer";

/// Everybody.
#[derive(Debug, Default)]
pub(super) struct Registry {
    last: Key,
    streamers: BTreeMap<Key, Streamer>,
    players: BTreeMap<Key, Player>,
}

#[derive(Debug)]
struct Streamer {
    /// Until it said its name it is not listed.
    name: Option<String>,
    outbox: Outbox,
    players: BTreeSet<Key>,
}

#[derive(Debug)]
struct Player {
    outbox: Outbox,
    sees: Option<Key>,
}

/// Why something is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no such streamer")]
    NoStreamer,
    #[error("the player does not see this streamer")]
    NotTheirs,
}

impl Registry {
    pub(super) fn add_streamer(&mut self, outbox: Outbox) -> Key {
        self.last += 1;
        self.streamers.insert(
            self.last,
            Streamer {
                name: None,
                outbox,
                players: BTreeSet::new(),
            },
        );
        self.last
    }

    pub(super) fn add_player(&mut self, outbox: Outbox) -> Key {
        self.last += 1;
        self.players
            .insert(self.last, Player { outbox, sees: None });
        self.last
    }

    /// Names of the streamers that have one.
    pub(super) fn names(&self) -> Vec<String> {
        self.streamers
            .values()
            .filter_map(|streamer| streamer.name.clone())
            .collect()
    }

    /// A streamer says its name; gives the one it gets, and tells those who see it if it had another.
    pub(super) fn name(&mut self, key: Key, wished: &str, sessions: &[String]) -> Option<String> {
        let others: BTreeSet<&str> = self
            .streamers
            .iter()
            .filter(|(other, _)| **other != key)
            .filter_map(|(_, streamer)| streamer.name.as_deref())
            .chain(sessions.iter().map(String::as_str))
            .collect();
        let name = free_name(wished, &others);
        let streamer = self.streamers.get_mut(&key)?;
        let before = streamer.name.replace(name.clone());
        streamer.outbox.say(message::endpoint_id_confirm(&name));
        if before.is_some_and(|before| before != name) {
            for player in &streamer.players {
                if let Some(player) = self.players.get(player) {
                    player.outbox.say(message::streamer_id_changed(&name));
                }
            }
        }
        Some(name)
    }

    /// A player wants to see the streamer of this name, and no other any more.
    pub(super) fn subscribe(&mut self, player: Key, name: &str) -> Result<(), Refusal> {
        self.unsubscribe(player);
        let found = self
            .streamers
            .iter_mut()
            .find(|(_, streamer)| streamer.name.as_deref() == Some(name));
        let (Some((key, streamer)), Some(known)) = (found, self.players.get_mut(&player)) else {
            return Err(Refusal::NoStreamer);
        };
        streamer.players.insert(player);
        known.sees = Some(*key);
        streamer
            .outbox
            .say(message::player_connected(&player.to_string()));
        Ok(())
    }

    /// A player sees no streamer any more.
    pub(super) fn unsubscribe(&mut self, player: Key) {
        let sees = self
            .players
            .get_mut(&player)
            .and_then(|known| known.sees.take());
        if let Some(streamer) = sees.and_then(|key| self.streamers.get_mut(&key)) {
            streamer.players.remove(&player);
            streamer
                .outbox
                .say(message::player_disconnected(&player.to_string()));
        }
    }

    /// A player is gone.
    pub(super) fn remove_player(&mut self, player: Key) {
        self.unsubscribe(player);
        self.players.remove(&player);
    }

    /// A streamer is gone; those who see it are told by the end of their connections, as Epic's server does.
    pub(super) fn remove_streamer(&mut self, key: Key) {
        let Some(streamer) = self.streamers.remove(&key) else {
            return;
        };
        let name = streamer.name.unwrap_or_default();
        for player in streamer.players {
            if let Some(known) = self.players.get_mut(&player) {
                known.sees = None;
                known
                    .outbox
                    .end(Ending::new(NORMAL, &format!("{name} is gone")));
            }
        }
    }

    /// Whether the player sees a streamer that is relayed.
    pub(super) fn sees_streamer(&self, player: Key) -> bool {
        self.players
            .get(&player)
            .is_some_and(|known| known.sees.is_some())
    }

    /// Passes a player's message on to the streamer it sees.
    pub(super) fn to_streamer(&self, player: Key, signal: Signal) -> Result<(), Refusal> {
        let streamer = self
            .players
            .get(&player)
            .and_then(|known| known.sees)
            .and_then(|key| self.streamers.get(&key))
            .ok_or(Refusal::NoStreamer)?;
        streamer.outbox.say(signal.relayed(&player.to_string()));
        Ok(())
    }

    /// Passes a streamer's message on to a player that sees it.
    pub(super) fn to_player(
        &self,
        streamer: Key,
        player: &str,
        signal: Signal,
    ) -> Result<(), Refusal> {
        self.of(streamer, player)?
            .outbox
            .say(signal.relayed(player));
        Ok(())
    }

    /// A streamer lets a player go.
    pub(super) fn disconnect(
        &self,
        streamer: Key,
        player: &str,
        reason: &str,
    ) -> Result<(), Refusal> {
        let ending = Ending::new(ASKED_FOR, reason);
        self.of(streamer, player)?.outbox.end(ending);
        Ok(())
    }

    fn of(&self, streamer: Key, player: &str) -> Result<&Player, Refusal> {
        // Exactly as we write it: "+7" is nobody.
        let key: Key = player.parse().map_err(|_| Refusal::NotTheirs)?;
        self.players
            .get(&key)
            .filter(|known| known.sees == Some(streamer) && key.to_string() == player)
            .ok_or(Refusal::NotTheirs)
    }
}

/// The name, or the first of name1, name2 and so on that nobody has. Four digits alone are a session's code, now or later:
/// no streamer takes the place of a session.
fn free_name(wished: &str, others: &BTreeSet<&str>) -> String {
    let wished: String = wished.chars().filter(|c| !c.is_control()).collect();
    let wished = match wished.trim() {
        "" => NAMELESS,
        name => name,
    };
    let is_free = |name: &str| {
        let is_code = name.len() == 4 && name.bytes().all(|byte| byte.is_ascii_digit());
        !is_code && !others.contains(name)
    };
    if is_free(wished) {
        return wished.to_owned();
    }
    // One more than the others are enough numbers, and one more for a code.
    (1..=others.len() + 2)
        .map(|number| {
            let number = number.to_string();
            format!("{}{number}", cut(wished, MAX_ID_LEN - number.len()))
        })
        .find(|name| is_free(name))
        .expect("more numbers than names")
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
