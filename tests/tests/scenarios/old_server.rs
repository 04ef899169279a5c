//! Forests below a server that speaks only the 2-digit protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tests::{
    Film, Lab, Odd, OldServer, OriginOptions, Peer, PeerOptions, Place, SOON, SentBlock, Tmpfs,
    eventually, holds, old_blocks,
};

/// Longer than any takeover takes on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);
/// Between the rounds of the old server: its own.
const ROUND: Duration = Duration::from_millis(1_800);

fn blocks(lab: &Lab) -> Vec<Vec<u8>> {
    let blocks = old_blocks(lab, &Film::of(20));
    assert_eq!(blocks.len(), 10);
    blocks
}

/// Peers of one old server, each at an address of its own: old clients are known by it.
struct Swarm<'a> {
    lab: &'a Lab,
    source: String,
    net: u8,
}

impl Swarm<'_> {
    fn peer(&self, number: u8, fanout: u16) -> Peer {
        self.peer_with(number, PeerOptions::fanout(fanout))
    }

    fn peer_with(&self, number: u8, mut options: PeerOptions) -> Peer {
        options.listen = format!("127.{}.0.{number}:7000", self.net);
        options.args = vec!["--channel".to_owned(), "0".to_owned()];
        let source = format!("--legacy-source={}", self.source);
        self.lab.peer(&source, options)
    }

    fn ip(&self, number: u8) -> IpAddr {
        IpAddr::from([127, self.net, 0, number])
    }
}

fn is_head(peer: &Peer) -> bool {
    peer.process().line("head ").is_some()
}

/// Waits until one of the peers is the head, and gives its place in the list.
#[track_caller]
fn await_head(peers: &[Peer]) -> usize {
    eventually(TAKEOVER, "one of the peers is the head", || {
        let head = peers.iter().position(is_head);
        head.ok_or_else(|| "nobody is".to_owned())
    })
}

/// Waits until every peer has stored `count` more chunks.
#[track_caller]
fn await_more<'a>(peers: impl IntoIterator<Item = &'a Peer>, count: usize) {
    let had: Vec<(&Peer, usize)> = peers
        .into_iter()
        .map(|peer| (peer, peer.stored().len()))
        .collect();
    for (peer, had) in had {
        eventually(TAKEOVER, &format!("{} stores more", peer.name()), || {
            let has = peer.stored().len();
            holds(has >= had + count, || format!("{has} chunks, had {had}"))
        });
    }
}

/// Panics unless all peers call the same block by the same number, none has a number twice or leaves one out, and each
/// block of `broadcast` is there once, in order.
#[track_caller]
fn assert_one_numbering<'a>(
    peers: impl IntoIterator<Item = &'a Peer>,
    broadcast: &[SentBlock],
    deadline: Duration,
) {
    let mut known: BTreeMap<u64, String> = BTreeMap::new();
    let wanted: Vec<&str> = broadcast.iter().map(|sent| sent.hash.as_str()).collect();
    for peer in peers {
        let stored = eventually(deadline, "all blocks are stored", || {
            let stored = peer.stored();
            let hashes: Vec<&str> = stored.values().map(|chunk| chunk.hash.as_str()).collect();
            let there = wanted.is_empty() || hashes.windows(wanted.len()).any(|run| run == wanted);
            holds(there, || {
                format!("{}: {hashes:?} lacks {wanted:?}", peer.name())
            })
            .map(|()| stored)
        });
        let (first, last) = (
            stored.first_key_value().expect("some").0,
            stored.last_key_value().expect("some").0,
        );
        assert_eq!(
            (last - first + 1) as usize,
            stored.len(),
            "{} left a number out",
            peer.name()
        );
        for (seq, chunk) in &stored {
            let hash = known.entry(*seq).or_insert_with(|| chunk.hash.clone());
            assert_eq!(*hash, chunk.hash, "{} has another chunk {seq}", peer.name());
            let path = peer.spool().join(&chunk.name);
            // The newest is in the index a moment before it is in the spool; nobody plays them.
            let bytes = eventually(SOON, "what is in the index is in the spool", || {
                fs::read(&path).map_err(|why| format!("{}: {why}", path.display()))
            });
            assert_eq!(blake3::hash(&bytes).to_hex().as_str(), chunk.hash);
        }
        // A chunk that came since is later than all of these.
        let files = peer.files().into_keys().filter(|seq| seq <= last);
        let files: BTreeSet<u64> = files.collect();
        assert_eq!(files, stored.keys().copied().collect(), "{}", peer.name());
    }
}

