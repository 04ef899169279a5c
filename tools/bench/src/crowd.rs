//! Many WebSocket clients of a coordinator in one process, each from an address of its own, as visitors have.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tests::client_config;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::report::Error;

/// How long one answer may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// One client.
pub(crate) struct Visitor(WebSocketStream<TlsStream<TcpStream>>);

impl Visitor {
    /// The `number`-th client: from 127.x.y.z, which are all this machine's own (RFC 1122, section 3.2.1.3).
    pub(crate) async fn connect(number: u32, to: SocketAddr) -> Result<Self, Error> {
        let [_, b, c, d] = (number + 256).to_be_bytes();
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::from([127, b, c, d]), 0))?;
        let tcp = socket.connect(to).await?;
        tcp.set_nodelay(true)?;
        let tls = TlsConnector::from(client_config());
        let tls = tls.connect(ServerName::from(to.ip()), tcp).await?;
        let (socket, _) = client_async(format!("wss://{to}/"), tls).await?;
        Ok(Self(socket))
    }

    /// `count` of them.
    pub(crate) async fn many(count: u32, to: SocketAddr) -> Result<Vec<Self>, Error> {
        let mut visitors = Vec::new();
        for number in 0..count {
            visitors.push(Self::connect(number, to).await?);
        }
        Ok(visitors)
    }

    /// Sends a request and does not wait.
    pub(crate) async fn say(&mut self, request: &str) -> Result<(), Error> {
        Ok(self.0.send(Message::text(request)).await?)
    }

    /// The next answer, as text.
    pub(crate) async fn hear(&mut self) -> Result<String, Error> {
        loop {
            match timeout(PATIENCE, self.0.next()).await? {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(_)) => {}
                Some(Err(why)) => return Err(why.into()),
                None => return Err("the coordinator closed the connection".into()),
            }
        }
    }

    /// One request, one answer.
    pub(crate) async fn ask(&mut self, request: &Value) -> Result<Value, Error> {
        self.say(&request.to_string()).await?;
        Ok(serde_json::from_str(&self.hear().await?)?)
    }
}
