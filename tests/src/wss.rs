//! A plain WebSocket client over TLS, one text at a time, and the little HTTP that the tests need.
//!
//! It speaks what any client of another language would: JSON texts. It must never use the crates that it tests.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use serde_json::Value;
use tungstenite::{Message, WebSocket};

use crate::wait::SOON;

/// A TLS stream to a server whose certificate is not checked, only kept.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// One WebSocket connection.
#[derive(Debug)]
pub struct Wss {
    socket: WebSocket<Tls>,
}

impl Wss {
    /// Connects to any path.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to, None).unwrap_or_else(|why| panic!("no connection to {to}: {why}"))
    }

    /// The same from one of this machine's own addresses, all of 127/8.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        Self::try_connect(to, Some(from))
            .unwrap_or_else(|why| panic!("no connection from {from} to {to}: {why}"))
    }

    /// Connects to any path.
    ///
    /// # Errors
    /// What went wrong.
    pub fn try_connect(to: SocketAddr, from: Option<IpAddr>) -> Result<Self, String> {
        Self::try_connect_path(to, from, "/any/path")
    }

    /// Connects to this path.
    ///
    /// # Errors
    /// What went wrong.
    pub fn try_connect_path(
        to: SocketAddr,
        from: Option<IpAddr>,
        path: &str,
    ) -> Result<Self, String> {
        Self::try_connect_as(to, &to.to_string(), from, path)
    }

    /// Connects to this path of a host of this name, whose address it is.
    ///
    /// # Errors
    /// What went wrong.
    pub fn try_connect_as(
        to: SocketAddr,
        host: &str,
        from: Option<IpAddr>,
        path: &str,
    ) -> Result<Self, String> {
        let tls = tls(to, from)?;
        let url = format!("wss://{host}{path}");
        let (socket, _) = tungstenite::client(url, tls).map_err(|why| why.to_string())?;
        Ok(Self { socket })
    }

    /// SHA-256 of the certificate that the server showed.
    ///
    /// # Panics
    /// When it showed none.
    pub fn certificate(&self) -> [u8; 32] {
        let chain = self.socket.get_ref().conn.peer_certificates();
        let chain = chain.expect("a server shows a certificate");
        let digest = ring::digest::digest(&ring::digest::SHA256, &chain[0]);
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn say(&mut self, text: &str) -> Result<(), String> {
        let sent = self.socket.send(Message::text(text));
        sent.map_err(|why| why.to_string())
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn say_binary(&mut self, bytes: &[u8]) -> Result<(), String> {
        let sent = self.socket.send(Message::binary(bytes.to_vec()));
        sent.map_err(|why| why.to_string())
    }

    /// The next text; pings are answered on the way.
    ///
    /// # Errors
    /// When the connection is closed, or nothing comes within [`SOON`].
    pub fn hear(&mut self) -> Result<Value, String> {
        loop {
            match self.socket.read().map_err(|why| why.to_string())? {
                Message::Text(text) => {
                    return serde_json::from_str(text.as_str()).map_err(|why| why.to_string());
                }
                Message::Close(frame) => return Err(format!("closed: {frame:?}")),
                _ => {}
            }
        }
    }

    /// One request, one answer.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn ask(&mut self, request: &Value) -> Value {
        self.ask_text(&request.to_string())
    }

    /// The same with a text that may be no JSON.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn ask_text(&mut self, request: &str) -> Value {
        let shown: String = request.chars().take(200).collect();
        self.say(request)
            .and_then(|()| self.hear())
            .unwrap_or_else(|why| panic!("no answer to {shown}: {why}"))
    }

    /// How long [`Wss::hear`] waits.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn patience(&self, patience: Duration) {
        let tcp = &self.socket.get_ref().sock;
        tcp.set_read_timeout(Some(patience)).expect("not zero");
    }
}

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub struct Http {
    /// 200, ...
    pub status: u16,
    /// The lines of the head.
    pub head: String,
    /// What follows it.
    pub body: String,
}

impl Http {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why} in {self:?}"))
    }
}

/// One request over HTTPS. `headers`: whole lines, each with its end.
///
/// # Panics
/// When there is no answer.
#[track_caller]
pub fn https(to: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Http {
    https_as(to, &to.to_string(), method, path, headers, body)
}

/// The same to a host of this name, whose address it is.
///
/// # Panics
/// When there is no answer.
#[track_caller]
pub fn https_as(
    to: SocketAddr,
    host: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Http {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let whole = (|| {
        let mut tls = tls(to, None)?;
        tls.write_all(request.as_bytes())
            .map_err(|why| why.to_string())?;
        let mut whole = Vec::new();
        // Some servers end TLS without a goodbye; what came is judged by its content.
        let _ = tls.read_to_end(&mut whole);
        String::from_utf8(whole).map_err(|why| why.to_string())
    })();
    let whole = whole.unwrap_or_else(|why: String| panic!("{method} {path}: {why}"));
    let (head, body) = whole.split_once("\r\n\r\n").unwrap_or((&whole, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Http {
        status: status.unwrap_or_else(|| panic!("{method} {path}: no status in {head:?}")),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A TLS connection whose reads wait for at most [`SOON`].
///
/// # Errors
/// What went wrong.
pub fn tls(to: SocketAddr, from: Option<IpAddr>) -> Result<Tls, String> {
    let failed = |why: std::io::Error| why.to_string();
    let domain = socket2::Domain::for_address(to);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).map_err(failed)?;
    if let Some(from) = from {
        socket
            .bind(&SocketAddr::new(from, 0).into())
            .map_err(failed)?;
    }
    socket.connect_timeout(&to.into(), SOON).map_err(failed)?;
    let tcp = TcpStream::from(socket);
    tcp.set_read_timeout(Some(SOON)).map_err(failed)?;
    tcp.set_write_timeout(Some(SOON)).map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let name = ServerName::from(to.ip());
    let connection = ClientConnection::new(client_config(), name).map_err(|why| why.to_string())?;
    Ok(StreamOwned::new(connection, tcp))
}

/// TLS that believes any certificate.
///
/// # Panics
/// Never: the provider has the default versions.
pub fn client_config() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    Arc::new(config)
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
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
