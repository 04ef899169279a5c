//! The coordinator: visitors ask, the desk decides by the rules, session servers are told.
//!
//! ```text
//! front (TLS, HTTP, verbs) -> service -> desk (one transaction at a time) -> database
//!                                    \-> link (session servers)
//! keeper, files: what happens without being asked for
//! ```
//!
//! The rules are `server-booking`'s, the database `server-state`'s, the messages `server-wire`'s, the pages
//! `server-web`'s. This crate must never know how a session is run, nor decide what the rules decide.

mod clock;
mod config;
mod convert;
mod counters;
mod desk;
mod error;
mod files;
mod front;
mod keeper;
mod limit;
mod link;
mod secrets;
mod service;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use server_state::State;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::counters::Counters;
use crate::desk::Desk;
use crate::front::Front;
use crate::link::{Addresses, Links};
use crate::secrets::{OperatorToken, Origin};
use crate::service::Service;

pub use config::{CoordinatorConfig, DEFAULT_UPDATE, Limits};
pub use error::CoordinatorError;
pub use files::read_servers;
pub use secrets::{OPERATOR_TOKEN_FILE, SESSION_SECRET_FILE};
pub use tls::{CERTIFICATE_FILE, KEY_FILE, TlsFiles};

/// A running coordinator. Dropped, it ends; what was acknowledged is in the database.
#[derive(Debug)]
pub struct Coordinator {
    address: SocketAddr,
    fingerprint: String,
    new_token: Option<String>,
    data_dir: PathBuf,
    tasks: JoinSet<()>,
}

impl Coordinator {
    /// Opens the database, the certificate and the address, and serves from then on. Needs a tokio runtime.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub async fn start(config: CoordinatorConfig) -> Result<Self, CoordinatorError> {
        make_dir(&config.data_dir)?;
        let host = std::fs::read_to_string("/etc/hostname").ok();
        let names = tls::own_names(config.listen.ip(), host.as_deref().map(str::trim));
        let tls = tls::open(config.tls.as_ref(), &config.data_dir, &names)?;
        let secret = secrets::session_secret(&config.data_dir.join(SESSION_SECRET_FILE))?;
        let (operator, origin) = OperatorToken::open(&config.data_dir)?;
        let new_token = (origin == Origin::Made).then(|| operator.reveal().to_owned());
        let state = State::open(&config.database).await?;
        let clock = Arc::new(Clock::new());
        let desk = Desk::open(state.clone(), Arc::clone(&clock)).await?;
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let links = Links::new(secret, tls.fingerprint, addresses(&desk));
        let counters = Arc::new(Counters::default());
        let service = Arc::new(Service::new(desk, config.policy, links, counters));
        let front = Front::new(Arc::clone(&service), clock, config.limits, operator, state);
        let front = Arc::new(front);
        let router = front::router(Arc::clone(&front), config.routes);
        let acceptor = TlsAcceptor::from(tls.config);
        let mut tasks = JoinSet::new();
        tasks.spawn(front::serve(front, listener, acceptor, router));
        tasks.spawn(keeper::keep(Arc::clone(&service)));
        if let Some(path) = config.servers {
            tasks.spawn(files::watch(service, path, config.update_every));
        }
        Ok(Self {
            address,
            fingerprint: tls.fingerprint.to_string(),
            new_token,
            data_dir: config.data_dir,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// SHA-256 of its certificate, 64 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The operator's token, if it was made at this start: to be shown once.
    #[must_use]
    pub fn new_operator_token(&self) -> Option<&str> {
        self.new_token.as_deref()
    }

    /// The file of the secret that session servers need.
    #[must_use]
    pub fn session_secret_file(&self) -> PathBuf {
        self.data_dir.join(SESSION_SECRET_FILE)
    }

    /// Waits until one of its tasks has ended, which none of them does by itself. Cancel safe.
    pub async fn ended(&mut self) {
        self.tasks.join_next().await;
    }
}

/// Where a server without a link is, as the newest world has it.
fn addresses(desk: &Desk) -> Addresses {
    let desk = desk.clone();
    Addresses(Arc::new(move |server| {
        let ledger = desk.look();
        let known = ledger.world().servers.get(server)?;
        Some((known.host.clone(), known.port))
    }))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, CoordinatorError> {
    TcpListener::bind(address)
        .await
        .map_err(|why| CoordinatorError::Listen { address, why })
}

/// Makes the data directory, for its owner only.
fn make_dir(path: &Path) -> Result<(), CoordinatorError> {
    use std::os::unix::fs::DirBuilderExt as _;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|why| CoordinatorError::at(path, format!("cannot be made: {why}")))
}
