//! The four requests, and everything that is none.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use server_legacy::{DEFAULT_PATIENCE, LegacyConfig, LegacyServer, ListAnswer};

use crate::lab::{Lab, PATIENCE};
use crate::speaker::{Listener, read_all, wait_until};

#[test]
fn a_client_joins_is_counted_and_listed_and_leaves() {
    let lab = Lab::new();
    let client = lab.client(2);
    assert_eq!(client.ask("110"), "[]");
    assert_eq!(client.ask("130"), "0");
    assert_eq!(client.join(0), "10");
    assert_eq!(lab.client(3).join(0), "10");
    let (first, second) = (client.ip, lab.client(3).ip);
    wait_until("both are confirmed", || client.ask("130") == "2");
    assert_eq!(client.ask(" 110\r\n"), format!("['{first}', '{second}']"));
    assert_eq!(client.ask("111"), "[]");
    client.tell("121");
    assert_eq!(client.ask("130"), "2", "it was on another channel");
    client.tell("120\n");
    assert_eq!(client.ask("110"), format!("['{second}']"));
    let counters = lab.counters();
    assert_eq!((counters.joins_accepted, counters.leaves), (2, 1));
    assert_eq!(counters.clients[0], 1);
    assert_eq!(counters.requests_bad, 0);
}

#[test]
fn a_full_channel_refuses_and_who_is_on_it_keeps_its_place() {
    let lab = Lab::new();
    for number in 2..5 {
        assert_eq!(lab.client(number).join(0), "10");
    }
    assert_eq!(lab.client(5).join(0), "00");
    assert_eq!(lab.client(2).ask("130"), "3");
    assert_eq!(lab.client(2).join(0), "10", "it had a place already");
    assert_eq!(lab.client(5).join(1), "10", "another channel has room");
    wait_until("it is counted", || lab.counters().joins_refused == 1);
}

#[test]
fn who_comes_back_to_a_server_for_one_client_gets_its_place_back_at_once() {
    let lab = Lab::with(|config| config.channels = [(0, 1)].into());
    let (client, other) = (lab.client(2), lab.client(3));
    for _ in 0..3 {
        assert_eq!(client.join(0), "10");
        wait_until("it is there", || client.ask("130") == "1");
        assert_eq!(other.join(0), "00");
    }
    client.tell("120");
    assert_eq!(other.join(0), "10");
}

#[test]
fn joining_another_channel_leaves_the_first() {
    let lab = Lab::new();
    let client = lab.client(2);
    assert_eq!(client.join(0), "10");
    wait_until("it is there", || client.ask("130") == "1");
    assert_eq!(client.join(1), "10");
    wait_until("it is there", || client.ask("131") == "1");
    assert_eq!(client.ask("130"), "0");
}

#[test]
fn the_list_can_go_to_the_clients_own_port() {
    let lab = Lab::with(|config| config.list_answer = ListAnswer::ConnectBack);
    let client = lab.client(2);
    let listener = client.listen();
    let mut asked = client.send(b"110");
    assert_eq!(listener.take(), b"[]");
    assert_eq!(read_all(&mut asked).expect("the end"), b"");
    drop(listener);
    assert_eq!(client.join(0), "10");
    wait_until("it is there", || client.ask("130") == "1");
    let listener = client.listen();
    let _asked = client.send(b"110");
    assert_eq!(listener.take(), format!("['{}']", client.ip).as_bytes());
}

#[test]
fn connections_to_clients_come_from_the_address_that_is_set() {
    let mut source = None;
    let lab = Lab::with(|config| {
        config.source = Some(config.listen.ip());
        source = config.source;
    });
    let client = lab.client(2);
    let _asked = client.send(b"100");
    let called = client.listen().accept();
    assert_eq!(called.peer_addr().ok().map(|addr| addr.ip()), source);
}

#[test]
fn what_is_no_request_changes_nothing_is_counted_and_closed() {
    let lab = Lab::new();
    let client = lab.client(2);
    assert_eq!(client.join(0), "10");
    wait_until("it is there", || client.ask("130") == "1");
    let stranger = lab.client(3);
    let bad: [&[u8]; 12] = [
        b"1000",
        b"100\0",
        b"10x",
        b"abc",
        b"   100 0",
        b"140",
        b"001",
        b"105",
        b"119",
        b"\xff\xfe\x00",
        b"{\"json\": 1}",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for (number, text) in (1..).zip(bad) {
        let mut stream = stranger.send(text);
        let mut answer = Vec::new();
        // The end or a reset, whichever the system makes of it.
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"", "{text:?}");
        assert_eq!(lab.counters().requests_bad, number, "{text:?}");
    }
    for text in [&b""[..], b" ", b"1", b"12 "] {
        let before = lab.counters().requests_bad;
        let mut stream = stranger.send(text);
        // It may have been closed for what it is already.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = read_all(&mut stream);
        assert_eq!(lab.counters().requests_bad, before + 1, "{text:?}");
    }
    let mut of_the_client = client.send(b"10");
    of_the_client.write_all(b"?").expect("open");
    let _ = read_all(&mut of_the_client);
    assert_eq!(client.ask("110"), format!("['{}']", client.ip));
    assert_eq!(lab.counters().clients, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_megabyte_of_text_is_not_read() {
    let lab = Lab::new();
    let client = lab.client(2);
    for filler in [b'7', b' '] {
        let mut stream = client.connect();
        let text = vec![filler; 1_000_000];
        let mut refused = stream.write_all(&text).is_err();
        refused |= stream.read(&mut [0; 16]).is_err();
        assert!(refused, "it was cut off by a reset");
    }
    assert_eq!(lab.counters().requests_bad, 2);
}

#[test]
fn a_request_in_pieces_is_understood_and_one_that_never_ends_is_cut_off() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let lab = Lab::with(|config| config.request_timeout = TIMEOUT);
    let client = lab.client(2);
    let mut pieces = client.connect();
    for piece in [&b" "[..], b"1", b"3", b"0"] {
        pieces.write_all(piece).expect("open");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(read_all(&mut pieces).expect("an answer"), b"0");

    let began = Instant::now();
    let mut silent = client.connect();
    let mut slow = client.connect();
    while slow.write_all(b" ").is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "it is cut off");
        thread::sleep(Duration::from_millis(30));
    }
    let _ = silent.read(&mut [0; 16]);
    assert!(began.elapsed() >= TIMEOUT);
    let counters = lab.counters();
    assert_eq!(counters.requests_timed_out, 2);
    assert_eq!(counters.requests_bad, 0);
}

