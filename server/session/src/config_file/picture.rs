//! The keys of a configuration that are about picture, sound and input.
//!
//! It must never know what a browser does with an address.

use std::net::{IpAddr, SocketAddr};

use media_ffmpeg::screen::Content;
use media_packet::VideoCodec;
use serde_json::Value;
use server_bridge::IceServer;
use server_wire::MAX_ICE_SERVERS;

use crate::config::{EpicDoors, WebRtc};
use crate::config_keys::Keys;
use crate::inject::gamepad::GamepadKeys;

const WEBRTC_KEYS: &[&str] = &[
    "udp_port",
    "tcp_port",
    "advertise",
    "ice_servers",
    "codecs",
    "port_range",
];
const EPIC_KEYS: &[&str] = &["players", "streamers"];
const ICE_SERVER_KEYS: &[&str] = &[
    "urls",
    "url",
    "username",
    "credential",
    "credentialType",
    "secret",
];
/// Thousands of bits a second: below, a picture is a blur; above, no encoder of ours comes.
const BITRATES: std::ops::RangeInclusive<u64> = 100..=200_000;

/// The object `webrtc`.
pub(super) fn webrtc(top: &mut Keys) -> Result<WebRtc, String> {
    let Some(mut keys) = top.object("webrtc", WEBRTC_KEYS)? else {
        return Ok(WebRtc::default());
    };
    let udp_port = keys.number("udp_port", 0, u64::from(u16::MAX))?;
    // Older files name a port for each user; now all have one.
    let first_of_range = port_range(&mut keys)?;
    let tcp_port = keys.number("tcp_port", 1, u64::from(u16::MAX))?;
    let addresses = keys.texts("advertise")?;
    let advertise = addresses.iter().map(|text| {
        let ip: Option<IpAddr> = text.parse().ok();
        ip.filter(|ip| !ip.is_unspecified()).ok_or_else(|| {
            keys.refuse(
                "advertise",
                "a list of IP addresses is accepted, as users reach this computer",
            )
        })
    });
    let names = advertise.collect::<Result<_, _>>()?;
    let codecs = keys.texts("codecs")?;
    let codecs = codecs.iter().map(|name| {
        named_codec(name).ok_or_else(|| keys.refuse("codecs", "a list of h264 and vp8 is accepted"))
    });
    Ok(WebRtc {
        udp_port: udp_port
            .map(|port| port as u16)
            .or(first_of_range)
            .unwrap_or(0),
        tcp_port: tcp_port.map(|port| port as u16),
        advertise: names,
        codecs: codecs.collect::<Result<_, _>>()?,
        ice_servers: ice_servers(&mut keys)?,
    })
}

fn port_range(keys: &mut Keys) -> Result<Option<u16>, String> {
    let Some(text) = keys.text("port_range")? else {
        return Ok(None);
    };
    let parts = text.split_once('-');
    let ports: Option<(u16, u16)> =
        parts.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let good = ports.filter(|(first, last)| 0 < *first && first <= last);
    let (first, _) =
        good.ok_or_else(|| keys.refuse("port_range", "two UDP ports are accepted: 50000-50100"))?;
    Ok(Some(first))
}

fn ice_servers(keys: &mut Keys) -> Result<Vec<IceServer>, String> {
    let wrong = format!(
        "a list of at most {MAX_ICE_SERVERS} objects is accepted: {{\"urls\": \"stun:host:port\"}}"
    );
    let list = match keys.map.remove("ice_servers") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MAX_ICE_SERVERS => list,
        Some(_) => return Err(keys.refuse("ice_servers", &wrong)),
    };
    let mut all = Vec::with_capacity(list.len());
    for (at, value) in list.into_iter().enumerate() {
        let Value::Object(map) = value else {
            return Err(keys.refuse("ice_servers", &wrong));
        };
        let prefix = keys.refuse(&format!("ice_servers[{at}]."), "");
        let prefix = prefix.trim_end_matches(": ").to_owned();
        all.extend(ice_server(Keys::new(map, prefix, ICE_SERVER_KEYS)?)?);
    }
    Ok(all)
}

/// None: it has no address; browsers throw on such a one, so that nobody would be connected.
fn ice_server(mut keys: Keys) -> Result<Option<IceServer>, String> {
    let mut urls = Vec::new();
    for key in ["urls", "url"] {
        match keys.map.get(key) {
            Some(Value::String(_)) => urls.extend(keys.text(key)?),
            _ => urls.extend(keys.texts(key)?),
        }
    }
    urls.retain(|url| !url.trim().is_empty());
    if urls.len() > MAX_ICE_SERVERS {
        return Err(keys.refuse("urls", "at most 16 addresses are accepted"));
    }
    let server = IceServer {
        urls,
        username: keys.text("username")?,
        credential: keys.text("credential")?,
        secret: keys.text("secret")?,
    };
    server
        .checked()
        .map_err(|wrong| keys.refuse(wrong.key, &wrong.why))
}

/// The object `epic`.
pub(super) fn epic(top: &mut Keys) -> Result<EpicDoors, String> {
    let Some(mut keys) = top.object("epic", EPIC_KEYS)? else {
        return Ok(EpicDoors::default());
    };
    let mut door = |key| -> Result<Option<SocketAddr>, String> {
        let Some(text) = keys.text(key)? else {
            return Ok(None);
        };
        let address = text.parse();
        address.map(Some).map_err(|_| {
            keys.refuse(
                key,
                "an address and a port are accepted, such as 0.0.0.0:8888",
            )
        })
    };
    Ok(EpicDoors {
        players: door("players")?,
        streamers: door("streamers")?,
    })
}

/// The key `codec` of an application.
pub(super) fn codec(keys: &mut Keys) -> Result<Option<VideoCodec>, String> {
    let Some(name) = keys.text("codec")? else {
        return Ok(None);
    };
    named_codec(&name)
        .map(Some)
        .ok_or_else(|| keys.refuse("codec", "h264 or vp8 is accepted"))
}

/// The key `content` of an application.
pub(super) fn content(keys: &mut Keys) -> Result<Content, String> {
    match keys.text("content")?.as_deref() {
        None | Some("any") => Ok(Content::Any),
        Some("screen") => Ok(Content::Screen),
        Some(_) => Err(keys.refuse("content", "any or screen is accepted")),
    }
}

/// As browsers write them too.
fn named_codec(name: &str) -> Option<VideoCodec> {
    let plain = name.to_ascii_lowercase().replace(['.', '-'], "");
    match plain.strip_prefix("video/").unwrap_or(&plain) {
        "h264" => Some(VideoCodec::H264),
        "vp8" => Some(VideoCodec::Vp8),
        _ => None,
    }
}

/// The key `bitrate_kbps` of an application.
pub(super) fn bitrate(keys: &mut Keys) -> Result<Option<u32>, String> {
    let found = keys.number("bitrate_kbps", *BITRATES.start(), *BITRATES.end())?;
    Ok(found.map(|kbps| kbps as u32))
}

/// The key `gamepad` of an application.
pub(super) fn gamepad(keys: &mut Keys) -> Result<GamepadKeys, String> {
    let changes = keys.pairs("gamepad")?;
    GamepadKeys::changed(&changes).map_err(|why| keys.refuse("gamepad", &why))
}
