//! JSON from elsewhere: read within bounds, and every value with the place where it stands.
//!
//! Numbers are taken as strings too, and in the forms of MongoDB's extended JSON (`{"$numberInt": "5"}`,
//! `{"$oid": "..."}`; <https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/>). This file must never know
//! which keys there are.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Source;

/// Bytes of a file that is read; a guess, far above 10,000 bookings or servers.
pub const FILE_MAX: usize = 64 * 1024 * 1024;
/// Entries of a file; a guess. serde_json refuses lists in lists from 128 on.
pub const ENTRIES_MAX: usize = 100_000;
/// Characters of a wrong value that an error repeats.
const SHOWN_MAX: usize = 60;

/// What is wrong in a file, in one line: file, place, reason and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}{reason}")]
pub struct ImportError {
    file: String,
    /// Empty, or with a colon at its end.
    place: String,
    reason: String,
}

/// The values of a file: one, or one a line.
pub(crate) fn documents(source: Source<'_>) -> Result<Vec<Value>, ImportError> {
    let fail = |reason: String| ImportError {
        file: source.name.to_owned(),
        place: String::new(),
        reason,
    };
    if source.bytes.len() > FILE_MAX {
        return Err(fail(format!(
            "{} bytes, {FILE_MAX} at most are read",
            source.bytes.len()
        )));
    }
    // Editors of some systems begin a file with this mark; it is no JSON.
    let bytes = source
        .bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(source.bytes);
    let mut documents = Vec::new();
    for value in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let value = value.map_err(|error| fail(format!("not JSON: {error}")))?;
        if documents.len() == ENTRIES_MAX {
            return Err(fail(format!("more than {ENTRIES_MAX} entries")));
        }
        documents.push(value);
    }
    if documents.is_empty() {
        return Err(fail("the file is empty; an empty list is []".to_owned()));
    }
    Ok(documents)
}

