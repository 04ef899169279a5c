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
use crate::wait::{SOON, eventually, holds};

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

    /// Panics unless all peers have all that was broadcast since their first chunk, as the origin has it; nothing was
    /// counted as missing, refused or not stored; nothing is half written; nobody panicked. Gives what each has.
    ///
    /// # Panics
    /// See above.
    #[track_caller]
    pub fn assert_nobody_missed_anything(&self) -> Vec<Kept> {
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
