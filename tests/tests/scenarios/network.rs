//! Networks that are cut, lossy or narrow.

use tests::{
    Crowd, Film, Lab, OriginOptions, Peer, PeerOptions, PlayerOptions, SOON, World, eventually,
    holds,
};

/// An origin in a namespace of its own.
fn origin_in(lab: &Lab, world: &World, direct: u16) -> tests::Origin {
    let namespace = world.namespace();
    let film = lab.film(&Film::default());
    lab.origin(OriginOptions {
        listen: Some(format!("{}:7000", namespace.ip)),
        place: namespace.place(),
        ..OriginOptions::film(&film).direct(direct)
    })
}

fn peer_in(lab: &Lab, invite: &str, namespace: &tests::Namespace, fanout: u16) -> Peer {
    let options = PeerOptions {
        listen: format!("{}:7000", namespace.ip),
        place: namespace.place(),
        ..PeerOptions::fanout(fanout)
    };
    lab.peer(invite, options)
}

#[test]
fn a_silent_cut_costs_the_others_nothing_and_who_was_cut_off_comes_back() {
    let lab = Lab::new();
    let world = lab.netns();
    let origin = origin_in(&lab, &world, 2);
    let namespaces: Vec<_> = (0..6).map(|_| world.namespace()).collect();
    let peers = namespaces
        .iter()
        .map(|namespace| peer_in(&lab, &origin.invite, namespace, 3));
    let mut crowd = Crowd {
        peers: peers.collect(),
        origin,
    };
    crowd.await_whole(SOON);
    crowd.await_more(2);

    let lost = crowd.take_interior(|_| true);
    let listen = lost.facts().listen;
    let namespace = namespaces
        .iter()
        .find(|namespace| listen.ip().to_string() == namespace.ip);
    let namespace = namespace.expect("it is in one of them");
    let child = crowd.child_of(&lost);
    let player = lab.player(&child.spool(), PlayerOptions::chunks(6));
    child.await_chunk(child.newest().map_or(0, |seq| seq + 1), SOON);

    namespace.cut();
    crowd.await_whole(SOON);
    crowd.await_more(3);
    crowd.assert_nobody_missed_anything();
    let shown = player.end(SOON);
    shown.assert_smooth(6);

    // What it has not received meanwhile is still in the others' windows.
    namespace.heal();
    crowd.peers.push(lost);
    crowd.await_whole(SOON);
    crowd.await_more(2);
    crowd.assert_nobody_missed_anything();
}

#[test]
fn a_child_that_receives_slowly_delays_nobody_and_recovers_when_it_can() {
    let lab = Lab::new();
    let world = lab.netns();
    let origin = origin_in(&lab, &world, 3);
    let namespaces: Vec<_> = (0..4).map(|_| world.namespace()).collect();
    let fast = namespaces[..3]
        .iter()
        .map(|namespace| peer_in(&lab, &origin.invite, namespace, 4));
    let crowd = Crowd {
        peers: fast.collect(),
        origin,
    };
    let slow = peer_in(&lab, &crowd.origin.invite, &namespaces[3], 0);
    slow.await_chunk(1, SOON);
    // The film has about 850 kb/s.
    namespaces[3].narrow_inwards(300);
    crowd.await_more(5);
    crowd.await_whole(SOON);
    crowd.assert_nobody_missed_anything();
    crowd.assert_calm();
    assert!(slow.process().is_running(), "it goes on trying");

    namespaces[3].widen();
    eventually(SOON, "the slow one receives every stripe again", || {
        let status = slow.status()?;
        holds(status.is_whole() && status.state == "running", || {
            format!("{status:?}")
        })
    });
    let on_air = slow.facts().seq_on_air.expect("it runs");
    // In any order: of one that had begun before, it asks for the rest.
    eventually(SOON, "it stores what comes from then on", || {
        let stored = slow.stored();
        let all = (on_air + 1..=on_air + 2).all(|seq| stored.contains_key(&seq));
        holds(all, || format!("{:?} of {on_air} on", stored.keys()))
    });
    slow.process().assert_clean();
}

#[test]
fn a_viewer_on_a_line_of_twice_the_rate_misses_nothing() {
    let lab = Lab::new();
    let world = lab.netns();
    let origin = origin_in(&lab, &world, 3);
    let namespaces: Vec<_> = (0..3).map(|_| world.namespace()).collect();
    // A chunk comes at once and fills the line for a second, a fifth of it waits in front of the line.
    namespaces[2].narrow_inwards(2_000);
    let peers = namespaces
        .iter()
        .map(|namespace| peer_in(&lab, &origin.invite, namespace, 4));
    let crowd = Crowd {
        peers: peers.collect(),
        origin,
    };
    crowd.await_whole(SOON);
    crowd.await_more(5);
    crowd.assert_nobody_missed_anything();
}

#[test]
fn a_lossy_way_to_the_origin_that_is_even_cut_for_a_moment_costs_nothing() {
    let lab = Lab::new();
    let film = lab.film(&Film::default());
    let listen = format!("127.0.0.1:{}", tests::free_port());
    let address = listen.parse().expect("an address");
    let mut way = lab.netem(
        address,
        &["--delay-ms", "15", "--jitter-ms", "5", "--loss", "0.02"],
    );
    let origin = lab.origin(OriginOptions {
        listen: Some(listen),
        args: vec!["--advertise".to_owned(), way.addr.to_string()],
        // Behind the proxy they cannot be reached by others: the origin serves them all.
        ..OriginOptions::film(&film).direct(4)
    });
    let peers = lab.peers(&origin.invite, 4, &PeerOptions::default());
    let crowd = Crowd { origin, peers };
    crowd.await_whole(SOON);
    crowd.await_more(2);
    let before = crowd.repairs();
    way.tell("down");
    // The cut is over when it was noticed.
    eventually(SOON, "somebody notices", || {
        let statuses = crowd.statuses()?;
        holds(statuses.iter().any(|status| !status.is_whole()), || {
            format!("{before:?}")
        })
    });
    way.tell("up");
    crowd.await_whole(SOON);
    crowd.await_more(3);
    crowd.assert_nobody_missed_anything();
}