/// A value and the place where it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    file: &'a str,
    place: String,
    value: Items<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Items<'a> {
    One(&'a Value),
    /// The values of a file that has one a line.
    Lines(&'a [Value]),
}

impl<'a> At<'a> {
    /// All of a file: its one value, or the list of those that it has one a line.
    pub(crate) fn whole(file: &'a str, documents: &'a [Value]) -> Result<Self, ImportError> {
        let value = match documents {
            [one @ (Value::Array(_) | Value::Object(_))] => Items::One(one),
            many => Items::Lines(many),
        };
        let whole = Self {
            file,
            place: String::new(),
            value,
        };
        match whole.length() > ENTRIES_MAX {
            true => Err(whole.fault(&format!("more than {ENTRIES_MAX} entries"))),
            false => Ok(whole),
        }
    }

    fn length(&self) -> usize {
        match self.value {
            Items::One(Value::Array(entries)) => entries.len(),
            Items::One(_) => 1,
            Items::Lines(values) => values.len(),
        }
    }

    /// An error here.
    pub(crate) fn fault(&self, reason: &str) -> ImportError {
        let place = match self.place.as_str() {
            "" => String::new(),
            place => format!("{place}: "),
        };
        ImportError {
            file: self.file.to_owned(),
            place,
            reason: reason.to_owned(),
        }
    }

    /// The entries of a list, counted from 1 in errors; none if it is no list.
    pub(crate) fn list(&self) -> Option<Vec<Self>> {
        let values = match self.value {
            Items::One(Value::Array(values)) => values.as_slice(),
            Items::Lines(values) => values,
            Items::One(_) => return None,
        };
        let entries = values.iter().zip(1..).map(|(value, number)| Self {
            file: self.file,
            place: self.within(&format!("entry {number}")),
            value: Items::One(value),
        });
        Some(entries.collect())
    }

    /// The entries of what must be a list; a single object is a list of one.
    pub(crate) fn entries(&self) -> Result<Vec<Self>, ImportError> {
        match (self.list(), self.value) {
            (Some(entries), _) => Ok(entries),
            (None, Items::One(Value::Object(_))) => Ok(vec![self.clone()]),
            (None, _) => Err(self.wrong("a list")),
        }
    }

    fn within(&self, part: &str) -> String {
        match self.place.as_str() {
            "" => part.to_owned(),
            place => format!("{place}, {part}"),
        }
    }

    fn object(&self) -> Option<&'a Map<String, Value>> {
        match self.value {
            Items::One(Value::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// The keys of an object, in the order of their letters; none of anything else.
    pub(crate) fn keys(&self) -> Vec<&'a str> {
        self.object()
            .map(|object| object.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// What stands under the first of some keys that is there and not null.
    pub(crate) fn find(&self, keys: &[&str]) -> Option<Self> {
        let object = self.object()?;
        let (key, value) = keys.iter().find_map(|key| {
            object
                .get_key_value(*key)
                .filter(|(_, value)| !value.is_null())
        })?;
        Some(Self {
            file: self.file,
            place: self.within(key),
            value: Items::One(value),
        })
    }

    /// The same, where it must be.
    pub(crate) fn need(&self, keys: &[&str]) -> Result<Self, ImportError> {
        if self.object().is_none() {
            return Err(self.wrong(&format!("an object with \"{}\"", keys[0])));
        }
        self.find(keys)
            .ok_or_else(|| self.fault(&format!("\"{}\" is missing", keys[0])))
    }

    /// A text; a number is one too.
    pub(crate) fn text(&self) -> Result<String, ImportError> {
        match self.plain() {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A text that is not empty.
    pub(crate) fn name(&self) -> Result<String, ImportError> {
        let text = self.text()?;
        match text.trim() {
            "" => Err(self.fault("a name may not be empty")),
            _ => Ok(text),
        }
    }

    /// A whole number, or a text that is one; `accepted` tells people which.
    pub(crate) fn number<T: TryFrom<i64>>(&self, accepted: &str) -> Result<T, ImportError> {
        let number = match self.plain() {
            Some(Value::Number(number)) => number.as_i64().or_else(|| whole_number(number)),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.wrong(accepted))
    }

    /// Texts by language: `{"en": ..., "ru": ...}`, a list of such, or one text, which is English then.
    pub(crate) fn texts(&self) -> Result<BTreeMap<String, String>, ImportError> {
        if let Some(Value::String(text)) = self.plain() {
            return Ok(BTreeMap::from([("en".to_owned(), text.clone())]));
        }
        let mut texts = BTreeMap::new();
        for entry in self.entries()? {
            if entry.object().is_none() {
                return Err(entry.wrong("texts by language, such as {\"en\": \"...\"}"));
            }
            for key in entry.keys() {
                if let Some(text) = entry.find(&[key]) {
                    texts.insert(key.to_owned(), text.text()?);
                }
            }
        }
        Ok(texts)
    }

    /// Reads what our own program wrote here.
    pub(crate) fn own<T: serde::de::DeserializeOwned>(&self) -> Result<T, ImportError> {
        match self.value {
            Items::One(value) => T::deserialize(value).map_err(|e| self.fault(&e.to_string())),
            Items::Lines(_) => Err(self.wrong("one value")),
        }
    }

    /// The value without the wrapping of extended JSON.
    fn plain(&self) -> Option<&'a Value> {
        let Items::One(value) = self.value else {
            return None;
        };
        match value {
            Value::Object(object) if object.len() == 1 => match object.iter().next() {
                Some((key, inner)) if key == "$date" => match inner {
                    Value::Object(long) => long.get("$numberLong"),
                    other => Some(other),
                },
                Some((key, inner)) if key.starts_with('$') => Some(inner),
                _ => Some(value),
            },
            _ => Some(value),
        }
    }

    fn wrong(&self, accepted: &str) -> ImportError {
        let shown = match self.value {
            Items::One(value) => value.to_string(),
            Items::Lines(values) => format!("{} values", values.len()),
        };
        let cut: String = shown.chars().take(SHOWN_MAX).collect();
        let dots = if cut.len() < shown.len() { "..." } else { "" };
        self.fault(&format!("{cut}{dots} is not accepted: {accepted}"))
    }
}

/// Older exports write every number with a point.
fn whole_number(number: &serde_json::Number) -> Option<i64> {
    /// Up to here every whole number has its own place in an f64 (2^53).
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = number.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and within the exact ones"
    )]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
