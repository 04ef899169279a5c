//! The session server: starts and ends applications on one computer, and answers the users of its sessions.
//!
//! [`run`] is all of it. Inside, pure state machines decide (`house`, `life`, `room`, `guess`, `backoff`), one task drives
//! them (`driver`), input goes past it through a `gate`, and around it are what carries messages (`door`, `link`,
//! `outside`, `tls`) and what runs sessions (`stage`, `program`, `guardian`, `sweep`, `record`). Only Linux has what keeps
//! an application's processes together. This crate must never know bookings, a database or the rules of places: those are
//! the coordinator's.

mod air;
mod ask;
mod backoff;
mod clipboard;
mod config;
mod config_file;
mod config_keys;
mod crowd;
mod cursor;
mod deeds;
mod desktop;
mod display;
mod door;
mod driver;
mod ears;
mod eyes;
mod gate;
mod guardian;
mod guess;
mod hold;
mod house;
mod inject;
mod kept;
mod life;
mod link;
mod outside;
mod places;
mod program;
mod record;
mod room;
mod sound;
mod sound_server;
mod stage;
mod sweep;
mod tls;
mod viewer;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use server_bridge::epic::{Epic, serve_players, serve_streamers};
use server_bridge::whep::Whep;
use server_bridge::{Bridge, BridgeError};
use server_wire::{Secret, SecretError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use air::{Air, OnAir, PacketTap};
pub use config::{
    Application, BroadcastKeys, CertificateFiles, DEFAULT_LIMIT, DEFAULT_PORT, DEFAULT_USERS,
    EpicDoors, Limits, LinkConfig, MAX_USERS, SessionConfig, Times, Trust, WebRtc,
};
pub use config_file::ConfigError;
pub use inject::gamepad::{GamepadKeys, PadControl};
pub use media_ffmpeg::screen::Content;
pub use record::RecordError;
pub use tls::TlsError;

use crate::deeds::Deeds;
use crate::door::Hall;
use crate::driver::{Driver, Surroundings};
use crate::link::Link;
use crate::outside::Outside;
use crate::record::Record;

/// How long a coordinator may take to write down the last ends when the server stops.
const TELL_PATIENCE: Duration = Duration::from_secs(1);
/// Viewers of one session server at most. A guess, far above what one computer sends.
const MAX_VIEWERS: usize = 4096;

/// Why a session server does not start.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The configuration is wrong; the text names the key.
    #[error("{0}")]
    Config(String),
    /// The data directory cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The shared secret cannot be read.
    #[error("{path}: cannot be read as the coordinator's secret: {why}; copy the file session-secret of its data directory", path = .0.display(), why = .1)]
    SecretFile(PathBuf, #[source] io::Error),
    /// The file holds none.
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Secret(PathBuf, #[source] SecretError),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; give another ip or port")]
    Listen(SocketAddr, #[source] io::Error),
    /// Pictures cannot leave.
    #[error("webrtc: {0}")]
    Bridge(#[from] BridgeError),
}

/// Runs a session server until `stop` is done, and then until its sessions have ended. `ready` is called with the bound
/// address when users can connect. Its TLS fingerprint is logged.
///
/// It may run in the same process as a coordinator: spawn it as a task. Dropping it ends every session at once (the
/// guardians see to that).
///
/// # Errors
/// When it cannot start; later nothing makes it fail: a lost coordinator is dialled again for ever.
pub async fn run(
    config: SessionConfig,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), SessionError> {
    config.check().map_err(SessionError::Config)?;
    let config = Arc::new(config);
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|why| SessionError::Listen(config.listen, why))?;
    let address = listener
        .local_addr()
        .map_err(|why| SessionError::Listen(config.listen, why))?;
    let prepared = {
        let config = Arc::clone(&config);
        tokio::task::spawn_blocking(move || prepare(&config)).await
    };
    let Prepared {
        record,
        untold,
        acceptor,
        link,
    } = prepared.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))?;

    let bridge = config
        .webrtc
        .bridge(config.listen.ip(), most_viewers(&config));
    let bridge = Bridge::start(bridge).await?;
    tracing::info!("pictures leave by UDP at {}", bridge.udp_address());
    let epic = EpicListeners::bind(&config.epic).await?;
    let (asks, asked) = mpsc::channel(driver::MAX_ASKS);
    let (wishes, wished) = mpsc::channel(link::MAX_WISHES);
    let deeds = Arc::new(Deeds::default());
    let around = Surroundings {
        bridge: bridge.clone(),
        wishes: link.is_some().then_some(wishes),
        deeds: link.is_some().then(|| Arc::clone(&deeds)),
    };
    let mut driver = Driver::new(Arc::clone(&config), record, untold, asked, around);
    let outside = Arc::new(Outside {
        asks: asks.clone(),
        view: driver.view(),
        bridge,
    });
    let hall = Arc::new(Hall {
        config: Arc::clone(&config),
        port: address.port(),
        asks,
        enter_patience: door::ENTER_PATIENCE,
        whep: Whep::new(Arc::<Outside>::clone(&outside)),
    });
    // Dropped, and with them every connection, when this function ends or is dropped.
    let mut tasks = JoinSet::new();
    tasks.spawn(door::listen(listener, acceptor, Arc::clone(&hall)));
    epic.serve(Epic::new(outside), &mut tasks);
    let has_coordinator = link.is_some();
    if let Some((config, secret, tls)) = link {
        let link = Link {
            hall,
            config,
            secret,
            tls,
            view: driver.view(),
            wishes: wished,
            deeds,
        };
        tasks.spawn(link.keep());
    }
    ready(address);
    driver.run(stop).await;
    if has_coordinator {
        // What it does not take in time is on the disk, and told after the next start.
        let _ = tokio::time::timeout(TELL_PATIENCE, driver.until_told()).await;
    }
    Ok(())
}

/// Viewers of all sessions: two connections for each user while a page comes back, and those that only watch.
fn most_viewers(config: &SessionConfig) -> usize {
    let users = config.limit.saturating_mul(config.users_per_session);
    MAX_VIEWERS.min(2 * users as usize)
}

/// The doors for Epic's Pixel Streaming, bound.
struct EpicListeners {
    players: Option<TcpListener>,
    streamers: Option<TcpListener>,
}

impl EpicListeners {
    async fn bind(doors: &EpicDoors) -> Result<Self, SessionError> {
        let bind = async |address: Option<SocketAddr>| match address {
            None => Ok(None),
            Some(address) => match TcpListener::bind(address).await {
                Ok(listener) => Ok(Some(listener)),
                Err(why) => Err(SessionError::Listen(address, why)),
            },
        };
        Ok(Self {
            players: bind(doors.players).await?,
            streamers: bind(doors.streamers).await?,
        })
    }

    fn serve(self, epic: Arc<Epic>, tasks: &mut JoinSet<()>) {
        if let Some(listener) = self.players {
            tasks.spawn(serve_players(listener, Arc::clone(&epic)));
        }
        if let Some(listener) = self.streamers {
            tasks.spawn(serve_streamers(listener, epic));
        }
    }
}

struct Prepared {
    record: Record,
    untold: Vec<server_wire::EndedSession>,
    acceptor: TlsAcceptor,
    link: Option<(LinkConfig, Secret, Arc<rustls::ClientConfig>)>,
}

/// Everything that reads and writes files before the start.
fn prepare(config: &SessionConfig) -> Result<Prepared, SessionError> {
    let link = match &config.coordinator {
        None => None,
        Some(link) => {
            let path = &link.secret;
            let text = fs::read_to_string(path)
                .map_err(|why| SessionError::SecretFile(path.clone(), why))?;
            let secret =
                Secret::parse(&text).map_err(|why| SessionError::Secret(path.clone(), why))?;
            Some((link.clone(), secret, Arc::new(tls::client(&link.trust)?)))
        }
    };
    let (record, untold) = Record::open(&config.data_dir)?;
    let mut names = vec!["localhost".to_owned(), config.listen.ip().to_string()];
    names.extend(config.advertise.as_ref().map(|(host, _)| host.to_string()));
    let (tls, fingerprint) = tls::server(config.certificate.as_ref(), &config.data_dir, names)?;
    tracing::info!("the session server's certificate has the fingerprint {fingerprint}");
    Ok(Prepared {
        record,
        untold,
        acceptor: TlsAcceptor::from(Arc::new(tls)),
        link,
    })
}
