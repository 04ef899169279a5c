//! A viewer's data channels: which there may be, and what goes over them in both directions.
//!
//! It must never know what a message means.

use super::Driver;
use crate::config::{MAX_CHANNELS, MAX_MESSAGE_LEN};
use crate::viewer::ViewerEvent;
use std::time::Instant;
use tokio::sync::mpsc;

/// Channels opened over a viewer's whole life; more is mischief.
const MAX_OPENED: usize = 64;

/// The longest name of a channel.
const MAX_LABEL_LEN: usize = 128;

/// Bytes that may be unacknowledged on one channel before messages wait in the inbox.
const MAX_UNACKNOWLEDGED: usize = 256 * 1024;

impl Driver {
    pub(super) fn opened(&mut self, channel: usize, label: String) -> Option<String> {
        self.opened += 1;
        if self.opened > MAX_OPENED {
            return Some("too many data channels".into());
        }
        let twice = self.channels.iter().any(|(_, open)| **open == *label);
        if !self.terms.input
            || twice
            || self.channels.len() >= MAX_CHANNELS
            || label.len() > MAX_LABEL_LEN
        {
            self.transport.close_channel(channel);
            return None;
        }
        self.channels.push((channel, label.as_str().into()));
        self.show_channels();
        self.tell(ViewerEvent::ChannelOpen { label });
        None
    }

    pub(super) fn closed(&mut self, channel: usize) {
        let Some(at) = self.channels.iter().position(|(open, _)| *open == channel) else {
            return;
        };
        let (_, label) = self.channels.remove(at);
        self.show_channels();
        self.tell(ViewerEvent::ChannelClosed {
            label: label.to_string(),
        });
    }

    pub(super) fn show_channels(&self) {
        self.seat.inbox.set_labels(
            self.channels
                .iter()
                .map(|(_, label)| label.clone())
                .collect(),
        );
    }

    /// Takes messages while there is room for them (what is left holds the sender back), and sends ours.
    /// `stirred`: there may be new ones.
    pub(super) fn messages(&mut self, stirred: bool, now: Instant) -> Option<String> {
        self.held |= stirred;
        while self.held && self.pending.is_empty() {
            let Some(message) = self.transport.poll_message() else {
                self.held = false;
                break;
            };
            if message.data.len() > MAX_MESSAGE_LEN {
                return Some("a message that is too long".into());
            }
            if let Some((_, label)) = self
                .channels
                .iter()
                .find(|(open, _)| *open == message.channel)
            {
                let label = label.clone();
                self.tell(ViewerEvent::Message {
                    label,
                    data: message.data,
                    is_text: message.is_text,
                });
            }
        }
        loop {
            let (channels, transport) = (&self.channels, &mut self.transport);
            let number = |label: &str| {
                channels
                    .iter()
                    .find(|(_, open)| **open == *label)
                    .map(|(number, _)| *number)
            };
            let next = self.seat.inbox.take_message(|message| {
                number(&message.label).is_none_or(|channel| {
                    let waiting = transport.unacknowledged(channel);
                    waiting == 0 || waiting + message.data.len() <= MAX_UNACKNOWLEDGED
                })
            });
            let message = next?;
            if let Some(channel) = number(&message.label) {
                self.deadline = None;
                transport.send_message(channel, &message.data, message.is_text, now);
            }
        }
    }

    pub(super) fn tell(&mut self, event: ViewerEvent) {
        if !self.pending.is_empty() {
            self.pending.push_back(event);
        } else if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            self.pending.push_back(event);
        }
    }
}
