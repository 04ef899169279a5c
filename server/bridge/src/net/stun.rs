//! The one thing that is read of STUN (RFC 8489) outside the state machines: whose check it is.
//!
//! It must never answer anything.

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_LEN: usize = 20;
const USERNAME: u16 = 0x0006;

/// The receiver's half of the user name of a binding request.
pub(super) fn user_name(datagram: &[u8]) -> Option<&str> {
    if datagram.len() < HEADER_LEN
        || datagram[..2] != BINDING_REQUEST
        || datagram[4..8] != MAGIC_COOKIE
    {
        return None;
    }
    let mut rest = &datagram[HEADER_LEN..];
    while rest.len() >= 4 {
        let kind = u16::from_be_bytes([rest[0], rest[1]]);
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let value = rest.get(4..4 + len)?;
        if kind == USERNAME {
            let colon = value.iter().position(|byte| *byte == b':')?;
            return std::str::from_utf8(&value[..colon]).ok();
        }
        rest = rest.get(4 + len.next_multiple_of(4)..)?;
    }
    None
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
        }
    }
}
