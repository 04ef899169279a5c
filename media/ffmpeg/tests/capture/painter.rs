//! An application that paints what a test says.

use std::os::unix::net::UnixStream;

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt, CreateGCAux, CreateWindowAux, Gcontext, ImageFormat,
    Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::{DefaultStream, RustConnection};

use crate::xvfb::{COOKIE, Xvfb};

/// R, G, B.
pub(crate) type Colour = [u8; 3];

pub(crate) struct Painter {
    connection: RustConnection,
    window: Window,
    gc: Gcontext,
    pub(crate) width: u16,
    pub(crate) height: u16,
    random: u32,
}

impl Painter {
    /// A black window over the whole display.
    pub(crate) fn new(xvfb: &Xvfb) -> Self {
        let path = format!("/tmp/.X11-unix/X{}", xvfb.number);
        let stream = UnixStream::connect(path).expect("the display listens");
        let (stream, _) = DefaultStream::from_unix_stream(stream).expect("a socket");
        let name = b"MIT-MAGIC-COOKIE-1".to_vec();
        let connection =
            RustConnection::connect_to_stream_with_auth_info(stream, 0, name, COOKIE.to_vec())
                .expect("the display lets the painter in");
        let screen = connection.setup().roots[0].clone();
        let window = connection.generate_id().expect("an id");
        let (width, height) = (screen.width_in_pixels, screen.height_in_pixels);
        let values = CreateWindowAux::new()
            .override_redirect(1)
            .background_pixel(0);
        let class = WindowClass::INPUT_OUTPUT;
        connection
            .create_window(
                screen.root_depth,
                window,
                screen.root,
                0,
                0,
                width,
                height,
                0,
                class,
                0,
                &values,
            )
            .expect("sends");
        connection.map_window(window).expect("sends");
        let gc = connection.generate_id().expect("an id");
        connection
            .create_gc(gc, window, &CreateGCAux::new())
            .expect("sends");
        let painter = Self {
            connection,
            window,
            gc,
            width,
            height,
            random: 1,
        };
        painter.sync();
        painter
    }

    pub(crate) fn fill(&self, x: i16, y: i16, width: u16, height: u16, colour: Colour) {
        let [r, g, b] = colour.map(u32::from);
        let values = x11rb::protocol::xproto::ChangeGCAux::new().foreground(r << 16 | g << 8 | b);
        let area = Rectangle {
            x,
            y,
            width,
            height,
        };
        self.connection.change_gc(self.gc, &values).expect("sends");
        self.connection
            .poly_fill_rectangle(self.window, self.gc, &[area])
            .expect("sends");
        self.connection.flush().expect("the display is there");
    }

    /// Fills everything at once with blocks of colours that nobody can guess, others each time.
    pub(crate) fn noise(&mut self) {
        const BLOCK: usize = 4;
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let mut pixels = vec![0u8; width * height * 4];
        for (n, row) in pixels.chunks_mut(width * 4).enumerate() {
            if n % BLOCK == 0 {
                self.random = self.random.wrapping_add(0x9e37_79b9);
            }
            let mut state = self.random | 1;
            for block in row.chunks_mut(BLOCK * 4) {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                for pixel in block.chunks_exact_mut(4) {
                    pixel.copy_from_slice(&state.to_le_bytes());
                }
            }
        }
        let format = ImageFormat::Z_PIXMAP;
        let (width, height) = (self.width, self.height);
        self.connection
            .put_image(
                format,
                self.window,
                self.gc,
                width,
                height,
                0,
                0,
                0,
                24,
                &pixels,
            )
            .expect("sends");
        self.connection.flush().expect("the display is there");
    }

    /// Gives the window a pointer that is a square of 64 x 64, and puts it there.
    pub(crate) fn point(&self, x: i16, y: i16, colour: Colour) {
        const SIDE: u16 = 64;
        let connection = &self.connection;
        let [bitmap, gc, cursor] = [(); 3].map(|()| connection.generate_id().expect("an id"));
        let [r, g, b] = colour.map(|part| u16::from(part) * 257);
        let ink = CreateGCAux::new().foreground(1);
        let square = Rectangle {
            x: 0,
            y: 0,
            width: SIDE,
            height: SIDE,
        };
        let middle = SIDE / 2;
        connection
            .create_pixmap(1, bitmap, self.window, SIDE, SIDE)
            .expect("sends");
        connection.create_gc(gc, bitmap, &ink).expect("sends");
        connection
            .poly_fill_rectangle(bitmap, gc, &[square])
            .expect("sends");
        connection
            .create_cursor(cursor, bitmap, bitmap, r, g, b, r, g, b, middle, middle)
            .expect("sends");
        let look = ChangeWindowAttributesAux::new().cursor(cursor);
        connection
            .change_window_attributes(self.window, &look)
            .expect("sends");
        connection
            .warp_pointer(x11rb::NONE, self.window, 0, 0, 0, 0, x, y)
            .expect("sends");
        self.sync();
    }

    /// Waits until everything is painted.
    pub(crate) fn sync(&self) {
        let cookie = self.connection.get_input_focus().expect("sends");
        cookie.reply().expect("the display answers");
    }
}
