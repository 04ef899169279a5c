//! What users do, done at the session's display: a thread of its own, fed by a bounded queue.
//!
//! Pure parts decide (`queue`, `hands`, `keymap`, `touch`, `gamepad`); here is what speaks to the display (XTEST). It must
//! never know whose input it is, or who has control.

pub(crate) mod gamepad;
mod hands;
mod keymap;
mod queue;
mod touch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use server_bridge::input::Input;
use x11rb::connection::Connection as _;
use x11rb::errors::{ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, Mapping,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::desktop::Offer;
use crate::display::{Address, Hangup};
use gamepad::GamepadKeys;
use hands::{Act, Hands};
use keymap::{Group, Keymap};
use queue::Queue;

/// How long an application may take to look up what a key says; only then the key may say something else. A guess: a few
/// pictures of a busy application.
const LOOK_UP_PATIENCE: Duration = Duration::from_millis(150);

/// Why input cannot be injected.
type Failure = ReplyOrIdError;

/// The injecting thread. Dropping it releases everything and joins the thread.
pub(crate) struct Injector {
    shared: Arc<Shared>,
    hangup: Hangup,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
    overflows: AtomicU64,
    offer: OnceLock<Offer>,
}

#[derive(Default)]
struct State {
    queue: Queue,
    stop: bool,
}

impl Injector {
    /// Connects to a display of this size; blocks until it answered.
    ///
    /// # Errors
    /// What failed, for people.
    pub(crate) fn start(
        address: &Address,
        width: u32,
        height: u32,
        gamepad: GamepadKeys,
    ) -> Result<Self, String> {
        let failed = |why: &dyn std::fmt::Display| format!("input cannot be injected: {why}");
        let connection = address.connect().map_err(|why| failed(&why))?;
        let hangup = Hangup::of(&connection).map_err(|why| failed(&why))?;
        let keymap = prepare(&connection).map_err(|why| failed(&why))?;
        let hands = Hands::new(width, height, keymap, gamepad);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("inject".to_owned())
            .spawn(move || {
                if let Err(why) = inject(&connection, hands, &theirs) {
                    tracing::debug!("injecting ended: {why}");
                }
            })
            .map_err(|why| failed(&why))?;
        Ok(Self {
            shared,
            hangup,
            thread: Some(thread),
        })
    }

    /// Where input goes in.
    pub(crate) fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.shared))
    }
}

/// Where input goes in, also when the thread is gone: then it is forgotten.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Shared>);

impl Feed {
    /// From now on the keys that paste wait until what users offer there is in the clipboard.
    pub(crate) fn paste_after(self, offer: Offer) -> Self {
        // The first one is the display's only one.
        let _ = self.0.offer.set(offer);
        self
    }

