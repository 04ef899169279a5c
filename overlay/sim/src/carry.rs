//! What the simulated driver does with a node's outputs.

use std::net::SocketAddr;

use overlay_core::ledger::FROM_NEWEST;
use overlay_core::time::Span;
use overlay_core::{Cause, Event, Input, Message, Output, PeerId, Want};

use crate::sim::Key;
use crate::world::{Happening, Reach, World};

impl World {
    pub(crate) fn drain(&mut self, id: PeerId) {
        while let Some(output) = self.next_output(id) {
            self.carry_out(id, output);
        }
        let now = self.now;
        let Some(sim) = self.sims.get_mut(&id).filter(|sim| sim.alive) else {
            return;
        };
        let Some(due) = sim.node.poll_timeout() else {
            return;
        };
        let due = due.max(now);
        if sim.timer_at.is_none_or(|at| due < at) {
            sim.timer_at = Some(due);
            self.put(due, id, Happening::Timer);
        }
    }

    fn next_output(&mut self, id: PeerId) -> Option<Output> {
        self.sims
            .get_mut(&id)
            .filter(|sim| sim.alive)?
            .node
            .poll_output()
    }

    pub(crate) fn carry_out(&mut self, id: PeerId, output: Output) {
        match output {
            Output::Dial { peer, addr } => self.dial(id, peer, addr),
            Output::Send { peer, message } => self.send(id, peer, message),
            Output::Close { peer, cause } => {
                let generation = self
                    .sims
                    .get(&id)
                    .and_then(|sim| sim.links.get(&peer).copied());
                self.unlink(id, peer);
                let at = self.arrival(id, peer);
                if let Some(generation) = generation.filter(|_| !self.is_cut(id, peer)) {
                    self.put(
                        at,
                        peer,
                        Happening::Input(Box::new(Input::LinkDown { peer: id, cause }), generation),
                    );
                }
            }
            Output::Serve { peer, stripe, want } => {
                let Some(sim) = self.sims.get_mut(&id) else {
                    return;
                };
                let mut want = want;
                if want.from_seq == FROM_NEWEST {
                    want.from_seq = sim.node.newest_whole().unwrap_or(0);
                }
                let keys: Vec<Key> = sim
                    .have
                    .iter()
                    .copied()
                    .filter(|key| key.2 == stripe && wants(&want, *key))
                    .collect();
                sim.serving.insert((peer, stripe), want);
                for key in keys {
                    self.send_block(id, peer, key);
                }
            }
            Output::StopServing { peer, stripe } => {
                if let Some(sim) = self.sims.get_mut(&id) {
                    sim.serving.remove(&(peer, stripe));
                }
            }
            Output::SendBlocks {
                peer,
                seq,
                stripe,
                rows,
            } => {
                let Some(sim) = self.sims.get(&id) else {
                    return;
                };
                let asked = |row: u32| {
                    rows.is_empty()
                        || rows
                            .get((row / 8) as usize)
                            .is_some_and(|byte| byte & (1 << (row % 8)) != 0)
                };
                let range = (seq, 0, 0)..=(seq, u32::MAX, u8::MAX);
                let keys: Vec<Key> = sim
                    .have
                    .range(range)
                    .copied()
                    .filter(|key| key.2 == stripe && asked(key.1))
                    .collect();
                for key in keys {
                    self.send_block(id, peer, key);
                }
            }
            Output::Forget { before_seq } => {
                if let Some(sim) = self.sims.get_mut(&id) {
                    sim.low = before_seq;
                    sim.have = sim.have.split_off(&(before_seq, 0, 0));
                }
            }
            Output::Event(event) => {
                let now = self.now;
                let left = event == Event::Left;
                if let Some(sim) = self.sims.get_mut(&id) {
                    sim.events.push((now, event));
                    sim.alive &= !left;
                }
            }
        }
    }

    pub(crate) fn dial(&mut self, id: PeerId, expected: Option<PeerId>, addr: SocketAddr) {
        let target = self
            .by_addr
            .get(&addr)
            .copied()
            .filter(|target| self.sims.get(target).is_some_and(|sim| sim.alive));
        let hidden = |target: &PeerId| self.reach.get(target) == Some(&Reach::Hidden);
        let reached = target.filter(|target| !self.is_cut(id, *target) && !hidden(target));
        match reached {
            Some(target) => {
                // A handshake of one and a half round trips.
                let delay = self.delay(id, target);
                let at = self.now + delay + delay;
                self.put(at, target, Happening::DialArrives { from: id, expected });
                let failed = Input::DialFailed {
                    peer: expected,
                    addr,
                    cause: Cause::Duplicate,
                };
                if self
                    .sims
                    .get(&id)
                    .is_some_and(|sim| sim.links.contains_key(&target))
                {
                    self.put(at, id, Happening::Input(Box::new(failed), 0));
                }
            }
            None => {
                let at = self.now + Span::ms(1_000);
                let failed = Input::DialFailed {
                    peer: expected,
                    addr,
                    cause: Cause::Lost,
                };
                self.put(at, id, Happening::Input(Box::new(failed), 0));
            }
        }
    }

    pub(crate) fn send(&mut self, id: PeerId, peer: PeerId, message: Message) {
        let bytes = message.encode();
        let decoded = Message::decode(&bytes);
        assert!(
            decoded.as_ref().is_ok_and(|decoded| *decoded == message),
            "a message does not survive its encoding: {message:?}"
        );
        let at = self.arrival(id, peer);
        let Some(generation) = self
            .sims
            .get(&id)
            .and_then(|sim| sim.links.get(&peer).copied())
        else {
            return;
        };
        if !self.is_cut(id, peer) {
            self.put(
                at,
                peer,
                Happening::Input(Box::new(Input::Message { peer: id, message }), generation),
            );
        }
    }
}

/// Whether a child that said `want` is to be sent this block.
pub(crate) fn wants(want: &Want, key: Key) -> bool {
    let (seq, row, _) = key;
    if seq < want.from_seq || want.whole.contains(&seq) {
        return false;
    }
    let have = want.have.iter().find(|(at, _)| *at == seq);
    !have.is_some_and(|(_, rows)| {
        rows.get((row / 8) as usize)
            .is_some_and(|byte| byte & (1 << (row % 8)) != 0)
    })
}
