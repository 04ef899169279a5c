//! The application's clipboard: Ctrl+C offers what was typed, Ctrl+V takes what is there.
//!
//! Selections as the Inter-Client Communication Conventions Manual (ICCCM, section 2) has them, text only. This file must
//! never know keys or the picture.

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, EventMask, PropMode, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

x11rb::atom_manager! {
    pub(crate) Atoms: AtomsCookie { CLIPBOARD, TARGETS, UTF8_STRING, TREECAST_PASTE, }
}

/// 4-byte units of a pasted text that are taken: 256 KiB.
const MAX_UNITS: u32 = 64 * 1024;

/// The clipboard of one window.
#[derive(Debug)]
pub(crate) struct Clipboard {
    atoms: Atoms,
    window: Window,
    copied: String,
}

impl Clipboard {
    pub(crate) fn new(x: &RustConnection, window: Window) -> Result<Self, ReplyOrIdError> {
        Ok(Self {
            atoms: Atoms::new(x)?.reply()?,
            window,
            copied: String::new(),
        })
    }

    /// Offers a text.
    pub(crate) fn copy(
        &mut self,
        x: &RustConnection,
        text: &str,
        time: u32,
    ) -> Result<(), ReplyOrIdError> {
        text.clone_into(&mut self.copied);
        x.set_selection_owner(self.window, self.atoms.CLIPBOARD, time)?;
        Ok(())
    }

    /// Asks for what is there; it comes as a `SelectionNotify`.
    pub(crate) fn paste(&self, x: &RustConnection, time: u32) -> Result<(), ReplyOrIdError> {
        let atoms = &self.atoms;
        x.convert_selection(
            self.window,
            atoms.CLIPBOARD,
            atoms.UTF8_STRING,
            atoms.TREECAST_PASTE,
            time,
        )?;
        Ok(())
    }

    /// What was asked for has come; none: there is no text.
    pub(crate) fn pasted(
        &self,
        x: &RustConnection,
        event: &SelectionNotifyEvent,
    ) -> Result<Option<String>, ReplyOrIdError> {
        if event.property == Atom::from(AtomEnum::NONE) {
            return Ok(None);
        }
        let property = x
            .get_property(
                true,
                self.window,
                event.property,
                AtomEnum::ANY,
                0,
                MAX_UNITS,
            )?
            .reply()?;
        Ok(String::from_utf8(property.value).ok())
    }

    /// Somebody wants what was offered.
    pub(crate) fn give(
        &self,
        x: &RustConnection,
        event: &SelectionRequestEvent,
    ) -> Result<(), ReplyOrIdError> {
        let atoms = &self.atoms;
        let text = [atoms.UTF8_STRING, AtomEnum::STRING.into()];
        let mut property = event.property;
        if event.target == atoms.TARGETS {
            let targets = [atoms.TARGETS, atoms.UTF8_STRING];
            x.change_property32(
                PropMode::REPLACE,
                event.requestor,
                property,
                AtomEnum::ATOM,
                &targets,
            )?;
        } else if text.contains(&event.target) {
            let bytes = self.copied.as_bytes();
            x.change_property8(
                PropMode::REPLACE,
                event.requestor,
                property,
                event.target,
                bytes,
            )?;
        } else {
            property = AtomEnum::NONE.into();
        }
        let notify = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: event.time,
            requestor: event.requestor,
            selection: event.selection,
            target: event.target,
            property,
        };
        x.send_event(false, event.requestor, EventMask::NO_EVENT, notify)?;
        x.flush()?;
        Ok(())
    }
}
