//! The JSON messages of the session path: verbs and answers, exactly as they are on the wire.
//!
//! Pure: text to values and back, within bounds. This crate must never know a socket, a clock or a database.
