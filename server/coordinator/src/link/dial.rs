//! Calling a session server that keeps no link: one connection, one order, one answer, as the first stage did.
//!
//! Such servers are named by a file with nothing but an address, so their certificate cannot be checked against
//! anything: the call is encrypted, and whoever answers at that address is believed. Servers that register are not.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use server_wire::{MAX_MESSAGE_LEN, Order, OrderAnswer, read, write};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::NotStarted;
use crate::convert;

/// How long a connection may take, TLS and WebSocket included. A guess: several round trips of a bad line.
const CONNECT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Dialler {
    tls: TlsConnector,
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dialler")
    }
}

impl Dialler {
    pub(super) fn new() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions of TLS")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        Self {
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    /// One order, one answer. Cancel safe; the server may have acted nevertheless.
    pub(super) async fn ask(
        &self,
        address: &(String, u16),
        order: Order,
    ) -> Result<OrderAnswer, NotStarted> {
        let unreachable = |why: &dyn std::fmt::Display| NotStarted::Unreachable(why.to_string());
        let name = ServerName::try_from(address.0.clone()).map_err(|why| unreachable(&why))?;
        let url = convert::url(address).replacen("https", "wss", 1);
        let connecting = async {
            let tcp = TcpStream::connect((address.0.as_str(), address.1))
                .await
                .map_err(|why| unreachable(&why))?;
            let tls = self.tls.connect(name, tcp).await;
            let tls = tls.map_err(|why| unreachable(&why))?;
            let bounds = WebSocketConfig::default()
                .max_message_size(Some(MAX_MESSAGE_LEN))
                .max_frame_size(Some(MAX_MESSAGE_LEN));
            let connected = client_async_with_config(url, tls, Some(bounds)).await;
            connected.map_err(|why| unreachable(&why))
        };
        let (mut socket, _) = timeout(CONNECT, connecting)
            .await
            .map_err(|_| unreachable(&"it takes no connections"))??;
        let text = write(&order, None);
        let sent = socket.send(tungstenite::Message::text(text)).await;
        sent.map_err(|why| unreachable(&why))?;
        while let Some(message) = socket.next().await {
            let message = message.map_err(|why| unreachable(&why))?;
            if let tungstenite::Message::Text(text) = message {
                let answer = read::<OrderAnswer>(text.as_str())
                    .map_err(|why| NotStarted::Refused(why.to_string()))?;
                // Whoever only hangs up leaves the other side to find out.
                let _ = socket.close(None).await;
                return Ok(answer.body);
            }
        }
        Err(unreachable(&"it closed the connection without an answer"))
    }
}

/// Believes any certificate; the signatures of the handshake are checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
