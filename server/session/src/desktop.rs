//! What happens at a session's display beside the picture: the clipboard and the look of the pointer, on a thread of its own.
//!
//! It must never know users.

mod offer;

use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use server_wire::CursorShape;
use tokio::sync::watch;
use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{ConnectionExt as _, CursorNotifyMask};
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateWindowAux, Screen, SelectionRequestEvent, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use crate::clipboard::Clipboard;
use crate::cursor::{self, Picture};
use crate::display::{Address, Hangup};

pub(crate) use offer::Offer;

/// The clipboard is read so often at most: an application that changes it all the time costs no more than that.
const CLIPBOARD_PAUSE: Duration = Duration::from_millis(100);
/// The pointer's picture is read so often at most; animated pointers have 20 pictures a second.
const CURSOR_PAUSE: Duration = Duration::from_millis(50);

/// Why the display is not watched any more.
type Failure = ReplyOrIdError;

/// The watching thread. Dropping it joins the thread.
pub(crate) struct Desktop {
    offer: Offer,
    clipboard: watch::Receiver<Option<Arc<str>>>,
    cursor: watch::Receiver<Option<CursorShape>>,
    hangup: Hangup,
    thread: Option<JoinHandle<()>>,
}

impl Desktop {
    /// Connects to a display; blocks until it answered.
    ///
    /// # Errors
    /// What failed, for people.
    pub(crate) fn start(address: &Address) -> Result<Self, String> {
        let failed = |why: &dyn std::fmt::Display| format!("the display is not watched: {why}");
        let connection = address.connect().map_err(|why| failed(&why))?;
        let hangup = Hangup::of(&connection).map_err(|why| failed(&why))?;
        let (heard, bell) = UnixStream::pair().map_err(|why| failed(&why))?;
        heard.set_nonblocking(true).map_err(|why| failed(&why))?;
        bell.set_nonblocking(true).map_err(|why| failed(&why))?;
        let offer = Offer::new(bell);
        let (found, clipboard) = watch::channel(None);
        let (shape, cursor) = watch::channel(None);
        let mut watcher = Watcher::new(connection, heard, offer.clone(), found, shape)
            .map_err(|why| failed(&why))?;
        let thread = std::thread::Builder::new()
            .name("desktop".to_owned())
            .spawn(move || {
                if let Err(why) = watcher.watch() {
                    tracing::debug!("a display is not watched any more: {why}");
                }
            })
            .map_err(|why| failed(&why))?;
        Ok(Self {
            offer,
            clipboard,
            cursor,
            hangup,
            thread: Some(thread),
        })
    }

    /// Where users' texts go.
    pub(crate) fn offer(&self) -> Offer {
        self.offer.clone()
    }

    /// What the application put into its clipboard last.
    pub(crate) fn clipboard(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.clipboard.clone()
    }

    /// What the pointer looks like.
    pub(crate) fn cursor(&self) -> watch::Receiver<Option<CursorShape>> {
        self.cursor.clone()
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // The thread sees the end of its connection.
        self.hangup.now();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches a display broke off");
        }
    }
}

/// Something that is to be read again, but not too often.
#[derive(Default)]
struct Due {
    at: Option<Instant>,
    last: Option<Instant>,
}

impl Due {
    /// To be done now, or when the pause since the last time is over.
    fn set(&mut self, pause: Duration) {
        let now = Instant::now();
        let earliest = self.last.map_or(now, |last| (last + pause).max(now));
        self.at.get_or_insert(earliest);
    }

    /// Whether it is time; then it is done.
    fn is_now(&mut self) -> bool {
        let now = Instant::now();
        let is_now = self.at.is_some_and(|at| at <= now);
        if is_now {
            self.at = None;
            self.last = Some(now);
        }
        is_now
    }
}

struct Watcher {
    connection: RustConnection,
    bell: UnixStream,
    offer: Offer,
    clipboard: Clipboard,
    shape: watch::Sender<Option<CursorShape>>,
    clipboard_due: Due,
    cursor_due: Due,
}

impl Watcher {
    fn new(
        connection: RustConnection,
        bell: UnixStream,
        offer: Offer,
        found: watch::Sender<Option<Arc<str>>>,
        shape: watch::Sender<Option<CursorShape>>,
    ) -> Result<Self, Failure> {
        connection.xfixes_query_version(5, 0)?.reply()?;
        let root = connection.setup().roots.first().map_or(0, root_of);
        let window = connection.generate_id()?;
        let nothing = CreateWindowAux::new();
        connection.create_window(
            0,
            window,
            root,
            -1,
            -1,
            1,
            1,
            0,
            WindowClass::INPUT_ONLY,
            x11rb::COPY_FROM_PARENT,
            &nothing,
        )?;
        let clipboard = Clipboard::new(&connection, window, found)?;
        connection.xfixes_select_cursor_input(root, CursorNotifyMask::DISPLAY_CURSOR)?;
        let mut cursor_due = Due::default();
        cursor_due.set(CURSOR_PAUSE);
        Ok(Self {
            connection,
            bell,
            offer,
            clipboard,
            shape,
            clipboard_due: Due::default(),
            cursor_due,
        })
    }

