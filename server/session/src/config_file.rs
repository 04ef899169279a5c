//! The session server's `config.json`, or the same as TOML: every mistake named by file and key, with what is accepted.
//!
//! Read by hand instead of by derived code, because the reader's words would be the library's. Numbers may be strings.
//! Relative paths are relative to the file.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use media_ffmpeg::screen::{MAX_FRAME_RATE, MAX_SIDE, MIN_SIDE};
use media_packet::VideoCodec;
use serde_json::Value;
use server_wire::{Host, MAX_APPLICATIONS, MAX_SESSIONS, Port, ServerName, Text};

use crate::config::{
    Application, CertificateFiles, DEFAULT_FRAME_RATE, DEFAULT_LIMIT, DEFAULT_PORT, DEFAULT_SIZE,
    DEFAULT_USERS, Limits, LinkConfig, MAX_USERS, SessionConfig, Times,
};
use crate::config_keys::Keys;

/// A longer file is no configuration: 64 applications with descriptions take less.
const MAX_LEN: u64 = 1024 * 1024;
/// Seconds of any time: a week.
const MAX_SECONDS: u64 = 7 * 24 * 60 * 60;

const TOP_KEYS: &[&str] = &[
    "name",
    "ip",
    "port",
    "advertise",
    "allowed_sessions",
    "users_per_session",
    "session_minutes",
    "empty_grace_seconds",
    "unused_grace_seconds",
    "idle_timeout_seconds",
    "idle_warning_seconds",
    "data_dir",
    "certificate",
    "key",
    "coordinators",
    "coordinator",
    "fingerprint",
    "authorities",
    "secret",
    "applications",
    "webrtc",
    "epic",
    "broadcast",
];
const APPLICATION_KEYS: &[&str] = &[
    "name",
    "title",
    "description",
    "picture",
    "command",
    "arguments",
    "environment",
    "working_directory",
    "width",
    "height",
    "frame_rate",
    "display",
    "sound",
    "codec",
    "content",
    "bitrate_kbps",
    "gamepad",
    "limits",
];
const LIMIT_KEYS: &[&str] = &[
    "memory_mib",
    "file_mib",
    "processes",
    "open_files",
    "cpu_seconds",
];

/// A configuration that cannot be used: file, key, what is wrong, what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl SessionConfig {
    /// Reads and checks a file; `.toml` is TOML, everything else JSON.
    ///
    /// # Errors
    /// One line for people.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |why: String| ConfigError(format!("{}: {why}", path.display()));
        let len = fs::metadata(path)
            .map_err(|why| failed(format!("cannot be read: {why}")))?
            .len();
        if len > MAX_LEN {
            return Err(failed(format!("{len} bytes; at most {MAX_LEN} are read")));
        }
        let text =
            fs::read_to_string(path).map_err(|why| failed(format!("cannot be read: {why}")))?;
        let is_toml = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        let folder = path.parent().unwrap_or(Path::new(""));
        parse(&text, is_toml, folder).map_err(failed)
    }
}

