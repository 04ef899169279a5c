//! What is read of STUN (RFC 8489) outside the state machines: whose check it is, attributes, addresses.
//!
//! It must never answer anything.

use std::net::{IpAddr, SocketAddr};

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
/// RFC 8489 section 5.
pub(super) const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Type, length, cookie, transaction.
pub(super) const HEADER_LEN: usize = 20;
const USERNAME: u16 = 0x0006;
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Whether it begins as a STUN message does.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER_LEN && datagram[0] < 0x40 && datagram[4..8] == MAGIC_COOKIE
}

/// The attributes of what [`is_stun`], in order; what is cut off is left out.
pub(super) fn attributes(datagram: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = datagram.get(HEADER_LEN..).unwrap_or_default();
    std::iter::from_fn(move || {
        let head = rest.get(..4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(4..4 + len)?;
        // The padding of the last may be missing.
        rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The receiver's half of the user name of a binding request.
pub(super) fn user_name(datagram: &[u8]) -> Option<&str> {
    if !is_stun(datagram) || datagram[..2] != BINDING_REQUEST {
        return None;
    }
    let (_, value) = attributes(datagram).find(|(kind, _)| *kind == USERNAME)?;
    let colon = value.iter().position(|byte| *byte == b':')?;
    std::str::from_utf8(&value[..colon]).ok()
}

/// An address that was hidden from clumsy NATs (RFC 8489 section 14.2), in a message with this header.
pub(super) fn xor_address(value: &[u8], header: &[u8]) -> Option<SocketAddr> {
    let mask: [u8; 16] = header.get(4..HEADER_LEN)?.try_into().ok()?;
    let [_, family, port_high, port_low, ip @ ..] = value else {
        return None;
    };
    let port = u16::from_be_bytes([port_high ^ mask[0], port_low ^ mask[1]]);
    let ip: IpAddr = match *family {
        IPV4 => {
            let ip: [u8; 4] = ip.try_into().ok()?;
            let plain: [u8; 4] = std::array::from_fn(|at| ip[at] ^ mask[at]);
            plain.into()
        }
        IPV6 => {
            let ip: [u8; 16] = ip.try_into().ok()?;
            let plain: [u8; 16] = std::array::from_fn(|at| ip[at] ^ mask[at]);
            plain.into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The other way round, behind what `into` has; its first bytes are the message's header.
pub(super) fn put_xor_address(into: &mut bytes::BytesMut, address: SocketAddr) {
    use bytes::BufMut as _;
    let mut mask = [0; 16];
    mask.copy_from_slice(&into[4..HEADER_LEN]);
    let port = address.port() ^ u16::from_be_bytes([mask[0], mask[1]]);
    let (family, ip) = match address.ip() {
        IpAddr::V4(ip) => (IPV4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (IPV6, ip.octets().to_vec()),
    };
    into.put_slice(&[0, family]);
    into.put_u16(port);
    for (byte, mask) in ip.iter().zip(mask) {
        into.put_u8(byte ^ mask);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use bytes::{BufMut, BytesMut};
    use proptest::prelude::*;

    pub(in crate::net) fn binding_request(user: &str) -> BytesMut {
        let mut datagram = BytesMut::new();
        datagram.put_slice(&BINDING_REQUEST);
        datagram.put_u16(4 + user.len().next_multiple_of(4) as u16);
        datagram.put_slice(&MAGIC_COOKIE);
        datagram.put_bytes(7, 12);
        datagram.put_u16(USERNAME);
        datagram.put_u16(user.len() as u16);
        datagram.put_slice(user.as_bytes());
        datagram.put_bytes(0, user.len().next_multiple_of(4) - user.len());
        datagram
    }

    #[test]
    fn our_half_of_the_name_is_found() {
        assert_eq!(user_name(&binding_request("abcde:fgh")), Some("abcde"));
        assert_eq!(user_name(&binding_request("nobody")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut data in proptest::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
            if head && data.len() >= HEADER_LEN {
                data[..2].copy_from_slice(&BINDING_REQUEST);
                data[4..8].copy_from_slice(&MAGIC_COOKIE);
            }
            let _ = user_name(&data);
            let _ = attributes(&data).filter_map(|(_, value)| xor_address(value, &data)).count();
        }

        #[test]
        fn an_address_is_read_as_it_was_written(ip: IpAddr, port: u16, transaction: [u8; 12]) {
            let mut message = BytesMut::from(&[0, 1, 0, 0][..]);
            message.put_slice(&MAGIC_COOKIE);
            message.put_slice(&transaction);
            let address = SocketAddr::new(ip, port);
            put_xor_address(&mut message, address);
            let (header, value) = message.split_at(HEADER_LEN);
            prop_assert_eq!(xor_address(value, header), Some(address));
        }
    }
}
