//! Between the users of one session: who drives, what they say to each other, and what all of them are told.
//!
//! It must never know the rules by which control changes hands.

use std::fmt;

use serde::de;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounds::MAX_CLIENTS;
use crate::number::{Count, Minutes, Seconds, UnixSeconds};
use crate::text::{ChatText, Clipboard, LongText, PersonName, RelayData, Text};

/// A colour, `#rrggbb` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::<7>::deserialize(deserializer)?;
        let digits = text.strip_prefix('#').filter(|digits| {
            digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let wrong = || de::Error::custom("a colour such as \"#1f77b4\" is accepted");
        let [_, red, green, blue] = number.ok_or_else(wrong)?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

/// The fields of `GIVE_CONTROL` and `REFUSE_CONTROL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveControl {
    /// To whom.
    pub client: Count,
}

/// The fields of `LOCK_CONTROL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockControl {
    /// Nobody gets control by asking alone.
    pub locked: bool,
}

/// The fields of `SET_NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetName {
    /// What the user is called from now on.
    pub name: PersonName,
}

/// The fields of `CHAT`, as it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// What.
    pub text: ChatText,
}

/// The fields of `RELAY`, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// To whom; none: to all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Count>,
    /// What, for their programs.
    pub data: RelayData,
}

/// The fields of `CLIPBOARD`, both ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipboardText {
    /// What is in it.
    pub text: Clipboard,
}

/// The fields of `EXTEND_SESSION`, as a user of the session says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendBy {
    /// How much longer.
    pub minutes: Minutes,
}

/// The fields of `BROADCAST`, as the owner says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcast {
    /// Whether the session is to be on a channel.
    pub on: bool,
}

/// The fields of `CONTROL`, and who drives in what users are told when they come in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Who has control; none: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Count>,
    /// Who asked for it, the first first.
    #[serde(default, deserialize_with = "few_numbers")]
    pub queue: Vec<Count>,
    /// Asking alone gives nobody control.
    #[serde(default)]
    pub locked: bool,
    /// Who asks you for control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Count>,
    /// When control passes to the first of the queue if the driver goes on doing nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<Seconds>,
}

fn few_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Count>, D::Error> {
    crate::link::at_most(deserializer, MAX_CLIENTS)
}

/// The fields of `CHAT`, as it is heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who said it.
    pub client: Count,
    /// What they were called then.
    pub name: PersonName,
    /// What.
    pub text: ChatText,
    /// When.
    pub at: UnixSeconds,
}

/// The fields of `RELAY`, as it arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// Who sent it.
    pub from: Count,
    /// What.
    pub data: RelayData,
}

/// The fields of `TIME_WARNING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeWarning {
    /// Until the session's time is over.
    pub seconds_left: Seconds,
    /// Whether the time after it is free.
    pub can_extend: bool,
}

/// The fields of `BROADCAST`, as users are told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnAir {
    /// Whether the session is on a channel.
    pub on: bool,
    /// On which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Count>,
    /// By it peers find the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<LongText>,
}

/// What runs in a session, as its users see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its one name.
    pub name: crate::text::ApplicationName,
    /// What people read, by language.
    #[serde(default, deserialize_with = "crate::link::few_texts")]
    pub title: std::collections::BTreeMap<String, LongText>,
    /// Of the picture, in pixels.
    pub width: u32,
    /// Of the picture, in pixels.
    pub height: u32,
}
