//! `swarm`: an origin, many real peers and a player on this machine; kills a relay in the middle; says who missed what.
//!
//! This file must never know how a swarm is run: it reads the command line and turns the outcome into an exit status.

mod finish;
mod kill;
mod run;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use swarm::{Interrupt, SwarmError};

/// Most peers: each is a process with megabytes of its own. The target for a machine of two cores is 200.
const MAX_PEERS: i64 = 500;
/// Longest broadcast: a day.
const MAX_SECONDS: i64 = 86_400;

/// Broadcasts a film to a swarm of real peers on this machine, and says who missed what.
///
/// Exit status: 0 nobody missed anything, 1 somebody did or it could not be run, 2 wrong command line, 130 Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "swarm", version)]
struct Args {
    /// The film: any file that FFmpeg reads
    #[arg(long, value_name = "FILE")]
    film: PathBuf,
    /// How many peers
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=MAX_PEERS))]
    peers: u16,
    /// Most children of each
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=200))]
    fanout: u16,
    /// Peers at most that the origin serves itself
    #[arg(long, value_name = "D", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=200))]
    max_direct_peers: u16,
    /// Data and parity stripes
    #[arg(long, value_name = "K+M", default_value = "4+1")]
    stripes: String,
    /// How long the broadcast goes on after every peer has its place
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u32).range(4..=MAX_SECONDS))]
    seconds: u32,
    /// What is killed in the middle
    #[arg(long, value_enum, default_value_t = Kill::None)]
    kill: Kill,
    /// Whether a player plays on one of the peers
    #[arg(long, value_enum, default_value_t = Plays::Null)]
    player: Plays,
    /// Draw trees, before and after the kill: those of all stripes, or the one that loses most
    #[arg(long, value_enum, default_value_t = Draw::None)]
    draw: Draw,
    /// One line of JSON instead of the table; progress goes to standard error in any case
    #[arg(long)]
    json: bool,
    /// Where the swarm's folder is made [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Keep that folder; it is kept anyway when something was missing
    #[arg(long)]
    keep: bool,
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kill {
    /// Nothing.
    None,
    /// With SIGKILL: the peer with most children, but not the one that is played.
    Relay,
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Draw {
    /// Nothing.
    None,
    /// The stripe in which the killed peer has most children.
    One,
    /// Every stripe.
    All,
}

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Plays {
    /// Nobody.
    None,
    /// `player --output null` on the last peer: decodes everything in real time and counts.
    Null,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(why) => return failed(&format!("signals cannot be heard: {why}")),
    };
    match run::run(&args, &interrupt) {
        Ok(table) => {
            if args.json {
                println!(
                    "{}",
                    serde_json::to_string(&table).expect("numbers and texts are always JSON")
                );
            } else {
                println!("\n{table}");
            }
            if table.passed {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(SwarmError::Interrupted) => {
            eprintln!("swarm: interrupted; every process of it was ended");
            ExitCode::from(130)
        }
        Err(why) => failed(&why.to_string()),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("swarm: {why}");
    ExitCode::FAILURE
}
