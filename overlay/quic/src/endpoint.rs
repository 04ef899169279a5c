//! The process's one QUIC endpoint: who may come in, and which channel a link belongs to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use overlay_core::PeerId;
use quinn::{ClientConfig, EndpointConfig, ServerConfig, TokioRuntime, VarInt};
use tokio::sync::Semaphore;

use crate::channel::Channel;
use crate::identity::Identity;
use crate::member::{JoinError, Member, MemberConfig};
use crate::root::{Root, RootConfig};
use crate::who::{self, AskError, RootCard, WHO_ALPN};
use crate::{ALPN, dial, socket, tls, transport};

/// Incoming connections between the first packet and the hello. More are refused; an honest dialler tries again. Each
/// costs some 50 KB. A guess.
const MAX_HALF_OPEN: usize = 256;
/// When so few places are left, a dialler first has to show that its address is its own (RFC 9000 section 8.1.2): one more
/// round trip, but no strange addresses in the remaining places. A quarter is left; a guess.
const FEW_PLACES: usize = MAX_HALF_OPEN / 4;
/// How long the last packets of closed links may take when the endpoint closes.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

/// Why no endpoint could be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, not ours, or not allowed.
    #[error(
        "cannot listen on UDP {addr}: {why}; choose another address or port (port 0: any free one)"
    )]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// TLS does not take the identity.
    #[error("the identity cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why a channel could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// One channel is opened once an endpoint.
    #[error("channel {0} is open on this endpoint already")]
    Open(u32),
    /// Epochs start at 1.
    #[error("epoch 0 is no epoch: they start at 1 and rise with every restart")]
    Epoch,
}

/// What all channels of an endpoint share.
pub(crate) struct Net {
    pub(crate) quinn: quinn::Endpoint,
    pub(crate) client: ClientConfig,
    pub(crate) who_client: ClientConfig,
    pub(crate) own: PeerId,
    pub(crate) bound: SocketAddr,
    channels: Mutex<BTreeMap<u32, Weak<Channel>>>,
}

impl Net {
    fn channels(&self) -> MutexGuard<'_, BTreeMap<u32, Weak<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn channel(&self, number: u32) -> Option<Arc<Channel>> {
        self.channels().get(&number)?.upgrade()
    }

    /// Adds a channel that `start` makes, if its number is free.
    pub(crate) fn open(
        &self,
        number: u32,
        start: impl FnOnce() -> Arc<Channel>,
    ) -> Result<Arc<Channel>, OpenError> {
        let mut channels = self.channels();
        if channels.contains_key(&number) {
            return Err(OpenError::Open(number));
        }
        let channel = start();
        channels.insert(number, Arc::downgrade(&channel));
        Ok(channel)
    }

    pub(crate) fn forget(&self, number: u32) {
        self.channels().remove(&number);
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Ends the task that accepts, and with it the socket.
        self.quinn.close(
            VarInt::from_u32(overlay_core::Cause::Leaving.code()),
            b"leaving",
        );
    }
}

/// A UDP socket with an identity, on which channels are opened. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    net: Arc<Net>,
}

impl Endpoint {
    /// Binds `listen` (port 0: any free one; `[::]` takes IPv4 as well) and starts to accept links. Must be called within
    /// a tokio runtime, whose driver then serves the socket.
    ///
    /// # Errors
    /// When the address cannot be bound, or TLS does not take the identity.
    pub fn bind(listen: SocketAddr, identity: &Identity) -> Result<Self, BindError> {
        let failed = |why| BindError::Bind { addr: listen, why };
        let transport = transport::config();
        let mut server = ServerConfig::with_crypto(Arc::new(tls::server(identity)?));
        server.transport_config(transport.clone());
        let mut client = ClientConfig::new(Arc::new(tls::client(identity, ALPN)?));
        client.transport_config(transport.clone());
        let mut who_client = ClientConfig::new(Arc::new(tls::client(identity, WHO_ALPN)?));
        who_client.transport_config(transport);
        let socket = socket::bind(listen).map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let quinn = quinn::Endpoint::new(
            EndpointConfig::default(),
            Some(server),
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(failed)?;
        let net = Arc::new(Net {
            quinn,
            client,
            who_client,
            own: identity.id(),
            bound,
            channels: Mutex::default(),
        });
        tokio::spawn(accept(net.quinn.clone(), Arc::downgrade(&net)));
        Ok(Self { net })
    }

    /// The address that the socket has, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.net.bound
    }

    /// The identity that others see.
    pub fn id(&self) -> PeerId {
        self.net.own
    }

    /// Opens a channel as its root.
    ///
    /// # Errors
    /// When the channel is open here already, or the epoch is 0.
    pub fn open_root(&self, config: RootConfig) -> Result<Root, OpenError> {
        Root::open(&self.net, config)
    }

    /// Joins a channel as a member. Resolves the names in `config` first; the joining itself goes on in the background and
    /// is told by events. Cancel-safe: until it returns, nothing has been opened.
    ///
    /// # Errors
    /// When no name can be resolved, or the channel is open here already.
    pub async fn join(&self, config: MemberConfig) -> Result<Member, JoinError> {
        Member::join(&self.net, config).await
    }

    /// Asks whoever is at `addr` who it is, and whether it is the root of `channel`. Makes no link. Cancel-safe.
    ///
    /// # Errors
    /// When nobody answers within `patience`, or not with a card.
    pub async fn ask_root(
        &self,
        addr: SocketAddr,
        channel: u32,
        patience: Duration,
    ) -> Result<RootCard, AskError> {
        who::ask(&self.net, addr, channel, patience).await
    }

    /// Closes every channel and link, and waits for the last packets, at most half a second.
    pub async fn close(&self) {
        let channels: Vec<_> = self
            .net
            .channels()
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        for channel in channels {
            for writer in channel.close() {
                // It fails only if it was aborted with the runtime.
                let _ = writer.await;
            }
        }
        self.net.quinn.close(
            VarInt::from_u32(overlay_core::Cause::Leaving.code()),
            b"leaving",
        );
        // What is not acknowledged by then will not be.
        let _ = tokio::time::timeout(CLOSE_WAIT, self.net.quinn.wait_idle()).await;
    }
}

/// Takes incoming connections until the endpoint is closed or nobody has it any more.
async fn accept(quinn: quinn::Endpoint, net: Weak<Net>) {
    let half_open = Arc::new(Semaphore::new(MAX_HALF_OPEN));
    while let Some(incoming) = quinn.accept().await {
        let Some(net) = net.upgrade() else { return };
        let Ok(permit) = half_open.clone().try_acquire_owned() else {
            tracing::debug!(from = %incoming.remote_address(), "too many half-open links");
            incoming.refuse();
            continue;
        };
        if half_open.available_permits() < FEW_PLACES && incoming.may_retry() {
            // An error would say that it may not; it may.
            let _ = incoming.retry();
            continue;
        }
        tokio::spawn(async move {
            dial::incoming(net, incoming).await;
            drop(permit);
        });
    }
}
