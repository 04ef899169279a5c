//! A running server's status for people's eyes.

use std::fmt::Write as _;

use serde_json::Value;

/// The status as a small table. What is not there is shown as a dash.
pub(crate) fn table(status: &Value) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{text}");
    };
    line(format!(
        "listening at {}, process {}, up {} s",
        text(&status["listen"]),
        text(&status["pid"]),
        text(&status["uptime_s"])
    ));
    let legacy = &status["legacy"];
    if legacy.is_object() {
        let counters = &legacy["counters"];
        let clients: u64 = list(&counters["clients"])
            .iter()
            .filter_map(Value::as_u64)
            .sum();
        line(format!(
            "old clients at {}: {clients} of {}, blocks sent {}, not sent {}, removed {}, bad requests {}",
            text(&legacy["listen"]),
            text(&legacy["max_clients"]),
            text(&counters["turns_sent"]),
            text(&counters["turns_failed"]),
            text(&counters["clients_removed"]),
            text(&counters["requests_bad"]),
        ));
    }
    line(format!(
        "{:>7}  {:>6}  {:>8}  {:>12}  {:>12}  {:>8}  source",
        "channel", "epoch", "on air", "direct peers", "bytes sent", "left out"
    ));
    for channel in list(&status["channels"]) {
        let peers = list(&channel["direct_peers"]).len();
        let peers = match &channel["max_direct_peers"] {
            Value::Null => "-".to_owned(),
            most => format!("{peers} of {most}"),
        };
        line(format!(
            "{:>7}  {:>6}  {:>8}  {:>12}  {:>12}  {:>8}  {}",
            text(&channel["channel"]),
            text(&channel["epoch"]),
            text(&channel["seq_on_air"]),
            peers,
            text(&channel["bytes_sent"]),
            text(&channel["chunks_left_out"]),
            text(&channel["source"]),
        ));
        for peer in list(&channel["direct_peers"]) {
            let stripes: Vec<String> = list(&peer["stripes"]).iter().map(text).collect();
            let rtt = peer["rtt_us"]
                .as_f64()
                .map_or("-".to_owned(), |us| format!("{:.1} ms", us / 1_000.0));
            line(format!(
                "         {}  stripes {}  RTT {rtt}",
                text(&peer["addr"]),
                stripes.join(",")
            ));
        }
        if let Some(problem) = channel["problem"].as_str() {
            line(format!("         problem: {problem}"));
        }
    }
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_clients_have_a_line_where_they_are_served() {
        let status = serde_json::json!({
            "listen": "127.0.0.1:7000", "pid": 5, "uptime_s": 9, "channels": [],
            "legacy": {
                "listen": "0.0.0.0:6060", "max_clients": 100,
                "counters": {
                    "clients": [2, 0, 1], "turns_sent": 40, "turns_failed": 3,
                    "clients_removed": 1, "requests_bad": 7,
                },
            },
        });
        let shown = table(&status);
        let wanted = "old clients at 0.0.0.0:6060: 3 of 100, blocks sent 40, not sent 3, removed 1, bad requests 7";
        assert_eq!(shown.lines().nth(1), Some(wanted), "{shown}");
    }

    #[test]
    fn a_status_is_a_table_with_a_line_for_each_channel_and_direct_peer() {
        let status = serde_json::json!({
            "listen": "127.0.0.1:7000", "pid": 5, "uptime_s": 9,
            "channels": [
                {
                    "channel": 0, "epoch": 2, "seq_on_air": 17, "source": "film a.mkv",
                    "max_direct_peers": 4, "bytes_sent": 123_456, "chunks_left_out": 0,
                    "direct_peers": [{ "addr": "10.0.0.2:9", "stripes": [0, 3], "rtt_us": 1_250 }],
                    "problem": null,
                },
                { "channel": 1, "epoch": 0, "source": "live x", "problem": "x: cannot be opened" },
            ],
        });
        let shown = table(&status);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 6, "{shown}");
        assert!(lines[2].contains("1 of 4") && lines[2].contains("film a.mkv"));
        assert!(
            lines[3].contains("10.0.0.2:9  stripes 0,3  RTT 1.2 ms"),
            "{shown}"
        );
        assert!(lines[4].contains('-'));
        assert!(lines[5].contains("problem: x: cannot be opened"));
    }
}
