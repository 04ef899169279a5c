//! The origin dies and comes back.

use std::time::{Duration, Instant};

use tests::{Crowd, Lab, Origin, SOON, eventually, holds};

/// The chunk that was on air at some moment between two.
struct OnAir {
    seq: u64,
    after: Instant,
    before: Instant,
}

fn on_air(origin: &Origin) -> OnAir {
    eventually(SOON, "the origin is on air", || {
        let after = Instant::now();
        let seq = origin.status()?.channels[0].seq_on_air;
        let before = Instant::now();
        seq.map(|seq| OnAir { seq, after, before })
            .ok_or_else(|| "not yet".to_owned())
    })
}

/// Asserts that the broadcast is where it would be had it never stopped: two seconds a chunk, and one chunk of tolerance,
/// however long the machine took for the questions.
fn assert_on_time(origin: &Origin, was: &OnAir) {
    let is = on_air(origin);
    let least = was.seq + (is.after - was.before).as_secs() / 2;
    let most = was.seq + (is.before - was.after).as_secs() / 2;
    assert!(
        (least.saturating_sub(1)..=most + 1).contains(&is.seq),
        "chunk {} is on air, {least} to {most} should be",
        is.seq
    );
}

fn epochs(crowd: &Crowd) -> Vec<u64> {
    crowd
        .statuses()
        .expect("all answer")
        .iter()
        .map(|status| status.epoch)
        .collect()
}

#[test]
fn an_origin_that_was_killed_and_started_again_goes_on_and_nobody_misses_a_chunk() {
    let lab = Lab::new();
    let mut crowd = Crowd::gather(&lab, 5, 3, 2);
    crowd.await_more(2);
    let was = on_air(&crowd.origin);
    let (invite, before) = (crowd.origin.invite.clone(), epochs(&crowd));
    crowd.origin.kill9();
    crowd.origin.restart();
    assert_eq!(crowd.origin.invite, invite, "the old invite stays good");
    assert_on_time(&crowd.origin, &was);
    let old = *before.iter().max().expect("five peers");
    crowd.await_all("every peer follows the new epoch", |status| {
        status.epoch > old
    });
    crowd.await_whole(SOON);
    crowd.await_more(3);
    crowd.assert_nobody_missed_anything();
    assert_on_time(&crowd.origin, &was);
}

#[test]
fn an_origin_that_was_away_for_long_goes_on_where_the_broadcast_would_be() {
    /// Longer than what is made up for (five chunks), with a margin.
    const AWAY: Duration = Duration::from_secs(15);
    let lab = Lab::new();
    let mut crowd = Crowd::gather(&lab, 3, 3, 2);
    crowd.await_more(2);
    let was = on_air(&crowd.origin);
    let ended = crowd.origin.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    eventually(AWAY * 2, "the time passes", || {
        holds(was.before.elapsed() > AWAY, String::new)
    });
    crowd.origin.restart();
    assert_on_time(&crowd.origin, &was);
    crowd.await_whole(SOON);
    crowd.await_more(2);
    for peer in &crowd.peers {
        let stored: Vec<u64> = peer.stored().into_keys().collect();
        // What was on its way when it went may have come since: the one jump is what is looked for.
        let steps = stored.windows(2).filter(|two| two[1] != two[0] + 1);
        let jumps: Vec<_> = steps.collect();
        assert_eq!(jumps.len(), 1, "{stored:?}");
        assert!(jumps[0][1] >= was.seq + 5, "it jumped: {stored:?}");
        peer.process().assert_clean();
    }
}

#[test]
fn peers_that_come_before_the_origin_get_the_broadcast_when_it_is_there() {
    let lab = Lab::new();
    let mut crowd = Crowd::gather(&lab, 1, 3, 2);
    crowd.origin.kill9();
    let early = lab.peer(&crowd.origin.invite, tests::PeerOptions::default());
    eventually(SOON, "it says that it cannot reach the origin", || {
        let line = early.process().line("unreachable ");
        line.map(|_| ()).ok_or_else(|| early.process().out())
    });
    crowd.peers.push(early);
    crowd.origin.restart();
    crowd.await_whole(SOON);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
}
