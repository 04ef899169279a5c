//! A client of a session's display: a window over all of it that writes down what happens to it, paints, copies and pastes.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, CreateGCAux, CreateWindowAux,
    EventMask, InputFocus, KeyButMask, KeyPressEvent, PropMode, Rectangle, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::clipboard::Atoms;
use crate::display::Address;

use super::until;

/// How long an answer to a paste may take.
const PASTE_PATIENCE: Duration = Duration::from_secs(20);

/// What happened to the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// What its keys say.
    pub(super) typed: String,
    /// When its keys were pressed or repeated, in milliseconds of the display's clock.
    pub(super) presses: Vec<u32>,
    /// Its buttons, pressed and released.
    pub(super) buttons: Vec<(u8, bool)>,
    /// What it has in the clipboard.
    copied: String,
    /// The answer to a paste.
    pasted: Option<Option<String>>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    news: Condvar,
}

/// The window; it lives as long as its display.
pub(super) struct Window {
    connection: Arc<RustConnection>,
    window: u32,
    root: u32,
    atoms: Atoms,
    shared: Arc<Shared>,
    colour: Mutex<u32>,
}

impl Window {
    pub(super) fn open(address: &Address) -> Self {
        let connection = Arc::new(address.connect().expect("a connection"));
        let screen = &connection.setup().roots[0];
        let (root, width, height) = (screen.root, screen.width_in_pixels, screen.height_in_pixels);
        let window = connection.generate_id().expect("an id");
        let events = EventMask::KEY_PRESS
            | EventMask::KEY_RELEASE
            | EventMask::BUTTON_PRESS
            | EventMask::BUTTON_RELEASE;
        let look = CreateWindowAux::new()
            .event_mask(events)
            .background_pixel(0x0020_4060);
        let (depth, visual, class) = (x11rb::COPY_DEPTH_FROM_PARENT, 0, WindowClass::INPUT_OUTPUT);
        connection
            .create_window(
                depth, window, root, 0, 0, width, height, 0, class, visual, &look,
            )
            .expect("sent");
        connection.map_window(window).expect("sent");
        connection
            .set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)
            .expect("sent")
            .check()
            .expect("it has the focus");
        let atoms = Atoms::new(&*connection)
            .expect("sent")
            .reply()
            .expect("atoms");
        let shared = Arc::new(Shared::default());
        let watcher = Watcher {
            connection: Arc::clone(&connection),
            shared: Arc::clone(&shared),
            atoms,
        };
        std::thread::spawn(move || watcher.watch());
        Self {
            connection,
            window,
            root,
            atoms,
            shared,
            colour: Mutex::default(),
        }
    }

    /// What has happened so far.
    pub(super) fn seen(&self) -> Seen {
        self.shared.seen.lock().expect("not poisoned").clone()
    }

    /// Waits until what has happened is as it should be.
    pub(super) async fn until<T>(&self, what: &str, done: impl Fn(&Seen) -> Option<T>) -> T {
        let last = std::cell::RefCell::new(Seen::default());
        let found = tokio::time::timeout(super::PATIENCE / 2, async {
            until(what, || {
                *last.borrow_mut() = self.seen();
                done(&last.borrow())
            })
            .await
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("not in time: {what}: {:?}", last.borrow()),
        }
    }

    /// Waits until the pointer is there.
    pub(super) async fn until_pointer(&self, at: (i16, i16)) {
        until(&format!("the pointer at {at:?}"), || {
            let pointer = self
                .connection
                .query_pointer(self.root)
                .ok()?
                .reply()
                .ok()?;
            ((pointer.root_x, pointer.root_y) == at).then_some(())
        })
        .await;
    }

    /// Waits until so many keys and buttons are held.
    pub(super) async fn until_held(&self, count: u32) {
        until(&format!("{count} are held"), || {
            let keys = self.connection.query_keymap().ok()?.reply().ok()?.keys;
            let pointer = self
                .connection
                .query_pointer(self.root)
                .ok()?
                .reply()
                .ok()?;
            let buttons = u16::from(pointer.mask) & 0x1f00;
            let held: u32 = keys.iter().map(|byte| byte.count_ones()).sum();
            (held + buttons.count_ones() == count).then_some(())
        })
        .await;
    }

    /// Fills the window with another colour.
    pub(super) fn paint(&self) {
        let mut colour = self.colour.lock().expect("not poisoned");
        *colour = colour.wrapping_add(0x0001_1307) & 0x00ff_ffff;
        let context = self.connection.generate_id().expect("an id");
        let look = CreateGCAux::new().foreground(*colour);
        let all = Rectangle {
            x: 0,
            y: 0,
            width: 640,
            height: 360,
        };
        self.connection
            .create_gc(context, self.window, &look)
            .expect("sent");
        self.connection
            .poly_fill_rectangle(self.window, context, &[all])
            .expect("sent");
        self.connection.free_gc(context).expect("sent");
        self.connection.flush().expect("sent");
    }

    /// The pointer looks like a black box over the window.
    pub(super) fn cursor_of(&self, width: u16, height: u16) {
        let connection = &self.connection;
        let [pixmap, context, cursor] = [(); 3].map(|()| connection.generate_id().expect("an id"));
        connection
            .create_pixmap(1, pixmap, self.root, width, height)
            .expect("sent");
        let look = CreateGCAux::new().foreground(1);
        connection.create_gc(context, pixmap, &look).expect("sent");
        let all = Rectangle {
            x: 0,
            y: 0,
            width,
            height,
        };
        connection
            .poly_fill_rectangle(pixmap, context, &[all])
            .expect("sent");
        connection
            .create_cursor(cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)
            .expect("sent");
        let look = ChangeWindowAttributesAux::new().cursor(cursor);
        connection
            .change_window_attributes(self.window, &look)
            .expect("sent")
            .check()
            .expect("a cursor");
    }

    /// Puts a text into the clipboard.
    pub(super) fn copy(&self, text: &str) {
        self.shared.seen.lock().expect("not poisoned").copied = text.to_owned();
        self.connection
            .set_selection_owner(self.window, self.atoms.CLIPBOARD, x11rb::CURRENT_TIME)
            .expect("sent")
            .check()
            .expect("it has it");
    }

    /// Swaps what two keys say, as a program does that sets another keyboard.
    pub(super) fn swap_keys(&self, one: u8, other: u8) {
        let table = |keycode| {
            let table = self.connection.get_keyboard_mapping(keycode, 1);
            table.expect("sent").reply().expect("a table")
        };
        let (of_one, of_other) = (table(one), table(other));
        for (keycode, now) in [(one, of_other), (other, of_one)] {
            self.connection
                .change_keyboard_mapping(1, keycode, now.keysyms_per_keycode, &now.keysyms)
                .expect("sent")
                .check()
                .expect("it is changed");
        }
    }

    /// What the clipboard has.
    pub(super) fn paste(&self) -> Option<String> {
        self.shared.seen.lock().expect("not poisoned").pasted = None;
        self.connection
            .convert_selection(
                self.window,
                self.atoms.CLIPBOARD,
                self.atoms.UTF8_STRING,
                self.atoms.TREECAST_CLIPBOARD,
                x11rb::CURRENT_TIME,
            )
            .expect("sent");
        self.connection.flush().expect("sent");
        let seen = self.shared.seen.lock().expect("not poisoned");
        let (mut seen, waited) = self
            .shared
            .news
            .wait_timeout_while(seen, PASTE_PATIENCE, |seen| seen.pasted.is_none())
            .expect("not poisoned");
        assert!(!waited.timed_out(), "nobody answers a paste");
        seen.pasted.take().flatten()
    }
}

