//! Blocks on their way to clients that behave as the original does.

use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Lab, block, number_of};
use crate::speaker::{Listener, OldClient, read_all, wait_until};

/// A short round, so that tests are.
const ROUND: Duration = Duration::from_millis(800);
const LEN: usize = 300_000;

/// Takes so many blocks and gives their numbers.
fn take(listener: &Listener, blocks: usize) -> Vec<u32> {
    (0..blocks)
        .map(|_| number_of(&listener.take(), LEN))
        .collect()
}

fn assert_no_hole(numbers: &[u32]) {
    let whole: Vec<u32> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, whole);
}

#[test]
fn a_client_gets_every_block_whole_and_in_order() {
    let lab = Lab::new();
    let _broadcast = lab.broadcast(ROUND, LEN);
    let listener = lab.client(2).on_channel(0);
    assert_no_hole(&take(&listener, 6));
    wait_until("all are counted", || lab.counters().turns_sent >= 6);
    let counters = lab.counters();
    assert_eq!(counters.turns_failed, 0);
    assert_eq!(counters.bytes_sent, counters.turns_sent * LEN as u64);
}

#[test]
fn a_client_starts_with_the_block_that_is_on_air_when_it_joins() {
    let lab = Lab::new();
    let long = Duration::from_secs(30);
    lab.server.broadcast(0, block(6, LEN), long);
    lab.server.broadcast(0, block(7, LEN), long);
    let listener = lab.client(2).on_channel(0);
    assert_eq!(take(&listener, 1), [7], "at once, not with the next round");
    lab.server.broadcast(0, block(8, LEN), long);
    assert_eq!(take(&listener, 1), [8]);
}

#[test]
fn a_block_whose_time_is_over_is_not_on_air() {
    let lab = Lab::new();
    lab.server
        .broadcast(0, block(1, LEN), Duration::from_millis(1));
    thread::sleep(Duration::from_millis(5));
    let listener = lab.client(2).on_channel(0);
    lab.server.broadcast(0, block(2, LEN), ROUND);
    assert_eq!(take(&listener, 1), [2]);
}

#[test]
fn a_listener_that_is_reopened_late_still_gets_the_first_block() {
    let lab = Lab::new();
    lab.server
        .broadcast(0, block(3, LEN), Duration::from_secs(30));
    let client = lab.client(2);
    assert_eq!(client.join(0), "10");
    thread::sleep(Duration::from_millis(600));
    assert_eq!(take(&client.listen(), 1), [3]);
    wait_until("it is counted", || lab.counters().turns_sent == 1);
    assert_eq!(lab.counters().turns_failed, 0);
}

#[test]
fn channels_do_not_mix() {
    let lab = Lab::new();
    let zero = lab.client(2).on_channel(0);
    let one = lab.client(3).on_channel(1);
    wait_until("both are there", || lab.counters().joins_accepted == 2);
    lab.server.broadcast(1, block(1, LEN), ROUND);
    lab.server.broadcast(0, block(2, LEN), ROUND);
    lab.server.broadcast(5, block(3, LEN), ROUND);
    assert_eq!(take(&zero, 1), [2]);
    assert_eq!(take(&one, 1), [1]);
    assert_eq!(lab.counters().blocks, 2, "nobody has channel 5");
}

#[test]
fn one_failed_turn_costs_one_block_and_two_the_place() {
    let lab = Lab::new();
    let client = lab.client(2);
    let _broadcast = lab.broadcast(ROUND, LEN);
    let listener = client.on_channel(0);
    let first = take(&listener, 2);
    drop(listener);
    wait_until("a turn fails", || lab.counters().turns_failed == 1);
    let listener = client.listen();
    let second = take(&listener, 2);
    assert_eq!(second[0], first[1] + 2, "one block is missing");
    drop(listener);
    wait_until("it is removed", || lab.counters().clients_removed == 1);
    assert_eq!(client.ask("130"), "0");
    assert_eq!(lab.counters().turns_failed, 3);
    let listener = client.on_channel(0);
    assert_no_hole(&take(&listener, 2));
}

#[test]
fn a_block_shorter_than_the_others_is_not_lost() {
    let lab = Lab::new();
    let listener = lab.client(2).on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    // The last block of a film lasts a moment; the client is at the one before it.
    let busy = {
        lab.server.broadcast(0, block(0, LEN), ROUND);
        listener.accept()
    };
    lab.server
        .broadcast(0, block(1, LEN), Duration::from_millis(10));
    thread::sleep(Duration::from_millis(20));
    lab.server.broadcast(0, block(2, LEN), ROUND);
    let mut busy = busy;
    assert_eq!(number_of(&read_all(&mut busy).expect("whole"), LEN), 0);
    drop(busy);
    assert_eq!(take(&listener, 2), [1, 2]);
}

#[test]
fn a_client_that_keeps_its_end_open_gets_the_next_block_all_the_same() {
    let lab = Lab::new();
    let _broadcast = lab.broadcast(ROUND, LEN);
    let listener = lab.client(2).on_channel(0);
    let mut open = Vec::new();
    let mut numbers = Vec::new();
    for _ in 0..4 {
        let mut stream = listener.accept();
        numbers.push(number_of(&read_all(&mut stream).expect("whole"), LEN));
        open.push(stream);
    }
    assert_no_hole(&numbers);
}

