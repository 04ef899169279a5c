//! The link to the coordinator: dialled from here, proved both ways, kept up, and dialled again when it is lost.
//!
//! What is said on it when it stands is in `talk`. It must never know how sessions live; it passes orders to the driver and
//! reports what the driver shows.

mod talk;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rand::Rng as _;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use server_wire::{
    Body, Count, Id, Nonce, OfferedApplication, ProofMessage, Register, Report, ReportAnswer, Role,
    RunningSession, Secret, UnixSeconds, prove, read, write,
};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::ask::{Here, View, Wish};
use crate::backoff::Backoff;
use crate::config::{LinkConfig, SessionConfig};
use crate::deeds::Deeds;
use crate::door::{Hall, bounds};
use crate::tls::fingerprint;

/// Wishes that wait for the link.
pub(crate) const MAX_WISHES: usize = 32;
/// How long each step towards a standing link may take.
const STEP_PATIENCE: Duration = Duration::from_secs(5);
/// Bounds of the interval that a coordinator may ask for.
const HEARTBEATS: std::ops::RangeInclusive<u32> = 1..=60;
type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// What the link needs.
pub(crate) struct Link {
    pub(crate) hall: Arc<Hall>,
    pub(crate) config: LinkConfig,
    pub(crate) secret: Secret,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) view: watch::Receiver<View>,
    /// What the driver wants of the coordinator.
    pub(crate) wishes: mpsc::Receiver<Wish>,
    /// What the coordinator has not noted.
    pub(crate) deeds: Arc<Deeds>,
}

impl Link {
    /// Keeps the link until it is dropped.
    pub(crate) async fn keep(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let why = match self.once(&mut backoff).await {
                Ok(()) => "the coordinator closed the link".to_owned(),
                Err(why) => why,
            };
            let wait = backoff.next(rand::rng().random());
            let LinkConfig { host, port, .. } = &self.config;
            tracing::warn!(
                "coordinator {host}:{port}: {why}; dialled again in {} ms",
                wait.as_millis()
            );
            let over = tokio::time::sleep(wait);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    () = &mut over => break,
                    // Nobody is there who could grant it: who waits for it is told so at once.
                    Some(wish) = self.wishes.recv() => drop(wish),
                }
            }
        }
    }

    async fn once(&mut self, backoff: &mut Backoff) -> Result<(), String> {
        let (mut socket, local) = self.dial().await?;
        let here = self.hall.here(local);
        let heartbeat = self.register(&mut socket, &here).await?;
        backoff.reset();
        let LinkConfig { host, port, .. } = &self.config;
        tracing::info!("registered with the coordinator {host}:{port}");
        talk::Talk::new(self, socket, here, heartbeat).hold().await
    }

    async fn dial(&self) -> Result<(Socket, IpAddr), String> {
        let LinkConfig {
            host, port, path, ..
        } = &self.config;
        let slow = |what: &str| format!("{what} takes too long");
        let stream = timeout(
            STEP_PATIENCE,
            TcpStream::connect((host.as_str(), port.number())),
        )
        .await
        .map_err(|_| slow("the connection"))?
        .map_err(|why| why.to_string())?;
        stream.set_nodelay(true).map_err(|why| why.to_string())?;
        let local = stream.local_addr().map_err(|why| why.to_string())?.ip();
        let name = ServerName::try_from(host.to_string()).map_err(|why| why.to_string())?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = timeout(STEP_PATIENCE, connector.connect(name, stream))
            .await
            .map_err(|_| slow("the TLS handshake"))?
            .map_err(|why| why.to_string())?;
        let authority = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let url = format!("wss://{authority}{path}");
        let upgrade = tokio_tungstenite::client_async_with_config(url, stream, Some(bounds()));
        let (socket, _) = timeout(STEP_PATIENCE, upgrade)
            .await
            .map_err(|_| slow("the WebSocket handshake"))?
            .map_err(|why| why.to_string())?;
        Ok((socket, local))
    }

    /// Proves the secret both ways; the interval of heartbeats.
    async fn register(&self, socket: &mut Socket, here: &Here) -> Result<Duration, String> {
        let (_, session) = socket.get_ref().get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = fingerprint(certificate.ok_or("it has no certificate")?);
        let own_nonce = Nonce(rand::rng().random());
        let register = register(&self.hall.config, own_nonce, here, &self.view.borrow());
        say(socket, &Report::Register(register), None).await?;
        let challenge = match answer(socket).await? {
            ReportAnswer::Challenge(challenge) => challenge,
            other => return Err(unexpected(other)),
        };
        let proof = |role| {
            prove(
                &self.secret,
                role,
                &own_nonce,
                &challenge.nonce,
                &certificate,
            )
        };
        if challenge.proof != proof(Role::Coordinator) {
            return Err("it does not know the secret, or its certificate is another on the way; compare the files session-secret".to_owned());
        }
        let own_proof = ProofMessage {
            proof: proof(Role::SessionServer),
        };
        say(socket, &Report::Proof(own_proof), None).await?;
        match answer(socket).await? {
            ReportAnswer::Registered(registered) => {
                let seconds = registered.heartbeat_seconds.0;
                let seconds = seconds.clamp(*HEARTBEATS.start(), *HEARTBEATS.end());
                Ok(Duration::from_secs(seconds.into()))
            }
            other => Err(unexpected(other)),
        }
    }
}

