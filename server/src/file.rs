//! The configuration file of an origin: TOML, every mistake named by file and key with what is accepted.
//!
//! Read by hand instead of by derived code, because the reader's words would be the library's. Relative paths are
//! relative to the file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use server_origin::{ChannelConfig, Coding, DEFAULT_DIRECT_PEERS, OriginConfig, Source};
use toml::{Table, Value};

use crate::args::{DEFAULT_DATA_DIR, DEFAULT_LISTEN};
use crate::legacy::LegacySettings;
use crate::{Failure, ServerConfig, values};

/// A longer file is no configuration: 64 channels take a few KiB.
const MAX_LEN: u64 = 1024 * 1024;

const TOP_KEYS: &[&str] = &[
    "listen",
    "advertise",
    "data_dir",
    "max_direct_peers",
    "legacy",
    "legacy_clients",
    "legacy_client_port",
    "legacy_list",
    "legacy_pause",
    "legacy_patience",
    "legacy_deadline",
    "channel",
];
const CHANNEL_KEYS: &[&str] = &[
    "channel",
    "film",
    "chunks",
    "live",
    "input_format",
    "input_options",
    "name",
    "stripes",
    "max_direct_peers",
    "invite_valid",
    "legacy_clients",
];

/// Reads and checks a file.
///
/// # Errors
/// One line: file, key, what is wrong, what is accepted.
pub(crate) fn read(path: &Path) -> Result<ServerConfig, Failure> {
    let failed = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let len = fs::metadata(path)
        .map_err(|why| failed(format!("cannot be read: {why}")))?
        .len();
    if len > MAX_LEN {
        return Err(failed(format!("{len} bytes; at most {MAX_LEN} are read")));
    }
    let text = fs::read_to_string(path).map_err(|why| failed(format!("cannot be read: {why}")))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let config = parse(&text, folder).map_err(failed)?;
    let origin = &config.origin;
    origin.check().map_err(|wrong| failed(wrong.to_string()))?;
    let legacy = config.legacy.check(&origin.channels);
    legacy.map_err(|wrong| failed(wrong.to_string()))?;
    Ok(config)
}

fn parse(text: &str, folder: &Path) -> Result<ServerConfig, String> {
    let table: Table = text.parse().map_err(|why: toml::de::Error| {
        let line = why
            .span()
            .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        let message = why.message().lines().collect::<Vec<_>>().join(" ");
        format!("line {line}: not TOML: {message}")
    })?;
    let mut top = Keys::new(table, String::new(), TOP_KEYS)?;
    let listen = top.text("listen")?;
    let listen = listen.as_deref().unwrap_or(DEFAULT_LISTEN);
    let listen = values::listen(listen).map_err(|why| top.refuse("listen", why))?;
    let advertise = top.text("advertise")?;
    let data_dir = top.text("data_dir")?;
    let data_dir = folder.join(data_dir.as_deref().unwrap_or(DEFAULT_DATA_DIR));
    let direct_peers = top
        .number("max_direct_peers")?
        .unwrap_or(DEFAULT_DIRECT_PEERS);
    let mut legacy = legacy(&mut top)?;
    let tables = match top.table.remove("channel") {
        None => Vec::new(),
        Some(Value::Array(tables)) => tables,
        Some(_) => {
            let why = "it is a list of tables: write [[channel]] before each".to_owned();
            return Err(top.refuse("channel", why));
        }
    };
    let mut channels = Vec::with_capacity(tables.len());
    for (at, table) in tables.into_iter().enumerate() {
        let Value::Table(table) = table else {
            let why = "it is a list of tables: write [[channel]] before each".to_owned();
            return Err(top.refuse("channel", why));
        };
        let mut keys = Keys::new(table, format!("channel[{at}]."), CHANNEL_KEYS)?;
        let clients = keys.number::<u16>("legacy_clients")?;
        let channel = channel(keys, at, direct_peers, folder)?;
        if let Some(clients) = clients {
            legacy.clients_of.insert(channel.channel, clients.into());
        }
        channels.push(channel);
    }
    let origin = OriginConfig {
        listen,
        advertise,
        data_dir,
        channels,
    };
    Ok(ServerConfig { origin, legacy })
}

fn legacy(keys: &mut Keys) -> Result<LegacySettings, String> {
    let mut legacy = LegacySettings::default();
    if let Some(text) = keys.text("legacy")? {
        legacy.door = values::legacy(&text).map_err(|why| keys.refuse("legacy", why))?;
    }
    if let Some(clients) = keys.number::<u16>("legacy_clients")? {
        legacy.clients = clients.into();
    }
    if let Some(port) = keys.number("legacy_client_port")? {
        legacy.client_port = port;
    }
    if let Some(text) = keys.text("legacy_list")? {
        let answer = values::list_answer(&text);
        legacy.list_answer = answer.map_err(|why| keys.refuse("legacy_list", why))?;
    }
    legacy.pause = keys.short_time("legacy_pause")?;
    if let Some(time) = keys.short_time("legacy_patience")? {
        legacy.patience = time;
    }
    if let Some(time) = keys.short_time("legacy_deadline")? {
        legacy.deadline = time;
    }
    Ok(legacy)
}

