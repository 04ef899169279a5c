//! The four digits by which people join. It must never know which of them are taken.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

const WORDS: &str = "a code is a string of exactly four digits, such as \"0042\"";

/// Four digits, `0000` to `9999`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// How many there are.
    pub const COUNT: u16 = 10_000;

    /// The code of a number; none from [`Code::COUNT`] on.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// The code that a text is: exactly four ASCII digits.
    #[must_use]
    pub fn from_digits(text: &str) -> Option<Self> {
        let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten()
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    /// A string, or a number of four digits: one that begins with 0 cannot be written as a number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Code;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(WORDS)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Code, E> {
                let code = u16::try_from(number).ok().and_then(Code::new);
                code.filter(|_| number >= 1000)
                    .ok_or_else(|| E::custom(WORDS))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Code, E> {
                Code::from_digits(text).ok_or_else(|| E::custom(WORDS))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
