//! Where input goes into one session: only the driver's, and nothing of a former driver after their keys were let go.
//!
//! Checking who drives and injecting are one step under one lock that is held for microseconds, so that input waits for
//! nobody's task. It must never know why somebody drives, nor how input reaches an application.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use server_bridge::input::Input;
use tokio::sync::watch;

/// What carries input to the application. Nothing of it blocks.
pub(crate) trait Carry: Send {
    /// One thing that the driver did.
    fn carry(&self, input: Input);
    /// Everything that is held is let go.
    fn let_go(&self);
}

/// A place in the picture, 0..=65535 from the left and from the top.
pub(crate) type Place = (u16, u16);

/// The gate of one session.
pub(crate) struct Gate {
    post: Mutex<Post>,
    began: Instant,
    /// Microseconds from `began` to the last input, and one more; 0: none yet.
    drove_us: AtomicU64,
    pointer: watch::Sender<Option<Place>>,
}

struct Post {
    driver: Option<u32>,
    carry: Box<dyn Carry>,
}

impl Gate {
    /// Nobody drives. Times are counted from `began`.
    pub(crate) fn new(began: Instant, carry: Box<dyn Carry>) -> Self {
        Self {
            post: Mutex::new(Post {
                driver: None,
                carry,
            }),
            began,
            drove_us: AtomicU64::new(0),
            pointer: watch::Sender::new(None),
        }
    }

    /// Input of somebody: it goes in if they drive. Any thread.
    pub(crate) fn input(&self, client: u32, input: Input) -> bool {
        let post = self.post();
        if post.driver != Some(client) {
            return false;
        }
        post.carry.carry(input);
        drop(post);
        let passed = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.drove_us
            .store(passed.saturating_add(1), Ordering::Relaxed);
        if let Some(place) = place(input) {
            self.pointer.send_replace(Some(place));
        }
        true
    }

    /// Nobody drives any more, and what was held is let go.
    pub(crate) fn release(&self) {
        let mut post = self.post();
        post.driver = None;
        post.carry.let_go();
    }

    /// What this one holds is let go; they drive all the same. Nothing if they do not.
    pub(crate) fn let_go(&self, client: u32) {
        let post = self.post();
        if post.driver == Some(client) {
            post.carry.let_go();
        }
    }

    /// From now on this one drives, or nobody.
    pub(crate) fn admit(&self, driver: Option<u32>) {
        self.post().driver = driver;
    }

    /// Whether somebody drives.
    pub(crate) fn drives(&self, client: u32) -> bool {
        self.post().driver == Some(client)
    }

    /// When the last input went in, from `began`; none: there was none yet.
    pub(crate) fn drove_at(&self) -> Option<Duration> {
        let passed = self.drove_us.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_micros(passed))
    }

    /// Where the driver's pointer is.
    pub(crate) fn pointer(&self) -> watch::Receiver<Option<Place>> {
        self.pointer.subscribe()
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an input says that the pointer is.
fn place(input: Input) -> Option<Place> {
    match input {
        Input::Move { x, y } | Input::Touch { x, y, .. } => Some((x, y)),
        Input::Button { at, .. } => at,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// What was carried; none: everything was let go.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Option<Input>>>>);

    impl Kept {
        fn all(&self) -> Vec<Option<Input>> {
            self.0.lock().expect("no panic").clone()
        }
    }

    impl Carry for Kept {
        fn carry(&self, input: Input) {
            self.0.lock().expect("no panic").push(Some(input));
        }

        fn let_go(&self) {
            self.0.lock().expect("no panic").push(None);
        }
    }

    fn key(keysym: u32) -> Input {
        Input::Key {
            down: true,
            keysym,
            code: 0,
        }
    }

    #[test]
    fn only_the_drivers_input_goes_in() {
        let kept = Kept::default();
        let gate = Gate::new(Instant::now(), Box::new(kept.clone()));
        assert!(!gate.input(1, key(1)));
        gate.admit(Some(1));
        assert_eq!(gate.drove_at(), None);
        assert!(gate.input(1, key(1)));
        assert!(!gate.input(2, key(2)));
        gate.release();
        assert!(!gate.input(1, key(3)));
        gate.admit(Some(2));
        assert!(!gate.input(1, key(4)) && gate.input(2, key(5)));
        assert_eq!(kept.all(), [Some(key(1)), None, Some(key(5))]);
        assert!(gate.drove_at().is_some());
    }

    #[test]
    fn while_control_changes_hands_nothing_of_the_former_driver_comes_after_the_release() {
        let kept = Kept::default();
        let gate = Gate::new(Instant::now(), Box::new(kept.clone()));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for client in 1..=2 {
                let (gate, stop) = (&gate, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        gate.input(client, key(client));
                    }
                });
            }
            for turn in 0..200 {
                gate.release();
                gate.admit(Some(1 + turn % 2));
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let mut turn = 0_u32;
        for kept in kept.all() {
            match kept {
                None => turn += 1,
                Some(input) => assert_eq!(input, key(2 - turn % 2), "in turn {turn}"),
            }
        }
        assert_eq!(turn, 200);
    }

    #[test]
    fn only_the_driver_lets_go_and_drives_on() {
        let kept = Kept::default();
        let gate = Gate::new(Instant::now(), Box::new(kept.clone()));
        gate.admit(Some(1));
        gate.let_go(2);
        assert!(gate.input(1, key(1)));
        gate.let_go(1);
        assert!(gate.input(1, key(2)));
        assert_eq!(kept.all(), [Some(key(1)), None, Some(key(2))]);
    }

    #[test]
    fn others_see_where_the_drivers_pointer_is() {
        let gate = Gate::new(Instant::now(), Box::new(Kept::default()));
        let pointer = gate.pointer();
        gate.admit(Some(1));
        gate.input(1, Input::Move { x: 7, y: 9 });
        gate.input(2, Input::Move { x: 1, y: 1 });
        assert_eq!(*pointer.borrow(), Some((7, 9)));
        gate.input(
            1,
            Input::Button {
                button: 0,
                down: true,
                at: None,
            },
        );
        assert_eq!(*pointer.borrow(), Some((7, 9)));
    }
}
