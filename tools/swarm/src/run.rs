//! One run of a swarm from its first process to its last.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use swarm::{
    Interrupt, Origin, OriginOptions, Peer, PeerOptions, Player, Programs, SwarmError, Table, until,
};

use crate::stage::{LOOK, Stage};
use crate::{Args, Draw, Kill, Plays};

/// How long it may take until every stripe of every peer has a parent. The full channel's retries included. A guess.
const FORM: Duration = Duration::from_secs(60);
/// Free ports of the loopback interface: a fixed one may be taken.
const LISTEN: &str = "127.0.0.1:0";

/// See the module.
///
/// # Errors
/// When it could not be run to its end.
pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<Table, SwarmError> {
    let folder = match &args.work {
        Some(work) => {
            std::fs::create_dir_all(work).map_err(|why| file(work, why))?;
            tempfile::Builder::new().prefix("swarm-").tempdir_in(work)
        }
        None => tempfile::Builder::new().prefix("swarm-").tempdir(),
    };
    let mut folder = folder.map_err(|why| {
        file(
            args.work
                .as_deref()
                .unwrap_or(Path::new("the temporary folder")),
            why,
        )
    })?;
    folder.disable_cleanup(args.keep);
    let outcome = broadcast(args, interrupt, folder.path());
    let bad = match &outcome {
        Ok(table) => !table.passed,
        Err(why) => !matches!(why, SwarmError::Interrupted),
    };
    if bad || args.keep {
        folder.disable_cleanup(true);
        eprintln!(
            "swarm: everything that was stored and said lies in {}",
            folder.path().display()
        );
    }
    outcome
}

fn file(path: &Path, why: std::io::Error) -> SwarmError {
    SwarmError::File {
        path: path.to_owned(),
        why,
    }
}

fn broadcast(args: &Args, interrupt: &Interrupt, dir: &Path) -> Result<Table, SwarmError> {
    let programs = Programs::beside().map_err(|why| file(Path::new("this program"), why))?;
    let mut stage = start(args, interrupt, &programs, dir)?;
    let formed = until(
        interrupt,
        FORM,
        LOOK,
        "every stripe of every peer has a parent",
        || {
            let whole = stage
                .statuses()?
                .iter()
                .filter(|status| status.is_whole())
                .count();
            Ok(if whole == stage.peers.len() {
                Ok(())
            } else {
                Err(format!("{whole} of {}", stage.peers.len()))
            })
        },
    );
    formed?;
    stage.say(&format!(
        "all {} peers have a parent in every stripe",
        stage.peers.len()
    ));
    // Where a relay is killed, its stripe is drawn then.
    match args.draw {
        Draw::All => stage.show_trees(None)?,
        Draw::One if args.kill == Kill::None => stage.show_trees(Some(0))?,
        Draw::One | Draw::None => {}
    }
    let middle = Instant::now() + Duration::from_secs(args.seconds.into()) / 2;
    let end = Instant::now() + Duration::from_secs(args.seconds.into());
    stage.watch_until(middle)?;
    let mut killed = None;
    if args.kill == Kill::Relay {
        killed = stage.kill_relay(args.draw)?;
    }
    stage.watch_until(end)?;
    stage.finish(killed)
}

fn start<'a>(
    args: &Args,
    interrupt: &'a Interrupt,
    programs: &Programs,
    dir: &Path,
) -> Result<Stage<'a>, SwarmError> {
    let started = Instant::now();
    let film: PathBuf = args
        .film
        .canonicalize()
        .map_err(|why| file(&args.film, why))?;
    let options = OriginOptions {
        film,
        max_direct_peers: args.max_direct_peers,
        stripes: args.stripes.clone(),
        listen: LISTEN.to_owned(),
        legacy: Vec::new(),
    };
    let origin = Origin::start(programs, interrupt, dir, &options)?;
    let mut stage = Stage {
        interrupt,
        started,
        player: None,
        peers: Vec::new(),
        origin,
    };
    stage.say(&format!(
        "origin on air, at most {} direct peers",
        args.max_direct_peers
    ));
    stage.say(&format!("invite {}", stage.origin.invite));
    for number in 1..=usize::from(args.peers) {
        let options = PeerOptions {
            number,
            fanout: args.fanout,
            listen: LISTEN.to_owned(),
            spool_limit: "none".to_owned(),
        };
        stage
            .peers
            .push(Peer::start(programs, dir, &stage.origin.invite, &options)?);
    }
    // A peer answers once it listens.
    for peer in &stage.peers {
        until(
            interrupt,
            FORM,
            LOOK,
            &format!("{} listens", peer.name()),
            || match peer.status() {
                Ok(_) => Ok(Ok(())),
                Err(SwarmError::Ask { why, .. }) => Ok(Err(why)),
                Err(other) => Err(other),
            },
        )?;
    }
    stage.say(&format!(
        "{} peers of fan-out {} started",
        stage.peers.len(),
        args.fanout
    ));
    if args.player == Plays::Null
        && let Some(peer) = stage.peers.last()
    {
        stage.player = Some(Player::start(programs, dir, &peer.spool)?);
        stage.say(&format!("player on {}", peer.name()));
    }
    Ok(stage)
}