/// Reads and checks the text of a file in `folder`.
pub(crate) fn parse(text: &str, is_toml: bool, folder: &Path) -> Result<SessionConfig, String> {
    let value = match is_toml {
        true => toml::from_str::<Value>(text).map_err(|why| {
            let at = why.span().map_or(0, |span| span.start);
            let line = 1 + text.get(..at).unwrap_or_default().matches('\n').count();
            let message = why.message().lines().collect::<Vec<_>>().join(" ");
            format!("line {line}: not TOML: {message}")
        })?,
        false => serde_json::from_str(text).map_err(|why| format!("not JSON: {why}"))?,
    };
    let Value::Object(map) = value else {
        return Err("one object is accepted: {\"ip\": ..., \"applications\": [...]}".to_owned());
    };
    let mut top = Keys::new(map, String::new(), TOP_KEYS)?;
    let ip = match top.text("ip")? {
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Some(text) => text.parse().map_err(|_| {
            top.refuse(
                "ip",
                "an IP address of this computer is accepted, such as 0.0.0.0",
            )
        })?,
    };
    let port = top.number("port", 0, u64::from(u16::MAX))?;
    let port = port.map_or(DEFAULT_PORT, |port| port as u16);
    let defaults = Times::default();
    let mut seconds = |key, default: u32| {
        top.number(key, 0, MAX_SECONDS)
            .map(|found| found.map_or(default, |found| found as u32))
    };
    let times = Times {
        session_minutes: 0,
        empty_grace_seconds: seconds("empty_grace_seconds", defaults.empty_grace_seconds)?,
        unused_grace_seconds: seconds("unused_grace_seconds", defaults.unused_grace_seconds)?,
        idle_timeout_seconds: seconds("idle_timeout_seconds", defaults.idle_timeout_seconds)?,
        idle_warning_seconds: seconds("idle_warning_seconds", defaults.idle_warning_seconds)?,
    };
    let minutes = top.number("session_minutes", 1, MAX_SECONDS / 60)?;
    let times = Times {
        session_minutes: minutes.map_or(defaults.session_minutes, |minutes| minutes as u32),
        ..times
    };
    let webrtc = picture::webrtc(&mut top)?;
    let preferred = webrtc.codecs.first().copied().unwrap_or(VideoCodec::H264);
    let limit = top.number("allowed_sessions", 1, MAX_SESSIONS as u64)?;
    let users = top.number("users_per_session", 1, u64::from(MAX_USERS))?;
    let config = SessionConfig {
        name: name(&mut top, port)?,
        listen: SocketAddr::new(ip, port),
        advertise: advertise(&mut top)?,
        limit: limit.map_or(DEFAULT_LIMIT, |limit| limit as u32),
        users_per_session: users.map_or(DEFAULT_USERS, |users| users as u32),
        times,
        data_dir: folder.join(top.text("data_dir")?.as_deref().unwrap_or("session-data")),
        certificate: certificate(&mut top, folder)?,
        coordinators: coordinators(&mut top)?,
        coordinator: coordinator(&mut top, folder)?,
        applications: applications(&mut top, folder, preferred)?,
        webrtc,
        epic: picture::epic(&mut top)?,
        air: None,
        broadcast: broadcast::keys(&mut top)?,
    };
    config.check()?;
    Ok(config)
}

fn name(top: &mut Keys, port: u16) -> Result<ServerName, String> {
    match top.text("name")? {
        Some(text) => ServerName::new(&text).map_err(|why| top.refuse("name", &why.to_string())),
        None => {
            let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            Ok(Text::cut(&format!("{}:{port}", host.trim())))
        }
    }
}

fn advertise(top: &mut Keys) -> Result<Option<(Host, Option<Port>)>, String> {
    let Some(text) = top.text("advertise")? else {
        return Ok(None);
    };
    let wrong = || {
        top.refuse(
            "advertise",
            "host or host:port is accepted, as users reach it",
        )
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => {
            let port = port.parse().ok().and_then(Port::new).ok_or_else(wrong)?;
            (host, Some(port))
        }
        _ => (text.as_str(), None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Some((Host::new(host).map_err(|_| wrong())?, port)))
}

fn certificate(top: &mut Keys, folder: &Path) -> Result<Option<CertificateFiles>, String> {
    match (top.text("certificate")?, top.text("key")?) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(CertificateFiles {
            certificate: folder.join(certificate),
            key: folder.join(key),
        })),
        (Some(_), None) => Err(top.refuse("key", "the key's PEM file is needed with certificate")),
        (None, Some(_)) => Err(top.refuse("certificate", "the PEM file is needed with key")),
    }
}

fn coordinators(top: &mut Keys) -> Result<Vec<IpAddr>, String> {
    let texts = top.texts("coordinators")?;
    let addresses = texts.iter().map(|text| {
        text.parse()
            .map_err(|_| top.refuse("coordinators", "a list of IP addresses is accepted"))
    });
    addresses.collect()
}

fn coordinator(top: &mut Keys, folder: &Path) -> Result<Option<LinkConfig>, String> {
    let url = top.text("coordinator")?;
    let fingerprint = top.text("fingerprint")?;
    let authorities = top.text("authorities")?.map(|file| folder.join(file));
    let secret = top.text("secret")?.map(|file| folder.join(file));
    match (url, secret) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(top.refuse(
            "coordinator",
            "wss://host:port#SHA256 is needed with secret",
        )),
        (Some(_), None) => Err(top.refuse(
            "secret",
            "the path of the coordinator's file session-secret is needed",
        )),
        (Some(url), Some(secret)) => LinkConfig::new(
            &url,
            fingerprint.as_deref(),
            authorities.as_deref(),
            &secret,
        )
        .map(Some)
        .map_err(|why| top.refuse("coordinator", &why)),
    }
}

