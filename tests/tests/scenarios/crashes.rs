//! Peers that die or stand still: the survivors miss nothing.

use std::time::Duration;

use tests::{
    Crowd, Lab, Peer, PeerOptions, PlayerOptions, SOON, Status, assert_nothing_half_written,
};

/// How long the survivors may take until each stripe has a parent again. What they need is printed by the benchmarks; this
/// only has to be a busy machine's patience.
const REPAIRED: Duration = Duration::from_secs(20);

fn is_direct(crowd: &Crowd) -> impl Fn(&Status) -> bool + use<> {
    let origin = crowd.origin.status().expect("the origin answers").identity;
    move |status| {
        let mut parents = status
            .stripes
            .iter()
            .filter_map(|stripe| stripe.parent.as_ref());
        parents.any(|parent| parent.peer == origin)
    }
}

/// Eight peers of which two are served by the origin, on air for at least two chunks.
fn crowd_below_two(lab: &Lab) -> Crowd {
    let crowd = Crowd::gather(lab, 8, 3, 2);
    crowd.await_more(2);
    crowd
}

/// After some of `crowd` died: the others are a forest again, receive, and have all.
fn assert_survived(crowd: &Crowd, dead: &[&Peer]) {
    crowd.await_whole(REPAIRED);
    crowd.await_more(3);
    crowd.assert_nobody_missed_anything();
    assert_nothing_half_written(dead.iter().copied());
}

#[test]
fn the_survivors_of_a_relay_that_was_killed_miss_nothing_and_a_child_plays_on() {
    let lab = Lab::new();
    let mut crowd = crowd_below_two(&lab);
    let direct = is_direct(&crowd);
    let victim = crowd.take_interior(|status| !direct(status));
    let child = crowd.child_of(&victim);
    let player = lab.player(&child.spool(), PlayerOptions::chunks(7));

    crowd.await_more(1);
    victim.kill9();
    assert_survived(&crowd, &[&victim]);

    let shown = player.end(SOON);
    shown.assert_smooth(7);
    assert_eq!(shown.frames_shown, 7 * 50, "{shown:?}");
    let repairs = crowd.repairs();
    assert!(
        repairs.values().any(|repairs| *repairs > 0),
        "somebody noticed: {repairs:?}"
    );
}

#[test]
fn the_survivors_of_two_relays_that_were_killed_at_once_miss_nothing() {
    let lab = Lab::new();
    let mut crowd = crowd_below_two(&lab);
    let direct = is_direct(&crowd);
    let one = crowd.take_interior(|status| !direct(status));
    let other = crowd.take_interior(|status| !direct(status));
    one.kill9();
    other.kill9();
    assert_survived(&crowd, &[&one, &other]);
}

#[test]
fn the_survivors_of_a_direct_peer_that_was_killed_miss_nothing() {
    let lab = Lab::new();
    let mut crowd = crowd_below_two(&lab);
    let direct = is_direct(&crowd);
    let victim = crowd.take_interior(direct);
    victim.kill9();
    assert_survived(&crowd, &[&victim]);
}

#[test]
fn a_relay_that_stands_still_for_ten_seconds_costs_nobody_anything_not_even_itself() {
    let lab = Lab::new();
    let mut crowd = crowd_below_two(&lab);
    let stopped = crowd.take_interior(|_| true);
    stopped.sigstop();
    crowd.await_whole(REPAIRED);
    // Five chunks are ten seconds.
    crowd.await_more(5);
    crowd.assert_nobody_missed_anything();
    stopped.sigcont();
    crowd.peers.push(stopped);
    assert_survived(&crowd, &[]);
}

#[test]
fn a_killed_peer_that_starts_again_on_its_spool_goes_on_as_the_same_one() {
    let lab = Lab::new();
    let mut crowd = Crowd::gather(&lab, 3, 3, 2);
    crowd.await_more(2);
    let victim = crowd.peers.remove(0);
    let (identity, had) = (victim.facts().identity, victim.newest());
    victim.kill9();
    crowd.await_more(1);
    let options = PeerOptions {
        spool: Some(victim.spool()),
        ..PeerOptions::default()
    };
    crowd.peers.push(lab.peer(&crowd.origin.invite, options));
    assert_survived(&crowd, &[]);
    let again = &crowd.peers[2];
    assert_eq!(again.facts().identity, identity);
    assert!(
        again.stored().contains_key(&had.expect("it had chunks")),
        "what it had is kept"
    );
}
