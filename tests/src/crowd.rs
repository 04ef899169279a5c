//! An origin and the peers of its channel: what most scenarios begin with.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::check::{Kept, assert_byte_identical, assert_nothing_half_written, forest_problem};
use crate::film::Film;
use crate::lab::Lab;
use crate::origin::{Origin, OriginOptions};
use crate::peer::{Peer, PeerOptions};
use crate::status::Status;
use crate::turns;
use crate::wait::{SOON, eventually, holds};

/// Repairs of a peer that a moment without a turn explains: a parent that is silent for 150 ms is replaced, and a busy
/// machine may let a process wait for that long. That costs each of its five stripes once, and nobody a chunk. What
/// happened again and again, as with each chunk, is more.
const ONE_MOMENT: usize = 5;
/// A machine on which nobody had a turn for this long had more than one such moment.
const NO_TURN: Duration = Duration::from_millis(100);
/// The cause of a repair of a parent that was silent.
const SILENT: &str = "lost";
/// A chunk that does not come is counted as missing when it leaves the window, after 20 s; and a while.
const SETTLED: Duration = Duration::from_secs(50);

/// A stripe that a peer got from another parent because the one that it had failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Repair {
    /// Why, as it is printed.
    cause: String,
    /// Who had sent the stripe.
    from: Option<String>,
}

/// The repairs in what a peer printed.
fn repairs_in(out: &str) -> Vec<Repair> {
    let mut parents: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    let mut repairs = Vec::new();
    for line in out.lines() {
        let value = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key));
        let stripe = value("stripe=").unwrap_or("");
        if line.starts_with("parent ") {
            let (before, now) = parents.entry(stripe).or_default();
            (*before, *now) = (*now, value("peer="));
        } else if line.starts_with("repaired ") {
            let before = parents.get(stripe).and_then(|(before, _)| *before);
            repairs.push(Repair {
                cause: value("cause=").unwrap_or("").to_owned(),
                from: before.map(str::to_owned),
            });
        }
    }
    repairs
}

/// A channel on air and its peers.
#[derive(Debug)]
pub struct Crowd {
    /// The origin.
    pub origin: Origin,
    /// The peers that take part; take out the ones that you kill.
    pub peers: Vec<Peer>,
}

impl Crowd {
    /// The usual film from an origin with `direct` direct peers to `count` peers of this fan-out; waits until all of them
    /// receive every stripe.
    ///
    /// # Panics
    /// When they do not.
    #[track_caller]
    pub fn gather(lab: &Lab, count: usize, fanout: u16, direct: u16) -> Self {
        let film = lab.film(&Film::default());
        Self::gather_around(lab, &film, count, fanout, direct)
    }

    /// The same with another film.
    #[track_caller]
    pub fn gather_around(lab: &Lab, film: &Path, count: usize, fanout: u16, direct: u16) -> Self {
        let origin = lab.origin(OriginOptions::film(film).direct(direct));
        let peers = lab.peers(&origin.invite, count, &PeerOptions::fanout(fanout));
        let crowd = Self { origin, peers };
        crowd.await_whole(SOON);
        crowd
    }

    /// What all peers say.
    ///
    /// # Errors
    /// What one of them said instead.
    pub fn statuses(&self) -> Result<Vec<Status>, String> {
        self.peers.iter().map(Peer::status).collect()
    }

    /// Waits until every peer has a parent in every stripe and all of it is a forest.
    ///
    /// # Panics
    /// When that does not come.
    #[track_caller]
    pub fn await_whole(&self, deadline: Duration) -> Vec<Status> {
        eventually(deadline, "every peer receives every stripe", || {
            let statuses = self.statuses()?;
            match forest_problem(&statuses) {
                None => Ok(statuses),
                Some(problem) => Err(problem),
            }
        })
    }

    /// Waits until every peer has stored `more` chunks after the newest that any of them has now.
    ///
    /// # Panics
    /// When they do not. Allows twice the time that the chunks play, and a while.
    #[track_caller]
    pub fn await_more(&self, more: u32) {
        let newest = self.peers.iter().filter_map(Peer::newest).max();
        let seq = newest.map_or(0, |seq| seq + 1) + u64::from(more) - 1;
        let deadline = SOON + Duration::from_secs(4) * more;
        for peer in &self.peers {
            peer.await_chunk(seq, deadline);
        }
    }

    /// Takes out the peer that serves most others, among those that `suits`.
    ///
    /// # Panics
    /// When none serves any.
    #[track_caller]
    pub fn take_interior(&mut self, suits: impl Fn(&Status) -> bool) -> Peer {
        let best = eventually(SOON, "a peer serves others", || {
            let statuses = self.statuses()?;
            let interior = statuses
                .iter()
                .enumerate()
                .filter(|(_, s)| s.is_interior() && suits(s));
            interior
                .max_by_key(|(_, status)| status.children.len())
                .map(|(at, _)| at)
                .ok_or_else(|| "none does".to_owned())
        });
        self.peers.remove(best)
    }

