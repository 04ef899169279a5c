//! A bridge whose network lets no UDP out, behind a real coturn that it reaches over TCP.

use crate::client::Offerer;
use crate::feed::Feed;
use crate::{PATIENCE, TERMS, stage, until, within};
use rtc::peer_connection::sdp::RTCSessionDescription;
use server_bridge::{Bridge, BridgeConfig, IceServer};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A TURN server; gone when dropped.
struct Coturn {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Coturn {
    /// At a port that was free.
    fn start() -> Coturn {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let keys = [
            "listening-ip=127.0.0.1".to_owned(),
            format!("listening-port={port}"),
            "relay-ip=127.0.0.1".to_owned(),
            "realm=treecast.test".to_owned(),
            "fingerprint\nno-tls\nno-dtls\nno-cli\nno-udp\nallow-loopback-peers".to_owned(),
            "use-auth-secret\nstatic-auth-secret=north".to_owned(),
            "simple-log\nlog-file=stdout".to_owned(),
            format!("pidfile={}\nuserdb={}", path("pid"), path("db")),
        ];
        let config = folder.path().join("turnserver.conf");
        std::fs::write(&config, keys.join("\n") + "\n").expect("writable");
        let child = Command::new("turnserver")
            .arg("-c")
            .arg(&config)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Coturn {
            child: child.expect("coturn is installed"),
            port,
            _folder: folder,
        }
    }
}

impl Coturn {
    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_some()
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_reach_a_bridge_by_a_relay_that_it_reaches_over_tcp() {
    let mut turn = Coturn::start();
    until("coturn listens", || {
        // Somebody may have taken its port meanwhile.
        if turn.has_ended() {
            turn = Coturn::start();
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, turn.port));
        TcpStream::connect_timeout(&address, PATIENCE).is_ok()
    })
    .await;
    let config = BridgeConfig {
        udp: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tcp: None,
        advertise: Vec::new(),
        ice_servers: vec![IceServer {
            urls: vec![format!("turn:127.0.0.1:{}?transport=tcp", turn.port)],
            username: None,
            credential: None,
            secret: Some("north".to_owned()),
        }],
        max_viewers: 4,
    };
    let bridge = Bridge::start(config).await.expect("a bridge");
    until("there is a relay", || bridge.stats().relayed.is_some()).await;
    assert!(bridge.stats().seen.is_empty(), "no UDP was seen");
    let stage = stage(&bridge);
    let _feed = Feed::start(&stage);
    let only_relayed = |answer: String| -> String {
        let kept = |line: &&str| !line.starts_with("a=candidate:") || line.contains(" typ relay");
        let lines = answer.lines().filter(kept);
        lines.map(|line| format!("{line}\r\n")).collect()
    };
    // A relay lets in whom the bridge sends to first, so it has to know where the client is.
    let offerer = Offerer::new().await;
    let offer = async {
        loop {
            match offerer.peer.local_description().await {
                Some(offer) if offer.sdp.contains("a=candidate:") => return offer.sdp,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let offer = within("where the client is", offer).await;
    let (viewer, answer) = stage.answer(&offer, TERMS).await.expect("an answer");
    let answer = RTCSessionDescription::answer(only_relayed(answer)).expect("a description");
    let taken = offerer.peer.set_remote_description(answer).await;
    taken.expect("the answer is understood");
    until("pictures arrive", || viewer.stats().received_bps > 100_000).await;
    drop(turn);
    until("it is known that the relay is gone", || {
        bridge.stats().relayed.is_none()
    })
    .await;
}
