//! What an origin is told to do, checked. Where it was written (command line, file) is the caller's.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use media_ffmpeg::cut::check_name;
use media_model::Coding;
use overlay_core::Invite;

use crate::feed::Feed;

/// Most channels of one server: each keeps some megabytes of window and a task. A guess.
pub const MAX_CHANNELS: usize = 64;

/// Direct peers of a channel if nothing is said: two children in each of the 5 stripes of 4+1, less what is shared. A
/// guess at what a home's upload carries.
pub const DEFAULT_DIRECT_PEERS: u16 = 8;

/// Most direct peers of a channel. The forest holds 256 links a node, and newcomers who are shown to another place need
/// some of them.
pub const MAX_DIRECT_PEERS: u16 = 200;

/// Longest life of an invite: ten years.
pub const MAX_INVITE_VALID: Duration = Duration::from_secs(3_653 * 86_400);

/// An origin: one address, one data directory, any number of channels.
#[derive(Clone, Debug)]
pub struct OriginConfig {
    /// Where it listens, UDP; port 0: any free one.
    pub listen: SocketAddr,
    /// `host:port` for the invites, where others do not reach it at `listen`.
    pub advertise: Option<String>,
    /// Where it keeps its key, its state and the cut films.
    pub data_dir: PathBuf,
    /// At least one.
    pub channels: Vec<ChannelConfig>,
}

/// One channel.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its number.
    pub channel: u32,
    /// What is broadcast.
    pub source: Source,
    /// Name of the chunks before their number; `None`: the film's own.
    pub name: Option<String>,
    /// Data and parity stripes.
    pub coding: Coding,
    /// Peers at most that the origin serves itself, 1 to [`MAX_DIRECT_PEERS`].
    pub max_direct_peers: u16,
    /// How long the invite that is printed is valid; `None`: for ever.
    pub invite_valid: Option<Duration>,
}

/// What a channel broadcasts.
#[derive(Clone, Debug)]
pub enum Source {
    /// A film's file, in a loop.
    Film(PathBuf),
    /// A folder of chunks that were cut before, in a loop.
    Chunks(PathBuf),
    /// Something that FFmpeg reads while it happens.
    Live {
        /// A URL, a device, the path of a FIFO, or `-` for standard input.
        input: String,
        /// FFmpeg's name of the format or device, where it cannot be recognised.
        format: Option<String>,
        /// Options of that format or device, such as `video_size` and `1280x720`.
        options: Vec<(String, String)>,
    },
    /// What this process gives it, when it does. The feed tells its invite too.
    Fed(Feed),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Film(path) => write!(f, "film {}", path.display()),
            Self::Chunks(path) => write!(f, "chunks in {}", path.display()),
            Self::Live { input, .. } => write!(f, "live {input}"),
            Self::Fed(_) => f.write_str("sessions"),
        }
    }
}

/// What is wrong with a configuration: which key, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{key}: {why}", channel.map(|at| format!("channel[{at}].")).unwrap_or_default())]
pub struct ConfigError {
    /// The place of the channel in the list, from 0; `None`: the key concerns all.
    pub channel: Option<usize>,
    /// The key as a file writes it; a command line writes `--` before it and `-` for `_`.
    pub key: &'static str,
    /// What is wrong, and what is accepted.
    pub why: String,
}

impl OriginConfig {
    /// Checks all that can be checked without starting: bounds, names, double numbers, and whether sources exist.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let of_all = |key, why: &str| {
            let why = why.to_owned();
            let channel = None;
            Err(ConfigError { channel, key, why })
        };
        if self.channels.is_empty() {
            return of_all("channel", "none is given; at least one is needed");
        }
        if self.channels.len() > MAX_CHANNELS {
            let why = format!(
                "{} are given; at most {MAX_CHANNELS} are possible",
                self.channels.len()
            );
            return of_all("channel", &why);
        }
        if let Some(advertise) = &self.advertise
            && !is_address(advertise)
        {
            let why = format!("{advertise:?} is not HOST:PORT, for example tv.example.org:7000");
            return of_all("advertise", &why);
        }
        let mut numbers = BTreeSet::new();
        for (at, channel) in self.channels.iter().enumerate() {
            let failed = |(key, why)| ConfigError {
                channel: Some(at),
                key,
                why,
            };
            channel.check().map_err(failed)?;
            if !numbers.insert(channel.channel) {
                let why = format!(
                    "{} is given twice; every channel has a number of its own",
                    channel.channel
                );
                return Err(failed(("channel", why)));
            }
        }
        Ok(())
    }
}

