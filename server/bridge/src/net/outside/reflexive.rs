//! Asks one STUN server where our UDP port is seen, again and again: the question is also what keeps a NAT's way open.

use super::{Listening, Shared, Teller, is_outer};
use crate::net::stun::{self, HEADER_LEN, MAGIC_COOKIE};
use crate::servers::ServerPlace;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long each sending of the question waits for its answer.
const WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
];

/// NATs forget a way after 30 s at the earliest that is seen (RFC 4787 section 4.3 wants 2 minutes).
const KEEP: Duration = Duration::from_secs(20);

/// After no answer.
const AGAIN: Duration = Duration::from_secs(30);

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// Never ends.
pub(super) async fn run(shared: Arc<Shared>, number: usize, url: String, place: ServerPlace) {
    let mut teller = Teller {
        what: "STUN",
        url,
        last: None,
    };
    loop {
        let outcome = match shared.resolve(&place).await {
            Ok(server) => ask(&shared, server).await,
            Err(why) => Err(why),
        };
        {
            let mut known = shared.known();
            match &outcome {
                Ok(seen) => known.seen.insert(number, *seen),
                Err(_) => known.seen.remove(&number),
            };
        }
        if teller.last.is_none() {
            shared.settled.send_modify(|settled| *settled += 1);
        }
        let pause = if outcome.is_ok() { KEEP } else { AGAIN };
        teller.tell(outcome);
        tokio::time::sleep(pause).await;
    }
}

async fn ask(shared: &Shared, server: SocketAddr) -> Result<SocketAddr, String> {
    let mut listening = shared.routes.listen(server);
    let mut question = [0; HEADER_LEN];
    question[..2].copy_from_slice(&BINDING_REQUEST);
    question[4..8].copy_from_slice(&MAGIC_COOKIE);
    question[8..].copy_from_slice(&rand::random::<[u8; 12]>());
    for wait in WAITS {
        shared.udp.send_now(server, &question);
        let answered = tokio::time::timeout(wait, answer(&mut listening, &question)).await;
        if let Ok(answered) = answered {
            return answered.ok_or_else(|| "what it answers is not understood".into());
        }
    }
    Err("it does not answer".into())
}

/// The address in the answer to this question; `None`: it has none.
async fn answer(listening: &mut Listening, question: &[u8; HEADER_LEN]) -> Option<SocketAddr> {
    loop {
        let datagram = listening.next().await?;
        if let Some(answered) = mapped(&datagram, question) {
            return answered;
        }
    }
}

/// What the answer to a question says; outer `None`: it is no answer to it.
pub(in crate::net) fn mapped(
    datagram: &[u8],
    question: &[u8; HEADER_LEN],
) -> Option<Option<SocketAddr>> {
    if !stun::is_stun(datagram) || datagram[8..HEADER_LEN] != question[8..] {
        return None;
    }
    if datagram[..2] != BINDING_SUCCESS {
        return Some(None);
    }
    let found = stun::attributes(datagram).find(|(kind, _)| *kind == XOR_MAPPED_ADDRESS);
    let seen = found.and_then(|(_, value)| stun::xor_address(value, datagram));
    Some(seen.filter(|seen| is_outer(seen.ip()) && seen.port() != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::{BufMut, BytesMut};
    use proptest::prelude::*;

    fn question() -> [u8; HEADER_LEN] {
        let mut question = [7; HEADER_LEN];
        question[4..8].copy_from_slice(&MAGIC_COOKIE);
        question
    }

    fn answer_with(address: &str) -> BytesMut {
        let mut answer = BytesMut::from(&question()[..]);
        answer[..2].copy_from_slice(&BINDING_SUCCESS);
        answer.put_u16(XOR_MAPPED_ADDRESS);
        answer.put_u16(8);
        stun::put_xor_address(&mut answer, address.parse().expect("an address"));
        answer
    }

    #[test]
    fn only_the_answer_to_the_question_is_believed() {
        let seen: SocketAddr = "198.51.100.7:9".parse().expect("an address");
        let answer = answer_with("198.51.100.7:9");
        assert_eq!(mapped(&answer, &question()), Some(Some(seen)));
        let mut other = question();
        other[19] ^= 1;
        assert_eq!(mapped(&answer, &other), None);
        let mut refused = answer.clone();
        refused[..2].copy_from_slice(&[0x01, 0x11]);
        assert_eq!(mapped(&refused, &question()), Some(None));
        for nobody in ["0.0.0.0:9", "224.0.0.1:9", "198.51.100.7:0"] {
            assert_eq!(mapped(&answer_with(nobody), &question()), Some(None));
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut answer = question().to_vec();
            answer[..2].copy_from_slice(&BINDING_SUCCESS);
            answer.extend(tail);
            let _ = mapped(&answer, &question());
        }
    }
}
