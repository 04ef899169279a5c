//! What the fuzz target does with the bytes of a request in the old protocol; server-legacy's own tests run the same.

use server_legacy::{CHANNELS, MAX_REQUEST_LEN, Progress, Request};

/// A request, whole or in pieces: what is accepted reads back, and it is decided at the same byte however it came.
pub(crate) fn request(bytes: &[u8]) {
    let parsed = Request::parse(bytes);
    if let Ok(request) = parsed {
        assert!(bytes.len() <= MAX_REQUEST_LEN);
        assert!(usize::from(request.channel()) < CHANNELS);
        assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
    }
    assert_eq!(Request::progress(bytes, true), Progress::Done(parsed));
    for end in 0..bytes.len() {
        if let Progress::Done(done) = Request::progress(&bytes[..end], false) {
            // Nothing that comes in time is waited for in vain, and nothing is waited for that cannot help.
            let text = bytes[..end].trim_ascii_start();
            assert!(text.len() >= 3 || end > MAX_REQUEST_LEN);
            assert_eq!(done, Request::parse(&bytes[..end]));
            return;
        }
    }
}
