//! Figures and a status as people read them. Pure.

use std::fmt::Write as _;

use crate::status::{Neighbour, Status};

/// Bytes with three digits and a unit: 0 B, 999 B, 1.23 kB, 45.6 MB.
pub(crate) fn bytes(bytes: u64) -> String {
    scaled(bytes, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bytes a second as bits a second: 4.10 Mb/s.
pub(crate) fn rate(bytes_per_s: u64) -> String {
    scaled(
        bytes_per_s.saturating_mul(8),
        &["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"],
    )
}

fn scaled(number: u64, units: &[&str]) -> String {
    if number < 1_000 {
        return format!("{number} {}", units[0]);
    }
    let mut value = number as f64;
    let mut unit = 0;
    // At 999.5 the digits would round to 1000.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {}", units[unit])
}

/// A round trip: 0.21 ms, 15.3 ms; a dash for none.
pub(crate) fn rtt(us: Option<u64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us) if us < 9_995 => format!("{:.2} ms", us as f64 / 1_000.0),
        Some(us) => format!("{:.1} ms", us as f64 / 1_000.0),
    }
}

/// A duration: 2.0 s, 1:05 min, 2:03 h.
pub(crate) fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..60 => format!("{s}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{}:{:02} min", s / 60, s % 60),
        _ => format!("{}:{:02} h", s / 3_600, s % 3_600 / 60),
    }
}

/// The first digits of an identity.
pub(crate) fn short(identity: &str) -> &str {
    identity.get(..8).unwrap_or(identity)
}

/// The whole status, some lines.
pub(crate) fn status(s: &Status) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let mut line = |text: String| _ = writeln!(out, "{text}");
    line(format!("identity   {}", s.identity));
    line(format!(
        "channel    {} of {}, epoch {}, {}+{} stripes: {}",
        s.channel,
        s.origin,
        s.epoch,
        s.data_stripes,
        s.parity_stripes,
        s.state.words()
    ));
    if let Some(old) = &s.legacy {
        let part = if old.head {
            "this peer is its receiver and feeds the others"
        } else {
            "another peer is its receiver"
        };
        line(format!(
            "old server {}: {part}, {} blocks taken",
            old.server, old.blocks
        ));
    }
    let primary = s
        .primary
        .map_or("none".to_owned(), |stripe| stripe.to_string());
    let reachable = if s.reachable {
        "reachable"
    } else {
        "not seen to be reachable"
    };
    line(format!(
        "peer       fan-out {}, primary stripe {primary}, UDP {}, {reachable}, up {}",
        s.fan_out,
        s.listen,
        duration(s.uptime_ms)
    ));
    for stripe in &s.stripes {
        let who = |n: &Option<Neighbour>| {
            n.as_ref().map_or("-".to_owned(), |n| {
                format!("{} ({})", n.addr, rtt(n.rtt_us))
            })
        };
        line(format!(
            "stripe {:<2}  from {}, backup {}, depth {}, {}, {}",
            stripe.stripe,
            who(&stripe.parent),
            who(&stripe.backup),
            stripe.depth,
            rate(stripe.bytes_per_s),
            bytes(stripe.bytes)
        ));
    }
    for child in &s.children {
        let stripes: Vec<String> = child.stripes.iter().map(u8::to_string).collect();
        let sent: u64 = child.sent.iter().map(|sent| sent.bytes).sum();
        line(format!(
            "child      {} ({}), stripes {}, {}",
            child.addr,
            rtt(child.rtt_us),
            stripes.join(" "),
            bytes(sent)
        ));
    }
    line(format!(
        "bytes      {} sent ({}), {} received ({})",
        bytes(s.bytes_sent),
        rate(s.bytes_per_s_sent),
        bytes(s.bytes_received),
        rate(s.bytes_per_s_received)
    ));
    line(format!(
        "blocks     {} verified, {} refused, {} restored by parity, {} missing",
        s.blocks.verified, s.blocks.refused, s.blocks.restored, s.blocks.missing
    ));
    line(format!(
        "chunks     {} complete, {} missing, {} stored, {} not stored, {} evicted",
        s.chunks.complete, s.chunks.missing, s.chunks.stored, s.chunks.not_stored, s.chunks.evicted
    ));
    line(format!("repairs    {}", s.repairs.total));
    /// More would push what is above it off the screen.
    const SHOWN: usize = 8;
    for repair in s.repairs.latest.iter().rev().take(SHOWN).rev() {
        line(format!(
            "           stripe {}: {}, {} ms",
            repair.stripe, repair.cause, repair.ms
        ));
    }
    line(format!(
        "pending    {} files, {}",
        s.pending.count,
        bytes(s.pending.bytes)
    ));
    for file in s.pending.files.iter().take(SHOWN) {
        line(format!(
            "           {}, {}, {}, there for {}",
            file.name,
            bytes(file.bytes),
            duration(file.duration_ms),
            duration(file.age_ms)
        ));
    }
    if s.pending.count > SHOWN as u64 {
        line(format!(
            "           and {} more",
            s.pending.count - SHOWN as u64
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (9_996, "10.0 kB"),
            (99_960, "100 kB"),
            (999_700, "1.00 MB"),
            (45_612_345, "45.6 MB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        assert_eq!(rate(512_500), "4.10 Mb/s");
        assert_eq!(
            (rtt(None), rtt(Some(213)), rtt(Some(15_310))),
            ("-".into(), "0.21 ms".into(), "15.3 ms".into())
        );
        assert_eq!(duration(2_040), "2.0 s");
        assert_eq!(duration(65_000), "1:05 min");
        assert_eq!(duration(7_380_000), "2:03 h");
    }
}
