//! What every message has around it: the bounds, `verb` or `msg`, and the `id` that an answer repeats.
//!
//! The bounds are checked on the bare text, before anything is allocated for it. It must never know a single verb.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::bounds::{MAX_DEPTH, MAX_ID_LEN, MAX_MESSAGE_LEN};
use crate::text::{Reason, Text};

/// The `id` of a request: any JSON value, kept as it was written.
#[derive(Clone)]
pub struct Id(Box<RawValue>);

impl Id {
    /// The id that is a number.
    #[must_use]
    pub fn number(number: u64) -> Self {
        let text = number.to_string();
        Self(RawValue::from_string(text).expect("digits are JSON"))
    }

    /// Its JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// The number that it is, if it is one of ours ([`Id::number`]).
    #[must_use]
    pub fn as_number(&self) -> Option<u64> {
        self.as_json().parse().ok()
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.as_json())
    }
}

/// A message and the `id` that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<T> {
    /// Repeated in the answer.
    pub id: Option<Id>,
    /// What was said.
    pub body: T,
}

/// A message that is none; [`Rejected::answer`] is what its sender gets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// Its `id`, if it could be read.
    pub id: Option<Id>,
    /// What is wrong, for people.
    pub reason: Reason,
}

impl Rejected {
    /// The text of the `BAD_REQUEST`.
    #[must_use]
    pub fn answer(&self) -> String {
        let body = serde_json::json!({"msg": "BAD_REQUEST", "reason": self.reason});
        with_id(body.to_string(), self.id.as_ref())
    }
}

/// Something that is said in a message of its own. Implemented by the enums of this crate only.
pub trait Body: Sized + Serialize {
    /// Bytes of one such message at most.
    #[doc(hidden)]
    const MAX_LEN: usize = MAX_MESSAGE_LEN;

    /// What an opened message says.
    ///
    /// # Errors
    /// What is wrong, for people.
    #[doc(hidden)]
    fn open(opened: Opened) -> Result<Self, String>;
}

/// A message within its bounds, whose fields are not read yet.
#[derive(Debug)]
pub struct Opened {
    fields: Map<String, Value>,
}

impl Opened {
    /// The word under `tag` (`verb` or `msg`), if there is any.
    pub(crate) fn word(&self, tag: &str) -> Option<&str> {
        self.fields.get(tag).and_then(Value::as_str)
    }

    /// The word under `tag`; `known` is for the reason.
    pub(crate) fn required_word(&self, tag: &str, known: &[&str]) -> Result<&str, String> {
        self.word(tag).ok_or_else(|| {
            format!(
                "a text in \"{tag}\" is missing; accepted are {}",
                known.join(", ")
            )
        })
    }

    /// The fields as a type.
    pub(crate) fn fields<T: serde::de::DeserializeOwned>(self) -> Result<T, String> {
        serde_path_to_error::deserialize(Value::Object(self.fields)).map_err(|error| {
            let path = error.path().to_string();
            if path == "." {
                error.inner().to_string()
            } else {
                format!("\"{path}\": {}", error.inner())
            }
        })
    }
}

/// What a `verb` or `msg` is answered with that nobody knows.
pub(crate) fn unknown(tag: &str, word: &str, known: &[&str]) -> String {
    let word = Text::<64>::cut(word);
    format!(
        "{tag} \"{word}\" is not known; accepted are {}",
        known.join(", ")
    )
}

/// Reads one message.
///
/// # Errors
/// A [`Rejected`] if it is too long or too deep, no JSON object, or nothing that `T` knows.
pub fn read<T: Body>(text: &str) -> Result<Message<T>, Rejected> {
    let reject = |id, reason: String| Rejected {
        id,
        reason: Reason::cut(&reason),
    };
    check_bounds(text, T::MAX_LEN).map_err(|reason| reject(None, reason))?;
    let fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| reject(None, format!("one JSON object is accepted: {error}")))?;
    let id = match fields.contains_key("id") {
        true => id_of(text).map_err(|reason| reject(None, reason))?,
        false => None,
    };
    match T::open(Opened { fields }) {
        Ok(body) => Ok(Message { id, body }),
        Err(reason) => Err(reject(id, reason)),
    }
}

/// The text of one message, with the `id` of what it answers, or of what it asks.
///
/// # Panics
/// Never: the types of this crate have no key that is not a string.
#[must_use]
pub fn write<T: Body>(body: &T, id: Option<&Id>) -> String {
    let text = serde_json::to_string(body).expect("the types of this crate become JSON objects");
    with_id(text, id)
}

/// Adds an `id` to the text of an object that has at least one field and no `id`.
fn with_id(mut text: String, id: Option<&Id>) -> String {
    if let Some(id) = id {
        let brace = text.pop();
        debug_assert_eq!(brace, Some('}'), "an object ends with a brace");
        text.push_str(",\"id\":");
        text.push_str(id.as_json());
        text.push('}');
    }
    text
}

fn check_bounds(text: &str, max_len: usize) -> Result<(), String> {
    if text.len() > max_len {
        return Err(format!(
            "{} bytes; a message has at most {max_len}",
            text.len()
        ));
    }
    if depth(text.as_bytes()) > MAX_DEPTH {
        return Err(format!(
            "objects and lists lie more than {MAX_DEPTH} deep in each other"
        ));
    }
    Ok(())
}

/// How deep brackets lie in each other; of text that is no JSON, some number.
fn depth(bytes: &[u8]) -> usize {
    let mut deepest = 0_usize;
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => {
                bytes.next();
            }
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The `id` exactly as it was written: as a value of its own a large number would lose digits.
fn id_of(text: &str) -> Result<Option<Id>, String> {
    struct Finder;

    impl<'de> Visitor<'de> for Finder {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<String>()? {
                if key == "id" {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader
        .deserialize_map(Finder)
        .map_err(|error| error.to_string())?;
    match found {
        Some(raw) if raw.get().len() > MAX_ID_LEN => Err(format!(
            "\"id\": {} bytes; at most {MAX_ID_LEN} are repeated",
            raw.get().len()
        )),
        found => found
            .map(|raw| <Box<RawValue>>::deserialize(raw).map(Id))
            .transpose()
            .map_err(|error| error.to_string()),
    }
}

/// An enum whose variants are the words of a tag, each with the type of its fields. `up to` names another bound of its
/// length than the usual one.
macro_rules! messages {
    (
        $(#[$enum_doc:meta])*
        $tag:literal $vis:vis enum $name:ident $(up to $max_len:ident)? {
            $( $(#[$doc:meta])* $word:literal => $variant:ident $(($fields:ty))? ),* $(,)?
        }
    ) => {
        $(#[$enum_doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(tag = $tag)]
        $vis enum $name {
            $( $(#[$doc])* #[serde(rename = $word)] $variant $(($fields))? ),*
        }

        impl $name {
            pub(crate) const WORDS: &[&str] = &[$($word),*];
        }

        impl $crate::envelope::Body for $name {
            $(const MAX_LEN: usize = $max_len;)?

            fn open(opened: $crate::envelope::Opened) -> Result<Self, String> {
                match opened.required_word($tag, Self::WORDS)? {
                    $(
                        $word => Ok(Self::$variant $((opened
                            .fields::<$fields>()
                            .map_err(|why| format!("{}: {why}", $word))?))?),
                    )*
                    other => Err($crate::envelope::unknown($tag, other, Self::WORDS)),
                }
            }
        }
    };
}
pub(crate) use messages;
