//! The keys of a configuration that are about channels for sessions.
//!
//! It must never know what is accepted beyond the form: that the origin knows.

use crate::config::BroadcastKeys;
use crate::config_keys::Keys;

const KEYS: &[&str] = &[
    "session_channels",
    "listen",
    "advertise",
    "max_direct_peers",
    "stripes",
];

/// The object `broadcast`.
pub(super) fn keys(top: &mut Keys) -> Result<Option<BroadcastKeys>, String> {
    let Some(mut keys) = top.object("broadcast", KEYS)? else {
        return Ok(None);
    };
    let channels = keys.number("session_channels", 0, u64::from(u32::MAX))?;
    let peers = keys.number("max_direct_peers", 0, u64::from(u16::MAX))?;
    let listen = keys.text("listen")?.map(|text| {
        text.parse().map_err(|_| {
            keys.refuse(
                "listen",
                "an address and a UDP port are accepted, such as 0.0.0.0:7000",
            )
        })
    });
    Ok(Some(BroadcastKeys {
        session_channels: channels.map(|channels| channels as u32),
        listen: listen.transpose()?,
        advertise: keys.text("advertise")?,
        max_direct_peers: peers.map(|peers| peers as u16),
        stripes: keys.text("stripes")?,
    }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config_file::parse;

    const APPLICATION: &str = r#""applications": [{"name": "a", "command": "b"}]"#;

    #[test]
    fn channels_for_sessions_are_read_and_mistakes_are_named() {
        let read = |keys: &str| {
            let text = format!("{{{APPLICATION}, \"broadcast\": {keys}}}");
            parse(&text, false, Path::new("")).map(|config| config.broadcast)
        };
        let keys = read(
            r#"{"session_channels": "2", "listen": "[::]:7000", "advertise": "tv.example.org:7000",
                "max_direct_peers": 5, "stripes": "2+1"}"#,
        );
        let keys = keys.expect("good").expect("it is there");
        assert_eq!(
            (keys.session_channels, keys.max_direct_peers),
            (Some(2), Some(5))
        );
        assert_eq!(keys.listen, "[::]:7000".parse().ok());
        assert_eq!(keys.advertise.as_deref(), Some("tv.example.org:7000"));
        assert_eq!(keys.stripes.as_deref(), Some("2+1"));
        assert_eq!(read("{}").expect("good"), Some(Default::default()));
        for (keys, wrong) in [
            (r#"{"listen": "7000"}"#, "broadcast.listen: an address"),
            (
                r#"{"session_channels": -1}"#,
                "broadcast.session_channels: a whole number",
            ),
            (
                r#"{"channels": 1}"#,
                "broadcast.channels: is not known; accepted are session_channels",
            ),
            ("4", "broadcast: an object is accepted"),
        ] {
            let why = read(keys).expect_err(keys);
            assert!(why.contains(wrong), "{why}");
        }
    }
}
