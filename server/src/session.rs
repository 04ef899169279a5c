//! The role of a session server: alone with its file, or beside the coordinator of `server run`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use server_coordinator::Coordinator;
use server_origin::OriginConfig;
use server_session::{Air, Application, Content, EpicDoors, LinkConfig, SessionConfig};
use server_wire::{ApplicationName, Host, LongText, ServerName};

use crate::air::{MAX_SESSION_CHANNELS, Stations, origin_of};
use crate::args::SAMPLE_APPLICATION;
use crate::legacy::{Door, LegacySettings};
use crate::site_args::Broadcast;
use crate::together::{Ending, both};
use crate::{Failure, ServerConfig, on_air, print, signals, values};

/// The folder of `server run`'s own session server, in the data directory.
const OWN_DIR: &str = "session";

/// Epic's Pixel Streaming; nothing of it is open unless it is asked for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct EpicArgs {
    /// Let pages with Epic's Pixel Streaming frontend into sessions here, plain WebSocket (Epic's port is 80): whoever
    /// reaches it sees every session's code and may enter [default: off]
    #[arg(long, value_name = "ADDR", value_parser = values::listen)]
    epic_players: Option<SocketAddr>,
    /// Let Unreal Engine applications offer streams to those pages here, plain WebSocket (Epic's port is 8888) [default: off]
    #[arg(long, value_name = "ADDR", value_parser = values::listen)]
    epic_streamers: Option<SocketAddr>,
}

impl EpicArgs {
    /// What the command line says wins over what was set up.
    pub(crate) fn open(self, doors: &mut EpicDoors) {
        doors.players = self.epic_players.or(doors.players);
        doors.streamers = self.epic_streamers.or(doors.streamers);
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct SessionArgs {
    /// config.json: where it listens, how many sessions, which applications and how each is launched
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The coordinator to register with: wss://HOST:PORT#FINGERPRINT, the fingerprint as the coordinator prints it
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// The file session-secret of the coordinator's data directory [default: the configuration's]
    #[arg(long, value_name = "FILE", requires = "coordinator")]
    secret: Option<PathBuf>,
    /// Authorities (PEM) of which one has signed the coordinator's certificate, instead of a fingerprint
    #[arg(long, value_name = "FILE", requires = "coordinator")]
    authorities: Option<PathBuf>,
    #[command(flatten)]
    broadcast: BroadcastArgs,
    #[command(flatten)]
    epic: EpicArgs,
}

/// Channels for its sessions; what is said here wins over the object `broadcast` of the file.
#[derive(Debug, clap::Args)]
struct BroadcastArgs {
    /// Channels for sessions that are broadcast, numbered from 1 on; 0: none [default: none; 4 if another of these is given]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_SESSION_CHANNELS)))]
    session_channels: Option<u32>,
    /// Where peers join those channels, UDP, or `off` [default: 0.0.0.0:7000]; port 0: any free one
    #[arg(long, value_name = "ADDR|off", value_parser = values::broadcast)]
    broadcast: Option<Broadcast>,
    /// HOST:PORT for the invites of those channels, where viewers do not reach this machine at its own address
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Peers at most that this server serves itself on each of those channels; they serve all others [default: 8]
    #[arg(long, value_name = "D")]
    max_direct_peers: Option<u16>,
}

impl BroadcastArgs {
    fn into_config(self, config: &mut SessionConfig) {
        if self.broadcast == Some(Broadcast::Off) {
            config.broadcast = None;
            return;
        }
        let is_asked = self.session_channels.is_some()
            || self.broadcast.is_some()
            || self.advertise.is_some()
            || self.max_direct_peers.is_some();
        if !is_asked {
            return;
        }
        let keys = config.broadcast.get_or_insert_default();
        keys.session_channels = self.session_channels.or(keys.session_channels);
        if let Some(Broadcast::At(listen)) = self.broadcast {
            keys.listen = Some(listen);
        }
        keys.advertise = self.advertise.or(keys.advertise.take());
        keys.max_direct_peers = self.max_direct_peers.or(keys.max_direct_peers);
    }
}

impl SessionArgs {
    /// The set-up, with the origin of its channels if it has some; what the command line says wins over the file.
    pub(crate) fn into_config(self) -> Result<(SessionConfig, Option<OriginConfig>), Failure> {
        let wrong = |why: String| Failure::Usage(why);
        let mut config = SessionConfig::read(&self.config).map_err(|why| wrong(why.to_string()))?;
        if let Some(url) = &self.coordinator {
            let known = config.coordinator.take().map(|link| link.secret);
            let secret = self.secret.or(known).ok_or_else(|| {
                wrong("--secret: the file session-secret of the coordinator's data directory is needed".to_owned())
            })?;
            let link = LinkConfig::new(url, None, self.authorities.as_deref(), &secret);
            config.coordinator = Some(link.map_err(|why| wrong(format!("--coordinator: {why}")))?);
        }
        self.epic.open(&mut config.epic);
        self.broadcast.into_config(&mut config);
        let origin =
            origin_of(&config).map_err(|why| wrong(format!("{}: {why}", self.config.display())))?;
        Ok((config, origin))
    }
}

/// Runs a session server until it is told to end, and its sessions have ended; with the channels of its sessions, if it has
/// some, whose invites are printed.
pub(crate) async fn run(
    mut config: SessionConfig,
    broadcast: Option<OriginConfig>,
) -> Result<(), Failure> {
    let stop = signals::stop().map_err(|why| Failure::System("listen to signals", why))?;
    let ready = |address: SocketAddr| {
        if print(&format!("session https://{address}/")).is_err() {
            tracing::warn!(%address, "standard output is closed; sessions are served");
        }
    };
    let Some(origin) = broadcast else {
        return Ok(server_session::run(config, ready, stop).await?);
    };
    config.air = Stations::of(&origin, None).map(|stations| Arc::new(stations) as Arc<dyn Air>);
    let ending = Ending::default();
    let sessions = async {
        let served = server_session::run(config, ready, ending.told());
        Ok(served.await?)
    };
    let legacy = LegacySettings {
        door: Door::Closed,
        ..LegacySettings::default()
    };
    let channels = on_air(ServerConfig { origin, legacy }, None, &[], ending.told());
    let over = async {
        stop.await;
        Ok(())
    };
    both(sessions, channels, over, &ending).await
}

/// Somewhere else: an address that belongs to nobody (RFC 5737), at the port of discard (RFC 863).
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(203, 0, 113, 1), 9);

/// The session server of `server run`: this computer's, with the built-in application, linked to this coordinator.
pub(crate) fn beside(coordinator: &Coordinator, data_dir: &Path) -> Result<SessionConfig, Failure> {
    let address = coordinator.address();
    let name = ServerName::cut("local");
    let program = std::env::current_exe().map_err(|why| Failure::System("find itself", why))?;
    let own_dir = data_dir.join(OWN_DIR);
    let mut config = SessionConfig::local(name, &own_dir, vec![clock(program)]);
    config.listen = SocketAddr::new(address.ip(), 0);
    // It dials its coordinator over the loopback, an address that says nothing to visitors on other computers.
    config.advertise = advertised(address.ip(), towards_others()).map(|host| (host, None));
    let reach = if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    };
    let link = LinkConfig::new(
        &format!("wss://{reach}/"),
        Some(coordinator.fingerprint()),
        None,
        &coordinator.session_secret_file(),
    );
    config.coordinator = Some(link.map_err(Failure::Usage)?);
    Ok(config)
}

