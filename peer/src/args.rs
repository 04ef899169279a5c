//! The command line: names, defaults and bounds, and nothing of what they lead to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::legacy::DEFAULT_CLIENT_PORT;

/// The port that a peer listens on unless it is told another.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 7000);

/// Most children of one peer: a process has at most 256 links, and needs some for parents, backups and newcomers.
const MAX_FAN_OUT: i64 = 200;

/// Longest `--give-up-after`: a day.
const MAX_GIVE_UP_S: u64 = 86_400;

/// Joins a channel, relays it to others, and stores it for the player.
#[derive(Debug, Parser)]
#[command(
    name = "peer",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Keys in the menus: arrows, Enter or a number; Esc goes back; q or Ctrl-C leaves politely.\n\
                  Exit status: 0 left politely, 1 could not do its job, 2 wrong command line."
)]
pub(crate) struct Cli {
    /// Joining, unless there is a command.
    #[command(flatten)]
    pub(crate) join: Join,
    /// What else.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program does besides joining.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tells what the peer that runs on a spool knows.
    Status(Ask),
    /// Makes the peer that runs on a spool leave politely, and waits until it is gone.
    Leave(Leave),
}

/// `peer status`.
#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The running peer's spool.
    #[arg(long, value_name = "DIR", default_value = "treecast-spool")]
    pub(crate) spool: PathBuf,
    /// One line of JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `peer leave`.
#[derive(Debug, Args)]
pub(crate) struct Leave {
    /// The running peer's spool.
    #[arg(long, value_name = "DIR", default_value = "treecast-spool")]
    pub(crate) spool: PathBuf,
}

/// `peer INVITE`.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The link that the server printed: treecast://HOST:PORT/CHANNEL?key=...
    #[arg(
        value_name = "INVITE",
        required_unless_present = "legacy_source",
        conflicts_with = "legacy_source"
    )]
    pub(crate) invite: Option<String>,
    /// Instead of an invite: an old server that speaks the 2-digit protocol, HOST or HOST:PORT (6060).
    #[arg(long, value_name = "HOST[:PORT]", requires = "channel")]
    pub(crate) legacy_source: Option<String>,
    /// The old server's channel, 0 to 9.
    #[arg(long, value_name = "X", requires = "legacy_source", conflicts_with = "invite", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) channel: Option<u8>,
    /// TCP port that the old server comes back to; old servers know no other than 9091.
    #[arg(long, value_name = "PORT", requires = "legacy_source", conflicts_with = "invite", default_value_t = DEFAULT_CLIENT_PORT)]
    pub(crate) legacy_client_port: u16,
    /// An address that the old server comes back from, if it is another than it is asked at; may be given several times.
    #[arg(
        long,
        value_name = "IP",
        requires = "legacy_source",
        conflicts_with = "invite"
    )]
    pub(crate) legacy_from: Vec<IpAddr>,
    /// Most peers that this one serves; 0: none.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(0..=MAX_FAN_OUT))]
    pub(crate) fanout: u16,
    /// Where chunks are stored for the player; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "treecast-spool")]
    pub(crate) spool: PathBuf,
    /// UDP address to be reached at. Default 0.0.0.0:7000, or a free port if that one is taken.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Lines for scripts on standard output instead of menus.
    #[arg(long)]
    pub(crate) headless: bool,
    /// Lets browsers watch the channel through this peer: a page and WHEP at this TCP address, the picture from the same port
    /// of UDP. Not encrypted but for the picture: for this computer, a trusted network, or a proxy with TLS.
    #[cfg(feature = "bridge")]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bridge: Option<SocketAddr>,
    /// Says why there is no such thing here.
    #[cfg(not(feature = "bridge"))]
    #[arg(long, value_name = "ADDR", hide = true, value_parser = no_bridge)]
    pub(crate) bridge: Option<std::convert::Infallible>,
    /// A TCP port for the picture of browsers whose network lets no UDP through; another than the page's.
    #[cfg(feature = "bridge")]
    #[arg(long, value_name = "PORT", requires = "bridge", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) bridge_tcp_port: Option<u16>,
    /// An IP address at which browsers reach this computer, such as the outer one of a router that passes the ports on; may
    /// be repeated. Default: those of this computer.
    #[cfg(feature = "bridge")]
    #[arg(long, value_name = "IP", requires = "bridge")]
    pub(crate) bridge_advertise: Vec<IpAddr>,
    /// STUN and TURN servers for browsers and for the bridge: stun:HOST:PORT, or a file with the JSON list that the
    /// configuration of a session server has as webrtc.ice_servers; may be repeated.
    #[cfg(feature = "bridge")]
    #[arg(long, value_name = "FILE|stun:HOST:PORT", requires = "bridge")]
    pub(crate) ice_servers: Vec<server_watch::IceServers>,
    /// Most bytes of chunks that wait to be shown: 500M, 2G, or none for no limit. Over it the oldest go.
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = parse_limit)]
    pub(crate) spool_limit: Limit,
    /// End with an error if no place on the channel was found by then. Without it the peer keeps trying.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_GIVE_UP_S))]
    pub(crate) give_up_after: Option<u64>,
}

