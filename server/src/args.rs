//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, Subcommand};
use server_legacy::{
    DEFAULT_CLIENT_PORT, DEFAULT_DEADLINE, DEFAULT_MAX_CLIENTS, DEFAULT_PATIENCE, ListAnswer,
};
use server_origin::{
    ChannelConfig, Coding, DEFAULT_DIRECT_PEERS, OriginConfig, OriginError, Source,
};

use crate::legacy::{Door, LegacySettings};
use crate::nginx::NginxArgs;
use crate::session::SessionArgs;
use crate::site_args::{CoordinatorArgs, DatabaseArgs, RunArgs};
use crate::{Failure, ServerConfig, file, values};

/// Where an origin listens if nothing is said.
pub(crate) const DEFAULT_LISTEN: &str = "0.0.0.0:7000";
/// The port of that.
pub(crate) const DEFAULT_PORT: u16 = 7000;
/// Its data directory if nothing is said: a folder where it was started.
pub(crate) const DEFAULT_DATA_DIR: &str = "treecast-data";

/// The hidden subcommand that is the application of `server run`.
pub(crate) const SAMPLE_APPLICATION: &str = "sample-application";

/// Broadcasts films and live inputs over a forest of relaying viewers; lets visitors book, start and join sessions.
#[derive(Debug, Parser)]
#[command(name = "server", version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Broadcast; prints one line for each channel: `invite treecast://...`
    Origin(Box<OriginArgs>),
    /// The site, the coordinator and a session server, on embedded defaults; prints `site https://...` when ready
    Run(Box<RunArgs>),
    /// The coordinator and its site alone; prints `site https://...` when ready
    Coordinator(Box<CoordinatorArgs>),
    /// A session server: starts and ends applications on this computer
    Session(Box<SessionArgs>),
    /// The built-in application of `server run`
    #[command(name = SAMPLE_APPLICATION, hide = true)]
    SampleApplication {
        /// Nothing moves; it paints when something is done to it
        #[arg(long)]
        still: bool,
        /// It does not beep
        #[arg(long)]
        silent: bool,
        /// Everything flickers: a picture that wants all the bits that it can have
        #[arg(long)]
        busy: bool,
    },
    /// Put what files of older installations say into the database
    Import {
        /// servers.json, sessions_planned.json, config.json, mongoexport of title and session_server
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Bring the tables of a database up to this program
    Migrate {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Print the configuration of an NGINX in front of coordinator and session servers
    NginxConfig(Box<NginxArgs>),
    /// Check a configuration file without starting
    CheckConfig {
        /// As for `server origin --config`; or configuration.json, servers.json, sessions_planned.json
        file: PathBuf,
    },
    /// What a running server does: epochs, chunks on air, direct peers, bytes
    Status {
        /// The data directory of the server
        #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
        data_dir: PathBuf,
        /// One line of JSON, for scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("what").required(true).args(["film", "chunks", "live", "config"])))]
pub(crate) struct OriginArgs {
    /// Broadcast this film, in a loop
    #[arg(long, value_name = "PATH")]
    film: Option<PathBuf>,
    /// Broadcast the ready chunks of this folder, in a loop
    #[arg(long, value_name = "DIR")]
    chunks: Option<PathBuf>,
    /// Broadcast a live input: a URL, a device, the path of a FIFO, - for standard input
    #[arg(long, value_name = "INPUT", allow_hyphen_values = true)]
    live: Option<String>,
    /// FFmpeg's format or device of the live input, for example v4l2
    #[arg(long, value_name = "NAME", requires = "live", conflicts_with_all = ["film", "chunks", "config"])]
    input_format: Option<String>,
    /// An option of that format or device, for example video_size=1280x720; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "live", conflicts_with_all = ["film", "chunks", "config"], value_parser = values::option)]
    input_option: Vec<(String, String)>,
    /// Broadcast many channels, as this TOML file says
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "channel", "listen", "max_direct_peers", "data_dir", "stripes", "name", "advertise", "invite_valid",
        "legacy", "legacy_clients", "legacy_client_port", "legacy_list", "legacy_pause", "legacy_patience", "legacy_deadline",
    ])]
    config: Option<PathBuf>,
    /// The channel's number
    #[arg(long, value_name = "N", default_value_t = 0)]
    channel: u32,
    /// Where to listen, UDP; port 0: any free one
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN, value_parser = values::listen)]
    listen: SocketAddr,
    /// HOST:PORT for the invite, where viewers do not reach this machine at its own address
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Peers at most that this server serves itself; they serve all others
    #[arg(long, value_name = "D", default_value_t = DEFAULT_DIRECT_PEERS)]
    max_direct_peers: u16,
    /// Where the key, the state and the cut film are kept
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// Data and parity stripes
    #[arg(long, value_name = "K+M", default_value = "4+1", value_parser = values::stripes)]
    stripes: Coding,
    /// Name of the chunks before their number [default: the film's]
    #[arg(long, value_name = "FILM")]
    name: Option<String>,
    /// How long the printed invite is valid: 90s, 15m, 24h, 7d [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    invite_valid: Option<Duration>,
    /// Where old clients of the 2-digit protocol are served, TCP, or `off` [default: 0.0.0.0:6060, if it is free]
    #[arg(long, value_name = "ADDR|off", value_parser = values::legacy)]
    legacy: Option<Door>,
    /// Old clients of the channel at most
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_CLIENTS)]
    legacy_clients: usize,
    /// The port on which old clients listen
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_CLIENT_PORT)]
    legacy_client_port: u16,
    /// Where old clients get the list of receivers: `request` (as they ask) or `connect-back` (at their own port)
    #[arg(long, value_name = "WHERE", default_value = "request", value_parser = values::list_answer)]
    legacy_list: ListAnswer,
    /// Pause between the blocks of a film for old clients, 1.8s in the original [default: none, each has its own time]
    #[arg(long, value_name = "TIME", value_parser = values::short_time)]
    legacy_pause: Option<Duration>,
    /// How long an old client that does not listen yet is tried again [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = values::short_time)]
    legacy_patience: Option<Duration>,
    /// How long an old client may take for a block [default: 1.9s]
    #[arg(long, value_name = "TIME", value_parser = values::short_time)]
    legacy_deadline: Option<Duration>,
}

