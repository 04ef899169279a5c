//! Paints a scene: all of it into a pixmap, then at once into the window, so that no half picture is ever seen.
//!
//! This file must never know what the scene means.

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyOrIdError;
use x11rb::protocol::xproto::{
    ChangeGCAux, ConnectionExt as _, CreateGCAux, Font, Gcontext, Pixmap, Rectangle, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::scene::{Colour, Rect};

/// A font that every X server has inside.
const FONT: &[u8] = b"fixed";
/// Characters of text that are painted: those that came last.
pub(crate) const MAX_SHOWN: usize = 120;

/// Paints one window.
#[derive(Debug)]
pub(crate) struct Painter {
    window: Window,
    depth: u8,
    gc: Gcontext,
    pixmap: Pixmap,
    size: (u16, u16),
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
        }
        Ok(())
    }

    /// Shows layers, and a text in the lower left corner.
    pub(crate) fn show(
        &self,
        x: &RustConnection,
        layers: &[(Colour, Vec<Rect>)],
        text: &str,
    ) -> Result<(), ReplyOrIdError> {
        for (colour, rects) in layers {
            x.change_gc(
                self.gc,
                &ChangeGCAux::new().foreground(*colour).background(0),
            )?;
            let rects: Vec<Rectangle> = rects
                .iter()
                .map(|one| Rectangle {
                    x: one.x,
                    y: one.y,
                    width: one.width,
                    height: one.height,
                })
                .collect();
            x.poly_fill_rectangle(self.pixmap, self.gc, &rects)?;
        }
        // The font has Latin-1; the rest is shown as question marks.
        let latin = text.chars().map(|sign| u8::try_from(sign).unwrap_or(b'?'));
        let latin: Vec<u8> = latin.collect();
        let shown = &latin[latin.len().saturating_sub(MAX_SHOWN)..];
        let y = i16::try_from(self.size.1)
            .unwrap_or(i16::MAX)
            .saturating_sub(16);
        x.image_text8(self.pixmap, self.gc, 16, y, shown)?;
        x.copy_area(
            self.pixmap,
            self.window,
            self.gc,
            0,
            0,
            0,
            0,
            self.size.0,
            self.size.1,
        )?;
        x.flush()?;
        Ok(())
    }
}