fn channel(
    mut keys: Keys,
    at: usize,
    direct_peers: u16,
    folder: &Path,
) -> Result<ChannelConfig, String> {
    let number = keys.number("channel")?;
    let name = keys.text("name")?;
    let coding = match keys.text("stripes")? {
        None => Coding::default(),
        Some(text) => values::stripes(&text).map_err(|why| keys.refuse("stripes", why))?,
    };
    let max_direct_peers = keys.number("max_direct_peers")?.unwrap_or(direct_peers);
    let invite_valid = match keys.text("invite_valid")? {
        None => None,
        Some(text) => {
            Some(values::duration(&text).map_err(|why| keys.refuse("invite_valid", why))?)
        }
    };
    Ok(ChannelConfig {
        channel: number.unwrap_or(u32::try_from(at).unwrap_or(u32::MAX)),
        source: source(&mut keys, folder)?,
        name,
        coding,
        max_direct_peers,
        invite_valid,
    })
}

fn source(keys: &mut Keys, folder: &Path) -> Result<Source, String> {
    let path = |text: String| -> PathBuf { folder.join(text) };
    let format = keys.text("input_format")?;
    let options = keys.texts("input_options")?;
    let film = keys.text("film")?.map(path);
    let chunks = keys.text("chunks")?.map(path);
    let live = keys.text("live")?;
    if live.is_none() && (format.is_some() || !options.is_empty()) {
        let key = if format.is_some() {
            "input_format"
        } else {
            "input_options"
        };
        return Err(keys.refuse(key, "it goes with live only".to_owned()));
    }
    match (film, chunks, live) {
        (Some(path), None, None) => Ok(Source::Film(path)),
        (None, Some(path), None) => Ok(Source::Chunks(path)),
        (None, None, Some(input)) => Ok(Source::Live {
            input,
            format,
            options,
        }),
        (None, None, None) => {
            Err(keys.refuse("film", "one of film, chunks, live is needed".to_owned()))
        }
        _ => Err(keys.refuse(
            "film",
            "only one of film, chunks, live is possible".to_owned(),
        )),
    }
}

/// A table whose keys are taken out one by one.
struct Keys {
    table: Table,
    /// Written before each key in what is said.
    place: String,
}

impl Keys {
    fn new(table: Table, place: String, accepted: &[&str]) -> Result<Self, String> {
        match table.keys().find(|key| !accepted.contains(&key.as_str())) {
            Some(key) => Err(format!(
                "{place}{key}: unknown key; accepted: {}",
                accepted.join(", ")
            )),
            None => Ok(Self { table, place }),
        }
    }

    fn refuse(&self, key: &str, why: String) -> String {
        format!("{}{key}: {why}", self.place)
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                let why = format!("a string in quotes is accepted, not {}", kind(&other));
                Err(self.refuse(key, why))
            }
        }
    }

    fn short_time(&mut self, key: &str) -> Result<Option<Duration>, String> {
        let text = self.text(key)?;
        let time = text.as_deref().map(values::short_time).transpose();
        time.map_err(|why| self.refuse(key, why))
    }

    fn number<T: TryFrom<i64> + Bounds>(&mut self, key: &str) -> Result<Option<T>, String> {
        let (why, max) = match self.table.remove(key) {
            None => return Ok(None),
            Some(Value::Integer(number)) => match T::try_from(number) {
                Ok(number) => return Ok(Some(number)),
                Err(_) => (number.to_string(), T::LARGEST),
            },
            Some(other) => (kind(&other), T::LARGEST),
        };
        Err(self.refuse(
            key,
            format!("a number from 0 to {max} is accepted, not {why}"),
        ))
    }

    fn texts(&mut self, key: &str) -> Result<Vec<(String, String)>, String> {
        let wanted = "a table of strings is accepted, for example { video_size = \"1280x720\" }";
        let table = match self.table.remove(key) {
            None => return Ok(Vec::new()),
            Some(Value::Table(table)) => table,
            Some(_) => return Err(self.refuse(key, wanted.to_owned())),
        };
        let mut texts = Vec::with_capacity(table.len());
        for (name, value) in table {
            match value {
                Value::String(value) => texts.push((name, value)),
                _ => return Err(self.refuse(&format!("{key}.{name}"), wanted.to_owned())),
            }
        }
        Ok(texts)
    }
}

/// The largest number of a kind, for words.
trait Bounds {
    const LARGEST: u64;
}

impl Bounds for u16 {
    const LARGEST: u64 = u16::MAX as u64;
}

impl Bounds for u32 {
    const LARGEST: u64 = u32::MAX as u64;
}

