//! The program itself, between real sockets: what it forwards, worsens, cuts
//! and says.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running proxy and the server behind it. Dropping it ends the program.
struct Lab {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
    server: UdpSocket,
}

impl Lab {
    fn start(options: &[&str]) -> Self {
        let server = socket();
        let target = server.local_addr().expect("bound").to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_netem"))
            .args(["--listen", "127.0.0.1:0", "--to", &target, "--exit-on-eof"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("netem starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let ready = read_line(&mut output);
        let address = ready
            .strip_prefix("netem ready ")
            .and_then(|rest| rest.split(' ').next())
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("no ready line: {ready:?}"));
        Self {
            input: child.stdin.take(),
            child,
            output,
            address,
            server,
        }
    }

    fn client(&self) -> UdpSocket {
        let client = socket();
        client.connect(self.address).expect("an address");
        client
    }

    /// Gives a control line and waits for the answer.
    fn tell(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("still open");
        writeln!(input, "{line}").expect("netem reads");
        read_line(&mut self.output)
    }

    /// One packet there and back; how long it took, or nothing if it did not
    /// come back in time.
    fn ping(&self, client: &UdpSocket, payload: &[u8], patience: Duration) -> Option<Duration> {
        let start = Instant::now();
        client.send(payload).expect("sent");
        let mut buffer = [0; 70_000];
        self.server
            .set_read_timeout(Some(patience))
            .expect("not zero");
        let (length, from) = self.server.recv_from(&mut buffer).ok()?;
        assert_eq!(&buffer[..length], payload);
        self.server.send_to(&buffer[..length], from).expect("sent");
        client.set_read_timeout(Some(patience)).expect("not zero");
        let length = client.recv(&mut buffer).ok()?;
        assert_eq!(&buffer[..length], payload);
        Some(start.elapsed())
    }

    /// Ends the program by closing its input, and gives its last line.
    fn end(mut self) -> String {
        drop(self.input.take());
        let last = read_line(&mut self.output);
        assert!(self.child.wait().expect("it ends").success());
        last
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Only matters when a test failed before `end`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a free port")
}

fn read_line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    line.trim_end().to_owned()
}

/// A counter of a direction, out of a `stats` line.
fn counter(stats: &str, direction: &str, name: &str) -> u64 {
    let of_direction = stats.split(&format!("\"{direction}\":")).nth(1);
    of_direction
        .and_then(|rest| rest.split(&format!("\"{name}\":")).nth(1))
        .and_then(|rest| rest.split([',', '}']).next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no {direction} {name} in {stats}"))
}

#[test]
fn packets_of_many_clients_go_there_and_back_unchanged() {
    let lab = Lab::start(&[]);
    let clients: Vec<_> = (0..20).map(|_| lab.client()).collect();
    for round in 0..5_u8 {
        for (number, client) in clients.iter().enumerate() {
            let payload = vec![round; 1 + number * 70];
            assert!(lab.ping(client, &payload, DEADLINE).is_some());
        }
    }
    let stats = lab.end();
    assert_eq!(counter(&stats, "to_server", "forwarded"), 100);
    assert_eq!(counter(&stats, "to_client", "forwarded"), 100);
    assert!(stats.contains("\"clients\":20,\"no_place\":0,\"not_sent\":0"));
}

#[test]
fn the_largest_datagram_passes_whole() {
    let lab = Lab::start(&[]);
    assert!(
        lab.ping(&lab.client(), &vec![7; 65_507], DEADLINE)
            .is_some()
    );
}

#[test]
fn the_delay_applies_in_each_direction_and_can_be_changed_while_running() {
    let mut lab = Lab::start(&["--delay-ms", "40"]);
    let client = lab.client();
    let slow = lab.ping(&client, b"a", DEADLINE).expect("it comes");
    assert!(slow >= Duration::from_millis(80), "{slow:?}");
    assert_eq!(lab.tell("to-client delay 0"), "ok");
    // The best of some: a busy machine may hold any of them up.
    let pings = (0..20).map(|_| lab.ping(&client, b"b", DEADLINE).expect("it comes"));
    let faster = pings.min().expect("twenty");
    assert!(faster >= Duration::from_millis(40), "{faster:?}");
    assert!(faster < Duration::from_millis(80), "{faster:?}");
}

#[test]
fn a_cut_is_silent_and_total_until_it_is_mended() {
    let mut lab = Lab::start(&[]);
    let client = lab.client();
    assert!(lab.ping(&client, b"before", DEADLINE).is_some());
    assert_eq!(lab.tell("down"), "ok");
    let silence = Duration::from_millis(100);
    assert!(lab.ping(&client, b"during", silence).is_none());
    assert_eq!(lab.tell("up"), "ok");
    assert!(lab.ping(&client, b"after", DEADLINE).is_some());
    let stats = lab.end();
    assert_eq!(counter(&stats, "to_server", "cut"), 1);
    assert_eq!(counter(&stats, "to_server", "forwarded"), 2);
}

#[test]
fn every_packet_is_forwarded_or_counted_when_many_are_lost() {
    let mut lab = Lab::start(&["--loss", "0.3", "--seed", "11"]);
    let client = lab.client();
    let sent = 2_000_u32;
    for number in 0..sent {
        client.send(&number.to_be_bytes()).expect("sent");
        // The kernel's own buffer would drop without counting.
        if number % 50 == 49 {
            wait_until_seen(&mut lab, u64::from(number) + 1);
        }
    }
    let stats = lab.end();
    let lost = counter(&stats, "to_server", "lost");
    let forwarded = counter(&stats, "to_server", "forwarded");
    assert_eq!(lost + forwarded, u64::from(sent));
    assert!((500..700).contains(&lost), "{stats}");
}

fn wait_until_seen(lab: &mut Lab, packets: u64) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let stats = lab.tell("stats");
        let seen = counter(&stats, "to_server", "lost") + counter(&stats, "to_server", "forwarded");
        if seen >= packets {
            return;
        }
        assert!(Instant::now() < deadline, "only {seen} of {packets}");
    }
}

#[test]
fn the_rate_is_kept_and_what_does_not_fit_into_the_queue_is_dropped() {
    // 800 kb/s: 100 packets of 1,000 bytes in a second, 20 in the queue.
    let lab = Lab::start(&["--rate-kbit", "800", "--queue-bytes", "20000"]);
    let client = lab.client();
    let start = Instant::now();
    for _ in 0..80 {
        client.send(&[0; 1_000]).expect("sent");
    }
    lab.server
        .set_read_timeout(Some(DEADLINE))
        .expect("not zero");
    let mut buffer = [0; 2_000];
    for _ in 0..20 {
        lab.server.recv(&mut buffer).expect("twenty come");
    }
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(195), "{elapsed:?}");
    let stats = lab.end();
    let dropped = counter(&stats, "to_server", "queue_full");
    assert!((1..=60).contains(&dropped), "{stats}");
}