    /// Until the connection ends.
    fn watch(&mut self) -> Result<(), Failure> {
        loop {
            while let Some(event) = self.connection.poll_for_event()? {
                // What was offered before an application asks is what it gets, however late this thread has its turn.
                self.take_offer()?;
                self.event(&event)?;
            }
            if self.take_offer()? {
                continue;
            }
            if self.clipboard_due.is_now() {
                self.clipboard.ask(&self.connection)?;
            }
            if self.cursor_due.is_now() {
                // Its answer may have come behind events, which are looked for again.
                self.read_cursor()?;
                continue;
            }
            self.connection.flush()?;
            self.wait().map_err(x11rb::errors::ConnectionError::from)?;
        }
    }

    /// True: events may have come behind an answer of the display, and are to be looked for again.
    fn take_offer(&mut self) -> Result<bool, Failure> {
        if let Some(text) = self.offer.take() {
            self.clipboard.offer(&self.connection, &text)?;
        }
        let is_asked = self.offer.is_asked();
        if is_asked {
            // When the display has done it, the application's next question comes here.
            self.clipboard.make_sure(&self.connection)?;
            self.offer.answer();
        }
        Ok(is_asked)
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        let connection = &self.connection;
        match event {
            // While ours is offered this is old, or is taken back when the display says that it was lost.
            Event::XfixesSelectionNotify(_) if self.clipboard.offers() => {}
            Event::XfixesSelectionNotify(event) if self.clipboard.is_others(event) => {
                self.clipboard_due.set(CLIPBOARD_PAUSE);
            }
            Event::XfixesCursorNotify(_) => self.cursor_due.set(CURSOR_PAUSE),
            Event::SelectionNotify(event) => self.clipboard.answered(connection, event)?,
            Event::SelectionRequest(event) => self.requested(event)?,
            Event::SelectionClear(event) if self.clipboard.is_lost(event) => {
                if self.offer.defends() {
                    self.clipboard.take_back(connection)?;
                } else {
                    self.clipboard.give_up();
                    self.clipboard_due.set(CLIPBOARD_PAUSE);
                }
            }
            // An application whose window is gone by now, for example.
            Event::Error(why) => tracing::debug!("the display refused something: {why:?}"),
            _ => {}
        }
        Ok(())
    }

    fn requested(&self, event: &SelectionRequestEvent) -> Result<(), Failure> {
        if self.clipboard.requested(&self.connection, event)? {
            self.offer.served();
        }
        Ok(())
    }

    fn read_cursor(&self) -> Result<(), Failure> {
        let image = self.connection.xfixes_get_cursor_image()?.reply()?;
        let shape = cursor::shape(&Picture {
            width: image.width,
            height: image.height,
            hot: (image.xhot, image.yhot),
            pixels: &image.cursor_image,
        });
        self.shape.send_if_modified(|old| {
            let is_new = old.as_ref() != Some(&shape);
            *old = Some(shape);
            is_new
        });
        Ok(())
    }

    /// Waits for the display, the bell, or what is due.
    fn wait(&mut self) -> io::Result<()> {
        let due = [&self.clipboard_due, &self.cursor_due].map(|due| due.at);
        let patience = due
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.saturating_duration_since(Instant::now()));
        poll(
            [self.connection.stream().as_raw_fd(), self.bell.as_raw_fd()],
            patience,
        )?;
        let mut rung = [0; 64];
        while matches!(self.bell.read(&mut rung), Ok(1..)) {}
        Ok(())
    }
}

fn root_of(screen: &Screen) -> u32 {
    screen.root
}

/// Waits until one of them can be read; none: for ever.
fn poll(descriptors: [RawFd; 2], patience: Option<Duration>) -> io::Result<()> {
    let mut list = descriptors.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    // Rounded up, or a wait of less than a millisecond would be none.
    let milliseconds = patience.map_or(-1, |patience| {
        libc::c_int::try_from(patience.as_millis() + 1).unwrap_or(libc::c_int::MAX)
    });
    // SAFETY: the list and its length belong together and live through the call.
    let result = unsafe { libc::poll(list.as_mut_ptr(), list.len() as libc::nfds_t, milliseconds) };
    match (result, io::Error::last_os_error()) {
        (-1, why) if why.kind() != io::ErrorKind::Interrupted => Err(why),
        _ => Ok(()),
    }
}
