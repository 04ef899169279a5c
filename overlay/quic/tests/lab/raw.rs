//! A peer that speaks the protocol by hand, and so can break it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use media_model::{Block, EncodedSpan, SignedSpan};
use overlay_core::wire::VERSION;
use overlay_core::{Cause, Hello, Message, PeerId, Progress, Tick, Want};
use overlay_quic::{ALPN, Identity};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, RecvStream, SendStream, TransportConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::{CHANNEL, PATIENCE, key, loopback};

/// Trusts anybody: it is the one that is not to be trusted.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

pub struct RawPeer {
    endpoint: quinn::Endpoint,
    client: ClientConfig,
    pub id: PeerId,
}

pub struct RawLink {
    pub conn: Connection,
    pub send: SendStream,
    pub recv: RecvStream,
    /// What the other end said.
    pub hello: Hello,
}

impl RawPeer {
    pub fn new() -> Self {
        super::logs();
        let identity = Identity::generate().expect("a key");
        let pkcs8 = media_model::SigningKey::from_bytes(&identity.to_bytes()).to_pkcs8_der();
        let document = PrivatePkcs8KeyDer::from(pkcs8);
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&document, &rcgen::PKCS_ED25519);
        let pair = pair.expect("a proper key");
        let params = rcgen::CertificateParams::new(["raw".to_owned()]).expect("a proper name");
        let certificate = params.self_signed(&pair).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3 is there")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting))
            .with_client_auth_cert(vec![certificate.der().clone()], document.into())
            .expect("a proper key");
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let tls = QuicClientConfig::try_from(tls).expect("suites for QUIC");
        let mut client = ClientConfig::new(Arc::new(tls));
        client.transport_config(Arc::new(TransportConfig::default()));
        let endpoint = quinn::Endpoint::client(loopback()).expect("a free port");
        Self {
            endpoint,
            client,
            id: identity.id(),
        }
    }

    /// Connected, but nothing said.
    pub async fn connect(&self, addr: SocketAddr) -> Connection {
        let connecting = self
            .endpoint
            .connect_with(self.client.clone(), addr, "treecast");
        connecting
            .expect("a proper address")
            .await
            .expect("somebody is there")
    }

    /// Linked: both hellos were said.
    pub async fn link(&self, addr: SocketAddr) -> RawLink {
        self.link_as(addr, 1).await
    }

    pub async fn link_as(&self, addr: SocketAddr, incarnation: u64) -> RawLink {
        let conn = self.connect(addr).await;
        let (mut send, mut recv) = conn.open_bi().await.expect("one control stream");
        say(&mut send, &Message::Hello(hello(incarnation, addr))).await;
        let Message::Hello(hello) = hear(&mut recv).await else {
            panic!("the first message is a hello")
        };
        RawLink {
            conn,
            send,
            recv,
            hello,
        }
    }
}

/// What a raw peer says first.
pub fn hello(incarnation: u64, observed: SocketAddr) -> Hello {
    Hello {
        version: VERSION,
        channel: CHANNEL,
        incarnation,
        fan_out: 0,
        reachable: false,
        root: false,
        primary: None,
        lacking: None,
        observed,
        data: 0,
        parity: 0,
        progress: Progress::default(),
        newest_whole: None,
    }
}

pub async fn say(send: &mut SendStream, message: &Message) {
    let bytes = message.encode();
    let len = u32::try_from(bytes.len()).expect("short");
    send.write_all(&len.to_be_bytes())
        .await
        .expect("the link stands");
    send.write_all(&bytes).await.expect("the link stands");
}

pub async fn hear(recv: &mut RecvStream) -> Message {
    let mut len = [0; 4];
    let read = tokio::time::timeout(PATIENCE, recv.read_exact(&mut len)).await;
    read.expect("a message in time").expect("the link stands");
    let mut bytes = vec![0; u32::from_be_bytes(len) as usize];
    recv.read_exact(&mut bytes).await.expect("the link stands");
    Message::decode(&bytes).expect("a proper message")
}

/// Becomes a child in a stripe.
pub async fn attach(link: &mut RawLink, stripe: u8, want: Want) {
    let tick = Tick::default();
    let attach = Message::Attach {
        stripe,
        tick,
        urgent: false,
        primary: None,
        desperate: false,
        want,
    };
    say(&mut link.send, &attach).await;
    while !matches!(hear(&mut link.recv).await, Message::Accept { .. }) {}
}

/// Why the other end closed.
pub async fn closed(conn: &Connection) -> Cause {
    match tokio::time::timeout(PATIENCE, conn.closed())
        .await
        .expect("closed in time")
    {
        ConnectionError::ApplicationClosed(close) => {
            Cause::from_code(close.error_code.into_inner())
        }
        other => panic!("not closed politely: {other}"),
    }
}

/// The head of a stream of blocks, as docs/protocols/overlay.md has it.
pub fn stream_head(stripe: u8, epoch: u64, seq: u64) -> Bytes {
    let mut head = b"TCB1".to_vec();
    head.extend([0, stripe, 0, 0]);
    head.extend(epoch.to_be_bytes());
    head.extend(seq.to_be_bytes());
    head.into()
}

pub fn span_frame(span: &SignedSpan) -> Bytes {
    let encoded = span.encode();
    let len = u16::try_from(encoded.len()).expect("short");
    [&[1][..], &len.to_be_bytes(), &encoded].concat().into()
}

pub fn block_frame(block: &Block) -> Bytes {
    [&[2][..], &block.frame_head(), &block.proof, &block.payload]
        .concat()
        .into()
}

/// A chunk as the origin of these tests signs it.
pub fn signed(seq: u64, epoch: u64, len: usize) -> EncodedSpan {
    let chunk = super::chunk(seq, len);
    let draft = media_model::ChunkDraft {
        channel: CHANNEL,
        epoch,
        seq,
        name: chunk.name,
        wall_time_us: chunk.wall_time_us,
        duration_us: chunk.duration_us,
        coding: media_model::Coding::default(),
    };
    media_model::encode_chunk(draft, &chunk.data, &key()).expect("a proper chunk")
}

/// Sends a stripe of a chunk, span first, on a stream of its own, which is ended.
pub async fn send_stripe(conn: &Connection, chunk: &EncodedSpan, stripe: u8) {
    let header = chunk.span.header();
    let mut frames = vec![
        stream_head(stripe, header.epoch, header.seq),
        span_frame(&chunk.span),
    ];
    frames.extend(chunk.stripe(stripe).map(block_frame));
    let mut stream = conn.open_uni().await.expect("room for a stream");
    stream
        .write_all_chunks(&mut frames)
        .await
        .expect("the link stands");
    stream.finish().expect("not finished yet");
}

/// Begins a stream with this head; gives the code with which the other end stops it.
pub async fn stopped(conn: &Connection, head: Bytes) -> Option<quinn::VarInt> {
    let mut stream = conn.open_uni().await.expect("room for a stream");
    stream.write_chunk(head).await.expect("the link stands");
    let stopped = tokio::time::timeout(PATIENCE, stream.stopped()).await;
    stopped.expect("stopped in time").expect("the link stands")
}

/// Sends these pieces on a stream of its own, which is ended. The other end may have closed already.
pub async fn send_pieces(conn: &Connection, pieces: &[Bytes]) -> SendStream {
    let mut stream = conn.open_uni().await.expect("room for a stream");
    let _ = stream.write_all_chunks(&mut pieces.to_vec()).await;
    let _ = stream.finish();
    stream
}
