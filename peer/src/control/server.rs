//! The running peer's end of the control port.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{Ask, Card, MAX_REQUEST, Reply, Request, card_path};
use crate::error::PeerError;
use crate::files::write_private;
use crate::status::Status;

/// Connections at once; more are closed unheard. Scripts ask one after the other.
const MAX_CLIENTS: usize = 8;
/// How long a request, and the taking of its answer, may last.
const CLIENT_WAIT: Duration = Duration::from_secs(2);
/// After a connection could not be accepted (too many files are open): until the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who answers.
pub(crate) trait Answers: Send + Sync + 'static {
    /// The status as it is now.
    fn status(&self) -> impl Future<Output = Status> + Send;
    /// Somebody wants the peer to leave.
    fn leave(&self);
}

/// The open port; its card goes with it.
pub(crate) struct Control {
    listener: TcpListener,
    token: String,
    card: PathBuf,
}

impl Control {
    /// Opens the port and writes the card into the folder `state`.
    pub(crate) async fn open(state: &Path) -> Result<Self, PeerError> {
        let failed = |source| PeerError::System {
            what: "open the control port",
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let token = HEXLOWER.encode(&rand::random::<[u8; 32]>());
        let card = Card {
            addr,
            token: token.clone(),
            pid: std::process::id(),
        };
        let text =
            serde_json::to_vec(&card).expect("an address, a text and a number always encode");
        let path = card_path(state);
        write_private(&path, &text).map_err(|source| PeerError::file("write", &path, source))?;
        Ok(Self {
            listener,
            token,
            card: path,
        })
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve(&self, peer: Arc<impl Answers>) {
        let places = Arc::new(Semaphore::new(MAX_CLIENTS));
        loop {
            let client = match self.listener.accept().await {
                Ok((client, _)) => client,
                Err(why) => {
                    tracing::debug!(%why, "control connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                continue;
            };
            let (peer, token) = (peer.clone(), self.token.clone());
            tokio::spawn(async move {
                if let Err(why) = answer(client, &token, &*peer).await {
                    tracing::debug!(%why, "control connection");
                }
                drop(place);
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // If it stays, whoever reads it finds nobody at the port, and says so.
        let _ = std::fs::remove_file(&self.card);
    }
}

async fn answer(client: TcpStream, token: &str, peer: &impl Answers) -> io::Result<()> {
    let mut client = BufReader::with_capacity(MAX_REQUEST as usize, client);
    let request = in_time(read_line(&mut client)).await?;
    let request: Result<Request, _> = serde_json::from_slice(&request);
    let error = |why: &str| Reply {
        error: Some(why.to_owned()),
        ..Reply::default()
    };
    let (line, leave) = match request {
        Ok(request) if !same(&request.token, token) => (json(&error("wrong token")), false),
        Ok(Request {
            command: Ask::Status,
            ..
        }) => (json(&peer.status().await), false),
        Ok(Request {
            command: Ask::Leave,
            ..
        }) => (
            json(&Reply {
                leaving: true,
                error: None,
            }),
            true,
        ),
        Err(_) => (json(&error("not a request")), false),
    };
    in_time(client.get_mut().write_all(&line)).await?;
    if leave {
        peer.leave();
        // Whoever asked waits for the end of the connection, which is the end of the process.
        std::future::pending::<()>().await;
    }
    client.get_mut().shutdown().await
}

async fn read_line(client: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    client
        .take(MAX_REQUEST)
        .read_until(b'\n', &mut line)
        .await?;
    Ok(line)
}

async fn in_time<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(CLIENT_WAIT, what)
        .await
        .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("plain values always encode");
    line.push(b'\n');
    line
}

/// Compares without telling by its duration where they differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |differ, (a, b)| differ | (a ^ b))
            == 0
}