fn applications(
    top: &mut Keys,
    folder: &Path,
    preferred: VideoCodec,
) -> Result<Vec<Application>, String> {
    let wrong =
        format!("a list of 1 to {MAX_APPLICATIONS} objects with name and command is accepted");
    let list = match top.map.remove("applications") {
        Some(Value::Array(list)) if (1..=MAX_APPLICATIONS).contains(&list.len()) => list,
        _ => return Err(top.refuse("applications", &wrong)),
    };
    let mut all: Vec<Application> = Vec::with_capacity(list.len());
    for (at, value) in list.into_iter().enumerate() {
        let Value::Object(map) = value else {
            return Err(top.refuse("applications", &wrong));
        };
        let keys = Keys::new(map, format!("applications[{at}]."), APPLICATION_KEYS)?;
        let one = application(keys, folder, preferred)?;
        if all.iter().any(|other| other.name == one.name) {
            let why = format!(
                "\"{}\" is there twice; each name once is accepted",
                one.name
            );
            return Err(top.refuse(&format!("applications[{at}].name"), &why));
        }
        all.push(one);
    }
    Ok(all)
}

fn application(
    mut keys: Keys,
    folder: &Path,
    preferred: VideoCodec,
) -> Result<Application, String> {
    let name = keys.text("name")?.unwrap_or_default();
    let name = Text::new(&name).map_err(|why| keys.refuse("name", &why.to_string()))?;
    let command = keys.text("command")?.unwrap_or_default();
    if command.is_empty() || command.contains('\0') {
        return Err(keys.refuse("command", "the path or name of a program is accepted"));
    }
    let command = match command.contains('/') {
        true => absolute(folder, &command),
        false => PathBuf::from(command),
    };
    let picture = keys.text("picture")?;
    let picture = picture
        .map(|text| Text::new(&text).map_err(|why| keys.refuse("picture", &why.to_string())));
    let mut number = |key, default: u32, min: u32, max: u32| {
        keys.number(key, u64::from(min), u64::from(max))
            .map(|found| found.map_or(default, |found| found as u32))
    };
    let (width, height) = (
        number("width", DEFAULT_SIZE.0, MIN_SIDE, MAX_SIDE)?,
        number("height", DEFAULT_SIZE.1, MIN_SIDE, MAX_SIDE)?,
    );
    let frame_rate = number("frame_rate", DEFAULT_FRAME_RATE, 1, MAX_FRAME_RATE)?;
    let limits = match keys.object("limits", LIMIT_KEYS)? {
        None => Limits::default(),
        Some(mut keys) => Limits {
            memory_mib: keys.number("memory_mib", 1, 1 << 24)?,
            file_mib: keys.number("file_mib", 1, 1 << 24)?,
            processes: keys.number("processes", 1, 1 << 22)?,
            open_files: keys.number("open_files", 8, 1 << 20)?,
            cpu_seconds: keys.number("cpu_seconds", 1, MAX_SECONDS)?,
        },
    };
    Ok(Application {
        name,
        title: keys.languages("title")?,
        description: keys.languages("description")?,
        picture: picture.transpose()?,
        command,
        arguments: keys.texts("arguments")?,
        environment: keys.pairs("environment")?,
        working_directory: keys
            .text("working_directory")?
            .map(|path| absolute(folder, &path)),
        width,
        height,
        frame_rate,
        display: keys.flag("display")?.unwrap_or(true),
        sound: keys.flag("sound")?.unwrap_or(true),
        codec: picture::codec(&mut keys)?.unwrap_or(preferred),
        content: picture::content(&mut keys)?,
        bitrate_kbps: picture::bitrate(&mut keys)?,
        gamepad: picture::gamepad(&mut keys)?,
        limits,
    })
}

/// A program is not started in the folder that its path is relative to.
fn absolute(folder: &Path, path: &str) -> PathBuf {
    let joined = folder.join(path);
    std::path::absolute(&joined).unwrap_or(joined)
}

mod broadcast;
mod picture;
#[cfg(test)]
mod tests;
