//! The bodies of the fuzz targets on arbitrary bytes, and on bytes that are nearly right.

use proptest::prelude::*;

#[path = "../../../../tests/fuzz/bodies/bridge.rs"]
mod bodies;

/// Messages with their lengths in front, most of them of a known type.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        0_u8..15,
        50_u8..53,
        60_u8..63,
        70_u8..77,
        80_u8..83,
        90_u8..95,
        any::<u8>()
    ];
    let message = (kind, proptest::collection::vec(any::<u8>(), 0..16)).prop_map(|(kind, rest)| {
        let mut line = vec![rest.len() as u8 + 1, kind];
        line.extend(rest);
        line
    });
    proptest::collection::vec(message, 0..40).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        bodies::input(&bytes);
        bodies::epic(&bytes);
        bodies::signal(&bytes);
        bodies::datagram(&bytes);
    }

    #[test]
    fn datagrams_that_are_nearly_stun(
        class in 0_u8..4,
        method in 1_u8..10,
        parts in proptest::collection::vec((0_u16..0x2a, proptest::collection::vec(any::<u8>(), 0..24)), 0..6),
    ) {
        let mut datagram = vec![class >> 1, method | ((class & 1) << 4), 0, 0, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend([7; 12]);
        for (kind, value) in parts {
            datagram.extend(kind.to_be_bytes());
            datagram.extend((value.len() as u16).to_be_bytes());
            datagram.extend(&value);
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        let len = (datagram.len() as u16 - 20).to_be_bytes();
        datagram[2..4].copy_from_slice(&len);
        bodies::datagram(&datagram);
    }

    #[test]
    fn messages_that_are_nearly_right(bytes in lines()) {
        bodies::input(&bytes);
        bodies::epic(&bytes);
    }

    #[test]
    fn signals_that_are_nearly_right(
        kind in "offer|answer|iceCandidate|subscribe|endpointId|disconnectPlayer|ping|[a-z]{1,9}",
        field in "sdp|candidate|playerId|time|reason|id|[a-z]{1,9}",
        value in r#""[^"\\]{0,20}"|[0-9]{1,20}|null|\[\]|\{"candidate":"x"\}|\[|\{"#,
    ) {
        bodies::signal(format!(r#"{{"type":"{kind}","{field}":{value}}}"#).as_bytes());
    }
}
