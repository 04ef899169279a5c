//! Scenarios of the forest, in virtual time: joining, failing, repairing, leaving.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use overlay_core::time::Span;
use overlay_core::{Event, PeerId};
use overlay_sim::{Reach, Settings, World, check};

const CONVERGE: Span = Span::ms(10_000);

fn swarm(seed: u64, members: usize, fan_out: u16) -> World {
    let mut world = World::new(Settings {
        seed,
        ..Settings::default()
    });
    for _ in 0..members {
        world.add(fan_out);
        world.run(Span::ms(30));
    }
    world.run_until(CONVERGE, check::converged);
    world
}

fn jain(values: &[u64]) -> f64 {
    let sum: f64 = values.iter().map(|v| *v as f64).sum();
    let squares: f64 = values.iter().map(|v| (*v as f64) * (*v as f64)).sum();
    sum * sum / (values.len() as f64 * squares)
}

fn depth(world: &World) -> u16 {
    let depths = world.live_members().into_iter().flat_map(|id| {
        world
            .sim(id)
            .unwrap()
            .node()
            .facts(world.now())
            .stripes
            .into_iter()
            .map(|stripe| stripe.depth)
    });
    depths.max().unwrap_or(0)
}

fn interior(world: &World) -> PeerId {
    let busiest = world
        .live_members()
        .into_iter()
        .max_by_key(|id| world.sim(*id).unwrap().node().child_count());
    busiest.unwrap()
}

/// Until everybody has all that was broadcast: what was half broadcast when a root dies is its own to repeat.
fn between_chunks(world: &mut World) {
    world.run_until(Span::ms(4_000), |world| {
        let rows_left = world.live_members().iter().any(|id| {
            let newest = world.sim(*id).unwrap().node().newest_whole();
            newest != Some(world.newest_seq())
        });
        if rows_left {
            Err("a chunk is on its way".to_owned())
        } else {
            Ok(())
        }
    });
}

fn worst_outage_ms(world: &World) -> u64 {
    let members = world.live_members();
    let outages = members
        .iter()
        .flat_map(|id| world.sim(*id).unwrap().events.iter())
        .filter_map(|(_, event)| match event {
            Event::Repaired { outage_ms, .. } => Some(*outage_ms),
            _ => None,
        });
    outages.max().unwrap_or(0)
}

