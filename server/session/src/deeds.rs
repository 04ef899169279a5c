//! What users did and no coordinator has noted yet.
//!
//! It must never know what was done, nor how a coordinator is told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use server_wire::{Deed, MAX_AUDIT};
use tokio::sync::Notify;

/// Deeds that wait for a coordinator; the oldest are forgotten then. A guess: an evening of busy sessions.
const MAX_DEEDS: usize = 1024;

/// The queue between driver and link.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    queue: Mutex<Queue>,
    some: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(u64, Deed)>,
    last: u64,
    forgotten: u64,
}

impl Deeds {
    /// One more; never waits.
    pub(crate) fn push(&self, deed: Deed) {
        let mut queue = self.lock();
        if queue.waiting.len() == MAX_DEEDS {
            queue.waiting.pop_front();
            queue.forgotten += 1;
            if queue.forgotten.is_power_of_two() {
                let forgotten = queue.forgotten;
                tracing::warn!(
                    "{forgotten} audit entries are forgotten: no coordinator takes them"
                );
            }
        }
        queue.last += 1;
        let number = queue.last;
        queue.waiting.push_back((number, deed));
        drop(queue);
        self.some.notify_one();
    }

    /// The oldest, as many as one message takes, with the number of the last of them; waits until there are any.
    /// Cancel-safe.
    pub(crate) async fn oldest(&self) -> (u64, Vec<Deed>) {
        loop {
            let some = self.some.notified();
            let first: Vec<_> = self
                .lock()
                .waiting
                .iter()
                .take(MAX_AUDIT)
                .cloned()
                .collect();
            if let Some(&(last, _)) = first.last() {
                return (last, first.into_iter().map(|(_, deed)| deed).collect());
            }
            some.await;
        }
    }

    /// They are noted, up to this number.
    pub(crate) fn noted(&self, last: u64) {
        self.lock().waiting.retain(|(number, _)| *number > last);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use server_wire::{Code, Text};

    use super::*;

    fn deed(number: u16) -> Deed {
        Deed {
            code: Code::new(number % 10_000).expect("a code"),
            who: Text::cut("1 (Ann)"),
            what: Text::cut("control_taken"),
            detail: None,
        }
    }

    #[tokio::test]
    async fn deeds_are_told_in_turn_until_they_are_noted_and_are_bounded() {
        let deeds = Deeds::default();
        for number in 0..40 {
            deeds.push(deed(number));
        }
        let (last, first) = deeds.oldest().await;
        assert_eq!((last, first.len()), (32, MAX_AUDIT));
        let (again, _) = deeds.oldest().await;
        assert_eq!(again, last, "not noted, so told again");
        deeds.noted(last);
        let (last, rest) = deeds.oldest().await;
        assert_eq!((last, rest.first()), (40, Some(&deed(32))));
        for number in 0..2 * MAX_DEEDS {
            deeds.push(deed(number as u16));
        }
        assert_eq!(deeds.lock().waiting.len(), MAX_DEEDS);
        deeds.noted(last);
        assert_eq!(
            deeds.lock().waiting.len(),
            MAX_DEEDS,
            "the forgotten are not counted"
        );
    }
}
