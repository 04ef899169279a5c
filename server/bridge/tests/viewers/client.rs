//! A viewer: offers as our page does, remembers what it gets.

use crate::within;
use bytes::{Bytes, BytesMut};
use rtc::interceptor::Registry;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use server_bridge::{Stage, Terms, Viewer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCPeerConnectionState,
};

/// An RTP packet's payload and marker.
type Payload = (Bytes, bool);

#[derive(Default)]
struct Facts {
    video: BTreeMap<u64, Payload>,
    last_video: Option<u64>,
    sounds: usize,
    messages: Vec<Vec<u8>>,
    opened: bool,
    state: Option<RTCPeerConnectionState>,
    track: Option<Arc<dyn TrackRemote>>,
}

#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Facts>>);

impl Watcher {
    fn facts(&self) -> std::sync::MutexGuard<'_, Facts> {
        self.0.lock().expect("no test panics with it")
    }

    fn video(&self, sequence: u16, payload: Payload) {
        let mut facts = self.facts();
        let last = facts.last_video.unwrap_or(65_536 + u64::from(sequence));
        let step = i64::from(sequence.wrapping_sub(last as u16) as i16);
        let extended = last.saturating_add_signed(step);
        facts.last_video = Some(last.max(extended));
        facts.video.insert(extended, payload);
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watcher {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.facts().state = Some(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let watcher = self.clone();
        let kind = track.kind().await;
        if kind == RtpCodecKind::Video {
            self.facts().track = Some(track.clone());
        }
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    if kind == RtpCodecKind::Video {
                        watcher.video(
                            packet.header.sequence_number,
                            (packet.payload, packet.header.marker),
                        );
                    } else {
                        watcher.facts().sounds += 1;
                    }
                }
            }
        });
    }
}

/// See the head of the file.
pub(crate) struct Client {
    pub(crate) viewer: Viewer,
    peer: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    watcher: Watcher,
}

/// The offer of a browser-like client that is not connected.
pub(crate) struct Offerer {
    pub(crate) peer: Arc<dyn PeerConnection>,
    pub(crate) channel: Arc<dyn DataChannel>,
    watcher: Watcher,
    pub(crate) offer: String,
}

impl Offerer {
    pub(crate) async fn new() -> Offerer {
        let mut media = MediaEngine::default();
        media.register_default_codecs().expect("codecs");
        let registry =
            register_default_interceptors(Registry::new(), &mut media).expect("interceptors");
        let watcher = Watcher::default();
        let peer = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(watcher.clone()))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a client");
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
            let only = RTCRtpTransceiverInit {
                direction: RTCRtpTransceiverDirection::Recvonly,
                streams: Vec::new(),
                send_encodings: Vec::new(),
            };
            peer.add_transceiver_from_kind(kind, Some(only))
                .await
                .expect("a transceiver");
        }
        let channel = peer
            .create_data_channel("input", None)
            .await
            .expect("a channel");
        let offer = peer.create_offer(None).await.expect("an offer");
        peer.set_local_description(offer.clone())
            .await
            .expect("its own offer");
        Offerer {
            peer,
            channel,
            watcher,
            offer: offer.sdp,
        }
    }
}

impl Client {
    /// Joins; `way` may lead the media elsewhere by changing the answer.
    pub(crate) async fn join(
        stage: &Stage,
        terms: Terms,
        way: impl FnOnce(String) -> String,
    ) -> Client {
        let Offerer {
            peer,
            channel,
            watcher,
            offer,
        } = Offerer::new().await;
        let (viewer, answer) = stage.answer(&offer, terms).await.expect("an answer");
        let answer = RTCSessionDescription::answer(way(answer)).expect("a description");
        peer.set_remote_description(answer)
            .await
            .expect("the answer is understood");
        let (listening, heard) = (channel.clone(), watcher.clone());
        tokio::spawn(async move {
            while let Some(event) = listening.poll().await {
                match event {
                    DataChannelEvent::OnOpen => heard.facts().opened = true,
                    DataChannelEvent::OnMessage(message) => {
                        heard.facts().messages.push(message.data.to_vec())
                    }
                    _ => {}
                }
            }
        });
        Client {
            viewer,
            peer,
            channel,
            watcher,
        }
    }

    pub(crate) fn state(&self) -> Option<RTCPeerConnectionState> {
        self.watcher.facts().state
    }

    pub(crate) fn is_open(&self) -> bool {
        self.watcher.facts().opened
    }

    pub(crate) fn sounds(&self) -> usize {
        self.watcher.facts().sounds
    }

    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.watcher.facts().messages.clone()
    }

    pub(crate) async fn say(&self, data: &[u8]) {
        within("a message is sent", self.channel.send(BytesMut::from(data)))
            .await
            .expect("it is sent");
    }

    /// Asks for a keyframe.
    pub(crate) async fn complain(&self) {
        let track = self.watcher.facts().track.clone().expect("a picture");
        let media_ssrc = track.ssrcs().await[0];
        let complaint = PictureLossIndication {
            sender_ssrc: 1,
            media_ssrc,
        };
        track
            .write_rtcp(vec![Box::new(complaint)])
            .await
            .expect("it is sent");
    }

    /// The pictures that are complete, in order, and how many packets are missing between the first and the last.
    pub(crate) fn pictures(&self) -> (Vec<Vec<u8>>, usize) {
        let facts = self.watcher.facts();
        let (Some((first, _)), Some((last, _))) =
            (facts.video.first_key_value(), facts.video.last_key_value())
        else {
            return (Vec::new(), 0);
        };
        let missing = (last - first + 1) as usize - facts.video.len();
        let (mut pictures, mut picture, mut expected) = (Vec::new(), Some(Vec::new()), *first);
        for (sequence, (payload, marker)) in &facts.video {
            if *sequence != expected {
                picture = None;
            }
            expected = sequence + 1;
            if let Some(picture) = &mut picture {
                depacket(payload, picture);
            }
            if *marker {
                pictures.extend(picture.take().filter(|picture| !picture.is_empty()));
                picture = Some(Vec::new());
            }
        }
        (pictures, missing)
    }

    /// Leaves without a word to the bridge's owner.
    pub(crate) async fn hang_up(&self) {
        self.peer.close().await.expect("it closes");
    }
}

/// Annex B with four-byte start codes out of RFC 6184 payloads.
fn depacket(payload: &[u8], picture: &mut Vec<u8>) {
    match payload.first().map(|head| head & 0x1f) {
        Some(24) => {
            let mut rest = &payload[1..];
            while rest.len() > 2 {
                let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                picture.extend([0, 0, 0, 1]);
                picture.extend(&rest[2..2 + len]);
                rest = &rest[2 + len..];
            }
        }
        Some(28) => {
            if payload[1] & 0x80 != 0 {
                picture.extend([0, 0, 0, 1, (payload[0] & 0x60) | (payload[1] & 0x1f)]);
            }
            picture.extend(&payload[2..]);
        }
        Some(_) => {
            picture.extend([0, 0, 0, 1]);
            picture.extend(payload);
        }
        None => {}
    }
}
