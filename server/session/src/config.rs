//! What a session server is told: where it listens, how many sessions, which applications and how each is launched.
//!
//! The types and their defaults; `config_file` reads them. It must never know how an application is started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use server_wire::{
    ApplicationName, Fingerprint, Host, LongText, MAX_SESSIONS, Port, ServerName, Url,
};

/// Where a session server listens when nothing is said.
pub const DEFAULT_PORT: u16 = 1111;
/// Sessions at a time when nothing is said. A guess: what one computer without a graphics card encodes.
pub const DEFAULT_LIMIT: u32 = 4;
/// Users of one session when nothing is said. A guess.
pub const DEFAULT_USERS: u32 = 16;
/// Users of one session at most: a list of them is one message.
pub const MAX_USERS: u32 = 256;

/// Everything that a session server is told; [`SessionConfig::read`] reads it from a file.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Its one name among all session servers.
    pub name: ServerName,
    /// Where it listens for users and for coordinators that dial it. Port 0: any free one.
    pub listen: SocketAddr,
    /// Where users reach it; none: `listen`, or the address of this computer towards who asks.
    pub advertise: Option<(Host, Option<Port>)>,
    /// Sessions at a time, 1 to 256.
    pub limit: u32,
    /// Users of one session, 1 to 256.
    pub users_per_session: u32,
    /// When sessions end.
    pub times: Times,
    /// Its lock, its record of what runs, outputs of applications, its own certificate.
    pub data_dir: PathBuf,
    /// PEM files for TLS; none: a self-signed certificate is made in the data directory and kept.
    pub certificate: Option<CertificateFiles>,
    /// Addresses from which a coordinator may dial and order; nobody else may.
    pub coordinators: Vec<IpAddr>,
    /// The coordinator that it dials itself.
    pub coordinator: Option<LinkConfig>,
    /// What it runs; the first is what an order without a name gets.
    pub applications: Vec<Application>,
    /// For the picture.
    pub webrtc: WebRtc,
}

/// When a session ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Minutes of a session whose order says nothing.
    pub session_minutes: u32,
    /// Seconds after its last user left; a reload takes less.
    pub empty_grace_seconds: u32,
    /// Seconds after its start if nobody ever came; 0: never.
    pub unused_grace_seconds: u32,
    /// Seconds since all its users became idle; 0: never.
    pub idle_timeout_seconds: u32,
    /// Seconds before that end in which users are warned.
    pub idle_warning_seconds: u32,
}

impl Default for Times {
    /// Guesses, except that a session is an hour, which is what a coordinator promises when nothing is said.
    fn default() -> Self {
        Self {
            session_minutes: 60,
            empty_grace_seconds: 30,
            unused_grace_seconds: 600,
            idle_timeout_seconds: 600,
            idle_warning_seconds: 60,
        }
    }
}

/// A certificate chain and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// The coordinator that a session server dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Its name or address.
    pub host: Host,
    /// The port there.
    pub port: Port,
    /// The path of the WebSocket.
    pub path: String,
    /// How its certificate is known.
    pub trust: Trust,
    /// The file with the secret that both know.
    pub secret: PathBuf,
}

/// How the coordinator's certificate is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is this one.
    Fingerprint(Fingerprint),
    /// One of the authorities in this PEM file has signed it for the coordinator's name.
    Authorities(PathBuf),
}