#[test]
fn an_address_with_too_many_silent_connections_hurts_only_itself() {
    let lab = Lab::new();
    let (stranger, client) = (lab.client(9), lab.client(2));
    let silent: Vec<_> = (0..8).map(|_| stranger.connect()).collect();
    wait_until("four are too many", || {
        lab.counters().requests_over_limit == 4
    });
    assert_eq!(client.join(0), "10");
    wait_until("it is served", || client.ask("130") == "1");
    drop(silent);
    wait_until("the address is served again", || {
        let mut stream = stranger.send(b"130");
        read_all(&mut stream).is_ok_and(|answer| answer == b"1")
    });
}

#[test]
fn request_connections_beyond_the_limit_wait_for_their_turn() {
    let lab = Lab::with(|config| {
        config.max_requests = 6;
        config.request_timeout = Duration::from_secs(3);
    });
    let _silent: Vec<_> = (10..13)
        .flat_map(|number| [lab.client(number).connect(), lab.client(number).connect()])
        .collect();
    wait_until("all are in", || lab.counters().requests == 6);
    assert_eq!(lab.client(2).ask("130"), "0");
    let counters = lab.counters();
    assert!(
        counters.requests_timed_out > 0,
        "it waited until one was cut off"
    );
    assert_eq!(counters.requests_over_limit, 0);
}

#[test]
fn a_port_that_is_taken_is_told_apart_from_other_trouble() {
    let lab = Lab::new();
    let taken = lab.server.local_addr();
    let config = LegacyConfig::new(taken, Default::default());
    let why = LegacyServer::start(config).err().expect("taken");
    assert!(why.is_port_taken(), "{why}");
    assert!(why.to_string().contains(&taken.to_string()), "{why}");
    let elsewhere = LegacyConfig::new(
        "192.0.2.1:6060".parse().expect("an address"),
        Default::default(),
    );
    let why = LegacyServer::start(elsewhere).err().expect("not ours");
    assert!(!why.is_port_taken(), "{why}");
}

#[test]
fn a_client_that_never_listens_has_no_place_after_about_a_second() {
    let lab = Lab::with(|config| config.patience = DEFAULT_PATIENCE);
    let client = lab.client(2);
    let began = Instant::now();
    let _asked = client.send(b"100");
    wait_until("it is given up", || lab.counters().answers_undelivered == 1);
    let took = began.elapsed();
    assert!(took >= DEFAULT_PATIENCE, "{took:?}");
    assert_eq!(client.ask("130"), "0");
}

#[test]
fn a_client_that_listens_late_is_still_answered() {
    let lab = Lab::new();
    let client = lab.client(2);
    let _asked = client.send(b"100");
    thread::sleep(Duration::from_millis(700));
    assert_eq!(client.listen().take(), b"10");
}

/// Fills a listener that accepts nothing, so that the system ignores further connections: as good as a host that is not
/// there.
fn black_hole(client: &crate::speaker::OldClient) -> (Listener, Vec<socket2::Socket>) {
    let hole = Listener::open(client.ip, 0);
    let addr = std::net::SocketAddr::new(client.ip, server_legacy::DEFAULT_CLIENT_PORT);
    let mut callers = Vec::new();
    for _ in 0..4 {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_nonblocking(true).expect("a setting");
        // In progress, or connected at once.
        let _ = socket.connect(&addr.into());
        callers.push(socket);
    }
    (hole, callers)
}

#[test]
fn an_address_that_swallows_connections_holds_nobody_up() {
    let lab = Lab::with(|config| {
        config.channels.insert(0, 1);
    });
    let (lost, client) = (lab.client(2), lab.client(3));
    let _hole = black_hole(&lost);
    let began = Instant::now();
    let _asked = lost.send(b"100");
    assert_eq!(client.join(1), "10");
    assert!(began.elapsed() < PATIENCE);
    let meanwhile = client.join(0);
    assert!(
        meanwhile == "00" || lab.counters().answers_undelivered == 1,
        "its place is kept until it is given up"
    );
    wait_until("it is given up", || lab.counters().answers_undelivered == 1);
    assert_eq!(client.join(0), "10");
}
