//! The UDP address: the one that was named, or the usual one, or any free one instead of the usual one.

use std::io;
use std::net::SocketAddr;

use overlay_quic::{BindError, Endpoint, Identity};

use crate::args::DEFAULT_LISTEN;
use crate::error::PeerError;

/// Binds `named`, where that is given and nothing else will do; else the usual port, or a free one if it is taken. The
/// flag says that the usual one was taken.
pub(crate) fn bind(
    named: Option<SocketAddr>,
    identity: &Identity,
) -> Result<(Endpoint, bool), PeerError> {
    bind_or_any(named, DEFAULT_LISTEN, identity)
}

fn bind_or_any(
    named: Option<SocketAddr>,
    usual: SocketAddr,
    identity: &Identity,
) -> Result<(Endpoint, bool), PeerError> {
    let addr = named.unwrap_or(usual);
    match Endpoint::bind(addr, identity) {
        Ok(endpoint) => Ok((endpoint, false)),
        Err(BindError::Bind { why, .. }) if why.kind() == io::ErrorKind::AddrInUse => {
            if named.is_some() {
                return Err(PeerError::PortTaken { addr });
            }
            Ok((
                Endpoint::bind(SocketAddr::new(addr.ip(), 0), identity)?,
                true,
            ))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_an_error_only_if_it_was_named() {
        let other = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let taken = other.local_addr().expect("it has one");
        let identity = Identity::generate().expect("a key");
        let (endpoint, moved) = bind_or_any(None, taken, &identity).expect("another port");
        assert!(moved);
        assert_ne!(endpoint.local_addr().port(), taken.port());
        let error = match bind_or_any(Some(taken), DEFAULT_LISTEN, &identity) {
            Ok(_) => panic!("{taken} was taken twice"),
            Err(error) => error.to_string(),
        };
        assert!(
            error.contains(&taken.to_string()) && error.contains("--listen"),
            "{error}"
        );
    }
}
