//! What the benchmarks with real processes share: an origin on air with the film, peers, and waits.

use std::path::Path;
use std::time::Duration;

use swarm::{Interrupt, Origin, OriginOptions, Peer, PeerOptions, Programs, SwarmError, until};
use tempfile::TempDir;
use tests::Status;

use crate::film;
use crate::report::Error;

/// How long a forest may take to form.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at all peers.
const LOOK: Duration = Duration::from_millis(50);
/// Any free port of the loopback interface.
pub(crate) const LOOPBACK: &str = "127.0.0.1:0";

/// An origin and its peers. Everything is killed and removed when it is dropped.
pub(crate) struct World {
    pub(crate) peers: Vec<Peer>,
    pub(crate) origin: Origin,
    pub(crate) programs: Programs,
    pub(crate) interrupt: Interrupt,
    next: usize,
    // The last to go: the others write into it.
    dir: TempDir,
}

impl World {
    /// Puts the film on air at `listen`, and waits until the first chunk is published.
    pub(crate) fn on_air(max_direct_peers: u16, listen: &str) -> Result<Self, Error> {
        Self::with_old_clients(max_direct_peers, listen, &[])
    }

    /// The same, with the options of `server origin` for old clients.
    pub(crate) fn with_old_clients(
        max_direct_peers: u16,
        listen: &str,
        legacy: &[&str],
    ) -> Result<Self, Error> {
        let (interrupt, programs) = (Interrupt::listen()?, Programs::beside()?);
        let dir = tempfile::Builder::new()
            .prefix("treecast-bench-")
            .tempdir()?;
        let options = OriginOptions {
            film: film::make(dir.path())?,
            max_direct_peers,
            stripes: "4+1".to_owned(),
            listen: listen.to_owned(),
            legacy: legacy.iter().map(ToString::to_string).collect(),
        };
        let origin = Origin::start(&programs, &interrupt, dir.path(), &options)?;
        let world = Self {
            peers: Vec::new(),
            origin,
            programs,
            interrupt,
            next: 1,
            dir,
        };
        until(
            &world.interrupt,
            PATIENCE,
            LOOK,
            "the origin publishes",
            || {
                Ok(world
                    .origin
                    .last_published()?
                    .ok_or_else(|| "nothing".to_owned()))
            },
        )?;
        Ok(world)
    }

    /// Where everything lies.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the next peer is started with.
    pub(crate) fn options(&mut self, fanout: u16) -> PeerOptions {
        let number = self.next;
        self.next += 1;
        PeerOptions {
            number,
            fanout,
            listen: LOOPBACK.to_owned(),
            spool_limit: "64M".to_owned(),
        }
    }

    /// One more peer.
    pub(crate) fn add(&mut self, fanout: u16) -> Result<(), Error> {
        let options = self.options(fanout);
        self.peers.push(Peer::start(
            &self.programs,
            self.dir.path(),
            &self.origin.invite,
            &options,
        )?);
        Ok(())
    }

    /// The statuses of all peers.
    pub(crate) fn statuses(&self) -> Result<Vec<Status>, SwarmError> {
        self.peers.iter().map(Peer::status).collect()
    }

    /// Waits until every stripe of every peer has a parent.
    pub(crate) fn settled(&self) -> Result<(), Error> {
        until(
            &self.interrupt,
            PATIENCE,
            LOOK,
            "every stripe of every peer has a parent",
            || {
                let mut whole = 0;
                for peer in &self.peers {
                    match peer.status() {
                        Ok(status) => whole += usize::from(status.is_whole()),
                        // It does not listen yet.
                        Err(SwarmError::Ask { .. }) => {}
                        Err(other) => return Err(other),
                    }
                }
                Ok(if whole == self.peers.len() {
                    Ok(())
                } else {
                    Err(format!("{whole} of {}", self.peers.len()))
                })
            },
        )?;
        Ok(())
    }
}