fn register(config: &SessionConfig, nonce: Nonce, here: &Here, view: &View) -> Register {
    let offered = config.applications.iter().map(|one| OfferedApplication {
        name: one.name.clone(),
        title: one.title.clone(),
        description: one.description.clone(),
        picture: one.picture.clone(),
    });
    Register {
        name: config.name.clone(),
        nonce,
        host: here.host.clone(),
        port: here.port,
        applications: offered.collect(),
        limit: Count(config.limit),
        running: view.running.clone(),
        draining: view.draining,
    }
}

/// Bytes of the registration when as many sessions run as may.
pub(crate) fn longest_registration(config: &SessionConfig) -> usize {
    let hash = server_wire::Token::from_random([0; 16]).hash();
    let longest = config
        .applications
        .iter()
        .map(|one| &one.name)
        .max_by_key(|name| name.len());
    let session = longest
        .zip(server_wire::Code::new(0))
        .map(|(name, code)| RunningSession {
            code,
            rc_name: name.clone(),
            ends_at: UnixSeconds(UnixSeconds::MAX),
            token_hash: Some(hash),
        });
    let view = View {
        running: session
            .into_iter()
            .cycle()
            .take(config.limit as usize)
            .collect(),
        ..View::default()
    };
    let here = Here {
        host: server_wire::Text::cut(&"x".repeat(255)),
        port: server_wire::Port::new(u16::MAX).expect("is not 0"),
    };
    write(
        &Report::Register(register(config, Nonce([0; 32]), &here, &view)),
        None,
    )
    .len()
}

fn unexpected(answer: ReportAnswer) -> String {
    match answer {
        ReportAnswer::Refused(why) => format!("it refused: {}", why.reason),
        ReportAnswer::BadRequest(why) => format!("it did not understand: {}", why.reason),
        _ => "it said something out of turn".to_owned(),
    }
}

/// The coordinator's next answer, while nothing else is expected.
async fn answer(socket: &mut Socket) -> Result<ReportAnswer, String> {
    let next = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let said = read::<ReportAnswer>(&text);
                    return said.map(|said| said.body).map_err(|why| why.to_string());
                }
                Some(Ok(Message::Close(_))) | None => return Err("it closed the link".to_owned()),
                Some(Ok(_)) => {}
                Some(Err(why)) => return Err(why.to_string()),
            }
        }
    };
    let answered = timeout(STEP_PATIENCE, next).await;
    answered.map_err(|_| "it does not answer".to_owned())?
}

async fn say<T: Body>(socket: &mut Socket, body: &T, id: Option<&Id>) -> Result<(), String> {
    send(socket, Message::text(write(body, id))).await
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), String> {
    timeout(STEP_PATIENCE, socket.send(message))
        .await
        .map_err(|_| "a message did not leave in time".to_owned())?
        .map_err(|why| why.to_string())
}
