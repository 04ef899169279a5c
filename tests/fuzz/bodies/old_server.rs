//! What the fuzz target does with what an old server brings; the peer's own tests run the same.

use old_server::{block, wire};

/// An answer, a list or a block: sorted, and never more than its bounds.
pub(crate) fn brought(bytes: &[u8]) {
    let word = wire::sort(bytes);
    if let Ok(list) = wire::parse_list(bytes) {
        assert!(list.len() <= wire::MAX_RECEIVERS && word == wire::Word::List);
    }
    if block::check(bytes).is_ok() {
        // The shortest file that says how long it is.
        assert!(bytes.len() > 8 && word == wire::Word::Block);
    }
}
