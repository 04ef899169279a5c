//! What can go wrong with a capture, in words for people.

use std::io;

use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};

use super::stream::{MAX_ANSWER_US, STOPPED};

/// Why a capture did not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// The config is out of bounds.
    #[error("the screen cannot be captured so: {0}")]
    Config(String),
    /// The display cannot be reached or refuses.
    #[error("display {display}: {reason}")]
    Open {
        /// As in the config.
        display: String,
        /// Why.
        reason: String,
    },
    /// The display lacks what capture needs.
    #[error("the display cannot be captured: {0}")]
    Unsuitable(String),
    /// The display's server ended, or closed the connection.
    #[error("the display is gone: {0}")]
    Gone(String),
    /// The display's server lives but does not answer.
    #[error("the display does not answer (waited {} s)", MAX_ANSWER_US / 1_000_000)]
    Hangs,
    /// The encoder cannot be opened or fails.
    #[error("encoding the screen: {0}")]
    Encoder(String),
    /// No thread, no memory, no descriptor.
    #[error("capturing the screen: {0}")]
    Thread(String),
    /// The capture was dropped; never handed out.
    #[error("stopped")]
    Stopped,
}

impl ScreenError {
    pub(super) fn system(error: io::Error) -> Self {
        Self::Thread(error.to_string())
    }

    /// Of a wait for the display.
    pub(super) fn wait(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Hangs,
            _ if error.to_string() == STOPPED => Self::Stopped,
            _ => Self::Gone(error.to_string()),
        }
    }

    /// Of connecting.
    pub(super) fn open(display: &str, error: ConnectError) -> Self {
        match error {
            ConnectError::IoError(error) => match Self::wait(error) {
                Self::Gone(reason) => Self::refused(display, reason),
                other => other,
            },
            other => Self::refused(display, other.to_string()),
        }
    }

    pub(super) fn refused(display: &str, reason: impl Into<String>) -> Self {
        Self::Open {
            display: display.to_owned(),
            reason: reason.into(),
        }
    }
}

impl From<ConnectionError> for ScreenError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::IoError(error) => Self::wait(error),
            other => Self::Gone(other.to_string()),
        }
    }
}

impl From<ReplyError> for ScreenError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => error.into(),
            ReplyError::X11Error(error) => {
                Self::Unsuitable(format!("it answers with the error {:?}", error.error_kind))
            }
        }
    }
}

impl From<ReplyOrIdError> for ScreenError {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::ConnectionError(error) => error.into(),
            ReplyOrIdError::X11Error(error) => ReplyError::X11Error(error).into(),
            ReplyOrIdError::IdsExhausted => Self::Gone("it has no ids left".to_owned()),
        }
    }
}