    /// Takes an input; never blocks. When a thousand wait, everything is released instead of them.
    pub(crate) fn take(&self, input: Input) {
        let fits = self.0.lock().queue.push(input);
        self.0.news.notify_one();
        if !fits && self.0.overflows.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("a display does not take its input; everything is released instead");
        }
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            // A display that does not read would hold the thread.
            self.hangup.after_a_moment(&thread);
            if thread.join().is_err() {
                tracing::error!("the injecting thread broke off");
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits, nothing if it did not come `until` then; none: it is to end.
    fn wait(&self, until: Option<Instant>) -> Option<VecDeque<Input>> {
        let mut state = self.lock();
        while state.queue.is_empty() && !state.stop {
            let Some(until) = until else {
                state = self
                    .news
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.news.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        (!state.stop).then(|| state.queue.take())
    }
}

/// Reads the keyboard's table.
fn prepare(connection: &RustConnection) -> Result<Keymap, Failure> {
    connection.xtest_get_version(2, 2)?.reply()?;
    // An application that grabs the server must not keep input out.
    connection.xtest_grab_control(true)?;
    let (per_key, symbols) = keyboard(connection)?;
    Ok(Keymap::new(
        connection.setup().min_keycode,
        per_key,
        &symbols,
    ))
}

/// What the display's keys say: so many symbols for each.
fn keyboard(connection: &RustConnection) -> Result<(usize, Vec<u32>), ReplyError> {
    let setup = connection.setup();
    let count = setup.max_keycode - setup.min_keycode + 1;
    let mapping = connection
        .get_keyboard_mapping(setup.min_keycode, count)?
        .reply()?;
    Ok((usize::from(mapping.keysyms_per_keycode), mapping.keysyms))
}

fn inject(connection: &RustConnection, mut hands: Hands, shared: &Shared) -> Result<(), Failure> {
    let root = connection
        .setup()
        .roots
        .first()
        .map_or(0, |screen| screen.root);
    let mut acts = Vec::new();
    let mut pressed = BTreeMap::new();
    while let Some(inputs) = shared.wait(hands.wake_at()) {
        // An application may have changed the keyboard since the last input.
        listen(connection, &mut hands)?;
        let now = Instant::now();
        for input in inputs {
            if hands.has_groups() && may_press(&input) {
                // What was pressed before may have switched it, or any program; nothing says so unasked without the events
                // of the X Keyboard Extension.
                do_all(connection, root, &mut acts, &mut pressed, shared)?;
                let state = connection.query_pointer(root)?.reply()?.mask;
                hands.set_group(Group::of_state(state.into()));
            }
            hands.take(input, now, &mut acts);
        }
        hands.due(now, &mut acts);
        do_all(connection, root, &mut acts, &mut pressed, shared)?;
        listen(connection, &mut hands)?;
    }
    hands.release_all(&mut acts);
    hands.unbind_all(&mut acts);
    do_all(connection, root, &mut acts, &mut pressed, shared)?;
    // Only now the display has done it.
    connection.get_input_focus()?.reply()?;
    Ok(())
}

/// Whether it may press a key.
fn may_press(input: &Input) -> bool {
    matches!(
        input,
        Input::Key { down: true, .. } | Input::GamepadButton { .. } | Input::GamepadAxis { .. }
    )
}

/// Does them; `pressed`: when each key was last.
fn do_all(
    connection: &RustConnection,
    root: u32,
    acts: &mut Vec<Act>,
    pressed: &mut BTreeMap<u8, Instant>,
    shared: &Shared,
) -> Result<(), Failure> {
    let fake = |kind, detail, x, y| {
        connection
            .xtest_fake_input(kind, detail, x11rb::CURRENT_TIME, root, x, y, 0)
            .map(drop)
    };
    for act in acts.drain(..) {
        match act {
            Act::MoveTo(x, y) => fake(MOTION_NOTIFY_EVENT, 0, x, y)?,
            Act::MoveBy(dx, dy) => fake(MOTION_NOTIFY_EVENT, 1, dx, dy)?,
            Act::Button(button, true) => fake(BUTTON_PRESS_EVENT, button, 0, 0)?,
            Act::Button(button, false) => fake(BUTTON_RELEASE_EVENT, button, 0, 0)?,
            Act::AwaitPaste => {
                connection.flush()?;
                if let Some(offer) = shared.offer.get() {
                    offer.settle();
                }
            }
            Act::Key(keycode, true) => {
                pressed.insert(keycode, Instant::now());
                fake(KEY_PRESS_EVENT, keycode, 0, 0)?;
            }
            Act::Key(keycode, false) => fake(KEY_RELEASE_EVENT, keycode, 0, 0)?,
            Act::Bind(keycode, keysym) => {
                if let Some(last) = pressed.remove(&keycode).filter(|_| keysym != 0) {
                    connection.flush()?;
                    std::thread::sleep(LOOK_UP_PATIENCE.saturating_sub(last.elapsed()));
                }
                // Both levels, so that Shift does not matter.
                connection.change_keyboard_mapping(1, keycode, 2, &[keysym, keysym])?;
            }
        }
    }
    connection.flush()?;
    Ok(())
}

/// Takes what the display says unasked: errors of what was refused, and keys that say something else now. Our own changes
/// are known already.
fn listen(connection: &RustConnection, hands: &mut Hands) -> Result<(), ReplyError> {
    let mut is_changed = false;
    while let Some(event) = connection.poll_for_event()? {
        match event {
            Event::Error(why) => tracing::debug!("the display refused an input: {why:?}"),
            Event::MappingNotify(event) if event.request == Mapping::KEYBOARD => {
                is_changed |= event.count != 1 || !hands.has_bound(event.first_keycode);
            }
            _ => {}
        }
    }
    if is_changed {
        let (per_key, symbols) = keyboard(connection)?;
        hands.follow(per_key, &symbols);
    }
    Ok(())
}
