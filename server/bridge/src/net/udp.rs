//! The one UDP socket of a bridge: many datagrams with one call in both directions where the system can.
//!
//! It must never know who is behind an address.

use super::{Routes, addresses};
use crate::transport::{Incoming, Outgoing};
use bytes::BytesMut;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use webrtc::runtime::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

/// What the system may keep for us. The system allows less to most users; it then gives what it allows.
const BUFFER: usize = 4 * 1024 * 1024;

/// The longest datagram; several may come as one (GRO).
const RECEIVE_LEN: usize = 65_535;

/// What is sent with one call, bytes: the longest a datagram can be.
const MAX_BATCH: usize = 65_000;

/// When the system's buffer is full we wait this often ...
const PATIENCE: u32 = 3;

/// ... for at most this long; then it is lost, and asked for again.
const PAUSE: Duration = Duration::from_millis(2);

/// See the head of the file.
pub(crate) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

impl Udp {
    /// Binds.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Udp> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // Smaller buffers work, only less well.
        let _ = socket.set_recv_buffer_size(BUFFER);
        let _ = socket.set_send_buffer_size(BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        Ok(Udp {
            socket,
            state,
            address,
        })
    }

    /// Where.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives for ever.
    pub(crate) async fn receive(self: Arc<Udp>, routes: Arc<Routes>, candidates: Vec<SocketAddr>) {
        let mut room: Vec<Vec<u8>> = (0..BATCH_SIZE).map(|_| vec![0; RECEIVE_LEN]).collect();
        let mut about = vec![RecvMeta::default(); BATCH_SIZE];
        loop {
            if let Err(error) = self.socket.readable().await {
                tracing::error!(%error, "the UDP socket of the bridge");
                return;
            }
            let mut slices: Vec<IoSliceMut<'_>> = room
                .iter_mut()
                .map(|buffer| IoSliceMut::new(buffer))
                .collect();
            let received = self.socket.try_io(Interest::READABLE, || {
                self.state
                    .recv(UdpSockRef::from(&self.socket), &mut slices, &mut about)
            });
            drop(slices);
            match received {
                Ok(count) => {
                    let datagrams =
                        room.iter()
                            .zip(&about)
                            .take(count)
                            .flat_map(|(buffer, about)| {
                                let to = addresses::candidate(&candidates, about.dst_ip);
                                let from = canonical(about.addr);
                                buffer[..about.len].chunks(about.stride.max(1)).filter_map(
                                    move |data| {
                                        Some(Incoming {
                                            data: BytesMut::from(data),
                                            from,
                                            to: to?,
                                            tcp: false,
                                        })
                                    },
                                )
                            });
                    routes.deliver(datagrams);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // What one viewer's computer says (port unreachable) is not the socket's end.
                Err(error) => tracing::debug!(%error, "a datagram that was not received"),
            }
        }
    }

    /// Sends one datagram, or drops it if the system has no room.
    pub(super) fn send_now(&self, to: SocketAddr, datagram: &[u8]) {
        let mapped = self.address.is_ipv6() && to.is_ipv4();
        let to = if mapped { map(to) } else { to };
        if let Err(error) = self.socket.try_send_to(datagram, to) {
            tracing::debug!(%error, %to, "a datagram to a server that was not sent");
        }
    }

    /// Sends datagrams to one address; those of one length leave with one call. `false`: some were dropped.
    pub(super) async fn send(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        datagrams: &[Outgoing],
    ) -> bool {
        let mut all = true;
        let mut rest = datagrams;
        let most = self.state.max_gso_segments().max(1);
        let mut joined = Vec::new();
        while let Some(first) = rest.first() {
            let len = first.data.len();
            let mut run = 1;
            let mut bytes = len;
            // All of one length; only the last may be shorter.
            while let Some(next) = rest.get(run) {
                if run >= most || next.data.len() > len || bytes + next.data.len() > MAX_BATCH {
                    break;
                }
                run += 1;
                bytes += next.data.len();
                if next.data.len() < len {
                    break;
                }
            }
            let (now, later) = rest.split_at(run);
            rest = later;
            let contents: &[u8] = if run == 1 {
                &first.data
            } else {
                joined.clear();
                joined.reserve(bytes);
                now.iter()
                    .for_each(|next| joined.extend_from_slice(&next.data));
                &joined
            };
            all &= self
                .transmit(to, source, contents, (run > 1).then_some(len))
                .await;
        }
        all
    }

    async fn transmit(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> bool {
        let mapped = self.address.is_ipv6() && to.is_ipv4();
        let transmit = Transmit {
            destination: if mapped { map(to) } else { to },
            ecn: None,
            contents,
            segment_size,
            src_ip: source.filter(|_| !mapped),
        };
        for _ in 0..=PATIENCE {
            let sent = self.socket.try_io(Interest::WRITABLE, || {
                self.state
                    .try_send(UdpSockRef::from(&self.socket), &transmit)
            });
            match sent {
                Ok(()) => return true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = tokio::time::timeout(PAUSE, self.socket.writable()).await;
                }
                Err(error) => {
                    // Nobody there, no route: ICE notices.
                    tracing::trace!(%error, %to, "a datagram that was not sent");
                    return true;
                }
            }
        }
        false
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn map(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}
