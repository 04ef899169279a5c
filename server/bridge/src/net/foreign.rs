//! Everything that is read of a datagram before a viewer's state machine has it, in one call: for tests that feed arbitrary
//! bytes, which reach nothing else of this folder.

use super::outside::mapped;
use super::stun::{self, HEADER_LEN};
use super::turn::{Credentials, Turn};
use super::{indication, stun::MAGIC_COOKIE};
use std::time::Instant;

/// Reads a datagram as a viewer's check, as what a TURN server relays, and as the answer of a STUN and of a TURN server to
/// whatever they were asked. Panics are mistakes.
pub fn read(datagram: &[u8]) {
    let _ = stun::user_name(datagram);
    let _ = indication::received(datagram);
    let Some(transaction) = datagram.get(8..HEADER_LEN) else {
        return;
    };
    let mut question = [0; HEADER_LEN];
    question[4..8].copy_from_slice(&MAGIC_COOKIE);
    question[8..].copy_from_slice(transaction);
    let _ = mapped(datagram, &question);
    let Ok(provider) = rtc::crypto::default_provider() else {
        return;
    };
    let (now, credentials) = (
        Instant::now(),
        Credentials {
            username: "ann".into(),
            password: "secret".into(),
            end: None,
        },
    );
    let mut turn = Turn::new(provider, credentials, now);
    let Some(asked) = turn.poll_transmit() else {
        return;
    };
    let mut answer = datagram.to_vec();
    answer[4..HEADER_LEN].copy_from_slice(&asked[4..HEADER_LEN]);
    turn.handle(&answer, now);
    turn.expire(now);
}
