//! What the fuzz target does with the text of one message of the session path; server-wire's own tests run the same.

use server_wire::{
    Body, ClientAnswer, ClientRequest, FromCoordinator, FromSessionServer, FromVisitor, Order,
    OrderAnswer, UserAnswer, UserRequest, read, write,
};

/// One message in every conversation: what is read is written and read again as the same; what is not is answered with
/// a reason.
pub(crate) fn messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    either::<ClientRequest>(text);
    either::<ClientAnswer>(text);
    either::<UserRequest>(text);
    either::<UserAnswer>(text);
    either::<Order>(text);
    either::<OrderAnswer>(text);
    either::<FromCoordinator>(text);
    either::<FromSessionServer>(text);
    either::<FromVisitor>(text);
}

fn either<T: Body + PartialEq + std::fmt::Debug>(text: &str) {
    match read::<T>(text) {
        Ok(message) => {
            let written = write(&message.body, message.id.as_ref());
            assert_eq!(read::<T>(&written).expect("what we write we read"), message);
        }
        Err(rejected) => {
            assert!(!rejected.reason.is_empty());
            let answer = rejected.answer();
            let back = read::<ClientAnswer>(&answer).expect("a BAD_REQUEST");
            assert_eq!(back.id, rejected.id);
        }
    }
}
