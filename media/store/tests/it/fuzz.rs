//! The body of the fuzz target, on the bytes that proptest thinks of.

use proptest::prelude::*;

#[path = "../../../../tests/fuzz/bodies/store.rs"]
pub(crate) mod bodies;

/// Lines as an index has them, more or less.
fn nearly_an_index() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        8 => Just(r#"{"treecast_spool":1,"generation":5}"#.to_owned()),
        1 => Just(r#"{"treecast_spool":2,"generation":5}"#.to_owned()),
        1 => Just(String::new()),
    ];
    let name = prop_oneof![
        Just("a.mkv".to_owned()),
        Just("../b.mkv".to_owned()),
        Just("b.mkv".to_owned()),
        ".*"
    ];
    let line = (name, any::<u64>(), 0u64..200).prop_map(|(name, seq, bytes)| {
        let name = name.replace(['"', '\\'], "");
        format!(
            r#"{{"name":"{name}","seq":{seq},"epoch":1,"bytes":{bytes},"duration_us":1,"wall_us":1,"hash":"00","stored_us":1}}"#
        )
    });
    let lines = proptest::collection::vec(prop_oneof![4 => line, 1 => ".*"], 0..8);
    (header, lines, any::<bool>()).prop_map(|(header, lines, ended)| {
        let mut text = header + "\n" + &lines.join("\n");
        text.extend(ended.then_some('\n'));
        text.into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_at_all_in_an_index_upset_reader_or_writer(
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
    ) {
        bodies::index(&bytes);
    }

    #[test]
    fn nor_do_those_of_nearly_an_index(bytes in nearly_an_index()) {
        bodies::index(&bytes);
    }
}
