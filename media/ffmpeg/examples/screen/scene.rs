//! A display with something on it: Xvfb, and a thread that paints as an application would.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use media_ffmpeg::screen::Framebuffer;
use tempfile::TempDir;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ChangeGCAux, ConnectionExt, CreateGCAux, Gcontext, ImageFormat, Pixmap, Rectangle, Window,
};
use x11rb::rust_connection::{DefaultStream, RustConnection};

pub(super) const WIDTH: u16 = 1280;
pub(super) const HEIGHT: u16 = 720;

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// Nothing.
    Still,
    /// A box of 200 x 200 over a photograph-like picture.
    Box,
    /// The whole picture scrolls by four lines each time.
    Scroll,
    /// The whole picture is another each time.
    Cuts,
}

pub(super) struct Xvfb {
    child: Child,
    _folder: TempDir,
    pub(super) framebuffer: Framebuffer,
    pub(super) number: u16,
}

impl Xvfb {
    pub(super) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let framebuffer = Framebuffer::in_folder(folder.path()).expect("memory");
        let mut child = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-noreset",
                "-screen",
                "0",
            ])
            .arg(format!("{WIDTH}x{HEIGHT}x24"))
            .arg("-fbdir")
            .arg(folder.path())
            .stdin(framebuffer.input().expect("a descriptor"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb has to be installed");
        let mut stdout = child.stdout.take().expect("piped");
        let mut said = Vec::new();
        let mut byte = [0];
        while stdout.read(&mut byte).is_ok_and(|n| n == 1) && byte[0] != b'\n' {
            said.push(byte[0]);
        }
        let said = String::from_utf8_lossy(&said);
        let number = said.trim().parse().expect("Xvfb says its number");
        Self {
            child,
            _folder: folder,
            framebuffer,
            number,
        }
    }

    /// Processor time, in ticks of 10 ms.
    pub(super) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it runs");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
        let ticks: u64 = fields[12..14]
            .iter()
            .filter_map(|f| f.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Paints sixty times a second until dropped.
pub(super) struct Painter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Painter {
    pub(super) fn start(xvfb: &Xvfb, scene: Scene) -> Self {
        let canvas = Canvas::new(xvfb.number);
        canvas.show(0, 0);
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let begun = Instant::now();
            for n in 1u32.. {
                if theirs.load(Ordering::Relaxed) {
                    return;
                }
                canvas.paint(scene, n);
                let due = Duration::from_secs(1) * n / 60;
                thread::sleep(due.saturating_sub(begun.elapsed()));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Canvas {
    connection: RustConnection,
    root: Window,
    gc: Gcontext,
    /// Two pictures above each other, each twice as high as the screen.
    pictures: [Pixmap; 2],
}

impl Canvas {
    fn new(display: u16) -> Self {
        let socket = UnixStream::connect(format!("/tmp/.X11-unix/X{display}"));
        let (stream, _) = DefaultStream::from_unix_stream(socket.expect("it listens")).expect("ok");
        let connection = RustConnection::connect_to_stream(stream, 0).expect("it lets us in");
        let root = connection.setup().roots[0].root;
        let gc = connection.generate_id().expect("an id");
        let no_exposures = CreateGCAux::new().graphics_exposures(0);
        connection
            .create_gc(gc, root, &no_exposures)
            .expect("sends");
        let pictures = [0, 1].map(|seed| {
            let pixmap = connection.generate_id().expect("an id");
            connection
                .create_pixmap(24, pixmap, root, WIDTH, 2 * HEIGHT)
                .expect("sends");
            fill(&connection, pixmap, gc, seed);
            pixmap
        });
        Self {
            connection,
            root,
            gc,
            pictures,
        }
    }

    /// Copies a picture to the screen, beginning at one of its lines.
    fn show(&self, picture: usize, line: u32) {
        let line = (line % u32::from(HEIGHT)) as i16;
        let picture = self.pictures[picture];
        self.connection
            .copy_area(picture, self.root, self.gc, 0, line, 0, 0, WIDTH, HEIGHT)
            .expect("sends");
        self.connection.flush().expect("it is there");
    }

    fn paint(&self, scene: Scene, n: u32) {
        match scene {
            Scene::Still => {}
            Scene::Box => {
                let place = |n: u32| ((n * 5 % 1_000) as i16, (n * 3 % 500) as i16);
                let (x, y) = place(n - 1);
                let under = self.pictures[0];
                self.connection
                    .copy_area(under, self.root, self.gc, x, y, x, y, 200, 200)
                    .expect("sends");
                let colour = ChangeGCAux::new().foreground(0x20_4060 + n % 256);
                self.connection.change_gc(self.gc, &colour).expect("sends");
                let (x, y) = place(n);
                let area = Rectangle {
                    x,
                    y,
                    width: 200,
                    height: 200,
                };
                self.connection
                    .poly_fill_rectangle(self.root, self.gc, &[area])
                    .expect("sends");
                self.connection.flush().expect("it is there");
            }
            Scene::Scroll => self.show(0, n * 4),
            Scene::Cuts => self.show((n % 2) as usize, n * 4),
        }
    }
}

/// Soft colours with lines of letter-like marks, which compress as a desktop does.
fn fill(connection: &RustConnection, pixmap: Pixmap, gc: Gcontext, seed: u32) {
    const ROWS: u16 = 48;
    for top in (0..2 * HEIGHT).step_by(ROWS.into()) {
        let mut pixels = Vec::with_capacity(usize::from(WIDTH) * usize::from(ROWS) * 4);
        for y in u32::from(top)..u32::from(top + ROWS) {
            for x in 0..u32::from(WIDTH) {
                let cell =
                    (x / 2).wrapping_mul(2_654_435_761) ^ (y / 3 + seed * 977).wrapping_mul(40_503);
                let mark = cell >> 7 & 7;
                let letter = y % 18 < 10 && mark < 2 && x % 160 < 140;
                let shade = if letter { 90 } else { 0 };
                let (r, g, b) = (x * 200 / 1280 + seed * 40, y * 100 / 720, 120 + seed * 60);
                let channel = |c: u32| (c + shade).min(255) as u8;
                pixels.extend([channel(b), channel(g), channel(r), 0]);
            }
        }
        let format = ImageFormat::Z_PIXMAP;
        connection
            .put_image(
                format, pixmap, gc, WIDTH, ROWS, 0, top as i16, 0, 24, &pixels,
            )
            .expect("sends");
    }
}
