//! What a streamer tells Epic's frontend about itself: its messages, its settings, and the answers to its tests.
//!
//! Pure. It must never know a connection or a clock: times are arguments.

use serde_json::{Map, Value, json};

use super::channel::FromStreamer;

/// The longest filling of an answer to a test, in bytes: the player asks for it, and half of a message is room enough.
const MAX_FILLER_LEN: usize = 16 * 1024;

/// Messages to the streamer that are taken, with their fields, as the frontend names them.
const TO_STREAMER: [(&str, u8, &[&str]); 31] = [
    ("IFrameRequest", 0, &[]),
    ("RequestQualityControl", 1, &[]),
    ("FpsRequest", 2, &[]),
    ("AverageBitrateRequest", 3, &[]),
    ("StartStreaming", 4, &[]),
    ("StopStreaming", 5, &[]),
    ("LatencyTest", 6, &["string"]),
    ("RequestInitialSettings", 7, &[]),
    ("TestEcho", 8, &[]),
    ("DataChannelLatencyTest", 9, &["string"]),
    ("UIInteraction", 50, &["string"]),
    ("Command", 51, &["string"]),
    ("TextboxEntry", 52, &["string"]),
    ("KeyDown", 60, &["uint8", "uint8"]),
    ("KeyUp", 61, &["uint8"]),
    ("KeyPress", 62, &["uint16"]),
    ("MouseEnter", 70, &[]),
    ("MouseLeave", 71, &[]),
    ("MouseDown", 72, BUTTON),
    ("MouseUp", 73, BUTTON),
    ("MouseMove", 74, &["uint16", "uint16", "int16", "int16"]),
    ("MouseWheel", 75, &["int16", "uint16", "uint16"]),
    ("MouseDouble", 76, BUTTON),
    ("TouchStart", 80, TOUCH),
    ("TouchEnd", 81, TOUCH),
    ("TouchMove", 82, TOUCH),
    ("GamepadButtonPressed", 90, &["uint8", "uint8", "uint8"]),
    ("GamepadButtonReleased", 91, &["uint8", "uint8", "uint8"]),
    ("GamepadAnalog", 92, &["uint8", "uint8", "double"]),
    ("GamepadConnected", 93, &[]),
    ("GamepadDisconnected", 94, &["uint8"]),
];

const BUTTON: &[&str] = &["uint8", "uint16", "uint16"];
const TOUCH: &[&str] = &["uint8", "uint16", "uint16", "uint8", "uint8", "uint8"];

/// Messages from the streamer that are sent.
const FROM_STREAMER: [(&str, u8); 8] = [
    ("QualityControlOwnership", 0),
    ("LatencyTest", 6),
    ("InitialSettings", 7),
    ("TestEcho", 11),
    ("InputControlOwnership", 12),
    ("GamepadResponse", 13),
    ("DataChannelLatencyTest", 14),
    ("Protocol", 255),
];

/// Both directions of the protocol, as a streamer says them when the data channel opens.
pub(super) fn protocol() -> [FromStreamer; 2] {
    let mut to: Map<String, Value> = TO_STREAMER
        .iter()
        .map(|(name, id, structure)| {
            (
                (*name).to_owned(),
                json!({ "id": id, "structure": structure }),
            )
        })
        .collect();
    to.insert("Direction".to_owned(), 0.into());
    let mut from: Map<String, Value> = FROM_STREAMER
        .iter()
        .map(|(name, id)| ((*name).to_owned(), json!({ "id": id })))
        .collect();
    from.insert("Direction".to_owned(), 1.into());
    [to, from].map(|messages| FromStreamer::Protocol(Value::Object(messages).to_string()))
}

/// The settings: the pointer hovers (it is not locked into the picture), and no commands are taken.
pub(super) fn initial() -> FromStreamer {
    let settings = json!({
        "PixelStreaming": { "AllowPixelStreamingCommands": false, "DisableLatencyTest": false },
        "ConfigOptions": { "DefaultToHover": true },
    });
    FromStreamer::InitialSettings(settings.to_string())
}

/// The answer to a latency test that came and goes at these milliseconds since 1970.
pub(super) fn latency(came_ms: u64, goes_ms: u64) -> FromStreamer {
    FromStreamer::LatencyTest(
        json!({ "ReceiptTimeMs": came_ms, "TransmissionTimeMs": goes_ms }).to_string(),
    )
}

/// The answer to a test of the data channel; `None`: it was not one.
pub(super) fn data_channel_latency(
    request: &str,
    came_ms: u64,
    goes_ms: u64,
) -> Option<FromStreamer> {
    let request: Value = serde_json::from_str(request).ok()?;
    let number = request.get("Seq")?.as_u64()?;
    let wanted = request.get("FillResponseSize").and_then(Value::as_u64);
    let filler = usize::try_from(wanted.unwrap_or_default())
        .unwrap_or(MAX_FILLER_LEN)
        .min(MAX_FILLER_LEN);
    let answer = json!({
        "Seq": number,
        "Filler": "A".repeat(filler),
        "ReceivedTimestamp": came_ms,
        "SentTimestamp": goes_ms,
    });
    Some(FromStreamer::DataChannelLatencyTest(answer.to_string()))
}

/// The number of a gamepad that was connected.
pub(super) fn gamepad(number: u8) -> FromStreamer {
    FromStreamer::GamepadResponse(json!({ "controllerId": number }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(message: &FromStreamer) -> Value {
        let (FromStreamer::Protocol(text)
        | FromStreamer::InitialSettings(text)
        | FromStreamer::DataChannelLatencyTest(text)
        | FromStreamer::LatencyTest(text)) = message
        else {
            panic!("{message:?} has no JSON");
        };
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn the_protocol_names_every_message_with_its_number() {
        let [to, from] = protocol();
        let (to, from) = (json_of(&to), json_of(&from));
        assert_eq!(
            (&to["Direction"], &from["Direction"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(
            to["DataChannelLatencyTest"],
            json!({ "id": 9, "structure": ["string"] })
        );
        assert_eq!(
            to["MouseMove"],
            json!({ "id": 74, "structure": ["uint16", "uint16", "int16", "int16"] })
        );
        assert_eq!(from["InputControlOwnership"], json!({ "id": 12 }));
    }

    #[test]
    fn a_test_of_the_data_channel_is_answered_within_bounds() {
        let answer = |request: &str| data_channel_latency(request, 5, 6);
        let answered = answer(r#"{"Seq":3,"FillResponseSize":4,"Filler":"AAAA"}"#).expect("a test");
        assert_eq!(
            json_of(&answered),
            json!({ "Seq": 3, "Filler": "AAAA", "ReceivedTimestamp": 5, "SentTimestamp": 6 })
        );
        let greedy =
            answer(r#"{"Seq":3,"FillResponseSize":18446744073709551615}"#).expect("a test");
        assert_eq!(
            json_of(&greedy)["Filler"].as_str().map(str::len),
            Some(MAX_FILLER_LEN)
        );
        assert!(greedy.encode().len() < crate::MAX_MESSAGE_LEN);
        for nonsense in ["", "{}", "[]", r#"{"Seq":-1}"#] {
            assert_eq!(answer(nonsense), None, "{nonsense}");
        }
    }
}