#[test]
fn a_client_that_closes_its_own_side_first_gets_the_block() {
    let lab = Lab::new();
    let listener = lab.client(2).on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    lab.server
        .broadcast(0, block(0, 16_000_000), Duration::from_secs(2));
    let mut stream = listener.accept();
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    thread::sleep(Duration::from_millis(100));
    let bytes = read_all(&mut stream).expect("whole");
    assert_eq!(number_of(&bytes, 16_000_000), 0);
    wait_until("it is counted", || lab.counters().turns_sent == 1);
}

#[test]
fn who_leaves_in_the_middle_of_a_block_gets_its_end_and_no_more() {
    const LONG: usize = 24_000_000;
    let lab = Lab::new();
    let client = lab.client(2);
    let listener = client.on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    lab.server
        .broadcast(0, block(0, LONG), Duration::from_secs(2));
    let mut stream = listener.accept();
    client.tell("120");
    assert_eq!(client.ask("130"), "0");
    lab.server
        .broadcast(0, block(1, LONG), Duration::from_secs(2));
    assert_eq!(number_of(&read_all(&mut stream).expect("whole"), LONG), 0);
    drop(stream);
    let soon = Instant::now() + Duration::from_millis(500);
    assert!(listener.accept_until(soon).is_none(), "it has left");
}

#[test]
fn who_takes_the_place_of_one_that_left_waits_for_the_end_of_that_ones_block() {
    const LONG: usize = 24_000_000;
    let lab = Lab::with(|config| config.channels = [(0, 1)].into());
    let (leaver, other) = (lab.client(2), lab.client(3));
    let listener = leaver.on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    lab.server
        .broadcast(0, block(0, LONG), Duration::from_secs(2));
    let mut stream = listener.accept();
    leaver.tell("120");
    let _asked = other.send(b"100");
    let answer = other.listen();
    assert_eq!(number_of(&read_all(&mut stream).expect("whole"), LONG), 0);
    assert_eq!(answer.take(), b"10");
}

#[test]
fn a_channels_clients_are_served_at_once_not_one_after_the_other() {
    const CLIENTS: u8 = 40;
    let lab = Lab::with(|config| {
        config.channels.insert(0, usize::from(CLIENTS));
    });
    let clients: Vec<OldClient> = (0..CLIENTS).map(|n| lab.client(n + 10)).collect();
    let listeners: Vec<Listener> = clients.iter().map(|c| c.on_channel(0)).collect();
    wait_until("all are there", || {
        clients[0].ask("130") == CLIENTS.to_string()
    });
    lab.server
        .broadcast(0, block(0, LEN), Duration::from_secs(2));
    // None of them takes its block before all were called.
    let called: Vec<_> = listeners.iter().map(Listener::accept).collect();
    for mut stream in called {
        assert_eq!(number_of(&read_all(&mut stream).expect("whole"), LEN), 0);
    }
    wait_until("all are counted", || {
        lab.counters().turns_sent == u64::from(CLIENTS)
    });
    assert_eq!(lab.counters().turns_failed, 0);
}

/// Lets channel 0 keep its own time, with blocks that tell their number.
fn play(lab: &Lab, len: usize) {
    let mut numbers = 0..;
    lab.server
        .play(0, move || numbers.next().map(|number| block(number, len)));
}

#[test]
fn a_channel_that_keeps_its_own_time_pauses_between_rounds() {
    const PAUSE: Duration = Duration::from_millis(150);
    let lab = Lab::with(|config| config.pause = PAUSE);
    let listener = lab.client(2).on_channel(0);
    wait_until("it is there", || lab.counters().joins_accepted == 1);
    play(&lab, LEN);
    let began = Instant::now();
    assert_eq!(take(&listener, 5), [0, 1, 2, 3, 4]);
    let took = began.elapsed();
    assert!(took >= PAUSE * 4, "{took:?}");
    assert_eq!(lab.counters().turns_skipped, 0);
}

#[test]
fn such_a_round_waits_for_its_slowest_client_and_nobody_misses_a_block() {
    const LONG: usize = 24_000_000;
    let lab = Lab::with(|config| config.pause = Duration::from_millis(100));
    let (slow, quick) = (lab.client(2).on_channel(0), lab.client(3).on_channel(0));
    wait_until("both are there", || lab.counters().joins_accepted == 2);
    play(&lab, LONG);
    for number in 0..3 {
        let mut late = slow.accept();
        assert_eq!(number_of(&quick.take(), LONG), number);
        let next = Instant::now() + Duration::from_millis(300);
        assert!(quick.accept_until(next).is_none(), "the round is not over");
        assert_eq!(
            number_of(&read_all(&mut late).expect("whole"), LONG),
            number
        );
    }
    assert_eq!(lab.counters().turns_failed, 0);
}

#[test]
fn a_client_that_vanished_does_not_stop_a_channel_that_keeps_its_own_time() {
    let lab = Lab::with(|config| config.pause = Duration::from_millis(100));
    drop(lab.client(2).on_channel(0));
    let listener = lab.client(3).on_channel(0);
    wait_until("both are there", || lab.counters().joins_accepted == 2);
    play(&lab, LEN);
    assert_eq!(take(&listener, 4), [0, 1, 2, 3]);
    wait_until("the other is removed", || {
        lab.counters().clients_removed == 1
    });
}
