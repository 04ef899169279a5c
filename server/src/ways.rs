//! The options of `server run` about the ways of picture and sound through networks: the ports of sessions and of channels,
//! and what both tell browsers. A session server of its own has the same in its file, as `webrtc`.

use std::net::{IpAddr, SocketAddr};

use server_session::WebRtc;
use server_watch::{BridgeConfig, IceServer, IceServers};

use crate::values;

/// Where channels are shown to browsers from if nothing is said.
const DEFAULT_WATCH_UDP: &str = "0.0.0.0:0";

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WaysArgs {
    /// Where the picture of channels comes from for browsers, UDP; port 0: any free one
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_WATCH_UDP, value_parser = values::listen)]
    watch_udp: SocketAddr,
    /// A TCP port for the picture of channels, for browsers whose network lets no UDP through [default: none]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    watch_tcp_port: Option<u16>,
    /// The one UDP port of all users of all sessions [default: any free one]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    session_udp_port: Option<u16>,
    /// A TCP port for users of sessions whose network lets no UDP through [default: none]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    session_tcp_port: Option<u16>,
    /// An IP address at which browsers reach these ports, such as the outer one of a router that passes them on; may be
    /// repeated [default: those of this computer]
    #[arg(long, value_name = "IP")]
    webrtc_advertise: Vec<IpAddr>,
    /// STUN and TURN servers, for browsers and for the server itself: stun:HOST:PORT, or a file with the JSON list that a
    /// session server's file has as webrtc.ice_servers; may be repeated [default: none]
    #[arg(long, value_name = "FILE|stun:HOST:PORT")]
    ice_servers: Vec<IceServers>,
}

impl WaysArgs {
    fn servers(&self) -> Vec<IceServer> {
        let lists = self.ice_servers.iter();
        lists.flat_map(|list| list.0.clone()).collect()
    }

    /// Those of channels.
    pub(crate) fn channels(&self, max_viewers: usize) -> BridgeConfig {
        let tcp = self.watch_tcp_port;
        BridgeConfig {
            udp: self.watch_udp,
            tcp: tcp.map(|port| SocketAddr::new(self.watch_udp.ip(), port)),
            advertise: self.webrtc_advertise.clone(),
            ice_servers: self.servers(),
            max_viewers,
        }
    }

    /// Those of sessions.
    pub(crate) fn sessions(&self) -> WebRtc {
        WebRtc {
            udp_port: self.session_udp_port.unwrap_or(0),
            tcp_port: self.session_tcp_port,
            advertise: self.webrtc_advertise.clone(),
            ice_servers: self.servers(),
            ..WebRtc::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ways: WaysArgs,
    }

    #[test]
    fn sessions_and_channels_have_ports_of_their_own_and_the_rest_in_common() {
        let line = "run --watch-udp 0.0.0.0:7100 --watch-tcp-port 7101 --session-udp-port 7200 --session-tcp-port 7201 \
                    --webrtc-advertise 192.0.2.1 --ice-servers stun:a.example --ice-servers stun:b.example";
        let ways = Line::try_parse_from(line.split_whitespace()).map(|line| line.ways);
        let ways = ways.expect("good options");
        let (channels, sessions) = (ways.channels(3), ways.sessions());
        assert_eq!(channels.udp.port(), 7100);
        assert_eq!(
            channels.tcp.map(|it| it.to_string()),
            Some("0.0.0.0:7101".into())
        );
        assert_eq!((sessions.udp_port, sessions.tcp_port), (7200, Some(7201)));
        assert_eq!(channels.advertise, sessions.advertise);
        assert_eq!(channels.ice_servers.len(), 2);
        assert_eq!(channels.ice_servers, sessions.ice_servers);
    }

    #[test]
    fn a_password_does_not_stand_on_the_command_line() {
        let wrong = Line::try_parse_from(["run", "--ice-servers", "turn:a.example"]);
        let why = wrong.map(|_| ()).expect_err("refused").to_string();
        assert!(why.contains("name a file"), "{why}");
    }
}
