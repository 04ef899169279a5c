//! The words that stand for the model's small enumerations in tables and files: those that serde gives them.
//!
//! It must never know which enumerations there are.

use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

/// The word of a value.
pub(crate) fn word_of<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("enumerations without fields are written as words, not as {other:?}"),
    }
}

/// The value of a word; the error lists the words that there are.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, String> {
    let word: StrDeserializer<'_, Error> = word.into_deserializer();
    T::deserialize(word).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use server_booking::model::{EndReason, ServerState};

    use super::*;

    #[test]
    fn words_are_read_back_and_others_refused_with_those_that_are_known() {
        for why in [EndReason::TimeOver, EndReason::ServerLost] {
            assert_eq!(from_word(&word_of(why)), Ok(why));
        }
        let error = from_word::<ServerState>("asleep").expect_err("no such word");
        assert!(
            error.contains("asleep") && error.contains("draining"),
            "{error}"
        );
    }
}
