//! Many viewers that decode nothing: they join by WHEP's offers, receive, and count. For measuring what a viewer costs.
//!
//! It speaks lines of JSON on its standard streams, so that whoever drives it brings the offers to a server: `"join"` is
//! answered by `{"offer": SDP}`, `{"answer": SDP}` completes that join, `"count"` is answered by the counts of all.
//!
//! `cargo build --release -p server-bridge --example crowd`

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtc::interceptor::Registry;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use serde_json::{Value, json};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
};

/// What one viewer got.
#[derive(Default)]
struct Counts {
    connected: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
    /// Packets that end a picture.
    pictures: AtomicU64,
    sounds: AtomicU64,
}

#[derive(Clone)]
struct Watcher(Arc<Counts>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let connected = state == RTCPeerConnectionState::Connected;
        self.0
            .connected
            .store(u64::from(connected), Ordering::Relaxed);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let counts = Arc::clone(&self.0);
        let kind = track.kind().await;
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else {
                    continue;
                };
                if kind != RtpCodecKind::Video {
                    counts.sounds.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                counts.packets.fetch_add(1, Ordering::Relaxed);
                let len = packet.payload.len() as u64;
                counts.bytes.fetch_add(len, Ordering::Relaxed);
                counts
                    .pictures
                    .fetch_add(u64::from(packet.header.marker), Ordering::Relaxed);
            }
        });
    }
}

struct Viewer {
    peer: Arc<dyn PeerConnection>,
    counts: Arc<Counts>,
}

/// A viewer that has offered.
async fn offer() -> Result<(Viewer, String), Box<dyn Error>> {
    let mut media = MediaEngine::default();
    media.register_default_codecs()?;
    let registry = register_default_interceptors(Registry::new(), &mut media)?;
    let counts = Arc::new(Counts::default());
    let peer = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(Watcher(Arc::clone(&counts))))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await?;
    let peer: Arc<dyn PeerConnection> = Arc::new(peer);
    for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
        let only = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        peer.add_transceiver_from_kind(kind, Some(only)).await?;
    }
    let offer = peer.create_offer(None).await?;
    peer.set_local_description(offer.clone()).await?;
    Ok((Viewer { peer, counts }, offer.sdp))
}

fn counted(viewers: &[Viewer]) -> Value {
    let of = |part: fn(&Counts) -> &AtomicU64| -> Vec<u64> {
        let each = viewers.iter();
        each.map(|viewer| part(&viewer.counts).load(Ordering::Relaxed))
            .collect()
    };
    json!({
        "connected": of(|counts| &counts.connected), "packets": of(|counts| &counts.packets),
        "bytes": of(|counts| &counts.bytes), "pictures": of(|counts| &counts.pictures),
        "sounds": of(|counts| &counts.sounds),
    })
}

fn say(words: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{words}")?;
    out.flush()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut viewers: Vec<Viewer> = Vec::new();
    // Reading blocks; whoever drives it waits for each answer, so that one line is under way at a time.
    let (sender, mut lines) = tokio::sync::mpsc::channel::<String>(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let order: Value = serde_json::from_str(&line)?;
        if order == "join" {
            let (viewer, offer) = offer().await?;
            viewers.push(viewer);
            say(&json!({"offer": offer}))?;
        } else if order == "count" {
            say(&counted(&viewers))?;
        } else if let (Some(answer), Some(viewer)) = (order["answer"].as_str(), viewers.last()) {
            let answer = RTCSessionDescription::answer(answer.to_owned())?;
            viewer.peer.set_remote_description(answer).await?;
            say(&json!({"joined": viewers.len()}))?;
        } else {
            return Err(format!("not understood: {line}").into());
        }
    }
    for viewer in &viewers {
        viewer.peer.close().await?;
    }
    Ok(())
}
