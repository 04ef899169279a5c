//! The lines that control a running proxy, and the values that its options
//! accept. Pure: text in, commands out.

use crate::link::Change;

/// A control line is not longer than this, in bytes: the longest that makes
/// sense is a third of it.
pub(crate) const MAX_LINE_BYTES: usize = 100;

/// The longest delay and jitter, in milliseconds: nothing on Earth is slower
/// than a minute.
const MAX_DELAY_MS: f64 = 60_000.0;

/// The highest rate, in kilobits per second: 10 Gb/s, more than one socket
/// carries.
const MAX_RATE_KBIT: u64 = 10_000_000;

/// The longest queue, in bytes: as much as may be on its way at all.
const MAX_QUEUE_BYTES: u64 = crate::link::MAX_IN_FLIGHT_BYTES;

/// What every refused line is answered with.
const HELP: &str = "[to-server|to-client] delay MS | jitter MS | loss P | reorder P | rate KBIT | queue BYTES | down | up; or stats | quit";

/// One way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the clients to the address behind the proxy.
    ToServer,
    /// From there to the clients.
    ToClient,
}

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    /// Change a setting, in both directions or in one.
    Change(Option<Direction>, Change),
    /// Print what became of the packets so far.
    Stats,
    /// End.
    Quit,
}

/// Reads a control line.
///
/// # Errors
/// What was not understood and what would be, in one line.
pub(crate) fn parse(line: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace().peekable();
    let direction = match words.peek() {
        Some(&"to-server") => Some(Direction::ToServer),
        Some(&"to-client") => Some(Direction::ToClient),
        _ => None,
    };
    if direction.is_some() {
        words.next();
    }
    let words: Vec<&str> = words.collect();
    let change = match words.as_slice() {
        ["stats"] if direction.is_none() => return Ok(Command::Stats),
        ["quit"] if direction.is_none() => return Ok(Command::Quit),
        ["delay", value] => Change::Delay(milliseconds(value)?),
        ["jitter", value] => Change::Jitter(milliseconds(value)?),
        ["loss", value] => Change::Loss(probability(value)?),
        ["reorder", value] => Change::Reorder(probability(value)?),
        ["rate", value] => Change::Rate(rate(value)?),
        ["queue", value] => Change::Queue(queue(value)?),
        ["down"] => Change::Down,
        ["up"] => Change::Up,
        _ => return Err(format!("{line:?} is not understood: {HELP}")),
    };
    Ok(Command::Change(direction, change))
}

/// Milliseconds, fractions allowed, as microseconds.
///
/// # Errors
/// What is accepted.
pub(crate) fn milliseconds(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=MAX_DELAY_MS).contains(&value) => Ok((value * 1_000.0) as u64),
        _ => Err(format!(
            "{text} is not a number of milliseconds from 0 to {MAX_DELAY_MS}"
        )),
    }
}

/// A probability.
///
/// # Errors
/// What is accepted.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!(
            "{text} is not a probability from 0 to 1 (0.05 is 5%)"
        )),
    }
}

/// Kilobits per second as bits per second; 0 is no limit.
///
/// # Errors
/// What is accepted.
pub(crate) fn rate(text: &str) -> Result<Option<u64>, String> {
    match text.parse::<u64>() {
        Ok(0) => Ok(None),
        Ok(value) if value <= MAX_RATE_KBIT => Ok(Some(value * 1_000)),
        _ => Err(format!(
            "{text} is not a rate in kbit/s from 0 (no limit) to {MAX_RATE_KBIT}"
        )),
    }
}

/// The bytes that may wait for the line.
///
/// # Errors
/// What is accepted.
pub(crate) fn queue(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(value) if (1..=MAX_QUEUE_BYTES).contains(&value) => Ok(value),
        _ => Err(format!(
            "{text} is not a number of bytes from 1 to {MAX_QUEUE_BYTES}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_changed_in_both_directions_or_in_one() {
        for (line, change) in [
            ("delay 40", Change::Delay(40_000)),
            ("delay 0.5", Change::Delay(500)),
            ("jitter 3", Change::Jitter(3_000)),
            ("loss 0.05", Change::Loss(0.05)),
            ("reorder 1", Change::Reorder(1.0)),
            ("rate 4000", Change::Rate(Some(4_000_000))),
            ("rate 0", Change::Rate(None)),
            ("queue 5000", Change::Queue(5_000)),
            ("down", Change::Down),
            (" up ", Change::Up),
        ] {
            assert_eq!(parse(line), Ok(Command::Change(None, change)), "{line}");
            assert_eq!(
                parse(&format!("to-client {line}")),
                Ok(Command::Change(Some(Direction::ToClient), change))
            );
        }
        assert_eq!(parse("stats"), Ok(Command::Stats));
        assert_eq!(parse("quit"), Ok(Command::Quit));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for line in [
            "",
            "loss",
            "loss 2",
            "loss -0.1",
            "loss NaN",
            "delay -1",
            "delay 1e9",
            "rate x",
            "queue 0",
            "down now",
            "to-server stats",
            "to-nobody down",
        ] {
            let error = parse(line).expect_err(line);
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
