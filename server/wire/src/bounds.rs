//! How much is accepted, before anything is looked at more closely. It must never know what the messages mean.

/// Bytes of one message. The largest that is meant, a session server's registration with all its applications and
/// sessions, stays below it; a browser's messages have a few hundred.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// Bytes of one message between a user and a session server: a clipboard of [`MAX_CLIPBOARD_LEN`] bytes in which every
/// byte is written as an escape of six, and what is around it.
pub const MAX_USER_MESSAGE_LEN: usize = 6 * MAX_CLIPBOARD_LEN + 4 * 1024;

/// Bytes of a description of a WebRTC session (RFC 8866); browsers write 4 to 10 KiB.
pub const MAX_SDP_LEN: usize = 64 * 1024;

/// Bytes of a clipboard's text. A guess: some thirty pages.
pub const MAX_CLIPBOARD_LEN: usize = 64 * 1024;

/// Bytes of one thing that is said in a session's chat. A guess: a long paragraph.
pub const MAX_CHAT_LEN: usize = 1000;

/// Bytes that one user passes to others at once. A guess: state of a small program, not files.
pub const MAX_RELAY_LEN: usize = 16 * 1024;

/// Bytes of the picture of a pointer, as base64 of PNG: 128 by 128 pixels that cannot be compressed.
pub const MAX_CURSOR_LEN: usize = 96 * 1024;

/// ICE servers, and addresses of each. A guess: a browser slows down with five.
pub const MAX_ICE_SERVERS: usize = 16;

/// Entries of one audit report: what a busy session brings within a second, many times over.
pub const MAX_AUDIT: usize = 32;

/// Objects and lists inside each other. The deepest message that is meant, an entry of `servers.json` with its
/// descriptions, has 7.
pub const MAX_DEPTH: usize = 16;

/// Bytes of an `id`, which is sent back as it came. A guess: room for a UUID with something around it.
pub const MAX_ID_LEN: usize = 256;

/// Servers that one `GET_SERVERS` may ask for. A guess: more than one page of any list.
pub const MAX_RANGE: u32 = 1024;

/// Sessions of one session server, and sessions that one of its messages names: each runs a program on one computer.
pub const MAX_SESSIONS: usize = 256;

/// Applications that one session server offers. A guess.
pub const MAX_APPLICATIONS: usize = 64;

/// Entries of a list of people in one session. A guess, far above what one picture is driven by.
pub(crate) const MAX_CLIENTS: usize = 256;

/// Languages of one title or description. A guess.
pub(crate) const MAX_LANGUAGES: usize = 16;