#[test]
fn fifty_peers_below_an_old_server_of_one_place_outlive_their_head() {
    let lab = Lab::new();
    let old = OldServer::start("127.67.0.1:6060", blocks(&lab), 1, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 67,
    };
    let mut peers: Vec<Peer> = (10..60).map(|number| swarm.peer(number, 4)).collect();
    let head = await_head(&peers);
    await_more(&peers, 3);
    assert_eq!(old.clients(), [swarm.ip(head as u8 + 10)]);

    let died = Instant::now();
    let dead = peers.remove(head);
    dead.kill9();
    let next = await_head(&peers);
    let next_ip = swarm.ip(next as u8 + if next < head { 10 } else { 11 });
    eventually(TAKEOVER, "the new head is sent blocks", || {
        let sent = old.sent().iter().filter(|sent| sent.to == next_ip).count();
        holds(sent >= 4, || format!("{sent} so far"))
    });
    let after: Vec<SentBlock> = old
        .sent()
        .into_iter()
        .filter(|sent| sent.to == next_ip)
        .collect();
    println!(
        "the first block after the head's death was taken {} ms after it",
        after[0].at.duration_since(died).as_millis()
    );
    assert_one_numbering(&peers, &after, TAKEOVER);
    assert_eq!(peers.iter().filter(|peer| is_head(peer)).count(), 1);
    assert_eq!(old.clients(), [next_ip]);
}

#[test]
fn a_head_that_leaves_says_so_and_another_goes_on() {
    let lab = Lab::new();
    let old = OldServer::start("127.68.0.1:6060", blocks(&lab), 1, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 68,
    };
    let mut peers: Vec<Peer> = (10..14).map(|number| swarm.peer(number, 3)).collect();
    let head = await_head(&peers);
    await_more(&peers, 2);
    let leaving = peers.remove(head);
    let ip = swarm.ip(head as u8 + 10);
    let before = old.sent().len();
    // It has just been sent a block, and lets it go over the next moment.
    eventually(SOON, "one more block is sent", || {
        let sent = old.sent().len();
        holds(sent > before, || format!("{sent} so far"))
    });
    leaving.sigterm();
    assert_eq!(leaving.wait_exit(SOON).code, Some(0));
    let goodbye = (ip, "120".to_owned());
    assert!(old.requests().contains(&goodbye), "the old server is told");
    await_head(&peers);
    await_more(&peers, 3);
    // The one that it had in hand, and those of the next head.
    let sent = old.sent();
    let in_hand = sent.iter().rfind(|sent| sent.to == ip);
    let of_next = sent.iter().filter(|sent| sent.to != ip).take(3);
    let after: Vec<SentBlock> = in_hand.into_iter().chain(of_next).cloned().collect();
    assert_one_numbering(&peers, &after, SOON);
    let status = peers[0].facts();
    assert_eq!(status.chunks.missing, 0, "{status:?}");
}

#[test]
fn what_is_no_block_is_named_and_costs_nobody_a_real_one() {
    let lab = Lab::new();
    let film = blocks(&lab);
    let hashes: BTreeSet<String> = film
        .iter()
        .map(|block| blake3::hash(block).to_hex().to_string())
        .collect();
    let old = OldServer::start("127.69.0.1:6060", film, 1, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 69,
    };
    let peers: Vec<Peer> = (10..13).map(|number| swarm.peer(number, 2)).collect();
    let head = &peers[await_head(&peers)];
    await_more(&peers, 1);
    for (odd, words) in [
        (Odd::Empty, "block-refused it is empty"),
        (Odd::Half, "block-refused it ends in the middle"),
        (Odd::Rubbish, "block-refused it is neither"),
        (Odd::Endless, "block-refused it is longer than"),
    ] {
        old.send_once(odd);
        eventually(SOON, words, || {
            let said = head.process().line(words).is_some();
            holds(said, || head.process().out())
        });
    }
    await_more(&peers, 2);
    let mut real: Vec<SentBlock> = old.sent();
    real.retain(|sent| sent.odd.is_none());
    real.truncate(real.len() - 1);
    for peer in &peers {
        let stored = peer.stored();
        assert!(stored.values().all(|chunk| hashes.contains(&chunk.hash)));
        assert_eq!(peer.facts().chunks.missing, 0);
    }
    let first = peers[0].stored().first_key_value().expect("some").1.clone();
    let from = real.iter().position(|sent| sent.hash == first.hash);
    assert_one_numbering(&peers[..1], &real[from.expect("sent")..], SOON);
}

#[test]
fn an_old_server_that_stops_and_comes_back_is_found_again() {
    let lab = Lab::new();
    let film = blocks(&lab);
    let addr = "127.70.0.1:6060";
    let old = OldServer::start(addr, film.clone(), 1, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 70,
    };
    let peers: Vec<Peer> = (10..13).map(|number| swarm.peer(number, 2)).collect();
    let head = await_head(&peers);
    await_more(&peers, 2);
    old.stop();
    eventually(SOON, "somebody says that the old server is gone", || {
        let said = peers[head].process().line("old-server-").is_some();
        holds(said, || peers[head].process().out())
    });
    let old = OldServer::start(addr, film, 1, ROUND);
    await_more(&peers, 3);
    let heads: Vec<bool> = peers.iter().map(is_head).collect();
    assert_eq!(
        heads.iter().filter(|is| **is).count(),
        1,
        "nobody else took over: the head lived"
    );
    let sent = old.sent();
    assert_one_numbering(&peers, &sent[..2], SOON);
}

