//! Epic's Pixel Streaming signalling: unmodified frontends watch and steer our sessions, and unmodified Unreal Engine
//! applications are relayed to unmodified frontends.
//!
//! Two plain WebSocket ports, one for players and one for streamers; docs/protocols/epic.md has what is said on them. This
//! module must never know how a session runs, who may enter it, or who has control: [`Sessions`] says so.

pub mod channel;
pub mod hands;
pub mod message;
mod player;
mod registry;
mod seat;
mod settings;
mod socket;
mod streamer;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::doors::Doors;
use crate::input::Input;
use crate::{IceServer, Stage};

use registry::Registry;

/// The port that Epic's frontends expect.
pub const PLAYERS_PORT: u16 = 80;

/// The port that Unreal Engine's plugin expects.
pub const STREAMERS_PORT: u16 = 8888;

/// Players at a time. A guess: sessions have tens of users.
const MAX_PLAYERS: usize = 512;

/// Players of one address: people behind one NAT.
const MAX_PLAYERS_OF_ONE: usize = 64;

/// Streamers at a time. A guess.
const MAX_STREAMERS: usize = 64;

/// Streamers of one address: one computer runs a few.
const MAX_STREAMERS_OF_ONE: usize = 16;

/// After a connection that could not be taken (no descriptors left).
const BREATH: Duration = Duration::from_millis(100);

/// Our own sessions, as Epic's players see them.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The names under which they are offered. Called for every question of a player; never blocks.
    fn list(&self) -> Vec<String>;

    /// A player enters.
    ///
    /// # Errors
    ///
    /// Why not, for people.
    async fn join(&self, id: &str) -> Result<Joined, String>;

    /// STUN and TURN servers for players and streamers.
    fn ice_servers(&self) -> Vec<IceServer> {
        Vec::new()
    }
}

/// A player's place in a session.
pub struct Joined {
    /// The picture.
    pub stage: Stage,
    /// The person; dropped when the player leaves.
    pub member: Box<dyn Member>,
}

/// A player as one of a session's people. Dropping it leaves the session.
pub trait Member: Send + Sync {
    /// Something that the player did while it had control. Never blocks; whoever takes it checks control once more.
    fn input(&self, input: Input);

    /// The player pressed something while it had no control. The frontend has nothing else to ask with; at most once a
    /// second. Never blocks.
    fn wants_control(&self) {}

    /// Whether the player has control now. The session is over when the sender is gone.
    fn has_control(&self) -> watch::Receiver<bool>;
}

/// The signalling of one session server.
pub struct Epic {
    sessions: Arc<dyn Sessions>,
    registry: Mutex<Registry>,
}

impl Epic {
    /// For these sessions; nobody is connected yet.
    pub fn new(sessions: Arc<dyn Sessions>) -> Arc<Self> {
        Arc::new(Self {
            sessions,
            registry: Mutex::default(),
        })
    }

    /// Never held across an await.
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that can be subscribed to; a session hides a streamer of the same name.
    fn list(&self) -> Vec<String> {
        let sessions = self.sessions.list();
        let names = self.registry().names();
        let all: BTreeSet<String> = sessions.into_iter().chain(names).collect();
        all.into_iter().collect()
    }
}

/// Attends players until it is dropped, which ends all of their connections.
pub async fn serve_players(listener: TcpListener, epic: Arc<Epic>) {
    let doors = Doors::new(MAX_PLAYERS, MAX_PLAYERS_OF_ONE);
    serve(listener, &doors, |stream| {
        player::attend(stream, Arc::clone(&epic))
    })
    .await;
}

/// Attends streamers until it is dropped, which ends all of their connections.
pub async fn serve_streamers(listener: TcpListener, epic: Arc<Epic>) {
    let doors = Doors::new(MAX_STREAMERS, MAX_STREAMERS_OF_ONE);
    serve(listener, &doors, |stream| {
        streamer::attend(stream, Arc::clone(&epic))
    })
    .await;
}

async fn serve<F>(listener: TcpListener, doors: &Doors, attend: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut visits = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = visits.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) => match doors.enter(from.ip()) {
                Some(pass) => {
                    let visit = attend(stream);
                    visits.spawn(async move {
                        visit.await;
                        drop(pass);
                    });
                }
                None => tracing::debug!(%from, "no room for another connection"),
            },
            Err(why) => {
                tracing::warn!(%why, "a connection could not be taken");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
