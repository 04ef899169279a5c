//! The end: the last chunk everywhere, everybody's leave, and the look at the disks.

use std::time::{Duration, Instant};

use swarm::{Peer, Player, Reference, Row, SwarmError, Table, compare, until};
use tests::Status;

use crate::stage::{LOOK, Stage};

/// How long the last chunk may take to be stored everywhere, and to be shown: a few chunks.
const LAST: Duration = Duration::from_secs(30);

impl Stage<'_> {
    /// Waits for the last chunk everywhere, ends everything politely, and looks at what is on the disks.
    pub(crate) fn finish(
        mut self,
        killed: Option<(Row, Option<u64>)>,
    ) -> Result<Table, SwarmError> {
        let last = until(
            self.interrupt,
            LAST,
            LOOK,
            "the origin publishes a chunk",
            || {
                Ok(self
                    .origin
                    .last_published()?
                    .ok_or_else(|| "none".to_owned()))
            },
        )?;
        let patience = Instant::now() + LAST;
        self.say(&format!("waiting until chunk {last} is on every disk"));
        while !self.all_stored(last)? && Instant::now() < patience {
            self.interrupt.check()?;
            std::thread::sleep(LOOK);
        }
        if self.player.is_some() {
            self.say("waiting until it was shown");
            while self.still_pending(last) && Instant::now() < patience {
                self.interrupt.check()?;
                std::thread::sleep(LOOK);
            }
        }
        let shown = self.player.take().map(Player::end).transpose()?;
        let statuses = self.statuses()?;
        let origin_bytes = self.origin.bytes_sent()?;
        let reference = Reference::of(&self.origin.chunks())?;
        self.say("comparing all chunks byte for byte");
        let mut rows = Vec::new();
        let (mut first, mut stayed) = (last, 0);
        for (at, (peer, status)) in self.peers.iter().zip(&statuses).enumerate() {
            let found = compare(&peer.spool, &reference, last)?;
            let played = shown.is_some() && at + 1 == self.peers.len();
            first = first.min(found.first.unwrap_or(last));
            let mut row = row_of(peer, status);
            row.chunks = found.identical + found.differing + if played { found.gone } else { 0 };
            row.missing =
                found.missing + status.chunks.missing + if played { 0 } else { found.gone };
            row.differing = found.differing;
            row.shown = if played { shown.clone() } else { None };
            rows.push(row);
        }
        for peer in &self.peers {
            peer.process.sigterm();
        }
        for peer in &self.peers {
            stayed += usize::from(!peer.leave());
        }
        if stayed > 0 {
            self.say(&format!(
                "{stayed} peers did not leave within their patience and are killed"
            ));
        }
        let whole_again_ms = killed.as_ref().and_then(|(_, ms)| *ms);
        let never_repaired = killed.is_some() && whole_again_ms.is_none();
        rows.extend(killed.map(|(row, _)| row));
        rows.sort_by_key(|row| {
            row.peer
                .rsplit(' ')
                .next()
                .and_then(|number| number.parse::<usize>().ok())
        });
        let stream_bytes = (first..=last).map(|seq| reference.len_of(seq)).sum();
        let mut table = Table::new(rows, origin_bytes, stream_bytes, whole_again_ms);
        table.passed &= stayed == 0 && !never_repaired;
        if !self.origin.end() {
            eprintln!("swarm: the origin did not end within its patience and is killed");
            table.passed = false;
        }
        Ok(table)
    }

    fn all_stored(&self, last: u64) -> Result<bool, SwarmError> {
        for peer in &self.peers {
            if !swarm::has_stored(&peer.spool, last)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the played peer's spool still has a chunk up to `last`.
    fn still_pending(&self, last: u64) -> bool {
        let status = self.peers.last().and_then(|peer| peer.status().ok());
        status.is_some_and(|status| status.pending.files.iter().any(|file| file.seq <= last))
    }
}

/// What a status says of a peer.
pub(crate) fn row_of(peer: &Peer, status: &Status) -> Row {
    Row {
        peer: peer.name(),
        fan_out: peer.fanout,
        children: status.children.len(),
        depth: status
            .stripes
            .iter()
            .map(|stripe| stripe.depth)
            .max()
            .unwrap_or(0),
        blocks_missing: status.blocks.missing,
        blocks_restored: status.blocks.restored,
        blocks_refused: status.blocks.refused,
        bytes_received: status.bytes_received,
        bytes_sent: status.bytes_sent,
        repairs: status.repairs.total,
        repair_ms: status
            .repairs
            .latest
            .iter()
            .map(|repair| repair.ms)
            .collect(),
        ..Row::default()
    }
}
