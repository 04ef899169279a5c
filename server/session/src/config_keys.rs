//! The keys of one object of a configuration, taken out one by one; each refusal names key and accepted values.
//!
//! It must never know what a key is for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use server_wire::{LongText, Text};

/// Entries of a list or of an object of texts. A guess.
pub(crate) const MAX_ENTRIES: usize = 256;

/// The keys of one object, taken out one by one.
pub(crate) struct Keys {
    pub(crate) map: Map<String, Value>,
    prefix: String,
}

impl Keys {
    /// An object; a key that is not among `known` is refused with them.
    pub(crate) fn new(
        map: Map<String, Value>,
        prefix: String,
        known: &[&str],
    ) -> Result<Self, String> {
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(format!(
                "{prefix}{}: is not known; accepted are {}",
                Text::<64>::cut(key),
                known.join(", ")
            )),
            None => Ok(Self { map, prefix }),
        }
    }

    /// What is wrong with a key.
    pub(crate) fn refuse(&self, key: &str, why: &str) -> String {
        format!("{}{key}: {why}", self.prefix)
    }

    /// A text, if it is there.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.map.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refuse(key, "a text is accepted")),
        }
    }

    /// A whole number, as a number or as a text.
    pub(crate) fn number(&mut self, key: &str, min: u64, max: u64) -> Result<Option<u64>, String> {
        let number = match self.map.remove(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        match number.filter(|number| (min..=max).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.refuse(
                key,
                &format!("a whole number from {min} to {max} is accepted"),
            )),
        }
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.map.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.refuse(key, "true or false is accepted")),
        }
    }

    /// A list of texts; nothing: none.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Vec<String>, String> {
        let wrong = format!("a list of at most {MAX_ENTRIES} texts is accepted");
        let list = match self.map.remove(key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() <= MAX_ENTRIES => list,
            Some(_) => return Err(self.refuse(key, &wrong)),
        };
        let texts = list.into_iter().map(|value| match value {
            Value::String(text) if !text.contains('\0') => Ok(text),
            _ => Err(self.refuse(key, &wrong)),
        });
        texts.collect()
    }

    /// Texts by name.
    pub(crate) fn pairs(&mut self, key: &str) -> Result<BTreeMap<String, String>, String> {
        let wrong = "an object of texts is accepted: {\"NAME\": \"value\"}";
        let map = match self.map.remove(key) {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(map)) if map.len() <= MAX_ENTRIES => map,
            Some(_) => return Err(self.refuse(key, wrong)),
        };
        let pairs = map.into_iter().map(|(name, value)| match value {
            Value::String(text)
                if !name.is_empty() && !name.contains(['=', '\0']) && !text.contains('\0') =>
            {
                Ok((name, text))
            }
            _ => Err(self.refuse(key, wrong)),
        });
        pairs.collect()
    }

    /// A text for each language; a bare text is English.
    pub(crate) fn languages(&mut self, key: &str) -> Result<BTreeMap<String, LongText>, String> {
        let wrong = "a text for each language is accepted: {\"en\": \"...\", \"ru\": \"...\"}, up to 2048 bytes each";
        if let Some(Value::String(text)) = self.map.get(key) {
            let text = LongText::new(text).map_err(|_| self.refuse(key, wrong))?;
            self.map.remove(key);
            return Ok(BTreeMap::from([("en".to_owned(), text)]));
        }
        let pairs = self.pairs(key).map_err(|_| self.refuse(key, wrong))?;
        let good = |language: &str| (1..=16).contains(&language.len());
        if pairs.len() > 16 {
            return Err(self.refuse(key, wrong));
        }
        let texts = pairs.into_iter().map(|(language, text)| {
            let text = LongText::new(&text).ok().filter(|_| good(&language));
            text.map(|text| (language, text))
                .ok_or_else(|| self.refuse(key, wrong))
        });
        texts.collect()
    }

    /// An object inside, with keys of its own.
    pub(crate) fn object(&mut self, key: &str, known: &[&str]) -> Result<Option<Self>, String> {
        match self.map.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => {
                Self::new(map, format!("{}{key}.", self.prefix), known).map(Some)
            }
            Some(_) => Err(self.refuse(
                key,
                &format!("an object is accepted, with {}", known.join(", ")),
            )),
        }
    }
}
