//! How much of everything there may be. All of them are guesses with room to spare over the largest installation that
//! was thought of, 200 session servers; they are there so that no input can grow the world without end.

use crate::decision::Refusal;

/// Applications in all.
pub const MAX_APPLICATIONS: usize = 1_000;

/// Session servers in all.
pub const MAX_SERVERS: usize = 2_000;

/// Applications of one session server.
pub const MAX_APPLICATIONS_OF_A_SERVER: usize = 200;

/// Sessions at a time on one session server.
pub const MAX_SESSIONS_OF_A_SERVER: u32 = 1_000;

/// Bytes in the name of an application, of a server, of a host.
pub const MAX_NAME_BYTES: usize = 128;

/// Bytes in a title or a description.
pub const MAX_TEXT_BYTES: usize = 4_096;

/// Bytes in the address of a picture: a database takes 2,000 characters.
pub const MAX_PICTURE_BYTES: usize = 2_000;

/// Languages of a title or a description.
pub const MAX_LANGUAGES: usize = 32;

/// Bytes of an audit entry's actor, subject and detail each; longer ones are cut.
pub const MAX_AUDIT_BYTES: usize = 256;

/// Servers that one request for a list may ask for.
pub const MAX_RANGE: usize = 1_000;

/// How many servers a decision may try to clear for one place, and so how long it may take to find that there is none.
/// With more servers than this that are all full, a place that only a long chain of moves would free is not found.
pub const MAX_CLEARINGS: u32 = 1_000;

/// Bookings whose server is gone that one round of [`crate::expire::expire`] tries to move.
pub const MAX_REHOUSED_AT_ONCE: usize = 100;

/// Refuses a name that is empty, too long, or has control characters or blanks around it.
///
/// # Errors
/// [`Refusal::BadRequest`] that begins with `what`.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::bad(format!("{what} is empty")));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(Refusal::bad(format!(
            "{what} has {} bytes; at most {MAX_NAME_BYTES} are allowed",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err(Refusal::bad(format!(
            "{what} has control characters, or blanks at an end"
        )));
    }
    Ok(())
}

/// The beginning of a text, cut at a character, at most [`MAX_AUDIT_BYTES`] long.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_AUDIT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