#[test]
fn an_old_server_with_places_for_all_still_feeds_one_head() {
    let lab = Lab::new();
    let old = OldServer::start("127.71.0.1:6060", blocks(&lab), 8, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 71,
    };
    let peers: Vec<Peer> = (10..15).map(|number| swarm.peer(number, 3)).collect();
    await_more(&peers, 3);
    assert_eq!(peers.iter().filter(|peer| is_head(peer)).count(), 1);
    eventually(SOON, "one receiver is left", || {
        let clients = old.clients();
        holds(clients.len() == 1, || format!("{clients:?}"))
    });
    let to = old.clients()[0];
    let sent: Vec<SentBlock> = old.sent().into_iter().filter(|s| s.to == to).collect();
    let last = &sent[sent.len() - 2..];
    assert_one_numbering(&peers, last, SOON);
}

#[test]
fn of_two_heads_one_goes_back_into_the_forest() {
    let lab = Lab::new();
    let film = blocks(&lab);
    let addr = "127.76.0.1:6060";
    let old = OldServer::start(addr, film.clone(), 2, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 76,
    };
    let first = swarm.peer(10, 2);
    await_more([&first], 2);
    assert!(is_head(&first));
    // The server that comes back knows nobody, and takes the newcomer before the head asks again.
    old.stop();
    let old = OldServer::start(addr, film, 2, ROUND);
    let second = swarm.peer(11, 2);
    eventually(SOON, "the newcomer is a head too", || {
        holds(is_head(&second), || second.process().out())
    });
    eventually(SOON, "the first one steps down", || {
        let said = first.process().line("stepped-down").is_some();
        holds(said, || first.process().out())
    });
    eventually(SOON, "one receiver is left", || {
        let clients = old.clients();
        holds(clients == [swarm.ip(11)], || format!("{clients:?}"))
    });
    let before = old.sent().len();
    await_more([&first, &second], 3);
    // The other's last one may have been on its way.
    let sent = old.sent().into_iter().skip(before);
    let sent: Vec<SentBlock> = sent.filter(|sent| sent.to == swarm.ip(11)).collect();
    assert_one_numbering([&second], &sent[..2], SOON);
}

#[test]
fn a_head_whose_disk_is_full_feeds_the_others_all_the_same() {
    let lab = Lab::new();
    let old = OldServer::start("127.77.0.1:6060", blocks(&lab), 1, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 77,
    };
    let at = lab.dir().join("small-disk");
    fs::create_dir(&at).expect("a folder to mount on");
    let options = PeerOptions {
        spool: Some(at.join("spool")),
        place: Place {
            // About two blocks.
            tmpfs: Some(Tmpfs {
                at: at.clone(),
                bytes: 1 << 19,
            }),
            ..Place::default()
        },
        ..PeerOptions::fanout(2)
    };
    let full = swarm.peer_with(10, options);
    eventually(SOON, "the first peer is the head", || {
        holds(is_head(&full), || full.process().out())
    });
    let other = swarm.peer(11, 2);
    eventually(SOON, "the head's disk is full", || {
        let said = full.process().line("disk-full ").is_some();
        holds(said, || full.process().out())
    });
    let before = old.sent().len();
    await_more([&other], 5);
    assert_one_numbering([&other], &old.sent()[before..before + 4], SOON);
    assert_eq!(old.clients(), [swarm.ip(10)], "it kept its place");
}

#[test]
fn our_own_server_is_an_old_server_too() {
    let lab = Lab::new();
    let mut options = OriginOptions::film(&lab.film(&Film::of(20)));
    let more = ["--legacy", "127.72.0.1:6060"];
    options.args = more.map(str::to_owned).to_vec();
    let origin = lab.origin(options);
    let swarm = Swarm {
        lab: &lab,
        source: "127.72.0.1".to_owned(),
        net: 72,
    };
    let peers: Vec<Peer> = (10..13).map(|number| swarm.peer(number, 2)).collect();
    await_more(&peers, 3);
    let cut: BTreeSet<String> = origin
        .chunks()
        .iter()
        .map(|path| {
            blake3::hash(&fs::read(path).expect("a chunk"))
                .to_hex()
                .to_string()
        })
        .collect();
    for peer in &peers {
        assert!(
            peer.stored()
                .values()
                .all(|chunk| cut.contains(&chunk.hash))
        );
    }
    assert_one_numbering(&peers, &[], SOON);
    assert_eq!(origin.stop().code, Some(0));
}

#[test]
fn two_peers_at_one_address_are_told_what_to_do() {
    let lab = Lab::new();
    let old = OldServer::start("127.73.0.1:6060", blocks(&lab), 1, ROUND);
    let swarm = Swarm {
        lab: &lab,
        source: old.addr(),
        net: 73,
    };
    let _first = swarm.peer(10, 2);
    let spool = lab.dir().join("second");
    let args = [
        "--legacy-source",
        &old.addr(),
        "--channel",
        "0",
        "--listen",
        "127.73.0.10:7001",
        "--headless",
        "--spool",
        spool.to_str().expect("plain"),
    ];
    let ended = lab.start("peer", &Place::default(), &args).wait_exit(SOON);
    ended.assert_failed(1, &["127.73.0.10:9091", "--listen"]);
}