/// Where visitors on other computers reach a session server that listens where the site does; none: it finds out itself.
fn advertised(site: IpAddr, towards_others: Option<IpAddr>) -> Option<Host> {
    let own = towards_others.filter(|own| !own.is_loopback() && !own.is_unspecified());
    own.filter(|_| site.is_unspecified())
        .map(|own| Host::cut(&own.to_string()))
}

/// This computer's address towards others, as far as it has a way there. Nothing is sent: connecting a UDP socket only
/// chooses a route.
fn towards_others() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The application that is there without any set-up.
fn clock(program: PathBuf) -> Application {
    let words = |en: &str, ru: &str| {
        [("en", en), ("ru", ru)]
            .map(|(language, text)| (language.to_owned(), LongText::cut(text)))
            .into()
    };
    let mut clock = Application::new(ApplicationName::cut("Clock"), program);
    clock.title = words("Clock", "Часы");
    clock.description = words(
        "A small built-in application: paints its clock, reacts to pointer and keys, beeps",
        "Небольшое встроенное приложение: рисует часы, отвечает мыши и клавишам, пищит",
    );
    clock.arguments = vec![SAMPLE_APPLICATION.to_owned()];
    clock.frame_rate = 60;
    clock.content = Content::Screen;
    clock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_on_every_address_sends_visitors_to_one_that_other_computers_reach() {
        let [any, any6, local, own] =
            ["0.0.0.0", "::", "127.0.0.1", "192.0.2.7"].map(|text| text.parse().expect("an IP"));
        let host = Some(Host::cut("192.0.2.7"));
        assert_eq!(advertised(any, Some(own)), host);
        assert_eq!(advertised(any6, Some(own)), host);
        // Where there is no other, and where the site itself is at one address.
        assert_eq!(advertised(any, Some(local)), None);
        assert_eq!(advertised(any, None), None);
        assert_eq!(advertised(local, Some(own)), None);
        // Never an address that means all of them, whatever network this computer is on.
        assert!(towards_others().is_none_or(|own| !own.is_unspecified()));
    }
}
