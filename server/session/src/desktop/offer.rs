//! What users paste: on its way to the thread that has the clipboard, and its right to be what the next paste takes.
//!
//! A user pastes by a text and then a key. From the text until the key has done its work, the application's own copies give
//! way: one that comes in the same moment, late for a key before, would be pasted instead. It must never know a display.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the key may take after its text: a page presses it when the text is taken, or after a second without an answer.
const KEY_PATIENCE: Duration = Duration::from_secs(2);
/// How long an application may take to ask for the text after the key. A guess: a few pictures of a busy one.
const PASTE_PATIENCE: Duration = Duration::from_millis(500);
/// How long the key waits for the clipboard; it takes less than a millisecond.
const SETTLE_PATIENCE: Duration = Duration::from_millis(500);
/// How often the clipboard is taken back for one paste. Once is what it is for; a program that manages clipboards would go
/// on for ever.
const MAX_DEFENCES: u32 = 8;

/// What users put into the clipboard, on its way to the thread: the newest only. Clones are the same.
#[derive(Clone)]
pub(crate) struct Offer {
    shared: Arc<Shared>,
    /// Wakes the thread.
    bell: Arc<UnixStream>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Default)]
struct State {
    text: Option<Arc<str>>,
    /// Until when the application's copies give way, and how often that may still happen.
    guard: Option<(Instant, u32)>,
    /// The key was pressed: who asks now, pastes.
    is_pressed: bool,
    /// Questions whether the text can be pasted, and how many of them are answered.
    asked: u64,
    answered: u64,
}

impl Offer {
    /// With what wakes the thread; it must not block.
    pub(super) fn new(bell: UnixStream) -> Self {
        Self {
            shared: Arc::default(),
            bell: Arc::new(bell),
        }
    }

    /// Offers a text to applications; never blocks. Longer ones than a clipboard has are left out.
    pub(crate) fn put(&self, text: &str) {
        let mut state = self.lock();
        state.text = Some(text.into());
        state.guard = Some((Instant::now() + KEY_PATIENCE, MAX_DEFENCES));
        state.is_pressed = false;
        drop(state);
        self.ring();
    }

    /// To be called before the key that pastes: blocks, half a second at most, until what was offered last is what
    /// applications get. At once if nothing was offered just now.
    pub(crate) fn settle(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        let Some((_, left)) = state.guard.filter(|(until, _)| *until > now) else {
            return;
        };
        state.asked += 1;
        let mine = state.asked;
        self.ring();
        let waited = self
            .shared
            .settled
            .wait_timeout_while(state, SETTLE_PATIENCE, |state| state.answered < mine);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            tracing::debug!("a clipboard is not ready; its key is pressed all the same");
        }
        state.guard = Some((Instant::now() + PASTE_PATIENCE, left));
        state.is_pressed = true;
    }

    /// For the thread: the text that waits.
    pub(super) fn take(&self) -> Option<Arc<str>> {
        self.lock().text.take()
    }

    /// For the thread: somebody waits until the text can be pasted.
    pub(super) fn is_asked(&self) -> bool {
        let state = self.lock();
        state.answered < state.asked
    }

    /// For the thread: it can.
    pub(super) fn answer(&self) {
        let mut state = self.lock();
        state.answered = state.asked;
        self.shared.settled.notify_all();
    }

    /// For the thread: whether somebody else who has the clipboard now has to give way.
    pub(super) fn defends(&self) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        let guard = state
            .guard
            .filter(|(until, left)| *until > now && *left > 0);
        state.guard = guard.map(|(until, left)| (until, left - 1));
        guard.is_some()
    }

    /// For the thread: an application was given the text.
    pub(super) fn served(&self) {
        let mut state = self.lock();
        if state.is_pressed {
            state.guard = None;
        }
    }

    fn ring(&self) {
        // A full pipe has woken the thread already, and one that is gone does not need it.
        let _: io::Result<usize> = (&*self.bell).write(&[0]);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> (Offer, UnixStream) {
        let (heard, bell) = UnixStream::pair().expect("a pair");
        (Offer::new(bell), heard)
    }

    #[test]
    fn a_text_is_defended_until_its_key_has_pasted_it() {
        let (offer, _heard) = offer();
        assert!(!offer.defends());
        offer.put("mine");
        // Somebody who keeps clipboards reads it at once: that is not the paste.
        offer.served();
        assert!(offer.defends());
        let thread = std::thread::spawn({
            let offer = offer.clone();
            move || offer.settle()
        });
        while !offer.is_asked() {
            std::thread::yield_now();
        }
        assert_eq!(offer.take().as_deref(), Some("mine"));
        offer.answer();
        thread.join().expect("it ends");
        assert!(offer.defends());
        offer.served();
        assert!(!offer.defends());
        // The next key pastes what is there by then, and waits for nobody.
        offer.settle();
        assert!(!offer.is_asked());
    }

    #[test]
    fn who_never_gives_way_has_it_in_the_end() {
        let (offer, _heard) = offer();
        offer.put("mine");
        let defended = (0..100).filter(|_| offer.defends()).count();
        assert_eq!(defended, MAX_DEFENCES as usize);
    }
}
