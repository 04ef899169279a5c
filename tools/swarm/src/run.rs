//! One run of a swarm from its first process to its last.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use swarm::{
    Interrupt, Origin, OriginOptions, Peer, PeerOptions, Player, Programs, Reference, Row,
    SwarmError, Table, compare, draw, until,
};
use tests::Status;

use crate::{Args, Draw, Kill, Plays};

/// How long it may take until every stripe of every peer has a parent. The full channel's retries included. A guess.
const FORM: Duration = Duration::from_secs(60);
/// How long a repair may take before it is given up: many times the target.
const REPAIR: Duration = Duration::from_secs(15);
/// How long the last chunk may take to be stored everywhere, and to be shown: a few chunks.
const LAST: Duration = Duration::from_secs(30);
/// Between two looks at the forest where milliseconds count.
const CLOSE_LOOK: Duration = Duration::from_millis(10);
/// Between two looks otherwise.
const LOOK: Duration = Duration::from_millis(200);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(4);
/// Free ports of the loopback interface: a fixed one may be taken.
const LISTEN: &str = "127.0.0.1:0";

/// Everything that runs. Dropped in this order, all of it is killed.
struct Stage<'a> {
    interrupt: &'a Interrupt,
    started: Instant,
    player: Option<Player>,
    peers: Vec<Peer>,
    origin: Origin,
}

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

impl Stage<'_> {
    fn say(&self, words: &str) {
        eprintln!("{:6.1} s  {words}", self.started.elapsed().as_secs_f64());
    }

    fn statuses(&self) -> Result<Vec<Status>, SwarmError> {
        self.peers.iter().map(Peer::status).collect()
    }

    /// Draws one tree, or all.
    fn show_trees(&self, only: Option<u8>) -> Result<(), SwarmError> {
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
    fn watch_until(&self, end: Instant) -> Result<(), SwarmError> {
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

    /// Kills the relay with most children, not the last peer, which is played; among equals one that the last peer
    /// depends on. Gives its row and how long the others needed.
    fn kill_relay(&mut self, draw: Draw) -> Result<Option<(Row, Option<u64>)>, SwarmError> {
        let statuses = self.statuses()?;
        let Some((played, others)) = statuses.split_last() else {
            return Ok(None);
        };
        let feeds_played = |status: &Status| {
            played
                .stripes
                .iter()
                .filter(|s| s.parent.as_ref().is_some_and(|p| p.peer == status.identity))
                .count()
        };
        let relays = others
            .iter()
            .enumerate()
            .filter(|(_, status)| status.is_interior());
        let Some((at, victim)) =
            relays.max_by_key(|(_, status)| (status.children.len(), feeds_played(status)))
        else {
            self.say("no peer relays anything: nobody is killed");
            return Ok(None);
        };
        let links: usize = victim
            .children
            .iter()
            .map(|child| child.stripes.len())
            .sum();
        let children_in = |stripe: &u8| {
            victim
                .children
                .iter()
                .filter(|child| child.stripes.contains(stripe))
                .count()
        };
        let most = (0..victim.stripes.len() as u8).max_by_key(children_in);
        if draw == Draw::One {
            self.show_trees(most)?;
        }
        let peer = self.peers.remove(at);
        let row = row_of(&peer, victim);
        self.say(&format!(
            "kill -9 of {}: it has {} children, to which it sends {links} times a stripe",
            peer.name(),
            victim.children.len(),
        ));
        peer.process.kill9();
        let dead = victim.identity.clone();
        let killed = Instant::now();
        let again = until(
            self.interrupt,
            REPAIR,
            CLOSE_LOOK,
            "every stripe has a live parent again",
            || {
                let mut orphans = 0;
                for status in self.statuses()? {
                    orphans += status
                        .stripes
                        .iter()
                        .filter(|s| s.parent.as_ref().is_none_or(|p| p.peer == dead))
                        .count();
                }
                Ok(if orphans == 0 {
                    Ok(killed.elapsed().as_millis() as u64)
                } else {
                    Err(orphans.to_string())
                })
            },
        );
        match again {
            Ok(ms) => {
                self.say(&format!(
                    "every stripe of every survivor has a live parent again, {ms} ms after the kill"
                ));
                match draw {
                    Draw::None => {}
                    Draw::One => self.show_trees(most)?,
                    Draw::All => self.show_trees(None)?,
                }
                Ok(Some((
                    Row {
                        killed: true,
                        ..row
                    },
                    Some(ms),
                )))
            }
            Err(SwarmError::Late { seen, .. }) => {
                self.say(&format!(
                    "{seen} stripes of survivors still have no live parent"
                ));
                Ok(Some((
                    Row {
                        killed: true,
                        ..row
                    },
                    None,
                )))
            }
            Err(other) => Err(other),
        }
    }

    /// Waits for the last chunk everywhere, ends everything politely, and looks at what is on the disks.
    fn finish(mut self, killed: Option<(Row, Option<u64>)>) -> Result<Table, SwarmError> {
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

fn row_of(peer: &Peer, status: &Status) -> Row {
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
