//! The process's one UDP socket, and what this machine's own addresses are.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// The kernel's buffers that we ask for, bytes; it gives what it allows. At 1 Gb/s this is 30 ms of packets, which a
/// process on a busy machine may have to wait for its turn.
const BUFFER: usize = 4 * 1024 * 1024;

/// Binds `listen`; an unspecified IPv6 address takes IPv4 as well.
pub(crate) fn bind(listen: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(listen),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if listen.is_ipv6() && listen.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    for result in [
        socket.set_recv_buffer_size(BUFFER),
        socket.set_send_buffer_size(BUFFER),
    ] {
        if let Err(why) = result {
            tracing::debug!(%why, "the kernel does not allow larger UDP buffers");
        }
    }
    socket.bind(&listen.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// `addr` with IPv4 in its own form, never as an IPv6 address that stands for it.
pub(crate) fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// Whether `observed`, as which `peer` sees us, is the address that our socket really has on the way to it: then nothing
/// on the way translates addresses.
pub(crate) fn is_own(observed: SocketAddr, bound: SocketAddr, peer: SocketAddr) -> bool {
    if observed.port() != bound.port() {
        return false;
    }
    let ip = if bound.ip().is_unspecified() {
        source_towards(plain(peer))
    } else {
        Some(bound.ip())
    };
    ip.map(|ip| ip.to_canonical()) == Some(observed.ip().to_canonical())
}

/// The source address that the kernel would choose; sends nothing.
fn source_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if peer.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observed_address_is_ours_only_with_our_port_and_an_ip_of_ours() {
        let bound: SocketAddr = "0.0.0.0:7000".parse().expect("an address");
        let peer: SocketAddr = "127.0.0.1:9".parse().expect("an address");
        assert!(is_own(
            "127.0.0.1:7000".parse().expect("an address"),
            bound,
            peer
        ));
        assert!(is_own(
            "[::ffff:127.0.0.1]:7000".parse().expect("an address"),
            bound,
            peer
        ));
        assert!(!is_own(
            "127.0.0.1:7001".parse().expect("an address"),
            bound,
            peer
        ));
        assert!(!is_own(
            "203.0.113.5:7000".parse().expect("an address"),
            bound,
            peer
        ));
    }
}