impl OriginArgs {
    /// The configuration, from the file or the options; checked.
    pub(crate) fn into_config(self) -> Result<ServerConfig, Failure> {
        if let Some(path) = &self.config {
            return file::read(path);
        }
        let source = match (self.film, self.chunks, self.live) {
            (Some(path), _, _) => Source::Film(path),
            (_, Some(path), _) => Source::Chunks(path),
            (_, _, Some(input)) => Source::Live {
                input,
                format: self.input_format,
                options: self.input_option,
            },
            (None, None, None) => {
                return Err(Failure::Usage(
                    "give --film, --chunks, --live or --config".to_owned(),
                ));
            }
        };
        let legacy = LegacySettings {
            door: self.legacy.unwrap_or_default(),
            clients: self.legacy_clients,
            client_port: self.legacy_client_port,
            list_answer: self.legacy_list,
            pause: self.legacy_pause,
            patience: self.legacy_patience.unwrap_or(DEFAULT_PATIENCE),
            deadline: self.legacy_deadline.unwrap_or(DEFAULT_DEADLINE),
            ..LegacySettings::default()
        };
        let origin = OriginConfig {
            listen: self.listen,
            advertise: self.advertise,
            data_dir: self.data_dir,
            channels: vec![ChannelConfig {
                channel: self.channel,
                source,
                name: self.name,
                coding: self.stripes,
                max_direct_peers: self.max_direct_peers,
                invite_valid: self.invite_valid,
            }],
        };
        origin.check().map_err(|wrong| {
            // A film that is not there is no mistake in how the program is called.
            if matches!(wrong.key, "film" | "chunks") {
                return Failure::Origin(OriginError::Source {
                    channel: self.channel,
                    why: wrong.why,
                });
            }
            let option = wrong.key.replace('_', "-");
            Failure::Usage(format!("--{option}: {}", wrong.why))
        })?;
        legacy.check(&origin.channels).map_err(|wrong| {
            let option = wrong.key.replace('_', "-");
            Failure::Usage(format!("--{option}: {}", wrong.why))
        })?;
        Ok(ServerConfig { origin, legacy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn config_of(words: &[&str]) -> Result<ServerConfig, Failure> {
        match Args::try_parse_from(words).map(|args| args.command) {
            Ok(Command::Origin(origin)) => origin.into_config(),
            other => Err(Failure::Usage(format!("{other:?}"))),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn one_film_on_one_channel_needs_no_file() {
        let film = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(film.path(), "x").expect("writable");
        let path = film.path().to_str().expect("plain");
        let words = ["server", "origin", "--film", path, "--channel", "3"];
        let more = [
            "--stripes",
            "2+1",
            "--max-direct-peers",
            "5",
            "--invite-valid",
            "1h",
        ];
        let words: Vec<&str> = words.into_iter().chain(more).collect();
        let config = config_of(&words).expect("good").origin;
        let channel = &config.channels[0];
        assert_eq!(channel.channel, 3);
        assert_eq!(channel.coding.to_string(), "2+1");
        assert_eq!(channel.max_direct_peers, 5);
        assert_eq!(channel.invite_valid, Some(Duration::from_secs(3_600)));
        assert_eq!(config.listen.to_string(), DEFAULT_LISTEN);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for words in [
            &["server", "origin"][..],
            &["server", "origin", "--film", "a", "--chunks", "b"],
            &["server", "origin", "--config", "a", "--channel", "1"],
            &["server", "origin", "--film", "a", "--input-format", "v4l2"],
            &["server", "origin", "--live", "-", "--stripes", "9"],
            &["server", "origin", "--live", "-", "--max-direct-peers", "0"],
            &["server", "origin", "--live", "-", "--name", "a/b"],
            &["server", "origin", "--live", "-", "--legacy", "6060"],
            &["server", "origin", "--live", "-", "--legacy-clients", "0"],
            &["server", "origin", "--live", "-", "--legacy-list", "here"],
            &["server", "origin", "--live", "-", "--legacy-pause", "0s"],
            &["server", "origin", "--live", "-", "--legacy-deadline", "2"],
            &["server", "origin", "--config", "a", "--legacy", "off"],
            &[
                "server",
                "origin",
                "--config",
                "a",
                "--legacy-pause",
                "1.8s",
            ],
            &["server", "run", "--config", "a"],
        ] {
            assert!(
                matches!(config_of(words), Err(Failure::Usage(_))),
                "{words:?}"
            );
        }
    }

    #[test]
    fn old_clients_are_served_at_the_usual_port_unless_said_otherwise() {
        let legacy = |more: &[&str]| {
            let words = [&["server", "origin", "--live", "-"], more].concat();
            config_of(&words).expect("good").legacy
        };
        assert_eq!(legacy(&[]), LegacySettings::default());
        assert_eq!(legacy(&["--legacy", "off"]).door, Door::Closed);
        let more = [
            "--legacy",
            "127.0.0.1:0",
            "--legacy-clients",
            "500",
            "--legacy-client-port",
            "9092",
            "--legacy-list",
            "connect-back",
            "--legacy-pause",
            "1.8s",
            "--legacy-patience",
            "3s",
            "--legacy-deadline",
            "900ms",
        ];
        let expected = LegacySettings {
            door: Door::At("127.0.0.1:0".parse().expect("an address")),
            clients: 500,
            client_port: 9092,
            list_answer: ListAnswer::ConnectBack,
            pause: Some(Duration::from_millis(1_800)),
            patience: Duration::from_secs(3),
            deadline: Duration::from_millis(900),
            ..LegacySettings::default()
        };
        assert_eq!(legacy(&more), expected);
    }

    #[test]
    fn a_film_that_is_not_there_is_not_the_command_lines_fault() {
        let failure = config_of(&["server", "origin", "--film", "no-such.mkv"]);
        let failure = failure.expect_err("missing");
        assert!(matches!(failure, Failure::Origin(_)), "{failure}");
        assert!(failure.to_string().contains("no-such.mkv"), "{failure}");
    }
}
