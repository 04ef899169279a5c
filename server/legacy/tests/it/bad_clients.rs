//! Clients that break off, stall or vanish; those beside them notice nothing.

use std::io::{ErrorKind, Read as _};
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Lab, block, number_of};
use crate::speaker::{Listener, read_all, reset, wait_until};

/// More than the buffers of both ends hold on any Linux as it is installed.
const LONG: usize = 32_000_000;
const ROUND: Duration = Duration::from_millis(3_000);

fn lab() -> Lab {
    Lab::with(|config| config.deadline = Duration::from_millis(2_800))
}

#[test]
fn a_client_that_accepts_and_never_reads_is_cut_off_and_delays_nobody() {
    let lab = lab();
    let (stuck, good) = (lab.client(2), lab.client(3));
    let stuck_listener = stuck.on_channel(0);
    let good_listener = good.on_channel(0);
    wait_until("both are there", || lab.counters().joins_accepted == 2);
    let _broadcast = lab.broadcast(ROUND, LONG);
    let first = stuck_listener.accept();
    let mut last = None;
    for _ in 0..3 {
        let number = number_of(&good_listener.take(), LONG);
        assert!(last.is_none_or(|last| number == last + 1));
        last = Some(number);
    }
    let second = stuck_listener.accept();
    wait_until("it is removed", || lab.counters().clients_removed == 1);
    assert_eq!(good.ask("110"), format!("['{}']", good.ip));
    for mut stream in [first, second] {
        let why = read_all(&mut stream).expect_err("half a block does not end as a whole one");
        assert_eq!(why.kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(lab.counters().turns_timed_out, 2);
}

#[test]
fn a_client_that_resets_in_the_middle_fails_its_turn_and_may_come_back() {
    let lab = lab();
    let client = lab.client(2);
    let listener = client.on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    let _broadcast = lab.broadcast(ROUND, LONG);
    let break_off = |listener: &Listener| {
        let mut stream = listener.accept();
        stream.read_exact(&mut [0; 100_000]).expect("some of it");
        reset(stream);
    };
    break_off(&listener);
    wait_until("the turn failed", || lab.counters().turns_failed == 1);
    number_of(&listener.take(), LONG);
    break_off(&listener);
    break_off(&listener);
    wait_until("it is removed", || lab.counters().clients_removed == 1);
    assert_eq!(
        lab.counters().turns_timed_out,
        0,
        "each was noticed at once"
    );
}

#[test]
fn a_client_that_vanished_is_removed_after_two_rounds() {
    let lab = lab();
    let client = lab.client(2);
    drop(client.on_channel(0));
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    let _broadcast = lab.broadcast(ROUND, 1_000);
    wait_until("it is removed", || lab.counters().clients_removed == 1);
    assert_eq!(lab.counters().turns_failed, 2);
    assert_eq!(client.ask("130"), "0");
}

#[test]
fn who_joins_again_in_the_middle_of_a_block_is_answered_first() {
    let lab = Lab::new();
    let client = lab.client(2);
    let listener = client.on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    lab.server
        .broadcast(0, block(0, LONG), Duration::from_secs(30));
    let mut stale = listener.accept();
    drop(listener);
    assert_eq!(client.join(0), "10");
    assert!(read_all(&mut stale).is_err(), "the earlier one was cut off");
    let listener = client.listen();
    assert_eq!(number_of(&listener.take(), LONG), 0);
    assert_eq!(client.ask("130"), "1");
}

#[test]
fn a_server_that_stops_leaves_no_half_block_that_looks_whole() {
    let mut lab = Lab::new();
    let client = lab.client(2);
    let listener = client.on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    lab.server
        .broadcast(0, block(0, LONG), Duration::from_secs(30));
    let mut stream = listener.accept();
    let began = Instant::now();
    let server = std::sync::Arc::get_mut(&mut lab.server).expect("no other owner");
    let config = server_legacy::LegacyConfig::new(
        std::net::SocketAddr::new(server.local_addr().ip(), 0),
        Default::default(),
    );
    let other = server_legacy::LegacyServer::start(config).expect("it starts");
    std::mem::replace(server, other).stop();
    // It waits for nobody who reads nothing.
    assert!(began.elapsed() < Duration::from_secs(8));
    let why = read_all(&mut stream).expect_err("a reset");
    assert_eq!(why.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn bad_requests_in_masses_do_not_hold_up_the_broadcast() {
    let lab = Lab::new();
    let listener = lab.client(2).on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    let strangers: Vec<_> = (10..14)
        .map(|number| {
            let stranger = lab.client(number);
            thread::spawn(move || {
                let until = Instant::now() + Duration::from_secs(2);
                while Instant::now() < until {
                    let mut stream = stranger.send(b"hello, is this the web?");
                    let _ = read_all(&mut stream);
                }
            })
        })
        .collect();
    let _broadcast = lab.broadcast(ROUND, 100_000);
    let mut last: Option<u32> = None;
    for _ in 0..4 {
        let number = number_of(&listener.take(), 100_000);
        assert!(last.is_none_or(|last| number == last + 1));
        last = Some(number);
    }
    for stranger in strangers {
        stranger.join().expect("it does not panic");
    }
    let counters = lab.counters();
    assert!(counters.requests_bad > 100, "{counters:?}");
    assert_eq!(counters.turns_failed, 0);
}
