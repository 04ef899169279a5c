//! Paints what changed of a scene into its window. Nobody else is served meanwhile, so no half picture is ever seen by who
//! asks the display for one.
//!
//! Part by part: whoever follows what changes on the display is told of as much as one request surrounds.
//!
//! This file must never know what the scene means.

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::xproto::{
    ChangeGCAux, ConnectionExt as _, CreateGCAux, Font, Gcontext, Rectangle, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::pieces::{pieces, touches};
use crate::scene::{Change, Colour, Layer, Rect, change};

/// A font that every X server has inside.
const FONT: &[u8] = b"fixed";
/// Characters of text that are painted: those that came last.
pub(crate) const MAX_SHOWN: usize = 120;
/// Where the text's base line starts, from the left and from below.
const TEXT_AT: i16 = 16;
/// The text's colour, on black.
const TEXT: Colour = 0xff_ff_ff;
/// The text's line, from below: more than any font of that name takes.
const TEXT_HEIGHT: u16 = 48;

/// Paints one window.
#[derive(Debug)]
pub(crate) struct Painter {
    window: Window,
    gc: Gcontext,
    size: (u16, u16),
    /// What the window has; none: nobody knows.
    shown: Option<Shown>,
}

/// A picture.
#[derive(Debug)]
struct Shown {
    layers: Vec<Layer>,
    /// In Latin-1.
    text: Vec<u8>,
}

impl Painter {
    pub(crate) fn new(
        x: &RustConnection,
        window: Window,
        size: (u16, u16),
    ) -> Result<Self, ReplyOrIdError> {
        let font: Font = x.generate_id()?;
        x.open_font(font, FONT)?.check()?;
        let gc = x.generate_id()?;
        x.create_gc(gc, window, &CreateGCAux::new().font(font).background(0))?;
        Ok(Self {
            window,
            gc,
            size,
            shown: None,
        })
    }

    /// The window has another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        if size != self.size {
            self.size = size;
            self.shown = None;
        }
    }

    /// The window may have lost what it showed.
    pub(crate) fn forget(&mut self) {
        self.shown = None;
    }

    /// Shows layers, and a text in the lower left corner.
    pub(crate) fn show(
        &mut self,
        x: &RustConnection,
        layers: Vec<Layer>,
        text: &str,
    ) -> Result<(), ReplyOrIdError> {
        // The font has Latin-1; the rest is shown as question marks.
        let latin = text.chars().map(|sign| u8::try_from(sign).unwrap_or(b'?'));
        let mut text: Vec<u8> = latin.collect();
        text.drain(..text.len().saturating_sub(MAX_SHOWN));
        let now = Shown { layers, text };
        let change = self.changed(&now);
        if change == Change::Only(Vec::new()) {
            self.shown = Some(now);
            return Ok(());
        }
        x.grab_server()?;
        let mut is_text_covered = true;
        match change {
            Change::Only(parts) => {
                let mut coloured = None;
                for (colour, one) in pieces(&parts, &now.layers) {
                    if coloured.replace(colour) != Some(colour) {
                        self.colour(x, colour)?;
                    }
                    x.poly_fill_rectangle(self.window, self.gc, &[rectangle(&one)])?;
                }
                let line = self.text_line();
                is_text_covered = parts.iter().any(|&part| touches(part, line));
            }
            Change::All => {
                for (colour, rects) in &now.layers {
                    self.colour(x, *colour)?;
                    let rects: Vec<Rectangle> = rects.iter().map(rectangle).collect();
                    x.poly_fill_rectangle(self.window, self.gc, &rects)?;
                }
            }
        }
        if is_text_covered && !now.text.is_empty() {
            self.colour(x, TEXT)?;
            let y = i16::try_from(self.size.1).unwrap_or(i16::MAX);
            let y = y.saturating_sub(TEXT_AT);
            x.image_text8(self.window, self.gc, TEXT_AT, y, &now.text)?;
        }
        x.ungrab_server()?;
        self.shown = Some(now);
        x.flush()?;
        Ok(())
    }

    fn colour(&self, x: &RustConnection, colour: Colour) -> Result<(), ReplyOrIdError> {
        x.change_gc(self.gc, &ChangeGCAux::new().foreground(colour))?;
        Ok(())
    }

    /// What changes when a picture is shown.
    fn changed(&self, now: &Shown) -> Change {
        let Some(before) = &self.shown else {
            return Change::All;
        };
        let mut change = change(&before.layers, &now.layers);
        if let Change::Only(rects) = &mut change
            && before.text != now.text
        {
            rects.push(self.text_line());
        }
        change
    }

    /// Where all of the text is.
    fn text_line(&self) -> Rect {
        let top = self.size.1.saturating_sub(TEXT_HEIGHT);
        Rect {
            x: 0,
            y: i16::try_from(top).unwrap_or(i16::MAX),
            width: self.size.0,
            height: TEXT_HEIGHT,
        }
    }
}

fn rectangle(one: &Rect) -> Rectangle {
    Rectangle {
        x: one.x,
        y: one.y,
        width: one.width,
        height: one.height,
    }
}
