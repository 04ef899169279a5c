//! Old clients, which speak only the 2-digit protocol, on the channel of an origin that serves a forest too.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tests::{
    Film, Lab, Origin, OriginOptions, PeerOptions, Place, SOON, SourceOf, eventually, holds,
};

/// Where the server is asked, at an address that nothing else uses.
const SERVER: &str = "127.66.0.1:6060";
/// Where old clients listen, each at its own address.
const CLIENT_PORT: u16 = 9091;

fn client_ip(number: u8) -> IpAddr {
    IpAddr::from([127, 66, 0, number])
}

/// Sends a request from an address.
fn send(from: IpAddr, text: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = SocketAddr::new(from, 0);
    socket.bind(&own.into()).expect("an address of loopback");
    let server: SocketAddr = SERVER.parse().expect("an address");
    socket.connect(&server.into()).expect("the server listens");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON)).expect("a setting");
    stream.write_all(text.as_bytes()).expect("it is read");
    stream
}

fn ask(from: IpAddr, text: &str) -> String {
    let mut answer = String::new();
    send(from, text)
        .read_to_string(&mut answer)
        .expect("an answer");
    answer
}

/// Listens with a backlog of 1, as the original does.
fn listen(ip: IpAddr) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("a setting");
    let own = SocketAddr::new(ip, CLIENT_PORT);
    socket.bind(&own.into()).expect("the port is free");
    socket.listen(1).expect("it listens");
    socket.into()
}

fn take(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().expect("the server calls");
    stream.set_read_timeout(Some(SOON)).expect("a setting");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the end");
    bytes
}

/// An old client as the original is: asks, then listens; closes its listener after the answer and opens a new one a
/// moment later. Gives the answer and so many blocks, then goes without a word.
fn old_client(ip: IpAddr, blocks: usize) -> JoinHandle<(Vec<u8>, Vec<Vec<u8>>)> {
    thread::spawn(move || {
        let _asked = send(ip, "100");
        let answer = take(&listen(ip));
        if answer != b"10" {
            return (answer, Vec::new());
        }
        thread::sleep(Duration::from_millis(10));
        let listener = listen(ip);
        let blocks = (0..blocks).map(|_| take(&listener)).collect();
        (answer, blocks)
    })
}

fn origin(lab: &Lab, more: &[&str]) -> Origin {
    let mut options = OriginOptions::film(&lab.film(&Film::of(10)));
    options.args = ["--legacy", SERVER]
        .iter()
        .chain(more)
        .map(ToString::to_string)
        .collect();
    lab.origin(options)
}

/// Panics unless the blocks are the origin's chunks, byte for byte, one after the other round the loop.
#[track_caller]
fn assert_in_order(origin: &Origin, blocks: &[Vec<u8>]) {
    let chunks: Vec<Vec<u8>> = origin
        .chunks()
        .iter()
        .map(|path| fs::read(path).expect("the cut is there"))
        .collect();
    let first = chunks.iter().position(|chunk| *chunk == blocks[0]);
    let first = first.expect("a block is a chunk's file");
    for (at, block) in blocks.iter().enumerate() {
        assert!(*block == chunks[(first + at) % chunks.len()], "block {at}");
    }
}

