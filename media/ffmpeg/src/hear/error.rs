//! What can go wrong with listening, in words for people.

/// Why a recording did not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// The sound server cannot be reached, refuses, or has no such source.
    #[error("sound source {source_name} of {server}: {reason}")]
    Open {
        /// As in the config.
        server: String,
        /// As in the config.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// The sound server ended, or took the source away.
    #[error("the sound server is gone: {0}")]
    Gone(String),
    /// The sound server lives but does not answer.
    #[error("the sound server does not answer")]
    Hangs,
    /// The encoder cannot be opened or fails.
    #[error("encoding the sound: {0}")]
    Encoder(String),
    /// No thread.
    #[error("listening: {0}")]
    Thread(String),
}
