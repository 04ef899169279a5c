//! Configurations as people write them, and what they are told about mistakes.

use std::path::Path;

use media_ffmpeg::screen::Content;
use media_packet::VideoCodec;
use server_wire::Port;

use super::parse;
use crate::config::{SessionConfig, Trust};
use crate::inject::gamepad::PadControl;

const FULL: &str = r#"{
    "name": "SomeName1", "ip": "0.0.0.0", "port": "1111", "advertise": "play.example.org:443",
    "allowed_sessions": "2", "users_per_session": 8, "session_minutes": 30, "empty_grace_seconds": 5,
    "coordinators": ["192.0.2.1"],
    "coordinator": "wss://192.0.2.1:333#abababababababababababababababababababababababababababababababab",
    "secret": "session-secret",
    "webrtc": {"ice_servers": [{"urls": "stun:192.0.2.9:3478"}], "port_range": "50000-50100", "codecs": ["VP8", "H264"]},
    "epic": {"players": "0.0.0.0:80"},
    "applications": [
        {"name": "SomeRC", "title": {"en": "Some", "ru": "..."}, "description": "best RC and ...",
         "picture": "/assets/some.png", "command": "bin/some", "arguments": ["--full"],
         "environment": {"A": "b"}, "working_directory": "data", "width": "1920", "height": 1080,
         "codec": "h264", "content": "screen", "sound": false, "bitrate_kbps": 3000, "gamepad": {"a": "j"},
         "frame_rate": 60, "limits": {"memory_mib": 512, "open_files": 256}},
        {"name": "Other", "command": "sleep"}
    ]
}"#;

fn json(text: &str) -> Result<SessionConfig, String> {
    parse(text, false, Path::new("/etc/treecast"))
}

#[test]
fn a_whole_file_is_read_with_numbers_of_both_kinds_and_paths_from_its_folder() {
    let config = json(FULL).expect("a configuration");
    assert_eq!(config.listen.to_string(), "0.0.0.0:1111");
    assert_eq!((config.limit, config.users_per_session), (2, 8));
    assert_eq!(config.times.session_minutes, 30);
    assert_eq!(config.times.empty_grace_seconds, 5);
    let (host, port) = config.advertise.expect("an address");
    assert_eq!((host.as_str(), port), ("play.example.org", Port::new(443)));
    let link = config.coordinator.expect("a coordinator");
    assert!(matches!(link.trust, Trust::Fingerprint(_)));
    assert_eq!(link.secret, Path::new("/etc/treecast/session-secret"));
    let [some, other] = &config.applications[..] else {
        panic!("two applications")
    };
    assert_eq!(some.command, Path::new("/etc/treecast/bin/some"));
    assert_eq!(
        some.working_directory.as_deref(),
        Some(Path::new("/etc/treecast/data"))
    );
    assert_eq!(some.description["en"].as_str(), "best RC and ...");
    assert_eq!((some.width, some.height, some.frame_rate), (1920, 1080, 60));
    assert_eq!(some.limits.memory_mib, Some(512));
    assert_eq!(other.command, Path::new("sleep"));
    // Of a range, all users share the first.
    assert_eq!(config.webrtc.udp_port, 50_000);
    assert_eq!(config.webrtc.codecs, [VideoCodec::Vp8, VideoCodec::H264]);
    let [server] = &config.webrtc.ice_servers[..] else {
        panic!("one server")
    };
    assert_eq!(server.urls, ["stun:192.0.2.9:3478"]);
    assert_eq!(
        (some.codec, other.codec),
        (VideoCodec::H264, VideoCodec::Vp8)
    );
    assert_eq!(
        (some.content, other.content),
        (Content::Screen, Content::Any)
    );
    assert_eq!((some.sound, other.sound), (false, true));
    assert_eq!(some.bitrate_kbps, Some(3000));
    assert_eq!(some.gamepad.key(PadControl::Button(0)), Some(0x6a));
    assert_eq!(config.epic.players, Some(([0, 0, 0, 0], 80).into()));
}

#[test]
fn the_same_is_read_as_toml() {
    let text = "port = 5\nallowed_sessions = 1\n[[applications]]\nname = \"a\"\ncommand = \"sleep\"\narguments = [\"9\"]\n";
    let config = parse(text, true, Path::new("")).expect("a configuration");
    assert_eq!(config.listen.port(), 5);
    assert_eq!(config.applications[0].arguments, ["9"]);
    let error = parse("port = = 5", true, Path::new("")).expect_err("not TOML");
    assert!(error.starts_with("line 1: not TOML"), "{error}");
}

