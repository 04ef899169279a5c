//! Everything that waits for one viewer's task: pictures, sound, datagrams, messages, orders. Bounded, each with its own
//! policy, so that nobody who fills it ever waits for the viewer.
//!
//! It must never know what is done with it.

use crate::send::frame::Frame;
use crate::transport::{Incoming, Refusal};
use crate::{Candidate, MAX_MESSAGE_LEN, MAX_OUTGOING_MESSAGES};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Pictures that wait for a task that does not run; when full all are dropped, up to the next keyframe. A second at 60.
const MAX_FRAMES: usize = 60;

/// Sound packets that wait; the oldest is dropped. A second.
const MAX_SOUNDS: usize = 100;

/// Datagrams that wait; further ones are dropped, as a network does.
const MAX_DATAGRAMS: usize = 512;

/// Orders that wait; further ones are refused.
const MAX_ORDERS: usize = 128;

/// Bytes of messages that wait to be sent.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// A sound packet, ready for every viewer.
#[derive(Debug)]
pub(crate) struct Sound {
    /// RTP time, 48 kHz.
    pub(crate) timestamp: u32,
    /// Opus.
    pub(crate) payload: Bytes,
}

/// A message to the viewer.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) label: Arc<str>,
    pub(crate) data: Bytes,
    pub(crate) is_text: bool,
}

/// What the viewer's owner wants.
pub(crate) enum Order {
    /// The answer to our offer.
    Accept(String, oneshot::Sender<Result<(), Refusal>>),
    /// A candidate.
    Candidate(Candidate, oneshot::Sender<Result<(), Refusal>>),
}

/// What waits.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) datagrams: VecDeque<Incoming>,
    pub(crate) orders: VecDeque<Order>,
    pub(crate) sounds: VecDeque<Arc<Sound>>,
    pub(crate) frames: VecDeque<Arc<Frame>>,
    /// Pictures were dropped: nothing can be shown before the next keyframe.
    pub(crate) lost_frames: u64,
    /// It is over, and why.
    pub(crate) close: Option<String>,
}

#[derive(Default)]
struct Guarded {
    contents: Contents,
    messages: VecDeque<Message>,
    message_bytes: usize,
    labels: Vec<Arc<str>>,
    shut: bool,
}

/// See the head of the file.
#[derive(Default)]
pub(crate) struct Inbox {
    guarded: Mutex<Guarded>,
    wake: Notify,
}

impl Inbox {
    fn guarded(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A picture. When the task is so late that the queue is full, what waits is dropped.
    pub(crate) fn frame(&self, frame: &Arc<Frame>) {
        let mut guarded = self.guarded();
        if guarded.shut {
            return;
        }
        if guarded.contents.frames.len() >= MAX_FRAMES {
            guarded.contents.lost_frames += guarded.contents.frames.len() as u64;
            guarded.contents.frames.clear();
        }
        guarded.contents.frames.push_back(frame.clone());
        drop(guarded);
        self.wake.notify_one();
    }

    /// Sound; the oldest gives way.
    pub(crate) fn sound(&self, sound: &Arc<Sound>) {
        let mut guarded = self.guarded();
        if guarded.shut {
            return;
        }
        if guarded.contents.sounds.len() >= MAX_SOUNDS {
            guarded.contents.sounds.pop_front();
        }
        guarded.contents.sounds.push_back(sound.clone());
        drop(guarded);
        self.wake.notify_one();
    }

    /// A datagram; `false`: it was dropped.
    pub(crate) fn datagram(&self, incoming: Incoming) -> bool {
        let mut guarded = self.guarded();
        if guarded.shut || guarded.contents.datagrams.len() >= MAX_DATAGRAMS {
            return false;
        }
        guarded.contents.datagrams.push_back(incoming);
        drop(guarded);
        self.wake.notify_one();
        true
    }

    /// An order; given back if it is not taken.
    pub(crate) fn order(&self, order: Order) -> Result<(), Order> {
        let mut guarded = self.guarded();
        if guarded.shut || guarded.contents.orders.len() >= MAX_ORDERS {
            return Err(order);
        }
        guarded.contents.orders.push_back(order);
        drop(guarded);
        self.wake.notify_one();
        Ok(())
    }

    /// A message; `false`: no such channel, too long, or too many wait.
    pub(crate) fn message(&self, label: &str, data: Bytes, is_text: bool) -> bool {
        let mut guarded = self.guarded();
        let Some(label) = guarded
            .labels
            .iter()
            .find(|open| ***open == *label)
            .cloned()
        else {
            return false;
        };
        let bytes = guarded.message_bytes + data.len();
        if data.len() > MAX_MESSAGE_LEN
            || bytes > MAX_MESSAGE_BYTES
            || guarded.messages.len() >= MAX_OUTGOING_MESSAGES
        {
            return false;
        }
        guarded.message_bytes = bytes;
        guarded.messages.push_back(Message {
            label,
            data,
            is_text,
        });
        drop(guarded);
        self.wake.notify_one();
        true
    }

    /// Something about the viewer changed: the task is to look at it.
    pub(crate) fn nudge(&self) {
        self.wake.notify_one();
    }

    /// It is over.
    pub(crate) fn close(&self, why: &str) {
        self.guarded()
            .contents
            .close
            .get_or_insert_with(|| why.to_owned());
        self.wake.notify_one();
    }

    /// For the task: all that waits but messages, into an empty `into`.
    pub(crate) fn take(&self, into: &mut Contents) {
        std::mem::swap(&mut self.guarded().contents, into);
    }

    /// For the task: the next message that `fits`; order is kept.
    pub(crate) fn take_message(&self, fits: impl FnOnce(&Message) -> bool) -> Option<Message> {
        let mut guarded = self.guarded();
        if !guarded.messages.front().is_some_and(fits) {
            return None;
        }
        let message = guarded.messages.pop_front()?;
        guarded.message_bytes -= message.data.len();
        Some(message)
    }

    /// For the task: which channels are open.
    pub(crate) fn set_labels(&self, labels: Vec<Arc<str>>) {
        self.guarded().labels = labels;
    }

    /// For the task: waits until there is something.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// Nothing is taken any more; what waited is dropped.
    pub(crate) fn shut(&self) {
        let mut guarded = self.guarded();
        *guarded = Guarded {
            shut: true,
            ..Guarded::default()
        };
    }
}
