//! What goes through a TURN server's relay: Send and Data indications (RFC 8656 sections 11.1 to 11.4), 36 bytes around
//! each packet of IPv4. Channels would make that 4, and need a binding for each peer that can fail in ways of its own.
//!
//! It must never know who may send.

use super::stun::{self, HEADER_LEN, MAGIC_COOKIE};
use bytes::{BufMut, BytesMut};
use std::net::SocketAddr;

const SEND_INDICATION: u16 = 0x0016;
const DATA_INDICATION: u16 = 0x0017;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;

/// What the server is to send to `peer`; `None`: it is too long for an attribute.
pub(super) fn send(peer: SocketAddr, data: &[u8]) -> Option<BytesMut> {
    let len = u16::try_from(data.len()).ok()?;
    let address_len: u16 = if peer.is_ipv4() { 8 } else { 20 };
    let padded = data.len().next_multiple_of(4);
    let body_len = u16::try_from(usize::from(address_len) + 8 + padded).ok()?;
    let mut message = BytesMut::with_capacity(HEADER_LEN + usize::from(body_len));
    message.put_u16(SEND_INDICATION);
    message.put_u16(body_len);
    message.put_slice(&MAGIC_COOKIE);
    message.put_slice(&rand::random::<[u8; 12]>());
    message.put_u16(XOR_PEER_ADDRESS);
    message.put_u16(address_len);
    stun::put_xor_address(&mut message, peer);
    message.put_u16(DATA);
    message.put_u16(len);
    message.put_slice(data);
    message.put_bytes(0, padded - data.len());
    Some(message)
}

/// What the server got from a peer, and from which; `None`: the datagram is something else.
pub(super) fn received(datagram: &[u8]) -> Option<(SocketAddr, &[u8])> {
    if !stun::is_stun(datagram) || datagram[..2] != DATA_INDICATION.to_be_bytes() {
        return None;
    }
    let (mut peer, mut data) = (None, None);
    for (kind, value) in stun::attributes(datagram) {
        match kind {
            XOR_PEER_ADDRESS => peer = peer.or_else(|| stun::xor_address(value, datagram)),
            DATA => data = data.or(Some(value)),
            _ => {}
        }
    }
    Some((peer?, data?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    proptest! {
        #[test]
        fn what_is_sent_to_a_peer_is_what_the_server_reads(ip: IpAddr, port: u16, data in proptest::collection::vec(any::<u8>(), 0..1500)) {
            let peer = SocketAddr::new(ip, port);
            let mut message = send(peer, &data).expect("it fits");
            prop_assert_eq!(message.len() % 4, 0);
            prop_assert_eq!(usize::from(u16::from_be_bytes([message[2], message[3]])), message.len() - HEADER_LEN);
            prop_assert_eq!(received(&message), None);
            message[1] = 0x17;
            prop_assert_eq!(received(&message), Some((peer, &data[..])));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(mut data in proptest::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
            if head && data.len() >= HEADER_LEN {
                data[..2].copy_from_slice(&DATA_INDICATION.to_be_bytes());
                data[4..8].copy_from_slice(&MAGIC_COOKIE);
            }
            let _ = received(&data);
        }
    }

    #[test]
    fn what_no_attribute_holds_is_not_sent() {
        let peer = "192.0.2.1:9".parse().expect("an address");
        assert_eq!(send(peer, &vec![0; 65_536]), None);
        assert_eq!(send(peer, &vec![0; 65_535]), None);
    }
}