/// A bound in bytes, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<u64>);

/// There is no address at which browsers could be served.
#[cfg(not(feature = "bridge"))]
fn no_bridge(_: &str) -> Result<std::convert::Infallible, String> {
    Err(
        "this peer was built without its feature `bridge`; browsers cannot watch through it"
            .to_owned(),
    )
}

/// Reads 500M, 2G, 1048576, none. K, M, G and T are powers of 1024.
fn parse_limit(text: &str) -> Result<Limit, String> {
    let wrong = || "a size is a number and K, M, G or T, such as 500M or 2G; or none".to_owned();
    if text.eq_ignore_ascii_case("none") {
        return Ok(Limit(None));
    }
    let shift = match text.chars().last().map(|c| c.to_ascii_uppercase()) {
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some('T') => 40,
        _ => 0,
    };
    let digits = if shift == 0 {
        text
    } else {
        &text[..text.len() - 1]
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("a spool of 0 bytes holds no chunk".to_owned()),
        Some(bytes) => Ok(Limit(Some(bytes))),
        None => Err("that many bytes cannot be counted; say none for no limit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("peer").chain(words.iter().copied()))
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[cfg(not(feature = "bridge"))]
    #[test]
    fn who_asks_for_browsers_is_told_that_there_are_none() {
        let why = parse(&["treecast://h:1/0?key=x", "--bridge", "0.0.0.0:8080"]);
        let why = why.expect_err("refused").to_string();
        assert!(why.contains("without its feature `bridge`"), "{why}");
    }

    #[test]
    fn an_invite_is_all_that_a_viewer_types() {
        let cli = parse(&["treecast://h:1/0?key=x"]).expect("an invite alone");
        assert_eq!(cli.join.fanout, 4);
        assert_eq!(cli.join.spool_limit, Limit(Some(2 << 30)));
        assert!(cli.join.listen.is_none() && cli.command.is_none());
    }

    #[test]
    fn without_an_invite_or_a_command_it_is_wrong_usage() {
        assert_eq!(parse(&[]).expect_err("nothing was said").exit_code(), 2);
        assert!(parse(&["--fanout", "3"]).is_err());
        assert!(parse(&["treecast://h:1/0", "--fanout", "-1"]).is_err());
        assert!(parse(&["treecast://h:1/0", "--fanout", "201"]).is_err());
    }

    #[test]
    fn an_old_server_is_named_with_its_channel_instead_of_an_invite() {
        let cli = parse(&["--legacy-source", "10.0.0.1", "--channel", "3"]).expect("both");
        assert_eq!(cli.join.legacy_source.as_deref(), Some("10.0.0.1"));
        assert_eq!(
            (cli.join.channel, cli.join.legacy_client_port),
            (Some(3), 9091)
        );
        for wrong in [
            &["--legacy-source", "10.0.0.1"][..],
            &["--channel", "3"],
            &["--legacy-source", "10.0.0.1", "--channel", "10"],
            &[
                "treecast://h:1/0",
                "--legacy-source",
                "10.0.0.1",
                "--channel",
                "3",
            ],
            &["treecast://h:1/0", "--channel", "3"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn status_and_leave_need_no_invite() {
        let cli = parse(&["status", "--spool", "d", "--json"]).expect("a command");
        assert!(matches!(
            cli.command,
            Some(Command::Status(Ask { json: true, .. }))
        ));
        let cli = parse(&["leave", "--spool", "d"]).expect("a command");
        assert!(matches!(cli.command, Some(Command::Leave(_))));
    }

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(parse_limit("500M"), Ok(Limit(Some(500 << 20))));
        assert_eq!(parse_limit("2g"), Ok(Limit(Some(2 << 30))));
        assert_eq!(parse_limit("4096"), Ok(Limit(Some(4096))));
        assert_eq!(parse_limit("none"), Ok(Limit(None)));
        for wrong in ["", "M", "1.5G", "-1", "5X", "0", "99999999999T", "ä", "5ä"] {
            assert!(parse_limit(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
