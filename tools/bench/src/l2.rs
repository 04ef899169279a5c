//! L2: below an old server that accepts a single client, how soon another peer takes the place of the one that dies, and
//! what that costs the others.
//!
//! The old server forgets a dead client after two rounds; that part is its own. What is measured is how long after that
//! it accepts the next one.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use swarm::{Interrupt, until};
use tests::{Coming, Film, Lab, OldServer, Peer, PeerOptions, old_blocks};

use crate::quantiles::Samples;
use crate::report::{Error, Report};

/// Peers at the beginning; each takeover costs one.
const PEERS: u8 = 50;
/// Most children of each.
const FAN_OUT: u16 = 4;
/// Heads that are killed.
const TAKEOVERS: usize = 6;
/// Between the rounds: the original's.
const ROUND: Duration = Duration::from_millis(1_800);
/// How long after the old server has forgotten the dead head another one may be accepted.
const TARGET_MS: f64 = 1_000.0;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a head needs at most to give a block to the forest: what it was sent within this time before its death may be
/// lost with it.
const SPREADING: Duration = Duration::from_millis(500);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Blocks that the new head is sent before it is killed too.
const BLOCKS: usize = 3;

/// Measures.
///
/// # Errors
/// When a process of it fails, or nobody takes over.
pub(crate) fn run() -> Result<Report, Error> {
    let interrupt = Interrupt::listen()?;
    let lab = Lab::new();
    let blocks = old_blocks(&lab, &Film::of(20));
    let old = OldServer::start("127.75.0.1:6060", blocks, 1, ROUND);
    let source = format!("--legacy-source={}", old.addr());
    let mut peers: Vec<(IpAddr, Peer)> = (10..10 + PEERS)
        .map(|number| {
            let ip = IpAddr::from([127, 75, 0, number]);
            let mut options = PeerOptions::fanout(FAN_OUT);
            options.listen = format!("{ip}:7000");
            options.args = vec!["--channel".to_owned(), "0".to_owned()];
            (ip, lab.peer(&source, options))
        })
        .collect();
    until(&interrupt, PATIENCE, LOOK, "everybody has blocks", || {
        let lacking = peers.iter().find(|(_, peer)| peer.stored().len() < BLOCKS);
        Ok(lacking.map_or(Ok(()), |(_, peer)| Err(format!("not {}", peer.name()))))
    })?;

    let (mut forgotten, mut accepted, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    let (before, mut deaths) = (old.sent().len(), Vec::new());
    for _ in 0..TAKEOVERS {
        let head = *old
            .clients()
            .first()
            .ok_or("the old server has no client")?;
        let at = peers.iter().position(|(ip, _)| *ip == head);
        let (_, dying) = peers.remove(at.ok_or("the head is a stranger")?);
        let died = Instant::now();
        dying.kill9();
        deaths.push(died);
        let took = until(
            &interrupt,
            PATIENCE,
            LOOK,
            "another head has blocks",
            || Ok(takeover(&old, head, died).ok_or_else(|| "not yet".to_owned())),
        )?;
        let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1e3;
        forgotten.push(ms(died, took.forgotten));
        accepted.push(ms(took.forgotten, took.accepted));
        sent.push(ms(died, took.first_block));
    }
    // The last one may still be on its way; so was what a head was sent just before it died, which is nobody's to repeat.
    let mut wanted: Vec<String> = Vec::new();
    let taken = old.sent();
    for (at, block) in taken.iter().enumerate().skip(before) {
        let cut_off = deaths
            .iter()
            .any(|died| *died > block.at && died.duration_since(block.at) < SPREADING);
        if !cut_off && at + 1 < taken.len() {
            wanted.push(block.hash.clone());
        }
    }
    let missing: usize = peers.iter().map(|(_, peer)| lacking(peer, &wanted)).sum();
    Ok(report(
        &Samples::new(forgotten),
        &Samples::new(accepted),
        &Samples::new(sent),
        missing,
    ))
}

/// When what happened.
struct Takeover {
    forgotten: Instant,
    accepted: Instant,
    first_block: Instant,
}

/// The takeover after `head`'s death, once its successor has been sent enough.
fn takeover(old: &OldServer, head: IpAddr, died: Instant) -> Option<Takeover> {
    let comings = old.comings();
    let after = |coming: &&Coming| coming.at > died;
    let forgotten = comings
        .iter()
        .filter(after)
        .find(|coming| coming.who == head && !coming.accepted)?;
    let sent = old.sent();
    // Of two that asked at once it may have accepted both; one of them leaves again.
    comings
        .iter()
        .filter(after)
        .filter(|coming| coming.accepted)
        .find_map(|next| {
            let to_next = sent.iter().filter(|sent| sent.to == next.who);
            let mut to_next = to_next.filter(|sent| sent.at > next.at);
            let first_block = to_next.next()?.at;
            (to_next.count() + 1 >= BLOCKS).then_some(Takeover {
                forgotten: forgotten.at,
                accepted: next.at,
                first_block,
            })
        })
}

/// Blocks that a peer lacks of those in `wanted`, which it was sent in this order.
fn lacking(peer: &Peer, wanted: &[String]) -> usize {
    let stored = peer.stored();
    let mut rest = stored.values().map(|chunk| chunk.hash.as_str());
    let mut lacking = 0;
    for wanted in wanted {
        let before = rest.clone();
        if !rest.any(|hash| hash == wanted.as_str()) {
            lacking += 1;
            rest = before;
        }
    }
    lacking
}

fn report(forgotten: &Samples, accepted: &Samples, sent: &Samples, missing: usize) -> Report {
    Report {
        id: "L2",
        what: format!(
            "{PEERS} peers of fan-out {FAN_OUT} below an old server of one place; the head killed {TAKEOVERS} times, one after the other"
        ),
        figure: format!(
            "the next head accepted {} after the old server forgot the dead one; {missing} of the blocks that heads were sent are missing anywhere",
            words(accepted)
        ),
        reference: format!(
            "the old server itself needs {} to forget a dead client (two rounds of {} ms)",
            words(forgotten),
            ROUND.as_millis()
        ),
        target: "accepted within 1 s after that, nothing that was broadcast after it missing"
            .to_owned(),
        met: accepted.max() <= TARGET_MS && missing == 0,
        lines: vec![format!(
            "from the head's death to the first block at the next head: {}",
            words(sent)
        )],
        data: json!({
            "forgotten_ms_max": forgotten.max(),
            "accepted_ms_max": accepted.max(),
            "first_block_ms_max": sent.max(),
            "missing": missing,
        }),
    }
}

/// Few samples have a middle and an end, and nothing between.
fn words(samples: &Samples) -> String {
    format!("p50 {:.0} ms, max {:.0} ms", samples.p50(), samples.max())
}
