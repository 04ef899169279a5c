//! A session server to test, a coordinator's end of its link, and users.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use server_session::{Application, LinkConfig, SessionConfig, SessionError};
use server_wire::{
    Body, Challenge, Code, ConnectionData, EndedSession, Fingerprint, FromCoordinator,
    FromSessionServer, Id, Nonce, Order, OrderAnswer, Register, Registered, Report, ReportAnswer,
    Role, Seconds, Secret, StartOrder, Taken, Token, UserAnswer, prove, read, write,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::processes::PATIENCE;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A number that stands in the command lines of one test's processes and in no others.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    // sleep(1) takes it as seconds.
    format!("9{:07}{next:02}", std::process::id())
}

pub(crate) fn code(number: u16) -> Code {
    Code::new(number).expect("a code")
}

/// An application that is a shell script.
pub(crate) fn script(name: &str, script: &str) -> Application {
    let text = format!(
        r#"{{"applications":[{{"name":"{name}","display":false,"command":"sh","arguments":["-c",{}]}}]}}"#,
        serde_json::to_string(script).expect("JSON")
    );
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).expect("a file");
    let config = SessionConfig::read(&path).expect("a configuration");
    config.applications.into_iter().next().expect("one")
}

/// A session server in this process.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), SessionError>>,
}

impl Running {
    pub(crate) async fn start(config: SessionConfig) -> Self {
        let (ready, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let ready = |address| ready.send(address).expect("somebody waits");
        let stop_asked = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(server_session::run(config, ready, stop_asked));
        let address = timeout(PATIENCE, address).await.expect("in time");
        Self {
            address: address.expect("it starts"),
            stop,
            task,
        }
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let ended = timeout(PATIENCE, self.task).await.expect("in time");
        ended.expect("no panic").expect("no error");
    }
}

/// A coordinator's end: a real listener with a certificate of its own.
pub(crate) struct Coordinator {
    listener: TcpListener,
    tls: TlsAcceptor,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) folder: TempDir,
}

impl Coordinator {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let certificate = made.cert.der().clone();
        let digest = ::ring::digest::digest(&::ring::digest::SHA256, &certificate);
        let mut fingerprint = Fingerprint([0; 32]);
        fingerprint.0.copy_from_slice(digest.as_ref());
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they belong together");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("session-secret"), SECRET).expect("written");
        Self {
            listener,
            tls: TlsAcceptor::from(Arc::new(config)),
            fingerprint,
            folder,
        }
    }

    pub(crate) fn secret(&self) -> PathBuf {
        self.folder.path().join("session-secret")
    }

    pub(crate) fn url(&self) -> String {
        let port = self.listener.local_addr().expect("bound").port();
        format!("wss://127.0.0.1:{port}/link#{}", self.fingerprint)
    }

    /// A session server that dials this coordinator.
    pub(crate) fn config(&self, applications: Vec<Application>) -> SessionConfig {
        let name = server_wire::Text::cut("lab");
        let data = self.folder.path().join("data");
        let mut config = SessionConfig::local(name, &data, applications);
        let link = LinkConfig::new(&self.url(), None, None, &self.secret()).expect("a link");
        config.coordinator = Some(link);
        config
    }

    /// The next connection that gets through TLS and the WebSocket's handshake.
    pub(crate) async fn accept(&self) -> LinkEnd {
        loop {
            let (stream, _) = timeout(PATIENCE, self.listener.accept())
                .await
                .expect("somebody dials")
                .expect("a connection");
            let Ok(stream) = self.tls.accept(stream).await else {
                continue;
            };
            let socket = tokio_tungstenite::accept_async(stream)
                .await
                .expect("a WebSocket");
            return LinkEnd { socket, next_id: 0 };
        }
    }

    /// The next link, proved, registered.
    pub(crate) async fn link(&self) -> (LinkEnd, Register) {
        let mut end = self.accept().await;
        let register = end.prove(SECRET, &self.fingerprint).await;
        let registered = Registered {
            heartbeat_seconds: Seconds(1),
        };
        end.say(
            &FromCoordinator::Answer(ReportAnswer::Registered(registered)),
            None,
        )
        .await;
        (end, register)
    }
}

/// One link, at the coordinator.
pub(crate) struct LinkEnd {
    pub(crate) socket: WebSocketStream<server::TlsStream<TcpStream>>,
    next_id: u64,
}

impl LinkEnd {
    pub(crate) async fn say(&mut self, said: &FromCoordinator, id: Option<&Id>) {
        self.socket
            .send(Message::text(write(said, id)))
            .await
            .expect("sent");
    }

