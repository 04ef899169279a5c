//! The kill in the middle: which relay, and how long the others need.

use std::time::{Duration, Instant};

use swarm::{Row, SwarmError, until};
use tests::Status;

use crate::Draw;
use crate::finish::row_of;
use crate::stage::Stage;

/// How long a repair may take before it is given up: many times the target.
const REPAIR: Duration = Duration::from_secs(15);
/// Between two looks at the forest: milliseconds count here.
const CLOSE_LOOK: Duration = Duration::from_millis(10);

impl Stage<'_> {
    /// Kills the relay with most children, not the last peer, which is played; among equals one that the last peer
    /// depends on. Gives its row and how long the others needed.
    pub(crate) fn kill_relay(
        &mut self,
        draw: Draw,
    ) -> Result<Option<(Row, Option<u64>)>, SwarmError> {
        let statuses = self.statuses()?;
        let Some((played, others)) = statuses.split_last() else {
            return Ok(None);
        };
        let feeds_played = |status: &Status| {
            played
                .stripes
                .iter()
                .filter(|s| s.parent.as_ref().is_some_and(|p| p.peer == status.identity))
                .count()
        };
        let relays = others
            .iter()
            .enumerate()
            .filter(|(_, status)| status.is_interior());
        let Some((at, victim)) =
            relays.max_by_key(|(_, status)| (status.children.len(), feeds_played(status)))
        else {
            self.say("no peer relays anything: nobody is killed");
            return Ok(None);
        };
        let links: usize = victim
            .children
            .iter()
            .map(|child| child.stripes.len())
            .sum();
        let children_in = |stripe: &u8| {
            victim
                .children
                .iter()
                .filter(|child| child.stripes.contains(stripe))
                .count()
        };
        let most = (0..victim.stripes.len() as u8).max_by_key(children_in);
        if draw == Draw::One {
            self.show_trees(most)?;
        }
        let peer = self.peers.remove(at);
        let row = row_of(&peer, victim);
        self.say(&format!(
            "kill -9 of {}: it has {} children, to which it sends {links} times a stripe",
            peer.name(),
            victim.children.len(),
        ));
        peer.process.kill9();
        let dead = victim.identity.clone();
        let killed = Instant::now();
        let again = until(
            self.interrupt,
            REPAIR,
            CLOSE_LOOK,
            "every stripe has a live parent again",
            || {
                let mut orphans = 0;
                for status in self.statuses()? {
                    orphans += status
                        .stripes
                        .iter()
                        .filter(|s| s.parent.as_ref().is_none_or(|p| p.peer == dead))
                        .count();
                }
                Ok(if orphans == 0 {
                    Ok(killed.elapsed().as_millis() as u64)
                } else {
                    Err(orphans.to_string())
                })
            },
        );
        match again {
            Ok(ms) => {
                self.say(&format!(
                    "every stripe of every survivor has a live parent again, {ms} ms after the kill"
                ));
                match draw {
                    Draw::None => {}
                    Draw::One => self.show_trees(most)?,
                    Draw::All => self.show_trees(None)?,
                }
                Ok(Some((
                    Row {
                        killed: true,
                        ..row
                    },
                    Some(ms),
                )))
            }
            Err(SwarmError::Late { seen, .. }) => {
                self.say(&format!(
                    "{seen} stripes of survivors still have no live parent"
                ));
                Ok(Some((
                    Row {
                        killed: true,
                        ..row
                    },
                    None,
                )))
            }
            Err(other) => Err(other),
        }
    }
}