struct Watcher {
    connection: Arc<RustConnection>,
    shared: Arc<Shared>,
    atoms: Atoms,
}

impl Watcher {
    /// Until the display is gone.
    fn watch(&self) {
        while let Ok(event) = self.connection.wait_for_event() {
            let mut typed = None;
            let mut pasted = None;
            match &event {
                Event::KeyPress(event) => typed = self.character(event),
                Event::SelectionNotify(event) => pasted = Some(self.pasted(event)),
                Event::SelectionRequest(event) => self.requested(event),
                _ => {}
            }
            let mut seen = self.shared.seen.lock().expect("not poisoned");
            match event {
                Event::KeyPress(event) => seen.presses.push(event.time),
                Event::ButtonPress(event) => seen.buttons.push((event.detail, true)),
                Event::ButtonRelease(event) => seen.buttons.push((event.detail, false)),
                _ => {}
            }
            seen.typed.extend(typed);
            if pasted.is_some() {
                seen.pasted = pasted;
            }
            self.shared.news.notify_all();
        }
    }

    /// What a key says, as a client without a library finds it: from the table as it is now.
    fn character(&self, event: &KeyPressEvent) -> Option<char> {
        let table = self.connection.get_keyboard_mapping(event.detail, 1).ok()?;
        let symbols = table.reply().ok()?.keysyms;
        let has_shift = event.state & KeyButMask::SHIFT == KeyButMask::SHIFT;
        // The second layout has the next two columns. Events say which is in use only to clients of the extension; whoever
        // switches it waits until all is typed.
        let root = self.connection.setup().roots.first()?.root;
        let state = self.connection.query_pointer(root).ok()?.reply().ok()?;
        let is_second = u16::from(state.mask) >> 13 & 0b11 == 1;
        let symbols = match symbols.get(2..4) {
            Some(second) if is_second && second != [0, 0] => second,
            _ => &symbols,
        };
        let symbol = match (symbols.first(), symbols.get(1)) {
            (_, Some(&shifted)) if has_shift && shifted != 0 => shifted,
            (Some(&plain), _) => plain,
            (None, _) => return None,
        };
        match symbol {
            0x20..=0xff => char::from_u32(symbol),
            0x0100_0000.. => char::from_u32(symbol - 0x0100_0000),
            _ => None,
        }
    }

    fn pasted(&self, event: &SelectionNotifyEvent) -> Option<String> {
        if event.property == x11rb::NONE {
            return None;
        }
        let property = self
            .connection
            .get_property(
                true,
                event.requestor,
                event.property,
                AtomEnum::ANY,
                0,
                1 << 20,
            )
            .ok()?;
        String::from_utf8(property.reply().ok()?.value).ok()
    }

    fn requested(&self, event: &SelectionRequestEvent) {
        let text = self
            .shared
            .seen
            .lock()
            .expect("not poisoned")
            .copied
            .clone();
        let kind = self.atoms.UTF8_STRING;
        // The display may be gone by now; then nobody waits for it.
        let _ = self.connection.change_property8(
            PropMode::REPLACE,
            event.requestor,
            event.property,
            kind,
            text.as_bytes(),
        );
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: event.time,
            requestor: event.requestor,
            selection: event.selection,
            target: event.target,
            property: event.property,
        };
        let to = event.requestor;
        let _ = self
            .connection
            .send_event(false, to, EventMask::NO_EVENT, answer);
        let _ = self.connection.flush();
    }
}