#[test]
fn a_server_that_comes_back_is_reached_again() {
    let mut lab = Lab::start(&[]);
    let client = lab.client();
    let address = lab.server.local_addr().expect("bound");
    assert!(lab.ping(&client, b"before", DEADLINE).is_some());
    // The port is free for a moment: packets are refused by the system.
    lab.server = socket();
    for _ in 0..5 {
        client.send(b"nobody").expect("sent");
    }
    lab.server = UdpSocket::bind(address).expect("still free");
    let deadline = Instant::now() + DEADLINE;
    let mut buffer = [0; 100];
    lab.server
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("not zero");
    loop {
        client.send(b"again").expect("sent");
        if let Ok(length) = lab.server.recv(&mut buffer)
            && &buffer[..length] == b"again"
        {
            break;
        }
        assert!(Instant::now() < deadline, "never reached again");
    }
}

#[test]
fn a_line_that_makes_no_sense_is_refused_and_nothing_ends() {
    let mut lab = Lab::start(&[]);
    assert!(
        lab.tell("loss 7")
            .starts_with("error 7 is not a probability")
    );
    assert!(
        lab.tell(&"x".repeat(5_000))
            .starts_with("error a control line has")
    );
    assert!(lab.tell("").starts_with("error"));
    assert!(lab.ping(&lab.client(), b"still here", DEADLINE).is_some());
}

#[test]
fn bad_options_end_with_one_clear_line_and_a_status() {
    for options in [
        &["--to", "nowhere"][..],
        &["--to", "127.0.0.1:1", "--loss", "2"],
        &["--to", "127.0.0.1:1", "--delay-ms", "-3"],
        &["--to", "127.0.0.1:1", "--listen", "192.0.2.1:9"],
        &[],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_netem"))
            .args(options)
            .stdin(Stdio::null())
            .output()
            .expect("netem starts");
        assert!(!output.status.success(), "{options:?}");
        assert!(!output.stderr.is_empty(), "{options:?}");
    }
}

#[test]
fn a_signal_ends_it_with_its_figures() {
    let mut lab = Lab::start(&[]);
    assert!(lab.ping(&lab.client(), b"x", DEADLINE).is_some());
    let killed = Command::new("kill")
        .args(["-TERM", &lab.child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    assert_eq!(
        counter(&read_line(&mut lab.output), "to_client", "forwarded"),
        1
    );
    assert!(lab.child.wait().expect("it ends").success());
}