fn kind(value: &Value) -> String {
    match value {
        Value::String(_) => "a string".to_owned(),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::Door;

    #[test]
    fn a_file_with_three_kinds_of_channels_is_read() {
        let text = r#"
            listen = "127.0.0.1:0"
            data_dir = "data"
            max_direct_peers = 5
            legacy = "off"
            legacy_clients = 50
            legacy_pause = "1.8s"
            legacy_deadline = "1s"

            [[channel]]
            film = "films/a.mkv"
            stripes = "8+2"

            [[channel]]
            channel = 7
            legacy_clients = 3
            chunks = "cut"
            max_direct_peers = 2
            invite_valid = "24h"

            [[channel]]
            live = "/dev/video0"
            input_format = "v4l2"
            input_options = { video_size = "1280x720" }
            name = "camera"
        "#;
        let ServerConfig {
            origin: config,
            legacy,
        } = parse(text, Path::new("etc")).expect("good");
        assert_eq!((legacy.door, legacy.clients), (Door::Closed, 50));
        assert_eq!(legacy.clients_of[&7], 3);
        assert_eq!(legacy.pause, Some(Duration::from_millis(1_800)));
        assert_eq!(legacy.deadline, Duration::from_secs(1));
        assert_eq!(config.data_dir, Path::new("etc/data"));
        let [film, chunks, live] = &config.channels[..] else {
            panic!("three channels");
        };
        assert!(matches!(&film.source, Source::Film(path) if path == Path::new("etc/films/a.mkv")));
        assert_eq!((film.channel, film.max_direct_peers), (0, 5));
        assert_eq!(film.coding.to_string(), "8+2");
        assert_eq!((chunks.channel, chunks.max_direct_peers), (7, 2));
        assert_eq!(live.channel, 2, "its place in the file");
        assert!(matches!(&live.source, Source::Live { options, .. }
            if options[..] == [("video_size".to_owned(), "1280x720".to_owned())]));
    }

    #[test]
    fn every_mistake_is_one_line_with_its_key_and_what_is_accepted() {
        for (text, wanted) in [
            ("listen = 7", "listen: a string"),
            (
                "legacy = \"on\"",
                "legacy: \"on\" is neither off nor IP:PORT",
            ),
            (
                "legacy_list = \"x\"",
                "legacy_list: \"x\" is neither request",
            ),
            (
                "legacy_pause = \"1.8\"",
                "legacy_pause: \"1.8\" is not a time",
            ),
            ("legacy_clients = -1", "legacy_clients: a number from 0 to"),
            ("listen = \"x\"", "listen: \"x\" is not IP:PORT"),
            ("colour = 1", "colour: unknown key; accepted: listen"),
            ("channel = 1", "channel: it is a list of tables"),
            ("channel = [1]", "channel: it is a list of tables"),
            ("[channel]\nfilm = \"a\"", "channel: it is a list of tables"),
            ("[[channel]]", "channel[0].film: one of"),
            (
                "[[channel]]\nfilm = \"a\"\nlive = \"b\"",
                "channel[0].film: only one of",
            ),
            ("[[channel]]\nfilm = 5", "channel[0].film: a string"),
            (
                "[[channel]]\nfilms = \"a\"",
                "channel[0].films: unknown key; accepted: channel, film",
            ),
            (
                "[[channel]]\nfilm = \"a\"\nstripes = \"4\"",
                "channel[0].stripes: stripes must be written K+M",
            ),
            (
                "[[channel]]\nfilm = \"a\"\nchannel = -1",
                "channel[0].channel: a number from 0 to 4294967295",
            ),
            (
                "[[channel]]\nfilm = \"a\"\nmax_direct_peers = 70000",
                "max_direct_peers: a number from 0 to 65535",
            ),
            (
                "[[channel]]\nfilm = \"a\"\ninvite_valid = \"1w\"",
                "channel[0].invite_valid:",
            ),
            (
                "[[channel]]\nfilm = \"a\"\ninput_format = \"v4l2\"",
                "channel[0].input_format: it goes with live only",
            ),
            (
                "[[channel]]\nlive = \"a\"\ninput_options = { a = 1 }",
                "channel[0].input_options.a: a table of strings",
            ),
            ("listen = \"1\"\n\n[[channel", "line 3: not TOML"),
            ("a = 1\na = 2", "line 2: not TOML"),
        ] {
            let why = parse(text, Path::new("")).expect_err(text);
            assert!(why.contains(wanted), "{text}: {why}");
            assert!(!why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let why = read(Path::new("no-such.toml"))
            .expect_err("missing")
            .to_string();
        assert!(why.starts_with("no-such.toml: "), "{why}");
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("tv.toml");
        fs::write(&path, "[[channel]]\nfilm = \"none.mkv\"").expect("writable");
        let why = read(&path).expect_err("no film").to_string();
        assert!(
            why.contains("tv.toml: channel[0].film: ") && why.contains("none.mkv"),
            "{why}"
        );
    }
}
