//! `sim`: grows a simulated forest, hurts it if asked to, and prints its shape, its load and its repairs.
//!
//! A run is a function of its options: the seed is printed with everything that goes wrong. The state machine is the
//! product's own; media and bandwidth are not simulated.

mod figures;

use std::process::ExitCode;

use clap::Parser;
use overlay_core::time::Span;
use overlay_sim::{Settings, World, check};

use figures::{Shape, print_repairs, print_tree};

/// How long a forest may take to become whole again.
const CONVERGE: Span = Span::ms(60_000);
/// Between two joins: a crowd, but not a single packet.
const JOIN_EVERY: Span = Span::ms(30);
/// How often the shape is printed.
const REPORT_EVERY_S: u64 = 10;

/// Simulates a relay forest.
#[derive(Debug, Parser)]
struct Options {
    /// How many peers join.
    #[arg(long, default_value_t = 64)]
    peers: usize,
    /// The fan-out of each.
    #[arg(long, default_value_t = 8)]
    fanout: u16,
    /// The origin's children.
    #[arg(long, default_value_t = 10)]
    max_direct_peers: u16,
    /// How long it runs after the last join, seconds of virtual time.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// After that, so many relays with the most children die silently, one after the other.
    #[arg(long, default_value_t = 0)]
    kill: usize,
    /// Longest one-way delay of a link, milliseconds.
    #[arg(long, default_value_t = 20)]
    delay_ms: u64,
    /// Print the tree of this stripe at the end.
    #[arg(long)]
    tree: Option<u8>,
    /// Seeds everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut world = World::new(Settings {
        seed: options.seed,
        max_direct_peers: options.max_direct_peers,
        delay: (Span(200), Span::ms(options.delay_ms.max(1))),
        ..Settings::default()
    });
    for _ in 0..options.peers {
        world.add(options.fanout);
        world.run(JOIN_EVERY);
    }
    println!("{}", Shape::HEADER);
    for tens in 1..=options.seconds.div_ceil(REPORT_EVERY_S) {
        world.take_sent();
        world.run(Span::ms(REPORT_EVERY_S * 1_000));
        println!("{}", Shape::of(&mut world, tens * REPORT_EVERY_S));
    }
    for _ in 0..options.kill {
        let busiest = world
            .live_members()
            .into_iter()
            .max_by_key(|id| world.sim(*id).map_or(0, |sim| sim.node().child_count()));
        let Some(victim) = busiest else { break };
        let at = world.now();
        world.kill(victim);
        let took = world.run_until(CONVERGE, check::converged);
        println!(
            "killed {}: whole again after {} ms",
            victim.short(),
            took.as_ms()
        );
        world.run(Span::ms(2_000));
        print_repairs(&world, at);
    }
    if let Some(stripe) = options.tree.filter(|stripe| *stripe < world.stripes()) {
        print_tree(&world, world.root(), stripe, 0);
    }
    println!("trace {:016x}", world.trace_hash());
    let whole = check::converged(&world).and_then(|()| check::nothing_missed(&world, 2));
    match whole {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: seed {}: {why}", options.seed);
            ExitCode::FAILURE
        }
    }
}
