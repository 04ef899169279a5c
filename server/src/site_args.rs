//! The command line of the roles around sessions.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use server_booking::Policy;
use server_coordinator::{CoordinatorConfig, DEFAULT_UPDATE, Limits, TlsFiles};
use server_state::StateUrl;

use crate::args::DEFAULT_DATA_DIR;
use crate::legacy::Door;
use crate::session::EpicArgs;
use crate::ways::WaysArgs;
use crate::{Failure, ServerConfig, air, configuration, file, sample, values};

/// Where the site is if nothing is said.
const DEFAULT_SITE: &str = "0.0.0.0:8443";
/// The folder of a broadcast that is not alone in its data directory.
pub(crate) const BROADCAST_DIR: &str = "broadcast";
/// The SQLite database in the data directory.
const DATABASE_FILE: &str = "state.db";

/// What every coordinator takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FrontArgs {
    /// Where keys, secrets and the database are kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub(crate) data_dir: PathBuf,
    /// sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE [default: SQLite in the data directory]
    #[arg(long, value_name = "URL", value_parser = database)]
    database: Option<StateUrl>,
    /// The certificate chain, PEM [default: self-signed, kept in the data directory]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The time zone of requests that name none
    #[arg(long, value_name = "IANA")]
    time_zone: Option<String>,
    /// A proxy whose X-Forwarded-For is believed; may be repeated
    #[arg(long, value_name = "IP")]
    trusted_proxy: Vec<IpAddr>,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections as u32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// Connections of one address at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections_per_address, value_parser = clap::value_parser!(u32).range(1..))]
    connections_per_address: u32,
    /// Requests of one address each second, in the long run
    #[arg(long, value_name = "N", default_value_t = Limits::default().requests_per_second, value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_second: u32,
    /// Requests of one address at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().burst, value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) front: FrontArgs,
    /// Where the site and the verbs are, TCP; port 0: any free one
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_SITE, value_parser = values::listen)]
    pub(crate) site: SocketAddr,
    /// Where the broadcast is, UDP, or `off` [default: 0.0.0.0:7000, or a free port if that is taken]
    #[arg(long, value_name = "ADDR|off", value_parser = values::broadcast, conflicts_with = "channels")]
    broadcast: Option<Broadcast>,
    /// Broadcast the channels of this TOML file instead of the sample: as for `server origin --config`
    #[arg(long, value_name = "FILE")]
    channels: Option<PathBuf>,
    /// Where old clients of the 2-digit protocol are served, TCP, or `off` [default: 0.0.0.0:6060, if it is free]
    #[arg(long, value_name = "ADDR|off", value_parser = values::legacy, conflicts_with = "channels")]
    legacy: Option<Door>,
    /// Channels for sessions that are broadcast, at the lowest free numbers from 1 on; 0: none
    #[arg(long, value_name = "N", default_value_t = air::DEFAULT_SESSION_CHANNELS, value_parser = clap::value_parser!(u32).range(0..=i64::from(air::MAX_SESSION_CHANNELS)))]
    session_channels: u32,
    #[command(flatten)]
    pub(crate) ways: WaysArgs,
    #[command(flatten)]
    pub(crate) epic: EpicArgs,
}

/// Where `server run` and `server session` broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broadcast {
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CoordinatorArgs {
    #[command(flatten)]
    front: FrontArgs,
    /// configuration.json: ip, port, time_between_updates_seconds
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    configuration: Option<PathBuf>,
    /// Where to listen, TCP, without a configuration.json; port 0: any free one
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_SITE, value_parser = values::listen)]
    listen: SocketAddr,
    /// servers.json: session servers, read again while it runs
    #[arg(long, value_name = "FILE")]
    servers: Option<PathBuf>,
    /// sessions_planned.json: keep everything in this file instead of a database
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "database",
        requires = "servers"
    )]
    planned: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DatabaseArgs {
    /// Where the database is if no --database is given
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE [default: SQLite in the data directory]
    #[arg(long, value_name = "URL", value_parser = database)]
    database: Option<StateUrl>,
}

