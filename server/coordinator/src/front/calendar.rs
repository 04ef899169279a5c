//! A booking as a calendar entry (RFC 5545), for the calendars of people. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use server_booking::model::{Booking, UnixSeconds};

/// Octets of a line at most, without its end (RFC 5545, section 3.1).
const LINE: usize = 75;

/// The text of an `.ics` file. `host` makes the entry's id unique in the world.
pub(super) fn entry(booking: &Booking, title: &str, host: &str) -> String {
    let code = booking.code.to_string();
    let mut out = String::new();
    let mut line = |text: &str| fold(&mut out, text);
    line("BEGIN:VCALENDAR");
    line("VERSION:2.0");
    line("PRODID:-//Treecast//Coordinator//EN");
    line("METHOD:PUBLISH");
    line("BEGIN:VEVENT");
    let made = booking.made_at.0;
    line(&format!("UID:{code}-{made}@{}", escaped(host)));
    line(&format!("DTSTAMP:{}", utc(booking.made_at)));
    line(&format!("DTSTART:{}", utc(booking.starts_at)));
    line(&format!("DTEND:{}", utc(booking.ends_at)));
    line(&format!("SUMMARY:{}", escaped(title)));
    line(&format!(
        "DESCRIPTION:{}",
        escaped(&format!("Connection code: {code}"))
    ));
    line(&format!("URL:https://{host}/#/booking/{code}"));
    line("END:VEVENT");
    line("END:VCALENDAR");
    out
}

/// `20261121T140000Z`.
fn utc(at: UnixSeconds) -> String {
    let at = Timestamp::from_second(at.0).unwrap_or(Timestamp::MAX);
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

/// A text value (RFC 5545, section 3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Adds a line, folded at characters so that none is longer than [`LINE`] octets.
fn fold(out: &mut String, text: &str) {
    let mut used = 0;
    for c in text.chars() {
        if used + c.len_utf8() > LINE {
            out.push_str("\r\n ");
            used = 1;
        }
        out.push(c);
        used += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use server_booking::model::{Code, ServerId};

    use super::*;

    fn booking() -> Booking {
        Booking {
            code: Code::new(42).expect("a code"),
            application: "Chess".to_owned(),
            server: ServerId("one".to_owned()),
            starts_at: UnixSeconds(1_800_000_000),
            ends_at: UnixSeconds(1_800_003_600),
            time_zone: "Europe/Moscow".to_owned(),
            made_at: UnixSeconds(1_799_000_000),
        }
    }

    #[test]
    fn an_entry_has_the_lines_that_calendars_need() {
        let text = entry(&booking(), "Chess", "example.org");
        assert!(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"));
        assert!(text.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"));
        for wanted in [
            "UID:0042-1799000000@example.org",
            "DTSTART:20270115T080000Z",
            "DTEND:20270115T090000Z",
            "SUMMARY:Chess",
            "DESCRIPTION:Connection code: 0042",
            "URL:https://example.org/#/booking/0042",
        ] {
            assert!(text.lines().any(|line| line == wanted), "{wanted}: {text}");
        }
    }

    #[test]
    fn foreign_words_stay_within_their_line() {
        let title = format!("Шахматы; на, троих\\\r\nBEGIN:VEVENT {}", "я".repeat(100));
        let text = entry(&booking(), &title, "example.org");
        assert_eq!(text.matches("\r\nBEGIN:VEVENT").count(), 1, "{text}");
        assert!(text.contains("Шахматы\\; на\\, троих\\\\"), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= LINE), "{text}");
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains(&"я".repeat(100)));
    }
}
