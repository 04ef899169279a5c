//! The clipboard of a session's display: the application's is read when it changes, the users' is offered to it.
//!
//! Text only, and bounded. It must never know whose text it is.

use std::sync::Arc;

use server_wire::MAX_CLIPBOARD_LEN;
use tokio::sync::watch;
use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::xfixes::{self, ConnectionExt as _, SelectionEventMask};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, EventMask, PropMode, SELECTION_NOTIFY_EVENT,
    SelectionClearEvent, SelectionNotifyEvent, SelectionRequestEvent, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

x11rb::atom_manager! {
    /// Names that the display has numbers for (ICCCM section 2).
    pub(crate) Atoms: AtomsCookie {
        CLIPBOARD,
        TARGETS,
        UTF8_STRING,
        TEXT,
        INCR,
        PLAIN: b"text/plain",
        PLAIN_UTF8: b"text/plain;charset=utf-8",
        TREECAST_CLIPBOARD,
    }
}

/// The clipboard's state at one connection.
pub(crate) struct Clipboard {
    window: Window,
    atoms: Atoms,
    /// What the users offer, while nobody took the selection over.
    offered: Option<Arc<str>>,
    /// What the application offers.
    found: watch::Sender<Option<Arc<str>>>,
}

impl Clipboard {
    /// Begins to watch, with this window, which is for nothing else.
    ///
    /// # Errors
    /// When the display does not answer.
    pub(crate) fn new(
        connection: &RustConnection,
        window: Window,
        found: watch::Sender<Option<Arc<str>>>,
    ) -> Result<Self, ReplyError> {
        let atoms = Atoms::new(connection)?.reply()?;
        connection.xfixes_select_selection_input(
            window,
            atoms.CLIPBOARD,
            SelectionEventMask::SET_SELECTION_OWNER,
        )?;
        Ok(Self {
            window,
            atoms,
            offered: None,
            found,
        })
    }

    /// Offers the users' text to applications.
    pub(crate) fn offer(
        &mut self,
        connection: &RustConnection,
        text: &str,
    ) -> Result<(), ConnectionError> {
        if text.len() > MAX_CLIPBOARD_LEN {
            return Ok(());
        }
        self.offered = Some(text.into());
        // What the application had is gone: when it copies the same again, that is news.
        self.found.send_if_modified(|found| {
            *found = None;
            false
        });
        self.take_back(connection)
    }

    /// Whether the users' text is offered.
    pub(crate) fn offers(&self) -> bool {
        self.offered.is_some()
    }

    /// What is offered is what applications get, again.
    pub(crate) fn take_back(&self, connection: &RustConnection) -> Result<(), ConnectionError> {
        connection.set_selection_owner(self.window, self.atoms.CLIPBOARD, x11rb::CURRENT_TIME)?;
        Ok(())
    }

    /// The same; done when the display has done it.
    pub(crate) fn make_sure(&self, connection: &RustConnection) -> Result<(), ReplyError> {
        if self.offered.is_some() {
            self.take_back(connection)?;
        }
        connection
            .get_selection_owner(self.atoms.CLIPBOARD)?
            .reply()?;
        Ok(())
    }

    /// Whether somebody else has the clipboard now, and it is worth reading.
    pub(crate) fn is_others(&self, event: &xfixes::SelectionNotifyEvent) -> bool {
        event.selection == self.atoms.CLIPBOARD
            && event.owner != self.window
            && event.owner != x11rb::NONE
    }

    /// Asks for the text; the answer comes as an event. Not for our own.
    pub(crate) fn ask(&self, connection: &RustConnection) -> Result<(), ConnectionError> {
        if self.offered.is_some() {
            return Ok(());
        }
        connection.convert_selection(
            self.window,
            self.atoms.CLIPBOARD,
            self.atoms.UTF8_STRING,
            self.atoms.TREECAST_CLIPBOARD,
            x11rb::CURRENT_TIME,
        )?;
        Ok(())
    }

    /// The answer: a text that is too long, comes in pieces (which only much longer ones do) or is none is left alone.
    pub(crate) fn answered(
        &self,
        connection: &RustConnection,
        event: &SelectionNotifyEvent,
    ) -> Result<(), ReplyError> {
        if event.requestor != self.window || event.property != self.atoms.TREECAST_CLIPBOARD {
            return Ok(());
        }
        let units = MAX_CLIPBOARD_LEN as u32 / 4;
        let property = event.property;
        let reply = connection
            .get_property(false, self.window, property, AtomEnum::ANY, 0, units)?
            .reply()?;
        connection.delete_property(self.window, property)?;
        if reply.type_ == self.atoms.INCR || reply.bytes_after > 0 {
            tracing::info!("an application's clipboard is too long for its users");
            return Ok(());
        }
        let Ok(text) = String::from_utf8(reply.value) else {
            return Ok(());
        };
        let text: Arc<str> = text.into();
        self.found.send_if_modified(|old| {
            let is_new = old.as_ref() != Some(&text);
            *old = Some(text);
            is_new
        });
        Ok(())
    }

    /// Whether the display says that somebody else has the clipboard now.
    pub(crate) fn is_lost(&self, event: &SelectionClearEvent) -> bool {
        event.selection == self.atoms.CLIPBOARD
    }

    /// It is left to them.
    pub(crate) fn give_up(&mut self) {
        self.offered = None;
    }

    /// An application wants what the users offer; true: it was given the text.
    pub(crate) fn requested(
        &self,
        connection: &RustConnection,
        event: &SelectionRequestEvent,
    ) -> Result<bool, ConnectionError> {
        let atoms = &self.atoms;
        // ICCCM section 2.2: clients of old name no property.
        let property = match event.property {
            x11rb::NONE => event.target,
            property => property,
        };
        let targets = [
            atoms.TARGETS,
            atoms.UTF8_STRING,
            atoms.PLAIN_UTF8,
            atoms.PLAIN,
            atoms.TEXT,
            Atom::from(AtomEnum::STRING),
        ];
        let offered = self.offered.as_deref();
        let offered = offered.filter(|_| event.selection == atoms.CLIPBOARD);
        let written = match offered {
            Some(_) if event.target == atoms.TARGETS => {
                let list = &targets;
                connection.change_property32(
                    PropMode::REPLACE,
                    event.requestor,
                    property,
                    AtomEnum::ATOM,
                    list,
                )?;
                true
            }
            Some(text) if targets.contains(&event.target) => {
                // STRING is Latin-1 (ICCCM section 2.7.1).
                let is_latin = event.target == Atom::from(AtomEnum::STRING);
                let latin = || text.chars().map(|one| u8::try_from(one).unwrap_or(b'?'));
                let bytes = match is_latin {
                    true => latin().collect(),
                    false => text.as_bytes().to_vec(),
                };
                let kind = match event.target == atoms.TEXT {
                    true => atoms.UTF8_STRING,
                    false => event.target,
                };
                connection.change_property8(
                    PropMode::REPLACE,
                    event.requestor,
                    property,
                    kind,
                    &bytes,
                )?;
                true
            }
            _ => false,
        };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: event.time,
            requestor: event.requestor,
            selection: event.selection,
            target: event.target,
            property: if written { property } else { x11rb::NONE },
        };
        connection.send_event(false, event.requestor, EventMask::NO_EVENT, answer)?;
        connection.flush()?;
        Ok(written && event.target != atoms.TARGETS)
    }
}