impl LinkConfig {
    /// From `wss://host:port/path#SHA256`; the fingerprint may come from elsewhere too, or a file of authorities instead.
    ///
    /// # Errors
    /// What is wrong and what is accepted, for people.
    pub fn new(
        url: &str,
        fingerprint: Option<&str>,
        authorities: Option<&Path>,
        secret: &Path,
    ) -> Result<Self, String> {
        let accepted =
            "wss://host:port#SHA256 is accepted, with the fingerprint that the coordinator prints";
        let rest = url.strip_prefix("wss://").ok_or(accepted)?;
        let (rest, in_url) = match rest.split_once('#') {
            Some((rest, mark)) => (rest, Some(mark)),
            None => (rest, None),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "443"));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let good_path = path.bytes().all(|byte| byte.is_ascii_graphic());
        let host = Host::new(host).ok().filter(|_| good_path).ok_or(accepted)?;
        let port = port.parse().ok().and_then(Port::new).ok_or(accepted)?;
        let trust = match (in_url.or(fingerprint), authorities) {
            (Some(text), _) => Trust::Fingerprint(Fingerprint::from_hex(text).ok_or_else(|| {
                format!("\"{text}\" is not a fingerprint: the 64 hexadecimal digits of a SHA-256 are accepted")
            })?),
            (None, Some(file)) => Trust::Authorities(file.to_owned()),
            (None, None) => {
                return Err(format!("{accepted}; or give a file of authorities (PEM)"));
            }
        };
        Ok(Self {
            host,
            port,
            path: path.to_owned(),
            trust,
            secret: secret.to_owned(),
        })
    }
}

/// An application and how it is launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its one name.
    pub name: ApplicationName,
    /// What people read, by language.
    pub title: BTreeMap<String, LongText>,
    /// The same, longer.
    pub description: BTreeMap<String, LongText>,
    /// The path or address of a picture.
    pub picture: Option<Url>,
    /// The program; without a `/` it is looked for in `PATH`. It stays in the foreground: when it ends, so does the
    /// session, with all that it started.
    pub command: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables beside the few that are inherited.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; none: an empty folder of the session's own, which is removed afterwards.
    pub working_directory: Option<PathBuf>,
    /// Pixels of the picture.
    pub width: u32,
    /// Pixels of the picture.
    pub height: u32,
    /// Pictures a second.
    pub frame_rate: u32,
    /// What it may use.
    pub limits: Limits,
}

/// What each process of an application may use at most (setrlimit(2)); none: what the session server may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Address space.
    pub memory_mib: Option<u64>,
    /// The largest file.
    pub file_mib: Option<u64>,
    /// Processes and threads of the user that it runs as, in all.
    pub processes: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// Processor time.
    pub cpu_seconds: Option<u64>,
}

/// What the picture's connection will need; kept as it is configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebRtc {
    /// STUN and TURN servers, as browsers take them (`RTCIceServer`).
    pub ice_servers: Vec<serde_json::Value>,
    /// UDP ports, first and last.
    pub port_range: Option<(u16, u16)>,
    /// Names of codecs, the preferred one first.
    pub codecs: Vec<String>,
}

impl SessionConfig {
    /// A session server on all defaults, at any free port of this computer alone; for `server run`.
    #[must_use]
    pub fn local(name: ServerName, data_dir: &Path, applications: Vec<Application>) -> Self {
        Self {
            name,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            advertise: None,
            limit: DEFAULT_LIMIT,
            users_per_session: DEFAULT_USERS,
            times: Times::default(),
            data_dir: data_dir.to_owned(),
            certificate: None,
            coordinators: Vec::new(),
            coordinator: None,
            applications,
            webrtc: WebRtc::default(),
        }
    }

    /// The bounds that a configuration made in code could miss; what was read from a file keeps to them.
    ///
    /// # Errors
    /// Which key is wrong, and what is accepted.
    pub(crate) fn check(&self) -> Result<(), String> {
        let most = MAX_SESSIONS as u32;
        if !(1..=most).contains(&self.limit) {
            return Err(format!("allowed_sessions: 1 to {most} is accepted"));
        }
        if !(1..=MAX_USERS).contains(&self.users_per_session) {
            return Err(format!("users_per_session: 1 to {MAX_USERS} is accepted"));
        }
        if self.applications.is_empty() {
            return Err("applications: at least one is needed".to_owned());
        }
        let registration = crate::link::longest_registration(self);
        let bound = server_wire::MAX_MESSAGE_LEN;
        if registration > bound {
            return Err(format!(
                "applications: with {} sessions their titles and descriptions take {registration} bytes of {bound}; shorten them",
                self.limit
            ));
        }
        Ok(())
    }
}