    /// The next message; none: the link is closed.
    pub(crate) async fn hear(&mut self) -> Option<(FromSessionServer, Option<Id>)> {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("in time")
            {
                Some(Ok(Message::Text(text))) => {
                    let said = read::<FromSessionServer>(&text).expect(&text);
                    return Some((said.body, said.id));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    pub(crate) async fn hear_register(&mut self) -> Register {
        match self.hear().await {
            Some((FromSessionServer::Report(Report::Register(register)), _)) => register,
            other => panic!("{other:?}"),
        }
    }

    /// Challenges the session server, and checks its proof.
    pub(crate) async fn prove(&mut self, secret: &str, certificate: &Fingerprint) -> Register {
        let register = self.hear_register().await;
        let secret = Secret::parse(secret).expect("a secret");
        let nonce = Nonce([5; 32]);
        let proof = |role| prove(&secret, role, &register.nonce, &nonce, certificate);
        let challenge = ReportAnswer::Challenge(Challenge {
            nonce,
            proof: proof(Role::Coordinator),
        });
        self.say(&FromCoordinator::Answer(challenge), None).await;
        match self.hear().await {
            Some((FromSessionServer::Report(Report::Proof(proved)), _)) => {
                assert_eq!(proved.proof, proof(Role::SessionServer));
            }
            other => panic!("{other:?}"),
        }
        register
    }

    /// Orders something and waits for its answer; heartbeats on the way do not matter, ends must not be there.
    pub(crate) async fn order(&mut self, order: Order) -> OrderAnswer {
        self.next_id += 1;
        let id = Id::number(self.next_id);
        self.say(&FromCoordinator::Order(order), Some(&id)).await;
        loop {
            match self.hear().await.expect("an answer") {
                (FromSessionServer::Answer(answer), answered) => {
                    assert_eq!(answered, Some(id));
                    return answer;
                }
                (FromSessionServer::Report(report), _) if in_between(&report) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Starts a session of an application under a code.
    pub(crate) async fn start(&mut self, name: &str, number: u16) -> OrderAnswer {
        let token = Token::from_random([number as u8; 16]);
        self.order(Order::StartSession(StartOrder {
            rc_name: Some(server_wire::Text::cut(name)),
            code: Some(code(number)),
            token_hash: Some(token.hash()),
            ..StartOrder::default()
        }))
        .await
    }

    /// The same, when it has to run.
    pub(crate) async fn started(&mut self, name: &str, number: u16) -> ConnectionData {
        match self.start(name, number).await {
            OrderAnswer::ConnectionData(data) => data,
            other => panic!("{other:?}"),
        }
    }

    /// The next end that is reported, without taking it; heartbeats do not make the wait longer.
    pub(crate) async fn ended(&mut self) -> (EndedSession, Option<Id>) {
        timeout(PATIENCE, self.next_end())
            .await
            .expect("it ends in time")
    }

    async fn next_end(&mut self) -> (EndedSession, Option<Id>) {
        loop {
            match self.hear().await.expect("a report") {
                (FromSessionServer::Report(Report::SessionEnded(ended)), id) => return (ended, id),
                (FromSessionServer::Report(report), _) if in_between(&report) => {}
                (FromSessionServer::Answer(OrderAnswer::Ending(_)), _) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn take(&mut self, ended: &EndedSession, id: Option<&Id>) {
        let taken = ReportAnswer::Taken(Taken { code: ended.code });
        self.say(&FromCoordinator::Answer(taken), id).await;
    }
}

/// What may come at any time.
fn in_between(report: &Report) -> bool {
    matches!(
        report,
        Report::Heartbeat(_) | Report::Audit(_) | Report::ExtendWanted(_)
    )
}

/// Somebody at the session server's own address.
pub(crate) struct User {
    socket: WebSocketStream<client::TlsStream<TcpStream>>,
}

impl User {
    pub(crate) async fn connect(address: SocketAddr, data: &Path) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self::over(stream, data).await
    }

    /// Over a connection that is there.
    pub(crate) async fn over(stream: TcpStream, data: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_file(data.join("certificate.pem")).expect("a file");
        roots.add(own).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.expect("TLS");
        let (socket, _) = tokio_tungstenite::client_async("wss://localhost/any/path", stream)
            .await
            .expect("a WebSocket");
        Self { socket }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &'static [u8]) {
        let message = Message::binary(bytes);
        self.socket.send(message).await.expect("sent");
    }

    pub(crate) async fn hear<T: Body>(&mut self) -> T {
        loop {
            match timeout(PATIENCE, self.socket.next())
                .await
                .expect("in time")
            {
                Some(Ok(Message::Text(text))) => return read::<T>(&text).expect(&text).body,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The first message that fits; others before it do not matter.
    pub(crate) async fn until<T>(&mut self, fits: impl Fn(&UserAnswer) -> Option<T>) -> T {
        loop {
            let heard: UserAnswer = self.hear().await;
            if let Some(found) = fits(&heard) {
                return found;
            }
        }
    }

    /// The answer to a request that has this id; what is told unasked before it does not matter.
    pub(crate) async fn answer(&mut self, request: serde_json::Value) -> serde_json::Value {
        self.send(&request.to_string()).await;
        loop {
            let next = timeout(PATIENCE, self.socket.next()).await;
            match next.expect("in time") {
                Some(Ok(Message::Text(text))) => {
                    let said: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    if said["id"] == request["id"] {
                        return said;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until the connection is closed from the other side.
    pub(crate) async fn until_closed(&mut self) {
        let closed = async { while let Some(Ok(_)) = self.socket.next().await {} };
        timeout(PATIENCE, closed).await.expect("it is closed");
    }

    pub(crate) async fn ask<T: Body>(&mut self, text: &str) -> T {
        self.send(text).await;
        self.hear().await
    }
}
