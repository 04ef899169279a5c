//! `--bridge`: the channel that this peer stores, for browsers of this and other computers, without anything installed.
//!
//! This file must never know how a chunk is taken apart or sent.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use server_watch::{BridgeConfig, Channels, ChannelsConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::args::Join;
use crate::error::PeerError;
use crate::notice::Notice;
use crate::storing::Taker;

/// Of the threads for what blocks: those that take chunks apart run encoders, which keep tables there.
pub(crate) const BLOCKING_STACK: usize = 2 * 1024 * 1024;

/// Browsers at a time. A guess at what a home's upload carries: a picture of 3 Mbit/s each.
const MAX_VIEWERS: usize = 16;

/// The open door. Dropped, it is closed, and all browsers with it.
pub(crate) struct Bridge {
    channels: Channels,
    channel: u32,
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl Bridge {
    /// Opens the page and WHEP at `addr`, TCP; the picture comes from the same port, UDP.
    ///
    /// # Errors
    /// When the address cannot be opened.
    async fn open(addr: SocketAddr, args: &Join, channel: u32) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        if args.bridge_tcp_port == Some(addr.port()) {
            let why = "the page is at this port; --bridge-tcp-port takes another";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        let config = ChannelsConfig {
            bridge: BridgeConfig {
                udp: addr,
                tcp: args
                    .bridge_tcp_port
                    .map(|port| SocketAddr::new(addr.ip(), port)),
                advertise: args.bridge_advertise.clone(),
                ice_servers: args
                    .ice_servers
                    .iter()
                    .flat_map(|some| some.0.clone())
                    .collect(),
                max_viewers: MAX_VIEWERS,
            },
            max_viewers: MAX_VIEWERS,
        };
        let channels = Channels::new([channel], config);
        let serving = tokio::spawn(server_watch::serve(
            listener,
            server_watch::page(channels.clone()),
        ));
        Ok(Self {
            channels,
            channel,
            addr,
            serving,
        })
    }

    /// What is said about it.
    pub(crate) fn notice(&self) -> Notice {
        Notice::Browsers(self.addr)
    }

    /// Who is to be given every whole chunk.
    pub(crate) fn taker(&self) -> Taker {
        let (channels, channel) = (self.channels.clone(), self.channel);
        Box::new(move |chunk| {
            let lasts = Duration::from_micros(chunk.duration_us);
            channels.on_air(channel, chunk.parts.clone(), lasts);
        })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Opens the door, if there is to be one.
///
/// # Errors
/// When its address cannot be opened.
pub(crate) async fn open(args: &Join, channel: u32) -> Result<Option<Bridge>, PeerError> {
    let Some(addr) = args.bridge else {
        return Ok(None);
    };
    let opened = Bridge::open(addr, args, channel).await;
    opened
        .map(Some)
        .map_err(|source| PeerError::Bridge { addr, source })
}