/// `server status`, for people.
fn shown(lab: &Lab, origin: &Origin) -> String {
    let mut command = Command::new(lab.program("server"));
    command
        .args(["status", "--data-dir"])
        .arg(origin.data_dir());
    let output = command.output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn old_clients_get_the_very_chunks_beside_a_forest_that_misses_nothing() {
    const BLOCKS: usize = 7;
    let lab = Lab::new();
    let origin = origin(&lab, &["--legacy-clients", "3"]);
    let peers = lab.peers(&origin.invite, 2, &PeerOptions::fanout(2));
    let clients: Vec<_> = (2..5).map(|n| old_client(client_ip(n), BLOCKS)).collect();
    eventually(SOON, "three are on the channel", || {
        let count = ask(client_ip(9), "130");
        holds(count == "3", || count.clone())
    });
    let list = ask(client_ip(9), "110");
    for number in 2..5 {
        assert!(list.contains(&format!("'{}'", client_ip(number))), "{list}");
    }
    let (refused, _) = old_client(client_ip(5), 0).join().expect("no panic");
    assert_eq!(refused, b"00", "the channel is full");

    for client in clients {
        let (answer, blocks) = client.join().expect("it gets every block");
        assert_eq!(answer, b"10");
        assert_in_order(&origin, &blocks);
    }
    // They went without a word: two rounds later they are forgotten.
    eventually(SOON, "the channel is empty", || {
        let count = ask(client_ip(9), "130");
        holds(count == "0", || count.clone())
    });
    let status = shown(&lab, &origin);
    assert!(
        status.contains("old clients at 127.66.0.1:6060: 0 of 3"),
        "{status}"
    );
    assert!(status.contains("removed 3"), "{status}");
    for peer in &peers {
        let status = peer.status().expect("it answers");
        assert_eq!(status.chunks.missing, 0, "{status:?}");
    }
    assert_eq!(origin.stop().code, Some(0));
}

#[test]
fn a_film_cut_for_an_old_server_is_paced_by_the_pause_that_is_set() {
    const BLOCKS: usize = 12;
    let lab = Lab::new();
    let film = lab.film(&Film::of(10));
    let cut = lab.dir().join("films");
    let words = |path: &std::path::Path| path.to_str().expect("plain").to_owned();
    let args = [&words(&film), "--out", &words(&cut), "--plain"];
    let cutter = lab.start("slice", &Place::default(), &args);
    assert_eq!(cutter.wait_exit(SOON).code, Some(0));
    let mut options = OriginOptions::film(&film);
    options.source = SourceOf::Chunks(cut);
    // Long enough for a client to listen again between two rounds, on a machine that has much to do.
    let more = ["--legacy", SERVER, "--legacy-pause", "500ms"];
    options.args = more.map(str::to_owned).to_vec();
    let origin = lab.origin(options);
    let began = origin.status().expect("it answers").channels[0]
        .seq_on_air
        .unwrap_or(0);
    let client = old_client(client_ip(2), BLOCKS);
    let (answer, blocks) = client.join().expect("it gets every block");
    assert_eq!(answer, b"10");
    let passed = origin.status().expect("it answers").channels[0]
        .seq_on_air
        .expect("on air")
        - began;
    assert!(
        passed < BLOCKS as u64 - 2,
        "the pause paces the blocks, not the {passed} chunks that fell due"
    );
    assert_in_order(&origin, &blocks);
    assert_eq!(origin.stop().code, Some(0));
}

#[test]
fn a_port_for_old_clients_that_was_named_and_is_taken_ends_the_server() {
    let lab = Lab::new();
    let first = origin(&lab, &[]);
    let film = lab.film(&Film::of(10));
    let data = lab.dir().join("other");
    let words = |path: &std::path::Path| path.to_str().expect("plain").to_owned();
    let (film, data) = (words(&film), words(&data));
    let args = [
        "origin",
        "--film",
        &film,
        "--data-dir",
        &data,
        "--listen",
        "127.0.0.1:0",
        "--legacy",
        SERVER,
    ];
    let ended = lab
        .start("server", &Place::default(), &args)
        .wait_exit(SOON);
    ended.assert_failed(1, &[SERVER, "--legacy"]);
    assert_eq!(ask(client_ip(2), "130"), "0", "the first is not disturbed");
    assert_eq!(first.stop().code, Some(0));
}

#[test]
fn the_usual_port_may_be_taken_and_the_forest_goes_on() {
    let lab = Lab::new();
    let film = lab.film(&Film::of(10));
    // One of the two has the port, or neither, if another program of this machine has it.
    let origins = [(); 2].map(|()| lab.origin(OriginOptions::film(&film)));
    let warning = "the broadcast goes on without them";
    assert!(
        origins
            .iter()
            .any(|origin| origin.process().err().contains(warning)),
        "one says that it does without old clients"
    );
    let peer = &lab.peers(&origins[1].invite, 1, &PeerOptions::fanout(1))[0];
    peer.await_chunk(peer.newest().unwrap_or(0) + 1, SOON);
    for origin in &origins {
        assert_eq!(origin.stop().code, Some(0));
    }
}