impl ChannelConfig {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if !(1..=MAX_DIRECT_PEERS).contains(&self.max_direct_peers) {
            let why = format!(
                "{} is not possible; 1 to {MAX_DIRECT_PEERS} are",
                self.max_direct_peers
            );
            return Err(("max_direct_peers", why));
        }
        if let Some(name) = &self.name {
            check_name(name).map_err(|why| ("name", why.to_string()))?;
        }
        if self
            .invite_valid
            .is_some_and(|valid| valid > MAX_INVITE_VALID)
        {
            return Err(("invite_valid", "more than ten years".to_owned()));
        }
        match &self.source {
            Source::Film(path) => match fs::metadata(path) {
                Err(why) => Err(("film", format!("{}: {why}", path.display()))),
                Ok(meta) if meta.is_dir() => {
                    let why = format!(
                        "{} is a folder; a folder of ready chunks is given as --chunks, in a file as `chunks`",
                        path.display()
                    );
                    Err(("film", why))
                }
                Ok(meta) if !meta.is_file() => {
                    let why = format!(
                        "{} is no regular file; a pipe or device is given as --live, in a file as `live`",
                        path.display()
                    );
                    Err(("film", why))
                }
                Ok(meta) if meta.len() == 0 => {
                    let why = format!("{}: the film is empty (0 bytes)", path.display());
                    Err(("film", why))
                }
                Ok(_) => Ok(()),
            },
            Source::Chunks(path) => match fs::metadata(path) {
                Err(why) => Err(("chunks", format!("{}: {why}", path.display()))),
                Ok(meta) if !meta.is_dir() => {
                    let why = format!(
                        "{} is no folder; a film is given as --film, in a file as `film`",
                        path.display()
                    );
                    Err(("chunks", why))
                }
                Ok(_) => Ok(()),
            },
            Source::Live { input, .. } if input.is_empty() => {
                let why =
                    "empty; give a URL, a device, the path of a FIFO, or - for standard input";
                Err(("live", why.to_owned()))
            }
            Source::Live { .. } | Source::Fed(_) => Ok(()),
        }
    }
}

/// Whether an invite can carry this address.
fn is_address(text: &str) -> bool {
    let invite = Invite {
        origin: text.to_owned(),
        channel: 0,
        key: [0; 32],
        also: Vec::new(),
        expires: None,
    };
    Invite::from_str(&invite.to_string()).is_ok_and(|read| read == invite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &std::path::Path) -> OriginConfig {
        let channel = |channel| ChannelConfig {
            channel,
            source: Source::Chunks(folder.to_owned()),
            name: None,
            coding: Coding::default(),
            max_direct_peers: 4,
            invite_valid: None,
        };
        OriginConfig {
            listen: "127.0.0.1:0".parse().expect("an address"),
            advertise: None,
            data_dir: folder.join("data"),
            channels: vec![channel(0), channel(1)],
        }
    }

    fn key_of(config: &OriginConfig) -> (Option<usize>, &'static str) {
        let why = config.check().expect_err("something is wrong");
        assert!(!why.to_string().contains('\n'), "{why}");
        (why.channel, why.key)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let good = config(dir.path());
        assert_eq!(good.check(), Ok(()));

        let mut none = good.clone();
        none.channels.clear();
        assert_eq!(key_of(&none), (None, "channel"));

        let mut double = good.clone();
        double.channels[1].channel = 0;
        assert_eq!(key_of(&double), (Some(1), "channel"));

        let mut peers = good.clone();
        peers.channels[0].max_direct_peers = 0;
        assert_eq!(key_of(&peers), (Some(0), "max_direct_peers"));

        let mut name = good.clone();
        name.channels[1].name = Some("../x".to_owned());
        assert_eq!(key_of(&name), (Some(1), "name"));

        for advertise in ["", "x", "x:", ":7", "x:0", "a b:7", "h:7/1?key=x", "::1:7"] {
            let mut config = good.clone();
            config.advertise = Some(advertise.to_owned());
            assert_eq!(key_of(&config), (None, "advertise"), "{advertise}");
        }
        for advertise in ["tv.example.org:7000", "10.0.0.1:7000", "[2001:db8::1]:7000"] {
            let mut config = good.clone();
            config.advertise = Some(advertise.to_owned());
            assert_eq!(config.check(), Ok(()), "{advertise}");
        }
    }

    #[test]
    fn a_source_that_is_not_there_or_of_another_kind_is_found_without_starting() {
        let dir = tempfile::tempdir().expect("a folder");
        let empty = dir.path().join("empty.mkv");
        fs::write(&empty, "").expect("writable");
        let mut config = config(dir.path());
        for (source, key) in [
            (Source::Film(dir.path().join("none.mkv")), "film"),
            (Source::Film(dir.path().to_owned()), "film"),
            (Source::Film(empty.clone()), "film"),
            (Source::Chunks(dir.path().join("none")), "chunks"),
            (Source::Chunks(empty), "chunks"),
            (
                Source::Live {
                    input: String::new(),
                    format: None,
                    options: Vec::new(),
                },
                "live",
            ),
        ] {
            config.channels[1].source = source;
            assert_eq!(key_of(&config), (Some(1), key));
        }
    }
}
