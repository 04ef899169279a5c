//! Who joins a channel that is fed as it happens gets a keyframe made for it: the viewer is the `webrtc` crate with its own
//! sockets, the encoder makes no keyframe unless it is asked for one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use media_packet::{Rendition, VideoCodec, VideoPacket};
use rtc::interceptor::Registry;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use server_bridge::{Stage, Terms, Viewer};
use server_watch::{BridgeConfig, Channels, ChannelsConfig};
use tokio::task::AbortHandle;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const CHANNEL: u32 = 3;
const PICTURE: Duration = Duration::from_millis(33);

/// What a viewer has seen.
#[derive(Clone, Default)]
struct Seen(Arc<AtomicBool>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Seen {
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let seen = self.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    seen.0
                        .fetch_or(!packet.payload.is_empty(), Ordering::Relaxed);
                }
            }
        });
    }
}

/// Its connection stays while this is there.
struct Watcher {
    seen: Seen,
    _viewer: Viewer,
    _peer: Arc<dyn PeerConnection>,
}

impl Watcher {
    async fn join(stage: &Stage) -> Self {
        let mut media = MediaEngine::default();
        media.register_default_codecs().expect("codecs");
        let registry = register_default_interceptors(Registry::new(), &mut media);
        let seen = Seen::default();
        let peer = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_interceptor_registry(registry.expect("interceptors"))
            .with_handler(Arc::new(seen.clone()))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a client");
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        let only = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        peer.add_transceiver_from_kind(RtpCodecKind::Video, Some(only))
            .await
            .expect("a transceiver");
        let offer = peer.create_offer(None).await.expect("an offer");
        peer.set_local_description(offer.clone())
            .await
            .expect("its own offer");
        let terms = Terms {
            input: false,
            low_latency: false,
        };
        let (viewer, answer) = stage.answer(&offer.sdp, terms).await.expect("an answer");
        let answer = RTCSessionDescription::answer(answer).expect("a description");
        peer.set_remote_description(answer)
            .await
            .expect("the answer is understood");
        Self {
            seen,
            _viewer: viewer,
            _peer: peer,
        }
    }

    async fn sees_a_picture(&self) {
        let waiting = async {
            while !self.seen.0.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("a picture comes");
    }
}

/// An encoder's stand-in, until dropped: 30 pictures a second, of which the first is a keyframe, and the others are if they
/// are asked for.
struct Encoder(AbortHandle);

impl Encoder {
    fn start(channels: &Channels) -> Self {
        let channels = channels.clone();
        let mut asked = channels.keyframes(CHANNEL).expect("it is there");
        let running = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PICTURE);
            for number in 0u64.. {
                ticks.tick().await;
                let keyframe = number == 0 || asked.has_changed().expect("it is there");
                asked.mark_unchanged();
                channels.video(CHANNEL, &picture(number, keyframe));
            }
        });
        Self(running.abort_handle())
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn picture(number: u64, keyframe: bool) -> VideoPacket {
    const PARAMETERS: [u8; 16] = [
        0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c,
    ];
    let mut data = Vec::new();
    if keyframe {
        data.extend(PARAMETERS);
    }
    data.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x61 }]);
    data.extend([0x2a; 100]);
    VideoPacket {
        codec: VideoCodec::H264,
        rendition: Rendition::Full,
        data: Bytes::from(data),
        at_us: (number + 1) * PICTURE.as_micros() as u64,
        keyframe,
        width: 64,
        height: 64,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_sees_a_picture_though_no_regular_keyframe_comes() {
    let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let bridge = BridgeConfig {
        udp: local,
        tcp: None,
        advertise: Vec::new(),
        ice_servers: Vec::new(),
        max_viewers: 4,
    };
    let config = ChannelsConfig {
        bridge,
        max_viewers: 4,
    };
    let channels = Channels::new([CHANNEL], config);
    assert!(channels.keyframes(CHANNEL + 1).is_none());
    let _encoder = Encoder::start(&channels);
    let on_air = async {
        while channels.on_air_now().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, on_air)
        .await
        .expect("it is on air");
    let stage = channels.stage(CHANNEL).await.expect("on air");
    let first = Watcher::join(&stage).await;
    first.sees_a_picture().await;
    // Also who comes while others watch.
    let second = Watcher::join(&stage).await;
    second.sees_a_picture().await;
}
