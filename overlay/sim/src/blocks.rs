//! The simulated data plane: what is published, arrives, is restored and is passed on. Delays, but no bandwidth.

use overlay_core::time::Span;
use overlay_core::{Input, PeerId};

use crate::carry::wants;
use crate::sim::Key;
use crate::world::{Happening, World};

impl World {
    pub(crate) fn publish(&mut self, root: PeerId, seq: u64, row: u32) {
        if !self.broadcasting {
            return;
        }
        let rows = self.settings.rows;
        let now = self.now;
        self.newest_seq = seq;
        if row == 0 {
            self.span(root, seq);
        }
        for stripe in 0..self.stripes() {
            self.got_block(root, (seq, row, stripe), None);
        }
        // The rows of a chunk leave over three quarters of its time.
        let step = Span(self.settings.chunk_every.0 * 3 / 4 / u64::from(rows));
        if row + 1 < rows {
            self.put(now + step, root, Happening::Publish { seq, row: row + 1 });
        } else {
            let next = now + Span(self.settings.chunk_every.0 - step.0 * u64::from(rows - 1));
            self.put(
                next,
                root,
                Happening::Publish {
                    seq: seq + 1,
                    row: 0,
                },
            );
        }
    }

    pub(crate) fn span(&mut self, id: PeerId, seq: u64) {
        let (rows, epoch) = (self.settings.rows, self.epoch);
        let Some(sim) = self.sims.get_mut(&id) else {
            return;
        };
        if seq >= sim.low && sim.spans.insert(seq) {
            sim.first.get_or_insert(seq);
            self.input(
                id,
                Input::Span {
                    epoch,
                    seq,
                    rows,
                    last: true,
                },
            );
        }
    }

    pub(crate) fn got_block(&mut self, id: PeerId, key: Key, from: Option<PeerId>) {
        let (seq, row, stripe) = key;
        self.span(id, seq);
        let Some(sim) = self.sims.get_mut(&id) else {
            return;
        };
        if seq < sim.low || !sim.have.insert(key) {
            return;
        }
        self.input(
            id,
            Input::Block {
                seq,
                row,
                stripe,
                from,
            },
        );
        self.forward(id, key, from);
        let Some(sim) = self.sims.get(&id) else {
            return;
        };
        let (data, rows, stripes) = (sim.data, sim.rows, self.stripes());
        let in_row = sim.have.range((seq, row, 0)..=(seq, row, u8::MAX)).count();
        if in_row == usize::from(data) && from.is_some() {
            for other in 0..stripes {
                let restored = (seq, row, other);
                let new = self
                    .sims
                    .get_mut(&id)
                    .is_some_and(|sim| sim.have.insert(restored));
                if new {
                    self.input(
                        id,
                        Input::Block {
                            seq,
                            row,
                            stripe: other,
                            from: None,
                        },
                    );
                    self.forward(id, restored, None);
                }
            }
        }
        let Some(sim) = self.sims.get_mut(&id) else {
            return;
        };
        let blocks = sim
            .have
            .range((seq, 0, 0)..=(seq, u32::MAX, u8::MAX))
            .count();
        if blocks == rows as usize * usize::from(stripes) && sim.whole.insert(seq) {
            self.input(id, Input::Whole { seq });
        }
    }

    pub(crate) fn forward(&mut self, id: PeerId, key: Key, from: Option<PeerId>) {
        let Some(sim) = self.sims.get(&id) else {
            return;
        };
        let children: Vec<PeerId> = sim
            .serving
            .iter()
            .filter(|((child, stripe), want)| {
                *stripe == key.2 && Some(*child) != from && wants(want, key)
            })
            .map(|((child, _), _)| *child)
            .collect();
        for child in children {
            self.send_block(id, child, key);
        }
    }

    pub(crate) fn send_block(&mut self, from: PeerId, to: PeerId, key: Key) {
        let at = self.arrival(from, to);
        let Some(generation) = self
            .sims
            .get(&from)
            .and_then(|sim| sim.links.get(&to).copied())
        else {
            return;
        };
        if let Some(sim) = self.sims.get_mut(&from) {
            sim.sent_blocks += 1;
        }
        if !self.is_cut(from, to) {
            self.put(
                at,
                to,
                Happening::Block {
                    from,
                    generation,
                    key,
                },
            );
        }
    }
}