impl DatabaseArgs {
    /// The database that is meant; the data directory is made for it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn url(&self) -> Result<StateUrl, Failure> {
        if let Some(url) = &self.database {
            return Ok(url.clone());
        }
        std::fs::create_dir_all(&self.data_dir)
            .map_err(|why| Failure::System("make the data directory", why))?;
        Ok(own_database(&self.data_dir))
    }
}

impl FrontArgs {
    fn config(self, listen: SocketAddr) -> Result<CoordinatorConfig, Failure> {
        let database = self
            .database
            .unwrap_or_else(|| own_database(&self.data_dir));
        let tls = self
            .tls_cert
            .zip(self.tls_key)
            .map(|(certificate, key)| TlsFiles { certificate, key });
        let mut policy = Policy::default();
        if let Some(zone) = self.time_zone {
            policy.time_zone = zone;
        }
        policy
            .check()
            .map_err(|why| Failure::Usage(why.to_string()))?;
        Ok(CoordinatorConfig {
            listen,
            data_dir: self.data_dir,
            database,
            servers: None,
            update_every: DEFAULT_UPDATE,
            tls,
            policy,
            limits: Limits {
                connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
                connections_per_address: self.connections_per_address,
                requests_per_second: self.requests_per_second,
                burst: self.burst,
                proxies: self.trusted_proxy,
            },
            routes: None,
        })
    }
}

impl RunArgs {
    /// The set-up of its coordinator, and of its broadcast if there is to be one.
    ///
    /// # Errors
    /// What is wrong on the command line or in the file; or the sample film cannot be written.
    pub(crate) fn into_config(self) -> Result<(CoordinatorConfig, Option<ServerConfig>), Failure> {
        let dir = self.front.data_dir.join(BROADCAST_DIR);
        let coordinator = self.front.config(self.site)?;
        let mut broadcast = match (self.channels, self.broadcast) {
            (Some(path), _) => Some(file::read(&path)?),
            (None, Some(Broadcast::Off)) => None,
            (None, Some(Broadcast::At(listen))) => {
                Some(sample::channel(&dir, Some(listen), self.legacy)?)
            }
            (None, None) => Some(sample::channel(&dir, None, self.legacy)?),
        };
        if let Some(broadcast) = &mut broadcast {
            air::add_channels(&mut broadcast.origin, self.session_channels);
        }
        Ok((coordinator, broadcast))
    }
}

impl CoordinatorArgs {
    /// The set-up; what the command line says wins over the file.
    pub(crate) fn into_config(mut self) -> Result<CoordinatorConfig, Failure> {
        let mut update_every = DEFAULT_UPDATE;
        if let Some(path) = &self.configuration {
            let read = configuration::read(path)?;
            self.listen = read.listen;
            update_every = read.update_every;
            let front = &mut self.front;
            if let Some(dir) = read.data_dir
                && front.data_dir == Path::new(DEFAULT_DATA_DIR)
            {
                front.data_dir = dir;
            }
            if self.planned.is_none() {
                front.database = front.database.take().or(read.database);
            }
            if front.tls_cert.is_none() {
                match (read.tls_cert, read.tls_key) {
                    (None, None) => {}
                    (Some(cert), Some(key)) => {
                        (front.tls_cert, front.tls_key) = (Some(cert), Some(key));
                    }
                    _ => {
                        let path = path.display();
                        return Err(Failure::Usage(format!(
                            "{path}: tls_cert and tls_key are given together or not at all"
                        )));
                    }
                }
            }
            front.time_zone = front.time_zone.take().or(read.time_zone);
        }
        if let (Some(planned), Some(servers)) = (self.planned, &self.servers) {
            self.front.database = Some(StateUrl::Files {
                servers: servers.clone(),
                planned,
            });
        }
        if let Some(servers) = &self.servers {
            // Once it runs a broken file is only reported; at the start it is a mistake.
            server_coordinator::read_servers(servers).map_err(Failure::Usage)?;
        }
        let mut config = self.front.config(self.listen)?;
        config.servers = self.servers;
        config.update_every = update_every;
        Ok(config)
    }
}

fn own_database(data_dir: &Path) -> StateUrl {
    StateUrl::Sqlite(data_dir.join(DATABASE_FILE))
}

fn database(text: &str) -> Result<StateUrl, String> {
    text.parse()
        .map_err(|why: server_state::BadUrl| why.to_string())
}
