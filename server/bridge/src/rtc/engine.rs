//! Codecs, header extensions, time-outs, certificate: everything that is decided before a viewer comes.
//!
//! It must never know a viewer's description.

use super::connection::Connection;
use super::tap::{Handle, PLAYOUT_DELAY, TRANSPORT_CC};
use crate::transport::Refusal;
use media_packet::VideoCodec;
use rand::Rng as _;
use rand::distr::Alphanumeric;
use rtc::crypto::SignatureScheme;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::RTCPeerConnectionBuilder;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{
    SctpMaxMessageSize, SettingEngineBuilder,
};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// RTP clock of all pictures.
pub(super) const VIDEO_CLOCK: u32 = 90_000;

/// Nothing heard for so long: the viewer is gone. It answers our checks every [`KEEP_ALIVE`], so six are missing. A
/// closed tab is noticed within 3 s.
const GONE: Duration = Duration::from_secs(3);

/// Checks that never succeed are given up after this and [`GONE`].
const UNREACHABLE: Duration = Duration::from_secs(12);

/// How often consent is asked for (RFC 7675 wants every 5 s at least).
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// Between checks while connecting. The library's default is 200 ms, of which a join would pay one.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Checks of one pair before it is given up: 5 s of them.
const MAX_CHECKS: u16 = 100;

/// Received but not taken bytes of data channels, per viewer.
const MAX_RECEIVED: u32 = 1024 * 1024;

/// What does not change between viewers.
pub(crate) struct Factory {
    certificate: RTCCertificate,
}

/// Our addresses as one viewer is told them.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// UDP, best first.
    pub(crate) udp: Vec<SocketAddr>,
    /// TCP, best first.
    pub(crate) tcp: Vec<SocketAddr>,
    /// Where others see our UDP port.
    pub(crate) seen: Vec<SocketAddr>,
    /// Where a TURN server relays to us.
    pub(crate) relayed: Option<SocketAddr>,
}

/// What one viewer gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    /// How pictures are encoded.
    pub(crate) codec: VideoCodec,
    /// Ask for playout delay 0, and do not hold the picture back for the sound.
    pub(crate) low_latency: bool,
    /// We make the offer.
    pub(crate) offering: bool,
}

/// ICE user name fragment and password, RFC 8445 section 5.3: 24 and 128 bits at least.
fn credentials() -> (String, String) {
    let letters = |count: usize| {
        rand::rng()
            .sample_iter(Alphanumeric)
            .take(count)
            .map(char::from)
            .collect()
    };
    (letters(16), letters(32))
}

impl Factory {
    /// With a fresh certificate.
    pub(crate) fn new() -> Result<Factory, String> {
        let provider = rtc::crypto::default_provider().map_err(|error| error.to_string())?;
        let params =
            CertificateParams::new(Vec::<String>::new()).map_err(|error| error.to_string())?;
        let certificate =
            RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, params)
                .map_err(|error| error.to_string())?;
        Ok(Factory { certificate })
    }

    /// A connection for one viewer, and the user name by which its datagrams are known.
    pub(crate) fn connection(
        &self,
        wishes: Wishes,
        local: &Local,
        now: Instant,
    ) -> Result<(Connection, String), Refusal> {
        let (user, password) = credentials();
        let settings = SettingEngineBuilder::new()
            .with_answering_dtls_role(RTCDtlsRole::Server)
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_ice_credentials(user.clone(), password)
            .with_ice_timeouts(Some(GONE), Some(UNREACHABLE), Some(KEEP_ALIVE))
            .with_ice_connection_attempts(Some(CHECK_EVERY), Some(MAX_CHECKS))
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(crate::MAX_MESSAGE_LEN as u32))
            .with_sctp_max_receive_buffer_size(MAX_RECEIVED)
            .build();
        let handle = Handle::default();
        let peer = RTCPeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_certificates(vec![self.certificate.clone()])
                    .build(),
            )
            .with_setting_engine(settings)
            .with_media_engine(media(wishes).map_err(|error| error.to_string())?)
            .with_interceptor_registry(Registry::new().with(Slot::Custom(1), handle.tap()))
            .build(now)
            .map_err(|error| error.to_string())?;
        let connection = Connection::new(peer, handle, wishes, local)?;
        Ok((connection, user))
    }
}

fn video_codec(codec: VideoCodec) -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback {
        typ: typ.into(),
        parameter: parameter.into(),
    };
    let (mime_type, line) = match codec {
        VideoCodec::H264 => (
            MIME_TYPE_H264,
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        ),
        VideoCodec::Vp8 => (MIME_TYPE_VP8, ""),
    };
    RTCRtpCodec {
        mime_type: mime_type.into(),
        clock_rate: VIDEO_CLOCK,
        channels: 0,
        sdp_fmtp_line: line.into(),
        rtcp_feedback: vec![
            feedback("transport-cc", ""),
            feedback("nack", ""),
            feedback("nack", "pli"),
            feedback("ccm", "fir"),
        ],
    }
}

fn sound_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.into(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1".into(),
        rtcp_feedback: Vec::new(),
    }
}

fn media(wishes: Wishes) -> Result<MediaEngine, rtc::shared::error::Error> {
    let mut media = MediaEngine::default();
    let codecs = [
        (video_codec(wishes.codec), 102, RtpCodecKind::Video),
        (
            RTCRtpCodec {
                mime_type: MIME_TYPE_RTX.into(),
                clock_rate: VIDEO_CLOCK,
                channels: 0,
                sdp_fmtp_line: "apt=102".into(),
                rtcp_feedback: Vec::new(),
            },
            103,
            RtpCodecKind::Video,
        ),
        (sound_codec(), 111, RtpCodecKind::Audio),
    ];
    for (rtp_codec, payload_type, kind) in codecs {
        media.register_codec(
            RTCRtpCodecParameters {
                rtp_codec,
                payload_type,
            },
            kind,
        )?;
    }
    let mut extension = |uri: &str| {
        let capability = RTCRtpHeaderExtensionCapability { uri: uri.into() };
        media.register_header_extension(capability, RtpCodecKind::Video, None)
    };
    extension(TRANSPORT_CC)?;
    if wishes.low_latency {
        extension(PLAYOUT_DELAY)?;
    }
    Ok(media)
}

/// The two tracks of a viewer. With low latency they are in streams of their own: a browser keeps the picture back until
/// the sound of the same stream has gone through its buffer.
pub(super) fn tracks(wishes: Wishes) -> [MediaStreamTrack; 2] {
    let source = || Some(rand::rng().random_range(1..=u32::MAX));
    let track = |kind: RtpCodecKind, codec: RTCRtpCodec, rtx: Option<u32>| {
        let stream = match kind {
            RtpCodecKind::Audio if wishes.low_latency => "treecast-sound",
            _ => "treecast",
        };
        let coding = RTCRtpCodingParameters {
            ssrc: source(),
            rtx: rtx.map(|ssrc| RTCRtpRtxParameters { ssrc }),
            ..Default::default()
        };
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: coding,
            active: true,
            codec,
            ..Default::default()
        };
        MediaStreamTrack::new(
            stream.into(),
            kind.to_string(),
            kind.to_string(),
            kind,
            vec![encoding],
        )
    };
    [
        track(RtpCodecKind::Video, video_codec(wishes.codec), source()),
        track(RtpCodecKind::Audio, sound_codec(), None),
    ]
}
