//! What the fuzz targets do with the bytes that `overlay-core` reads; its own tests run the same.

use overlay_core::{Invite, Message};

/// A control message from a peer: whatever is read is written back to the very same meaning.
pub fn control(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        let again =
            Message::decode(&message.encode()).expect("what was read can be written and read");
        assert_eq!(again, message);
    }
}

/// An invite that somebody typed.
pub fn invite(bytes: &[u8]) {
    if let Ok(invite) = String::from_utf8_lossy(bytes).parse::<Invite>() {
        let again: Invite = invite
            .to_string()
            .parse()
            .expect("what was read can be written and read");
        assert_eq!(again, invite);
    }
}
