//! How a coordinator is set up, with the bounds of its front.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use server_booking::Policy;
use server_state::StateUrl;

use crate::tls::TlsFiles;

/// How often the files of the first stage are read again when they do not say it.
pub const DEFAULT_UPDATE: Duration = Duration::from_secs(30);

/// A coordinator's set-up.
#[derive(Clone, Debug)]
pub struct CoordinatorConfig {
    /// Where the site and the verbs are, TCP; port 0: any free one.
    pub listen: SocketAddr,
    /// Where the certificate and the secrets are kept.
    pub data_dir: PathBuf,
    /// Where what is planned and running is kept.
    pub database: StateUrl,
    /// `servers.json` of the first stage, read again while it runs.
    pub servers: Option<PathBuf>,
    /// How often it is read again.
    pub update_every: Duration,
    /// The certificate; none: a self-signed one in the data directory.
    pub tls: Option<TlsFiles>,
    /// The numbers of the rules.
    pub policy: Policy,
    /// The bounds of the front.
    pub limits: Limits,
    /// Routes of others on the same address. Each of their requests has its caller's [`IpAddr`] in its extensions, counts
    /// as one of its caller's, and has a body of 64 KiB at most. None of their paths may be a path of the coordinator's,
    /// and they have no fallback.
    pub routes: Option<axum::Router>,
}

/// How much the front takes, from one caller and from all. All numbers are guesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one address at a time.
    pub connections_per_address: u32,
    /// Requests of one address in the long run, each second.
    pub requests_per_second: u32,
    /// Requests of one address at once.
    pub burst: u32,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // About 50 KB each with TLS.
            connections: 8_192,
            // A school class behind one address.
            connections_per_address: 128,
            requests_per_second: 50,
            burst: 200,
            proxies: Vec::new(),
        }
    }
}
