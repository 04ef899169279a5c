//! The packets a viewer may still ask for again (RFC 4585 generic NACK), without copies of their bytes.
//!
//! It must never know how they are sent again.

use super::frame::Frame;
use std::collections::VecDeque;
use std::sync::Arc;

/// Packets kept. 1.5 s at 8 Mb/s; a browser gives up on older ones.
const MAX_SENT: usize = 1024;

/// A packet that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Its RTP sequence number.
    pub(crate) sequence: u16,
    /// Its picture.
    pub(crate) frame: Arc<Frame>,
    /// Which of the picture's payloads.
    pub(crate) index: usize,
    /// When it was last sent.
    pub(crate) sent_us: u64,
    /// The viewer has reported that it came: who asks for it again is mistaken.
    pub(crate) arrived: bool,
    /// How often it was repeated because it was reported lost.
    pub(crate) repeated: u8,
}

/// The last packets of one stream; their sequence numbers are consecutive.
#[derive(Debug, Default)]
pub(crate) struct History {
    sent: VecDeque<Sent>,
}

impl History {
    /// Remembers a packet; the oldest is forgotten.
    pub(crate) fn push(&mut self, sent: Sent) {
        if self.sent.len() >= MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    /// The packet with this number, if it is still known.
    pub(crate) fn get(&mut self, sequence: u16) -> Option<&mut Sent> {
        let first = self.sent.front()?.sequence;
        self.sent.get_mut(usize::from(sequence.wrapping_sub(first)))
    }

    /// Nothing can be sent again.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The newest packets, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().rev()
    }

    /// Nothing of before is sent again: what follows is a keyframe.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use media_packet::Rendition;

    #[test]
    fn packets_are_found_by_number_across_the_wrap_until_they_are_too_old() {
        let frame = Arc::new(Frame {
            rendition: Rendition::Full,
            keyframe: true,
            timestamp: 0,
            payloads: vec![Bytes::from_static(b"x")],
        });
        let mut history = History::default();
        assert!(history.get(5).is_none());
        for number in 0..2000u32 {
            let sequence = (65_000 + number) as u16;
            history.push(Sent {
                sequence,
                frame: frame.clone(),
                index: 0,
                sent_us: u64::from(number),
                arrived: false,
                repeated: 0,
            });
        }
        let last = (65_000u32 + 1999) as u16;
        assert_eq!(history.get(last).expect("the newest").sent_us, 1999);
        assert_eq!(
            history
                .get(last.wrapping_sub(1023))
                .expect("the oldest")
                .sent_us,
            976
        );
        assert!(history.get(last.wrapping_sub(1024)).is_none());
        assert!(history.get(last.wrapping_add(1)).is_none());
        history.forget();
        assert!(history.get(last).is_none());
    }
}
