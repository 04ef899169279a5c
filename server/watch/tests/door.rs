//! The door as strangers see it: what is there, what is refused and why. What browsers see is in tests/browser.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use media_packet::{Rendition, VideoCodec, VideoPacket};
use server_watch::{BridgeConfig, Channels, ChannelsConfig, page, serve};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Door {
    channels: Channels,
    addr: SocketAddr,
}

/// Channels 0 and 3 behind a door of their own.
async fn door() -> Door {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let addr = listener.local_addr().expect("its address");
    let bridge = BridgeConfig {
        udp: "127.0.0.1:0".parse().expect("an address"),
        tcp: None,
        advertise: Vec::new(),
        ice_servers: Vec::new(),
        max_viewers: 4,
    };
    let max_viewers = 2;
    let channels = Channels::new(
        [0, 3],
        ChannelsConfig {
            bridge,
            max_viewers,
        },
    );
    tokio::spawn(serve(listener, page(channels.clone())));
    Door { channels, addr }
}

impl Door {
    /// The status and all of the answer.
    async fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> (u16, String) {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let addr = self.addr;
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            stream.set_read_timeout(Some(PATIENCE)).expect("a time");
            stream.write_all(text.as_bytes()).expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let answer = asked.await.expect("no panic");
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        (status.expect("a status"), answer)
    }

    async fn offer(&self, path: &str, sdp: &str) -> (u16, String) {
        self.ask("POST", path, "application/sdp", sdp).await
    }
}

fn chunk() -> Bytes {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("chunk.mkv");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-nostdin",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x64:r=25:d=1",
        ])
        .args(["-c:v", "libx264", "-tune", "zerolatency"])
        .arg(&file)
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    std::fs::read(file).expect("a chunk").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_and_says_what_is_on_air() {
    let door = door().await;
    for path in ["/", "/watch/3"] {
        let (status, page) = door.ask("GET", path, "", "").await;
        assert_eq!(status, 200);
        assert!(page.contains("<!doctype html>") && page.contains("content-security-policy"));
    }
    for asset in ["watch.css", "watch.js", "whep.js", "texts.js", "icon.svg"] {
        let (status, _) = door
            .ask("GET", &format!("/watch/assets/{asset}"), "", "")
            .await;
        assert_eq!(status, 200, "{asset}");
    }
    assert_eq!(
        door.ask("GET", "/watch/assets/../lib.rs", "", "").await.0,
        404
    );
    assert_eq!(door.ask("GET", "/nothing", "", "").await.0, 404);
    let lasts = Duration::from_secs(1);
    door.channels.on_air(3, vec![chunk()], lasts);
    door.channels.on_air(7, vec![chunk()], lasts);
    let (_, settings) = door.ask("GET", "/watch/settings.json", "", "").await;
    assert!(
        settings.contains(r#""channels":[0,3]"#) && settings.contains(r#""onAir":[3]"#),
        "{settings}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_watch_is_told_why() {
    let door = door().await;
    let (status, why) = door.offer("/whep/channel/7", "v=0\r\n").await;
    assert_eq!(status, 404);
    assert!(
        why.contains("there is no channel 7 here; there are 0, 3"),
        "{why}"
    );
    assert_eq!(door.offer("/whep/channel/seven", "v=0\r\n").await.0, 404);
    let (status, why) = door.offer("/whep/channel/0", "v=0\r\n").await;
    assert_eq!(status, 409);
    assert!(why.contains("channel 0 is silent"), "{why}");
    let (status, why) = door.offer("/whep/session/1234", "v=0\r\n").await;
    assert_eq!(status, 404);
    assert!(why.contains("ask the site"), "{why}");

    let lasts = Duration::from_secs(1);
    door.channels
        .on_air(0, vec![Bytes::from_static(b"no chunk at all")], lasts);
    let (status, why) = door.offer("/whep/channel/0", "v=0\r\n").await;
    assert_eq!(status, 422);
    assert!(why.contains("the chunk cannot be read"), "{why}");

    // The parts of a file that came in pieces are one file; what is no offer is refused all the same.
    let chunk = chunk();
    let parts = vec![chunk.slice(..100), chunk.slice(100..)];
    door.channels.on_air(0, parts, lasts);
    let (status, why) = door.offer("/whep/channel/0", "nonsense").await;
    assert_eq!(status, 422, "{why}");
    let (status, _) = door
        .ask("POST", "/whep/channel/0", "text/plain", "v=0\r\n")
        .await;
    assert_eq!(status, 415);
    let long = "x".repeat(server_bridge::MAX_SDP_LEN + 1);
    assert_eq!(door.offer("/whep/channel/0", &long).await.0, 413);
    let viewers = door.channels.status()["channels"][0]["viewers"].clone();
    assert_eq!(viewers.as_array().map(Vec::len), Some(0), "{viewers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fed_here_is_on_air_before_its_first_chunk() {
    let door = door().await;
    let picture = |codec| VideoPacket {
        codec,
        rendition: Rendition::Full,
        data: Bytes::from_static(&[0, 0, 0, 1, 0x65]),
        at_us: 1,
        keyframe: true,
        width: 64,
        height: 64,
    };
    door.channels.video(3, &picture(VideoCodec::H264));
    door.channels.video(7, &picture(VideoCodec::H264));
    assert_eq!(door.channels.on_air_now(), [3]);
    let stage = door.channels.stage(3).await.expect("on air");
    // Its chunks do not take its place; with another codec there is another stage.
    door.channels
        .on_air(3, vec![chunk()], Duration::from_secs(1));
    let same = door.channels.stage(3).await.expect("on air");
    let viewer = same.offer(terms()).await.expect("a place");
    assert_eq!(stage.viewers().len(), 1, "one stage");
    drop(viewer);
    door.channels.video(3, &picture(VideoCodec::Vp8));
    let other = door.channels.stage(3).await.expect("on air");
    assert!(stage.offer(terms()).await.is_err(), "it has ended");
    assert!(other.offer(terms()).await.is_ok());
}

fn terms() -> server_bridge::Terms {
    server_bridge::Terms {
        input: false,
        low_latency: false,
    }
}
