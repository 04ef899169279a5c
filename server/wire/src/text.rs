//! Text with a bound: names, addresses, reasons. It must never know what a name stands for.

use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use crate::bounds::{MAX_CHAT_LEN, MAX_CLIPBOARD_LEN, MAX_RELAY_LEN, MAX_SDP_LEN};

/// What an application is called, as requests give it (`rc_name`).
pub type ApplicationName = Text<128>;
/// What a session server is called.
pub type ServerName = Text<128>;
/// What a user is called.
pub type PersonName = Text<48>;
/// An IP address or a DNS name (RFC 1035 section 2.3.4: at most 255).
pub type Host = Text<255>;
/// A time zone's IANA name.
pub type ZoneName = Text<64>;
/// What people read when something is refused.
pub type Reason = Text<512>;
/// A path or an address.
pub type Url = Text<1024>;
/// A title or a description.
pub type LongText = Text<2048>;

/// Text of 1 to `MAX` bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(String);

/// Text that is empty, too long, or has control characters in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a text of 1 to {max} bytes without control characters is accepted")]
pub struct BadText {
    /// Bytes that are accepted at most.
    pub max: usize,
}

impl<const MAX: usize> Text<MAX> {
    /// The text, if it is within the bound.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(text: &str) -> Result<Self, BadText> {
        if (1..=MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadText { max: MAX })
        }
    }

    /// What is left of a text within the bound: control characters become spaces, the end is cut off, nothing
    /// becomes `-`. For our own words to people, never for what identifies something.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut kept = String::new();
        for sign in text.chars() {
            let sign = if sign.is_control() { ' ' } else { sign };
            if kept.len() + sign.len_utf8() > MAX {
                break;
            }
            kept.push(sign);
        }
        if kept.is_empty() {
            kept.push('-');
        }
        Self(kept)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<const MAX: usize>;

        impl<const MAX: usize> Visitor<'_> for Reader<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of 1 to {MAX} bytes without control characters")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<MAX>, E> {
                Text::new(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Reader)
    }
}

/// What people say to each other in a session.
pub type ChatText = Lines<MAX_CHAT_LEN>;
/// A description of a WebRTC session.
pub type Sdp = Lines<MAX_SDP_LEN>;
/// A clipboard's text; it may be empty.
pub type Clipboard = Anything<MAX_CLIPBOARD_LEN>;
/// What programs of users pass to each other; it may be empty.
pub type RelayData = Anything<MAX_RELAY_LEN>;
/// An ICE candidate's line and its parts (RFC 8839 section 5.1). A guess: they have some 150 bytes.
pub type CandidateText = Anything<1024>;

/// A text with other rules than [`Text`], checked by one function.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident, $accepted:literal, $good:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name<const MAX: usize>(String);

        impl<const MAX: usize> $name<MAX> {
            /// The text, if it is within the bound.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                let good: fn(&str) -> bool = $good;
                (text.len() <= MAX && good(text)).then(|| Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> fmt::Debug for $name<MAX> {
            /// Its length only: what people write is nobody's business in a log.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.0.len())
            }
        }

        impl<const MAX: usize> Serialize for $name<MAX> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de, const MAX: usize> Deserialize<'de> for $name<MAX> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader<const MAX: usize>;

                impl<const MAX: usize> Visitor<'_> for Reader<MAX> {
                    type Value = $name<MAX>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, $accepted, MAX)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name<MAX>, E> {
                        $name::new(text).ok_or_else(|| E::custom(format_args!($accepted, MAX)))
                    }
                }

                deserializer.deserialize_str(Reader)
            }
        }
    };
}

bounded!(
    /// Text of 1 to `MAX` bytes, of any number of lines, without other control characters than their ends and tabs.
    Lines,
    "a text of 1 to {} bytes, without control characters other than ends of lines and tabs, is accepted",
    |text| !text.is_empty()
        && !text
            .chars()
            .any(|sign| sign.is_control() && !matches!(sign, '\n' | '\r' | '\t'))
);

bounded!(
    /// Any text of at most `MAX` bytes, an empty one too.
    Anything,
    "a text of at most {} bytes is accepted",
    |_| true
);
