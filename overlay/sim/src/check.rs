//! The checkers: they see the whole world, not one node's view, and panic with the seed when something is broken.

use overlay_core::{PeerId, Time};

use crate::world::World;

/// Checks what must hold at every instant around the node that has just handled an event: its fan-out, and that no stripe
/// leads from it back to it.
///
/// # Panics
/// With the seed, the time and what is broken.
pub fn after_event(world: &World, id: PeerId) {
    let Some(sim) = world.sim(id) else { return };
    let node = sim.node();
    assert!(
        node.child_count() <= usize::from(sim.fan_out()),
        "seed {} at {}: {id:?} serves {} children, its fan-out is {}",
        world.seed(),
        world.now(),
        node.child_count(),
        sim.fan_out()
    );
    for stripe in 0..world.stripes() {
        let mut at = id;
        let mut steps = 0;
        while let Some(parent) = world.live_parent(at, stripe) {
            at = parent;
            steps += 1;
            assert!(
                at != id && steps <= world.len(),
                "seed {} at {}: a cycle in stripe {stripe} through {id:?}",
                world.seed(),
                world.now()
            );
        }
    }
}

/// What a healthy forest looks like; the first thing that is not so is said in words.
///
/// # Errors
/// The first member without a live path to the root in some stripe, or with a parent that does not know it.
pub fn converged(world: &World) -> Result<(), String> {
    for id in world.live_members() {
        for stripe in 0..world.stripes() {
            let mut at = id;
            while at != world.root() {
                let Some(parent) = world.live_parent(at, stripe) else {
                    return Err(format!(
                        "{at:?} has no live parent in stripe {stripe} (seen from {id:?})"
                    ));
                };
                let knows = world
                    .sim(parent)
                    .is_some_and(|sim| sim.node().serves(at, stripe));
                if !knows {
                    return Err(format!(
                        "{parent:?} does not know its child {at:?} in stripe {stripe}"
                    ));
                }
                at = parent;
            }
        }
    }
    Ok(())
}

/// Every live member has every chunk that was broadcast since it had its first, up to `margin_chunks` before the newest.
///
/// # Errors
/// The first member that lacks one.
pub fn nothing_missed(world: &World, margin_chunks: u64) -> Result<(), String> {
    let now: Time = world.now();
    for id in world.live_members() {
        let Some(sim) = world.sim(id) else { continue };
        let facts = sim.node().facts(now);
        if facts.chunks_missed > 0 {
            return Err(format!("{id:?} missed {} chunks", facts.chunks_missed));
        }
        let newest = world.newest_seq().saturating_sub(margin_chunks);
        let whole = sim.node().newest_whole();
        if whole.is_none_or(|whole| whole < newest) {
            return Err(format!(
                "{id:?} has {whole:?} as its newest whole chunk, the broadcast is at {}",
                world.newest_seq()
            ));
        }
        if let Some((seq, row)) = sim.first_gap(newest) {
            return Err(format!(
                "{id:?} has less than a row's worth of blocks of chunk {seq}, row {row}"
            ));
        }
    }
    Ok(())
}
