//! Paints a scene: what changed of it into a pixmap, then at once into the window, so that no half picture is ever seen.
//!
//! Pixmap and window keep the whole picture. All requests are those of a whole picture too; the clip of the graphics context
//! leaves of them what changed.
//!
//! This file must never know what the scene means.

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::xproto::{
    ChangeGCAux, ClipOrdering, ConnectionExt as _, CreateGCAux, Font, Gcontext, Pixmap, Rectangle,
    Window,
};
use x11rb::rust_connection::RustConnection;

use crate::scene::{Change, Layer, Rect, change};

/// A font that every X server has inside.
const FONT: &[u8] = b"fixed";
/// Characters of text that are painted: those that came last.
pub(crate) const MAX_SHOWN: usize = 120;
/// Where the text's base line starts, from the left and from below.
const TEXT_AT: i16 = 16;
/// The text's line, from below: more than any font of that name takes.
const TEXT_HEIGHT: u16 = 48;

/// Paints one window.
#[derive(Debug)]
pub(crate) struct Painter {
    window: Window,
    depth: u8,
    gc: Gcontext,
    pixmap: Pixmap,
    size: (u16, u16),
    /// What pixmap and window have; none: nobody knows.
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
        depth: u8,
        size: (u16, u16),
    ) -> Result<Self, ReplyOrIdError> {
        let font: Font = x.generate_id()?;
        x.open_font(font, FONT)?.check()?;
        let gc = x.generate_id()?;
        x.create_gc(
            gc,
            window,
            &CreateGCAux::new().font(font).graphics_exposures(0),
        )?;
        let pixmap = x.generate_id()?;
        x.create_pixmap(depth, pixmap, window, size.0, size.1)?;
        Ok(Self {
            window,
            depth,
            gc,
            pixmap,
            size,
            shown: None,
        })
    }

    /// The window has another size.
    pub(crate) fn resize(
        &mut self,
        x: &RustConnection,
        size: (u16, u16),
    ) -> Result<(), ReplyOrIdError> {
        if size != self.size {
            x.free_pixmap(self.pixmap)?;
            x.create_pixmap(self.depth, self.pixmap, self.window, size.0, size.1)?;
            self.size = size;
            self.shown = None;
        }
        Ok(())
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
        match self.changed(&now) {
            Change::Only(rects) if rects.is_empty() => {}
            Change::Only(rects) => {
                let rects: Vec<Rectangle> = rects.iter().map(rectangle).collect();
                x.set_clip_rectangles(ClipOrdering::UNSORTED, self.gc, 0, 0, &rects)?;
                self.paint(x, &now)?;
                // One by one: whoever follows what changes on the display is told of as much as is copied at once. Nobody else is
                // served meanwhile.
                x.grab_server()?;
                for one in rects {
                    self.copy(x, one)?;
                }
                x.ungrab_server()?;
            }
            Change::All => {
                x.change_gc(self.gc, &ChangeGCAux::new().clip_mask(x11rb::NONE))?;
                self.paint(x, &now)?;
                let (width, height) = self.size;
                let whole = Rectangle {
                    x: 0,
                    y: 0,
                    width,
                    height,
                };
                self.copy(x, whole)?;
            }
        }
        self.shown = Some(now);
        x.flush()?;
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
            let top = self.size.1.saturating_sub(TEXT_HEIGHT);
            rects.push(Rect {
                x: 0,
                y: i16::try_from(top).unwrap_or(i16::MAX),
                width: self.size.0,
                height: TEXT_HEIGHT,
            });
        }
        change
    }

    /// Paints into the pixmap what the clip leaves.
    fn paint(&self, x: &RustConnection, now: &Shown) -> Result<(), ReplyOrIdError> {
        for (colour, rects) in &now.layers {
            x.change_gc(
                self.gc,
                &ChangeGCAux::new().foreground(*colour).background(0),
            )?;
            let rects: Vec<Rectangle> = rects.iter().map(rectangle).collect();
            x.poly_fill_rectangle(self.pixmap, self.gc, &rects)?;
        }
        let y = i16::try_from(self.size.1)
            .unwrap_or(i16::MAX)
            .saturating_sub(TEXT_AT);
        x.image_text8(self.pixmap, self.gc, TEXT_AT, y, &now.text)?;
        Ok(())
    }

    /// Copies a part of the pixmap into the window.
    fn copy(&self, x: &RustConnection, part: Rectangle) -> Result<(), ReplyOrIdError> {
        let Rectangle {
            x: left,
            y: top,
            width,
            height,
        } = part;
        let (from, to) = (self.pixmap, self.window);
        x.copy_area(from, to, self.gc, left, top, left, top, width, height)?;
        Ok(())
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
