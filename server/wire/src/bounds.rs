//! How much is accepted, before anything is looked at more closely. It must never know what the messages mean.

/// Bytes of one message. The largest that is meant, a session server's registration with all its applications and
/// sessions, stays below it; a browser's messages have a few hundred.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

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