#[test]
fn every_mistake_names_its_key_and_what_is_accepted() {
    for (from, to, words) in [
        ("\"0.0.0.0\"", "\"everywhere\"", "ip: an IP address"),
        (
            "\"1111\"",
            "\"70000\"",
            "port: a whole number from 0 to 65535",
        ),
        (
            "\"allowed_sessions\": \"2\"",
            "\"allowed_sessions\": 0",
            "allowed_sessions: a whole number from 1 to 256",
        ),
        (
            "\"users_per_session\"",
            "\"users\"",
            "users: is not known; accepted are name, ip",
        ),
        (
            "play.example.org:443",
            "play:x",
            "advertise: host or host:port",
        ),
        (
            "[\"192.0.2.1\"]",
            "[\"a\"]",
            "coordinators: a list of IP addresses",
        ),
        (
            "wss://192.0.2.1:333",
            "http://192.0.2.1",
            "coordinator: wss://host:port#SHA256 is accepted",
        ),
        ("#abab", "#xbab", "is not a fingerprint"),
        (
            "\"secret\": \"session-secret\",",
            "",
            "secret: the path of the coordinator's file",
        ),
        (
            "50000-50100",
            "50100-50000",
            "webrtc.port_range: two UDP ports",
        ),
        (
            "\"codecs\"",
            "\"codec\"",
            "webrtc.codec: is not known; accepted are udp_port",
        ),
        (
            "\"command\": \"sleep\"",
            "\"command\": \"\"",
            "applications[1].command: the path or name",
        ),
        (
            "\"Other\"",
            "\"SomeRC\"",
            "applications[1].name: \"SomeRC\" is there twice",
        ),
        (
            "\"Other\"",
            "\"\"",
            "applications[1].name: a text of 1 to 128 bytes",
        ),
        (
            "[\"--full\"]",
            "\"--full\"",
            "applications[0].arguments: a list of at most 256 texts",
        ),
        (
            "{\"A\": \"b\"}",
            "{\"A=\": \"b\"}",
            "applications[0].environment: an object of texts",
        ),
        (
            "\"memory_mib\": 512",
            "\"memory\": 512",
            "applications[0].limits.memory: is not known; accepted are memory_mib",
        ),
        (
            "60, \"limits\"",
            "0, \"limits\"",
            "applications[0].frame_rate: a whole number from 1 to 240",
        ),
    ] {
        let text = FULL.replacen(from, to, 1);
        assert_ne!(text, FULL, "{from}");
        let error = json(&text).expect_err(to);
        assert!(error.contains(words), "{error}");
    }
    assert!(json("[]").expect_err("a list").contains("one object"));
    assert!(
        json("{}")
            .expect_err("nothing")
            .contains("applications: a list of 1 to 64")
    );
}

#[test]
fn what_would_not_fit_into_a_registration_is_refused_at_the_start() {
    let long = "x".repeat(2000);
    let each = (0..64)
        .map(|at| format!(r#"{{"name":"app{at}","command":"sleep","description":"{long}"}}"#));
    let text = format!(
        r#"{{"applications":[{}]}}"#,
        each.collect::<Vec<_>>().join(",")
    );
    let error = json(&text).expect_err("too long");
    assert!(error.contains("shorten them"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = SessionConfig::read(Path::new("/nowhere/config.json")).expect_err("nothing there");
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/config.json: cannot be read")
    );
}

/// The `webrtc` object of a whole file.
fn webrtc(text: &str) -> Result<SessionConfig, String> {
    let application = r#"{"name": "a", "command": "sleep"}"#;
    json(&format!(
        r#"{{"webrtc": {text}, "applications": [{application}]}}"#
    ))
}

#[test]
fn servers_that_browsers_would_throw_on_are_left_out_or_refused() {
    let config = webrtc(
        r#"{"udp_port": 7, "port_range": "9-10", "tcp_port": 8, "advertise": ["192.0.2.1"],
            "ice_servers": [{"urls": ""}, {"urls": []}, {"urls": ["", "stun:[2001:db8::1]:3478"]},
            {"urls": ["turn:relay.example.org:3478?transport=tcp", "turns:relay.example.org"],
             "username": "u", "credential": "c", "credentialType": "password"}]}"#,
    );
    let webrtc_keys = config.expect("a configuration").webrtc;
    assert_eq!((webrtc_keys.udp_port, webrtc_keys.tcp_port), (7, Some(8)));
    let urls: Vec<usize> = webrtc_keys
        .ice_servers
        .iter()
        .map(|one| one.urls.len())
        .collect();
    assert_eq!(urls, [1, 2]);
    for (text, words) in [
        (
            r#"{"ice_servers": [{"urls": "http://a"}]}"#,
            "webrtc.ice_servers[0].urls: \"http://a\" is no address; stun:host:port",
        ),
        (
            r#"{"ice_servers": [{"urls": "stun:a:b"}]}"#,
            "webrtc.ice_servers[0].urls: \"stun:a:b\" is no address",
        ),
        (
            r#"{"ice_servers": [{"urls": "turn:a"}]}"#,
            "webrtc.ice_servers[0].username: a text is needed with a turn: address",
        ),
        (
            r#"{"ice_servers": [{"urls": "turn:a", "username": "u", "credential": ""}]}"#,
            "webrtc.ice_servers[0].credential: a text is needed",
        ),
        (
            r#"{"ice_servers": [{"urls": "turn:a", "credential": "c", "secret": "s"}]}"#,
            "webrtc.ice_servers[0].secret: one of credential and secret is accepted",
        ),
        (
            r#"{"ice_servers": "stun:a"}"#,
            "webrtc.ice_servers: a list of at most 16 objects",
        ),
        (
            r#"{"tcp_port": 0}"#,
            "webrtc.tcp_port: a whole number from 1",
        ),
        (
            r#"{"advertise": ["0.0.0.0"]}"#,
            "webrtc.advertise: a list of IP addresses",
        ),
        (
            r#"{"codecs": ["av1"]}"#,
            "webrtc.codecs: a list of h264 and vp8",
        ),
    ] {
        let error = webrtc(text).expect_err(text);
        assert!(error.starts_with(words), "{error}\n{words}");
    }
}