#[test]
fn members_of_every_fan_out_join_and_miss_nothing() {
    for (seed, members, fan_out) in [
        (1, 1, 3),
        (2, 2, 1),
        (3, 12, 3),
        (4, 12, 1),
        (5, 32, 2),
        (6, 32, 8),
        (7, 64, 5),
    ] {
        let mut world = swarm(seed, members, fan_out);
        world.run(Span::ms(20_000));
        world.take_sent();
        world.run(Span::ms(20_000));
        let sent = world.take_sent();
        let max = *sent.iter().max().unwrap() as f64;
        let mean = sent.iter().sum::<u64>() as f64 / sent.len() as f64;
        println!(
            "members {members} fan-out {fan_out}: depth {}, Jain {:.3}, max/mean {:.2}",
            depth(&world),
            jain(&sent),
            max / mean
        );
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn a_relay_that_dies_silently_costs_nobody_a_block() {
    for seed in 1..=20 {
        let mut world = swarm(seed, 32, if seed % 2 == 0 { 3 } else { 8 });
        world.run(Span::ms(5_000));
        world.kill(interior(&world));
        let took = world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        println!(
            "seed {seed}: whole again after {} ms, worst outage {} ms",
            took.as_ms(),
            worst_outage_ms(&world)
        );
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn orphans_of_the_only_direct_peer_get_its_place_before_it_is_given_up() {
    for seed in 1..=10 {
        let mut world = World::new(Settings {
            seed,
            max_direct_peers: 1,
            delay: (Span(200), Span::ms(2)),
            ..Settings::default()
        });
        let direct = world.add(3);
        world.run(Span::ms(500));
        for _ in 0..4 {
            world.add(3);
            world.run(Span::ms(200));
        }
        world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(5_000));
        world.kill(direct);
        // The root gives a dead child up a second after its last sign.
        let took = world.run_until(Span::ms(900), check::converged);
        println!("seed {seed}: whole again after {} ms", took.as_ms());
        world.run(Span::ms(25_000));
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn two_relays_that_die_at_once_cost_nobody_a_block() {
    for seed in 1..=10 {
        let mut world = swarm(seed, 32, 4);
        world.run(Span::ms(5_000));
        world.kill(interior(&world));
        world.kill(interior(&world));
        let took = world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        println!("seed {seed}: whole again after {} ms", took.as_ms());
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn a_quarter_of_all_peers_may_die_at_once() {
    for seed in 1..=10 {
        let mut world = swarm(seed, 64, 5);
        world.run(Span::ms(5_000));
        for id in world.live_members().into_iter().step_by(4) {
            world.kill(id);
        }
        let took = world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        println!("seed {seed}: whole again after {} ms", took.as_ms());
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn one_relay_carries_everybody_where_all_others_give_nothing() {
    let mut world = World::new(Settings {
        seed: 9,
        max_direct_peers: 1,
        ..Settings::default()
    });
    world.add(6);
    world.run(Span::ms(500));
    for _ in 0..6 {
        world.add(0);
        world.run(Span::ms(100));
    }
    world.run_until(CONVERGE, check::converged);
    world.run(Span::ms(10_000));
    check::nothing_missed(&world, 1).unwrap();
}

#[test]
fn who_finds_no_place_waits_and_gets_in_when_one_is_free() {
    let mut world = World::new(Settings {
        seed: 10,
        max_direct_peers: 2,
        ..Settings::default()
    });
    let first = world.add(0);
    world.add(0);
    world.run(Span::ms(2_000));
    let late = world.add(0);
    world.run(Span::ms(3_000));
    let told = world
        .sim(late)
        .unwrap()
        .events
        .iter()
        .any(|(_, event)| matches!(event, Event::Full { .. }));
    assert!(told, "a peer without a place must say so");
    world.leave(first);
    world.run_until(CONVERGE, check::converged);
}

#[test]
fn a_relay_that_comes_last_finds_a_place_among_those_who_give_nothing() {
    for seed in 1..=10 {
        let mut world = World::new(Settings {
            seed,
            max_direct_peers: 2,
            ..Settings::default()
        });
        for _ in 0..4 {
            world.add(0);
            world.run(Span::ms(500));
        }
        world.add(4);
        let took = world.run_until(CONVERGE, check::converged);
        println!("seed {seed}: whole after {} ms", took.as_ms());
        world.run(Span::ms(25_000));
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn who_has_no_place_does_not_get_the_channel_by_pulling() {
    let mut world = World::new(Settings {
        seed: 11,
        max_direct_peers: 1,
        ..Settings::default()
    });
    world.add(0);
    world.run(Span::ms(3_000));
    let late = world.add(0);
    world.run(Span::ms(20_000));
    let node = world.sim(late).unwrap().node();
    assert_eq!(node.facts(world.now()).chunks_whole, 0);
}

#[test]
fn a_leaving_relay_hands_its_children_over_first() {
    for seed in 1..=10 {
        let mut world = swarm(seed, 24, 3);
        world.run(Span::ms(5_000));
        let leaver = interior(&world);
        world.leave(leaver);
        world.run(Span::ms(3_000));
        assert!(
            !world.sim(leaver).unwrap().alive(),
            "seed {seed}: it never left"
        );
        world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn a_relay_that_is_stopped_for_ten_seconds_costs_nobody_a_block_not_even_itself() {
    for seed in 1..=10 {
        let mut world = swarm(seed, 24, 3);
        world.run(Span::ms(5_000));
        let stopped = interior(&world);
        world.pause(stopped);
        world.run(Span::ms(10_000));
        world.resume(stopped);
        world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn a_root_that_dies_and_comes_back_finds_its_forest_and_nobody_misses_a_chunk() {
    for seed in 1..=8 {
        let mut world = swarm(seed, 24, 3);
        between_chunks(&mut world);
        world.kill_root();
        world.run(Span::ms(1_000 * seed));
        world.restart_root();
        let took = world.run_until(CONVERGE, check::converged);
        println!(
            "seed {seed}: whole again {} ms after the restart",
            took.as_ms()
        );
        world.run(Span::ms(25_000));
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn a_member_that_takes_over_from_a_dead_root_keeps_the_forest() {
    for seed in 1..=8 {
        let mut world = swarm(seed, 24, 4);
        between_chunks(&mut world);
        world.kill_root();
        world.run(Span::ms(700 * seed));
        let members = world.live_members();
        world.take_over(members[seed as usize % members.len()]);
        let took = world.run_until(CONVERGE, check::converged);
        println!(
            "seed {seed}: whole again {} ms after the takeover",
            took.as_ms()
        );
        world.run(Span::ms(25_000));
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn one_takeover_after_the_other_is_survived() {
    let mut world = swarm(9, 16, 3);
    for _ in 0..4 {
        world.run(Span::ms(3_000));
        between_chunks(&mut world);
        world.kill_root();
        world.run(Span::ms(1_500));
        let next = world.live_members()[0];
        world.take_over(next);
        world.run_until(CONVERGE, check::converged);
    }
    world.run(Span::ms(25_000));
    check::nothing_missed(&world, 1).unwrap();
}

#[test]
fn who_cannot_be_reached_receives_and_who_can_finds_it_out() {
    for seed in 1..=5 {
        let mut world = World::new(Settings {
            seed,
            max_direct_peers: 4,
            ..Settings::default()
        });
        let mut translated = Vec::new();
        for number in 0..24 {
            let reach = [Reach::Direct, Reach::Translated, Reach::Hidden][number % 3];
            let id = world.add_behind(4, reach);
            if reach == Reach::Translated {
                translated.push(id);
            }
            world.run(Span::ms(200));
        }
        world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        check::nothing_missed(&world, 1).unwrap();
        let knows = |id: &PeerId| world.sim(*id).unwrap().node().facts(world.now()).reachable;
        assert!(
            translated.iter().all(knows),
            "seed {seed}: a reachable peer does not know that it is"
        );
        let hidden = world
            .live_members()
            .into_iter()
            .filter(|id| !knows(id))
            .count();
        assert_eq!(hidden, 8, "seed {seed}");
    }
}

#[test]
fn a_relay_that_was_stopped_for_a_moment_has_all_its_parents_again_within_a_second() {
    for seed in 1..=10 {
        let mut world = swarm(seed, 24, 3);
        world.run(Span::ms(5_000));
        let stopped = interior(&world);
        world.pause(stopped);
        world.run(Span::ms(1_500));
        world.resume(stopped);
        world.run_until(Span::ms(1_000), |world| {
            let facts = world.sim(stopped).unwrap().node().facts(world.now());
            match facts.stripes.iter().find(|stripe| stripe.parent.is_none()) {
                Some(stripe) => Err(format!("stripe {} has no parent", stripe.stripe)),
                None => check::converged(world),
            }
        });
    }
}

#[test]
fn members_come_and_go_and_nobody_misses_a_block() {
    for seed in 1..=5 {
        let mut world = swarm(seed, 40, 4);
        for round in 0..20u64 {
            world.run(Span::ms(700));
            let members = world.live_members();
            let victim = members[(seed as usize * 7 + round as usize * 13) % members.len()];
            match round % 3 {
                0 => world.kill(victim),
                1 => world.leave(victim),
                _ => {
                    world.add(4);
                }
            }
            world.add(4);
        }
        world.run_until(CONVERGE, check::converged);
        world.run(Span::ms(25_000));
        check::converged(&world).unwrap();
        check::nothing_missed(&world, 1).unwrap();
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut world = swarm(42, 24, 3);
        world.kill(interior(&world));
        world.run(Span::ms(5_000));
        world.trace_hash()
    };
    assert_eq!(run(), run());
}
