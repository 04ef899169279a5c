//! Numbers, accepted as JSON numbers and as strings of digits, because clients send both.
//!
//! Each is answered in the one form that existing clients know: ports as strings, the rest as numbers.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A whole number within bounds, however it was written.
fn whole<'de, D: Deserializer<'de>>(deserializer: D, min: i64, max: i64) -> Result<i64, D::Error> {
    deserializer.deserialize_any(Whole { min, max })
}

struct Whole {
    min: i64,
    max: i64,
}

impl Whole {
    fn check<E: de::Error>(&self, number: Option<i64>) -> Result<i64, E> {
        number
            .filter(|number| (self.min..=self.max).contains(number))
            .ok_or_else(|| {
                E::custom(format_args!(
                    "a whole number from {} to {} is accepted",
                    self.min, self.max
                ))
            })
    }
}

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.min, self.max)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
        self.check(Some(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
        self.check(i64::try_from(number).ok())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        self.check(text.parse().ok().filter(|_| plain))
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($of:ty), $min:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $of);

        impl $name {
            /// The least that is read.
            pub const MIN: $of = $min;
            /// The most that is read.
            pub const MAX: $of = $max;
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = whole(deserializer, i64::from(Self::MIN), i64::from(Self::MAX))?;
                <$of>::try_from(number).map(Self).map_err(de::Error::custom)
            }
        }
    };
}

number!(
    /// Seconds since 1970-01-01T00:00:00Z, to the end of the year 9999.
    UnixSeconds(i64), 0, 253_402_300_799
);
number!(
    /// A length of time in minutes, to a week.
    Minutes(u32), 1, 7 * 24 * 60
);
number!(
    /// A length of time in seconds, to a week.
    Seconds(u32), 0, 7 * 24 * 60 * 60
);
number!(
    /// How many of something, or which of them.
    Count(u32), 0, 1_000_000
);

/// A port, 1 to 65535; answered as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u16);

impl Port {
    /// The port; none for 0.
    #[must_use]
    pub fn new(port: u16) -> Option<Self> {
        (port != 0).then_some(Self(port))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole(deserializer, 1, i64::from(u16::MAX))?;
        u16::try_from(number).map(Self).map_err(de::Error::custom)
    }
}