    /// Waits until every chunk before a peer's newest is stored there or counted as missing: on a narrow line a chunk may be
    /// whole before the one in front of it.
    ///
    /// # Panics
    /// When a chunk is neither.
    #[track_caller]
    fn await_settled(&self) {
        for peer in &self.peers {
            eventually(
                SETTLED,
                "all that was broadcast is stored or missing",
                || {
                    let stored = peer.stored();
                    let (Some(first), Some(last)) = (
                        stored.first_key_value().map(|(seq, _)| *seq),
                        stored.last_key_value().map(|(seq, _)| *seq),
                    ) else {
                        return Ok(());
                    };
                    let lacking: Vec<u64> = (first..=last)
                        .filter(|seq| !stored.contains_key(seq))
                        .collect();
                    holds(
                        lacking.is_empty() || peer.status()?.chunks.missing > 0,
                        || format!("{} has yet to get {lacking:?}", peer.name()),
                    )
                },
            );
        }
    }

    /// A peer that another one, which may have been taken out, serves.
    ///
    /// # Panics
    /// When it serves none of these.
    #[track_caller]
    pub fn child_of(&self, parent: &Peer) -> &Peer {
        eventually(SOON, "a child of it is one of us", || {
            let children = parent.status()?.children;
            for peer in &self.peers {
                let identity = peer.status()?.identity;
                if children.iter().any(|child| child.peer == identity) {
                    return Ok(peer);
                }
            }
            Err(format!("{children:?}"))
        })
    }

    /// Panics unless all peers have all that was broadcast since their first chunk, as the origin has it; nothing was
    /// counted as missing, refused or not stored; nothing is half written; nobody panicked. Gives what each has.
    ///
    /// # Panics
    /// See above.
    #[track_caller]
    pub fn assert_nobody_missed_anything(&self) -> Vec<Kept> {
        self.await_settled();
        let kept = assert_byte_identical(&self.origin, &self.peers, 0);
        assert_nothing_half_written(&self.peers);
        for peer in &self.peers {
            let status = peer.facts();
            let (name, chunks) = (peer.name(), status.chunks);
            assert_eq!(
                chunks.missing, 0,
                "{name} counts missing chunks: {status:?}"
            );
            assert_eq!(chunks.not_stored, 0, "{name} did not store all: {status:?}");
            assert_eq!(
                status.blocks.missing, 0,
                "{name} counts missing blocks: {status:?}"
            );
            assert_eq!(
                status.blocks.refused, 0,
                "{name} refused blocks: {status:?}"
            );
            peer.process().assert_clean();
        }
        kept
    }

    /// How often any of them repaired a stripe that the peer of this identity had sent, for another reason than a moment
    /// of silence, of which [`Crowd::assert_calm`] says how many may be.
    pub fn repairs_from(&self, identity: &str) -> usize {
        let outs = self.peers.iter().map(|peer| peer.process().out());
        let repairs = outs.flat_map(|out| repairs_in(&out));
        repairs
            .filter(|repair| repair.from.as_deref() == Some(identity) && repair.cause != SILENT)
            .count()
    }

    /// Panics if somebody lost a parent, other than for a moment in which the machine gave a process no turn.
    ///
    /// # Panics
    /// See above.
    #[track_caller]
    pub fn assert_calm(&self) {
        for peer in &self.peers {
            let repairs = repairs_in(&peer.process().out());
            let few = repairs.len() <= ONE_MOMENT || turns::worst() >= NO_TURN;
            assert!(
                few && repairs.iter().all(|repair| repair.cause == SILENT),
                "{} repaired: {repairs:?}",
                peer.name()
            );
        }
    }

    /// Repairs of each peer by its name.
    ///
    /// # Panics
    /// When one does not answer.
    #[track_caller]
    pub fn repairs(&self) -> BTreeMap<String, u64> {
        let repairs = |peer: &Peer| (peer.name().to_owned(), peer.facts().repairs.total);
        self.peers.iter().map(repairs).collect()
    }

    /// Waits until something about all statuses holds.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn await_all(&self, what: &str, mut condition: impl FnMut(&Status) -> bool) {
        eventually(SOON, what, || {
            let statuses = self.statuses()?;
            let bad = statuses.iter().position(|status| !condition(status));
            holds(bad.is_none(), || {
                format!("{:?}", bad.map(|at| &statuses[at]))
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_is_told_with_the_parent_that_failed() {
        let out = "parent stripe=1 peer=aa\nparent stripe=2 peer=bb\nstored show_00000.mkv\n\
            parent stripe=1 peer=cc\nrepaired stripe=1 cause=leaving ms=12\nparent stripe=2 peer=dd\n";
        let repair = Repair {
            cause: "leaving".to_owned(),
            from: Some("aa".to_owned()),
        };
        assert_eq!(repairs_in(out), [repair]);
    }
}
