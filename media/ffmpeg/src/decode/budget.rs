//! The bound on decoded pictures and sound, wherever they are between decoder and eye. Each holds a [`Permit`];
//! the decoder waits until what it has next fits. Must never know what the bytes are.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{MAX_PICTURES, PICTURE_BUDGET_BYTES, PICTURES_ALWAYS, SOUND_BUDGET_US};

#[derive(Debug, Default)]
struct Used {
    picture_bytes: usize,
    pictures: usize,
    sound_us: u64,
    closed: bool,
}

/// What is in use, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Budget {
    used: Mutex<Used>,
    freed: Condvar,
}

#[derive(Clone, Copy, Debug)]
enum Share {
    Picture { bytes: usize },
    Sound { us: u64 },
}

/// A share of the bound on decoded data; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    share: Share,
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, Used> {
        // The counters are whole after every statement, so a panic elsewhere does not spoil them.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for a picture; `None` once closed.
    pub(super) fn picture(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        self.take(Share::Picture { bytes })
    }

    /// Waits for room for a piece of sound; `None` once closed.
    pub(super) fn sound(self: &Arc<Self>, us: u64) -> Option<Permit> {
        self.take(Share::Sound { us })
    }

    fn take(self: &Arc<Self>, share: Share) -> Option<Permit> {
        let used = self.lock();
        let mut used = self
            .freed
            .wait_while(used, |used| !used.closed && !used.fits(share))
            .unwrap_or_else(PoisonError::into_inner);
        if used.closed {
            return None;
        }
        match share {
            Share::Picture { bytes } => {
                used.picture_bytes += bytes;
                used.pictures += 1;
            }
            Share::Sound { us } => used.sound_us += us,
        }
        Some(Permit {
            budget: Arc::clone(self),
            share,
        })
    }

    /// Ends every wait, now and later.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.freed.notify_all();
    }

    /// Whether [`Budget::close`] was called.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

impl Used {
    fn fits(&self, share: Share) -> bool {
        match share {
            Share::Picture { bytes } => {
                self.pictures < PICTURES_ALWAYS
                    || (self.pictures < MAX_PICTURES
                        && self.picture_bytes.saturating_add(bytes) <= PICTURE_BUDGET_BYTES)
            }
            // A piece longer than the whole bound goes alone.
            Share::Sound { us } => {
                self.sound_us == 0 || self.sound_us.saturating_add(us) <= SOUND_BUDGET_US
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut used = self.budget.lock();
        match self.share {
            Share::Picture { bytes } => {
                used.picture_bytes -= bytes;
                used.pictures -= 1;
            }
            Share::Sound { us } => used.sound_us -= us,
        }
        drop(used);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_pictures_are_let_through_up_to_the_number_that_always_is() {
        let budget = Arc::new(Budget::default());
        let held: Vec<_> = (0..PICTURES_ALWAYS)
            .map(|_| budget.picture(PICTURE_BUDGET_BYTES))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(!budget.lock().fits(Share::Picture { bytes: 1 }));
    }

    #[test]
    fn tiny_pictures_are_bounded_by_their_number() {
        let budget = Arc::new(Budget::default());
        let held: Vec<_> = (0..MAX_PICTURES).map(|_| budget.picture(1)).collect();
        assert_eq!(held.len(), MAX_PICTURES);
        assert!(!budget.lock().fits(Share::Picture { bytes: 1 }));
    }

    #[test]
    fn what_is_dropped_is_given_back_to_the_one_who_waits() {
        let budget = Arc::new(Budget::default());
        let held = budget.sound(SOUND_BUDGET_US);
        let waiter = {
            let budget = Arc::clone(&budget);
            std::thread::spawn(move || budget.sound(1).is_some())
        };
        drop(held);
        assert!(waiter.join().expect("the waiter does not panic"));
        assert_eq!(budget.lock().sound_us, 0);
    }

    #[test]
    fn closing_ends_a_wait_without_a_permit() {
        let budget = Arc::new(Budget::default());
        let _held = budget.sound(SOUND_BUDGET_US);
        let waiter = {
            let budget = Arc::clone(&budget);
            std::thread::spawn(move || budget.sound(1).is_none())
        };
        budget.close();
        assert!(waiter.join().expect("the waiter does not panic"));
    }

    #[test]
    fn sound_longer_than_the_bound_goes_alone() {
        let budget = Arc::new(Budget::default());
        let held = budget.sound(10 * SOUND_BUDGET_US);
        assert!(held.is_some());
        assert!(!budget.lock().fits(Share::Sound { us: 1 }));
    }
}
