//! An old client in small steps, quirks included: it asks before it listens, listens with a backlog of 1, closes its
//! listener after the answer and opens a new one a moment later, and takes what comes until the end for a file.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use server_legacy::DEFAULT_CLIENT_PORT;
use socket2::{Domain, Socket, Type};

/// Longer than anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// An old client at an address of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OldClient {
    pub(crate) ip: IpAddr,
    pub(crate) server: SocketAddr,
}

impl OldClient {
    /// Opens a request connection from its own address.
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::new(self.ip, 0).into())
            .expect("an address of this machine");
        socket.connect(&self.server.into()).expect("it listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).expect("a setting");
        stream
    }

    /// Sends a request and leaves the connection open.
    pub(crate) fn send(&self, text: &[u8]) -> TcpStream {
        let mut stream = self.connect();
        // The server may have closed already.
        let _ = stream.write_all(text);
        stream
    }

    /// Sends a request and reads the answer on the same connection.
    pub(crate) fn ask(&self, text: &str) -> String {
        let mut answer = String::new();
        self.send(text.as_bytes())
            .read_to_string(&mut answer)
            .expect("an answer and the end");
        answer
    }

    /// Waits until the server has dealt with a request that has no answer.
    pub(crate) fn tell(&self, text: &str) {
        assert_eq!(self.ask(text), "");
    }

    /// Listens for the server, as the original does.
    pub(crate) fn listen(&self) -> Listener {
        Listener::open(self.ip, 1)
    }

    /// `10X`, as the original does it: asks, then listens, reads the answer, closes the listener.
    pub(crate) fn join(&self, channel: u8) -> String {
        let _asked = self.send(format!("10{channel}").as_bytes());
        let listener = self.listen();
        let answer = listener.take();
        String::from_utf8(answer).expect("text")
    }

    /// The same, with success, and listens again.
    pub(crate) fn on_channel(&self, channel: u8) -> Listener {
        assert_eq!(self.join(channel), "10");
        self.listen()
    }
}

/// Its listener.
pub(crate) struct Listener(TcpListener);

impl Listener {
    pub(crate) fn open(ip: IpAddr, backlog: i32) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("a setting");
        let addr = SocketAddr::new(ip, DEFAULT_CLIENT_PORT);
        socket.bind(&addr.into()).expect("the port is free");
        socket.listen(backlog).expect("it listens");
        socket.set_nonblocking(true).expect("a setting");
        Self(socket.into())
    }

    /// The next connection; `None`: none came before `until`.
    pub(crate) fn accept_until(&self, until: Instant) -> Option<TcpStream> {
        loop {
            match self.0.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).expect("a setting");
                    stream.set_read_timeout(Some(DEADLINE)).expect("a setting");
                    return Some(stream);
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => panic!("cannot accept: {why}"),
            }
            if Instant::now() >= until {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn accept(&self) -> TcpStream {
        self.accept_until(Instant::now() + DEADLINE)
            .expect("the server calls")
    }

    /// All of the next connection.
    pub(crate) fn take(&self) -> Vec<u8> {
        read_all(&mut self.accept()).expect("the end, not a reset")
    }
}

/// Reads to the end of a connection.
pub(crate) fn read_all(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Closes with a reset.
pub(crate) fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("a setting");
}

/// Waits for something that must become true.
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_true() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
