//! What a session server is told: where it listens, how many sessions, which applications and how each is launched.
//!
//! The types and their defaults; `config_file` reads them. It must never know how an application is started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media_ffmpeg::screen::Content;
use media_packet::VideoCodec;
use server_bridge::{BridgeConfig, IceServer};
use server_wire::{
    ApplicationName, Fingerprint, Host, LongText, MAX_SESSIONS, Port, ServerName, Url,
};

use crate::air::Air;
use crate::inject::gamepad::GamepadKeys;

/// Where a session server listens when nothing is said.
pub const DEFAULT_PORT: u16 = 1111;
/// Sessions at a time when nothing is said. A guess: what one computer without a graphics card encodes.
pub const DEFAULT_LIMIT: u32 = 4;
/// Users of one session when nothing is said. A guess.
pub const DEFAULT_USERS: u32 = 16;
/// Size of a picture when nothing is said.
pub(crate) const DEFAULT_SIZE: (u32, u32) = (1280, 720);
/// Pictures a second when nothing is said.
pub(crate) const DEFAULT_FRAME_RATE: u32 = 30;
/// Bits for a hundred pixels at most when nothing is said: 4 Mb/s for 1280x720 at 30 a second, as video conferences have.
const BITS_PER_100_PIXELS: u64 = 15;
/// Bits a second that are suggested at least: a small picture has letters too.
const MIN_SUGGESTED_BPS: u64 = 1_000_000;
/// Bits a second that are suggested at most: more than homes send on.
const MAX_SUGGESTED_BPS: u64 = 20_000_000;
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
    /// How pictures and sound reach users.
    pub webrtc: WebRtc,
    /// Doors for Epic's Pixel Streaming.
    pub epic: EpicDoors,
    /// Channels on which sessions can be broadcast; none: they cannot be.
    pub air: Option<Arc<dyn Air>>,
    /// What the file says of them. Whoever assembles the server makes `air` of it.
    pub broadcast: Option<BroadcastKeys>,
}

/// What a file says of channels for sessions, as it is written: what is accepted, the origin knows that has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BroadcastKeys {
    /// How many.
    pub session_channels: Option<u32>,
    /// Where peers join, UDP.
    pub listen: Option<SocketAddr>,
    /// `host:port` for the invites.
    pub advertise: Option<String>,
    /// Peers at most that the computer serves itself, on each channel.
    pub max_direct_peers: Option<u16>,
    /// Data and parity stripes, `K+M`.
    pub stripes: Option<String>,
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
    /// Pictures a second at most.
    pub frame_rate: u32,
    /// It has a picture: a display of its own. Without one there is nothing to see, to hear or to touch; for programs that
    /// only run.
    pub display: bool,
    /// It has sound: a sound server of its own.
    pub sound: bool,
    /// How its picture is encoded.
    pub codec: VideoCodec,
    /// What it shows, of which H.264 knows two kinds.
    pub content: Content,
    /// Bits of the picture at most, thousands a second; none: what the size and the rate of the picture suggest.
    pub bitrate_kbps: Option<u32>,
    /// Gamepads as keys.
    pub gamepad: GamepadKeys,
    /// What it may use.
    pub limits: Limits,
}

impl Application {
    /// An application on all defaults.
    #[must_use]
    pub fn new(name: ApplicationName, command: PathBuf) -> Self {
        Self {
            name,
            title: BTreeMap::new(),
            description: BTreeMap::new(),
            picture: None,
            command,
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            working_directory: None,
            width: DEFAULT_SIZE.0,
            height: DEFAULT_SIZE.1,
            frame_rate: DEFAULT_FRAME_RATE,
            display: true,
            sound: true,
            codec: VideoCodec::H264,
            content: Content::Any,
            bitrate_kbps: None,
            gamepad: GamepadKeys::default(),
            limits: Limits::default(),
        }
    }

    /// Bits of the picture a second at most.
    pub(crate) fn max_bps(&self) -> u32 {
        let pixels = u64::from(self.width) * u64::from(self.height) * u64::from(self.frame_rate);
        let suggested =
            (pixels * BITS_PER_100_PIXELS / 100).clamp(MIN_SUGGESTED_BPS, MAX_SUGGESTED_BPS);
        let kbps = self.bitrate_kbps.map(|kbps| u64::from(kbps) * 1000);
        u32::try_from(kbps.unwrap_or(suggested)).unwrap_or(u32::MAX)
    }
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

/// How pictures and sound reach users (WebRTC).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebRtc {
    /// The one UDP port of all users; 0: any free one.
    pub udp_port: u16,
    /// A TCP port for users whose network lets no UDP through.
    pub tcp_port: Option<u16>,
    /// Addresses that users are told; none: those of this computer.
    pub advertise: Vec<IpAddr>,
    /// STUN and TURN servers, as browsers take them (`RTCIceServer`).
    pub ice_servers: Vec<IceServer>,
    /// Codecs of applications that name none, the preferred one first.
    pub codecs: Vec<VideoCodec>,
}

impl WebRtc {
    /// The same for the bridge of a session server that listens at `ip`.
    #[must_use]
    pub fn bridge(&self, ip: IpAddr, max_viewers: usize) -> BridgeConfig {
        BridgeConfig {
            udp: SocketAddr::new(ip, self.udp_port),
            tcp: self.tcp_port.map(|port| SocketAddr::new(ip, port)),
            advertise: self.advertise.clone(),
            ice_servers: self.ice_servers.clone(),
            max_viewers,
        }
    }
}

/// Where Epic's Pixel Streaming comes in, as plain WebSockets; none: nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpicDoors {
    /// For browsers with Epic's frontend.
    pub players: Option<SocketAddr>,
    /// For Unreal Engine applications.
    pub streamers: Option<SocketAddr>,
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
            epic: EpicDoors::default(),
            air: None,
            broadcast: None,
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
