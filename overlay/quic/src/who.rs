//! The question who is at an address, and whether it is the root of a channel: for networks in which another system than
//! an invite says where the root is.
//!
//! A connection of its own protocol ([`WHO_ALPN`]); it makes no link. The asker opens one bidirectional stream and sends
//! the channel (u32, big-endian); the answer is the epoch of the channel's root there (u64, big-endian; 0: it is not the
//! root), and the connection ends. The key that the answer counts for is the one that the TLS handshake proved.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use media_model::OriginKey;
use overlay_core::{Cause, PeerId};

use crate::endpoint::Net;
use crate::identity::SERVER_NAME;
use crate::{link, tls};

/// The protocol of the question, as TLS negotiates it (ALPN, RFC 7301).
pub const WHO_ALPN: &[u8] = b"treecast-who/1";
/// How long the answering end waits for the question, and then for the asker to have taken the answer.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Who is at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootCard {
    /// Its identity.
    pub id: PeerId,
    /// Its key: what it publishes as a root is signed with it.
    pub key: OriginKey,
    /// Of which epoch it is the channel's root; `None`: it is not.
    pub epoch: Option<u64>,
}

/// Why nobody said who is there.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answered in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// It cannot be dialled.
    #[error("cannot be dialled: {0}")]
    Connect(#[from] quinn::ConnectError),
    /// It was closed.
    #[error("{0}")]
    Connection(#[from] quinn::ConnectionError),
    /// The question did not go out.
    #[error("the question was not taken: {0}")]
    Write(#[from] quinn::WriteError),
    /// The answer is not one.
    #[error("the answer broke off: {0}")]
    Read(#[from] quinn::ReadExactError),
    /// It has no key that could sign.
    #[error("it shows no usable key")]
    Key,
}

/// Asks; see the module. The connection is closed however it ends.
pub(crate) async fn ask(
    net: &Net,
    addr: SocketAddr,
    channel: u32,
    patience: Duration,
) -> Result<RootCard, AskError> {
    let asking = async {
        let conn = net
            .quinn
            .connect_with(net.who_client.clone(), addr, SERVER_NAME)?
            .await?;
        let card = question(&conn, channel).await;
        link::close(&conn, Cause::Idle);
        card
    };
    tokio::time::timeout(patience, asking)
        .await
        .unwrap_or(Err(AskError::TimedOut(patience)))
}

async fn question(conn: &quinn::Connection, channel: u32) -> Result<RootCard, AskError> {
    let key = tls::peer_key(conn).ok_or(AskError::Key)?;
    let (mut send, mut recv) = conn.open_bi().await?;
    send.write_all(&channel.to_be_bytes()).await?;
    let mut epoch = [0; 8];
    recv.read_exact(&mut epoch).await?;
    let epoch = u64::from_be_bytes(epoch);
    Ok(RootCard {
        id: PeerId::of_public_key(&key),
        key: OriginKey::from_bytes(&key).map_err(|_| AskError::Key)?,
        epoch: (epoch > 0).then_some(epoch),
    })
}

/// Answers one question, then waits for the asker to close, a little.
pub(crate) async fn answer(net: Arc<Net>, conn: quinn::Connection) {
    let answering = async {
        let (mut send, mut recv) = conn.accept_bi().await.ok()?;
        let mut channel = [0; 4];
        recv.read_exact(&mut channel).await.ok()?;
        let epoch = net
            .channel(u32::from_be_bytes(channel))
            .and_then(|channel| channel.lock().node.root_epoch());
        send.write_all(&epoch.unwrap_or(0).to_be_bytes())
            .await
            .ok()?;
        send.finish().ok()?;
        conn.closed().await;
        Some(())
    };
    // Whoever asks half a question gets no answer.
    let _ = tokio::time::timeout(ANSWER_WAIT, answering).await;
    link::close(&conn, Cause::Idle);
}
