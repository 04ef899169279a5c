//! The body of the fuzz target, on the text that proptest thinks of.

use proptest::prelude::*;

#[path = "../../../../tests/fuzz/bodies/wire.rs"]
mod bodies;

/// JSON of any shape, with the words that the readers look for in it.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        "verb|msg|id|code|range|date|time|rc_name|minutes|ends_at|token|name|nonce|running|applications|port|host|limit|sdp|candidate|client|clients|text|data|to|from|queue|driver|hidden|png|x|y|urls|deeds|who|what|watch|resume|minutes|on|locked",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "GET_SERVERS|PLAN_SESSION|START_SESSION|EXTEND_SESSION|REGISTER|HEARTBEAT|SESSION_ENDED|CONNECT_TO_SESSION|DRAIN|WEBRTC_OFFER|WEBRTC_CANDIDATE|GIVE_CONTROL|LOCK_CONTROL|SET_NAME|CHAT|RELAY|CLIPBOARD|BROADCAST|QUALITY|CURSOR|CONTROL|TIME_WARNING|AUDIT|EXTEND_WANTED|#[0-9a-f]{6}|[0-9]{4}|[0-9]-[0-9]|[0-9]{1,2}/[0-9]{1,2}/20[0-9]{2}|[0-9]{2}:[0-9]{2}"
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_at_all_upset_the_readers(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        bodies::messages(&bytes);
    }

    #[test]
    fn nor_does_any_json(json in json()) {
        bodies::messages(json.to_string().as_bytes());
    }
}
