//! What runs, and how it goes: lines and pictures of progress.

use std::time::{Duration, Instant};

use swarm::{Interrupt, Origin, Peer, Player, SwarmError, draw};
use tests::Status;

/// Between two looks at what happens.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(4);

/// Everything that runs. Dropped in this order, all of it is killed.
pub(crate) struct Stage<'a> {
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) started: Instant,
    pub(crate) player: Option<Player>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) origin: Origin,
}

impl Stage<'_> {
    /// A line of progress.
    pub(crate) fn say(&self, words: &str) {
        eprintln!("{:6.1} s  {words}", self.started.elapsed().as_secs_f64());
    }

    /// What all peers know.
    pub(crate) fn statuses(&self) -> Result<Vec<Status>, SwarmError> {
        self.peers.iter().map(Peer::status).collect()
    }

    /// Draws one tree, or all.
    pub(crate) fn show_trees(&self, only: Option<u8>) -> Result<(), SwarmError> {
        let statuses = self.statuses()?;
        let stripes = statuses
            .iter()
            .map(|status| status.stripes.len())
            .max()
            .unwrap_or(0) as u8;
        let named: Vec<_> = self.peers.iter().map(Peer::name).zip(statuses).collect();
        for stripe in (0..stripes).filter(|stripe| only.is_none_or(|only| only == *stripe)) {
            eprintln!(
                "\nthe tree of stripe {stripe}:\n{}",
                draw(stripe, "origin", &named)
            );
        }
        Ok(())
    }

    /// Tells how it goes until then.
    pub(crate) fn watch_until(&self, end: Instant) -> Result<(), SwarmError> {
        loop {
            let next = (Instant::now() + PROGRESS).min(end);
            while Instant::now() < next {
                self.interrupt.check()?;
                std::thread::sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
            }
            let statuses = self.statuses()?;
            let whole = statuses.iter().filter(|status| status.is_whole()).count();
            let fewest = statuses
                .iter()
                .map(|status| status.chunks.stored)
                .min()
                .unwrap_or(0);
            let lost: u64 = statuses.iter().map(|status| status.chunks.missing).sum();
            let sent: u64 = statuses.iter().map(|status| status.bytes_sent).sum();
            let on_air = self
                .origin
                .status()?
                .channels
                .first()
                .and_then(|channel| channel.seq_on_air);
            let mut words = format!(
                "chunk {} | whole {whole}/{} | on disk {fewest} | lost {lost} | sent {:.0} MB",
                on_air.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
                statuses.len(),
                sent as f64 / 1e6
            );
            if let (Some(player), Some(status)) = (&self.player, statuses.last()) {
                let runs = if player.is_running() {
                    "player"
                } else {
                    "PLAYER ENDED,"
                };
                words += &format!(" | {runs} +{}", status.pending.count);
            }
            self.say(&words);
            if Instant::now() >= end {
                return Ok(());
            }
        }
    }
}
