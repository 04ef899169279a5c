//! What the fuzz targets do with the bytes of one message from a browser, or one datagram to the bridge; server-bridge's own tests run the same.

use server_bridge::epic::channel::{FromStreamer, ToStreamer};
use server_bridge::epic::hands::Hands;
use server_bridge::epic::message::Signal;
use server_bridge::input::{self, Intake, PageMessage};

/// Messages of a page's data channels, each with its length in front, a millisecond apart.
pub(crate) fn input(bytes: &[u8]) {
    let mut intake = Intake::new(0);
    for (number, message) in (1_u64..).zip(messages(bytes)) {
        if let Ok(read) = input::decode(message) {
            assert_eq!(input::encode(&read).as_ref(), message);
            if let PageMessage::Ping(token) = read {
                assert_eq!(input::pong(token, number).len(), 13);
            }
        }
        let now_us = number * 1_000;
        if intake.take(message, now_us).is_err() {
            return;
        }
        if let Some(wake) = intake.wake_at_us() {
            assert!(wake >= now_us, "what may go now has gone");
        }
    }
}

/// Messages of Epic's data channel, in both directions, and the hands of the player that says them.
pub(crate) fn epic(bytes: &[u8]) {
    let mut hands = Hands::new();
    for message in messages(bytes) {
        if let Ok(read) = ToStreamer::decode(message) {
            for input in hands.take(&read) {
                let written = input::encode(&PageMessage::Input(input));
                assert_eq!(input::decode(&written), Ok(PageMessage::Input(input)));
            }
            assert_eq!(ToStreamer::decode(&read.encode()), Ok(read));
        }
        if let Ok(read) = FromStreamer::decode(message) {
            assert_eq!(FromStreamer::decode(&read.encode()), Ok(read));
        }
    }
}

/// One message of Epic's signalling.
pub(crate) fn signal(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(signal) = Signal::read(text) else {
        return;
    };
    let _ = (signal.from_player(), signal.from_streamer());
    let relayed = signal.relayed("7");
    // What is relayed may have grown by the number, and stays a message.
    if relayed.len() <= server_bridge::epic::message::MAX_MESSAGE_LEN {
        assert!(Signal::read(&relayed).is_ok());
    }
}

/// One datagram from anybody.
pub(crate) fn datagram(bytes: &[u8]) {
    server_bridge::foreign::read(bytes);
}

/// One byte of length, then so many bytes.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&len, rest) = bytes.split_first()?;
        let (message, rest) = rest.split_at(rest.len().min(usize::from(len)));
        bytes = rest;
        Some(message)
    })
}
