//! The X server as a source of pictures: what changed, and the pixels of an area of the root window.
//!
//! Every wait has an end (see `stream`). Knows nothing of frame rates or codecs.

use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::net::sockopt::socket_peercred;
use x11rb::connection::{Connection, RequestConnection, SequenceNumber};
use x11rb::protocol::xproto::{
    self, ConnectionExt, ImageFormat, ImageOrder, Rectangle, Screen, Window,
};
use x11rb::protocol::{Event, damage, shm, xfixes};
use x11rb::reexports::x11rb_protocol::parse_display::{self, ConnectAddress};
use x11rb::rust_connection::{DefaultStream, RustConnection};

use super::area::Area;
use super::authority::{self, Secret};
use super::changes::Changes;
use super::control::Shared;
use super::framebuffer::{Framebuffer, Shown};
use super::segment::Segment;
use super::stream::BoundedStream;
use super::{ScreenConfig, ScreenError, priority};
use crate::clock::now_us;

/// Bytes of a pixel: B, G, R and one that means nothing.
pub(super) const PIXEL_LEN: u32 = 4;

/// Silence after which the server is asked whether it still answers, microseconds: a still picture and a server that
/// hangs look the same. One round trip in this time costs nothing.
const PING_US: u64 = 5_000_000;

/// Highest number of a display: its TCP port is 6000 more (X(7)).
const MAX_DISPLAY: u16 = u16::MAX - 6_000;

/// A connection to a display, and what is known of its picture.
pub(super) struct Display {
    connection: RustConnection<BoundedStream>,
    shared: Arc<Shared>,
    root: Window,
    damage: damage::Damage,
    pixels: Pixels,
    picture: (u32, u32),
    /// A rectangle around all that changed.
    dirty: Option<Area>,
    /// All of the picture is to be fetched, whatever changed.
    forgotten: bool,
    /// The request that took note of all changes until then.
    noted: SequenceNumber,
    heard_us: u64,
}

/// Pixels of a grab, B G R x.
#[derive(Clone, Copy)]
pub(super) struct Grabbed<'a> {
    pub(super) pixels: &'a [u8],
    /// Bytes from a row to the next.
    pub(super) stride: usize,
    /// Where in the picture the first pixel is.
    pub(super) left: u32,
    pub(super) top: u32,
}

/// Where the pixels of a grab are.
enum Pixels {
    /// The server's own, read in place while it does nothing else; and a name for the region that changed.
    There {
        shown: Shown,
        region: xfixes::Region,
    },
    /// Written there by the server.
    Shared { id: shm::Seg, memory: Segment },
    /// Sent over the socket: five times as slow.
    Sent(Vec<u8>),
}

impl Display {
    /// Connects, and asks to be told of changes. All of the picture counts as changed.
    pub(super) fn open(
        config: &ScreenConfig,
        picture: (u32, u32),
        shared: Arc<Shared>,
    ) -> Result<Self, ScreenError> {
        let (connection, screen) = connect(config, &shared)?;
        let screen = &connection.setup().roots[screen];
        suits(&connection, screen, picture)?;
        let root = screen.root;
        if connection
            .extension_information(damage::X11_EXTENSION_NAME)?
            .is_none()
        {
            return Err(ScreenError::Unsuitable(
                "it has no DAMAGE extension".to_owned(),
            ));
        }
        damage::query_version(&connection, 1, 1)?.reply()?;
        let damage = connection.generate_id()?;
        // Not an event for each thing drawn: one for each growth of the changed area, or one alone where the area is asked for.
        let level = match config.framebuffer {
            Some(_) => damage::ReportLevel::NON_EMPTY,
            None => damage::ReportLevel::BOUNDING_BOX,
        };
        damage::create(&connection, damage, root, level)?.check()?;
        let pixels = match &config.framebuffer {
            Some(framebuffer) => {
                let socket = connection.stream().socket();
                there(&connection, socket, root, framebuffer, picture)?
            }
            None => share(&connection, picture)?.unwrap_or_else(|| {
                tracing::info!(
                    display = config.display,
                    "no shared memory with the display"
                );
                Pixels::Sent(Vec::new())
            }),
        };
        Ok(Self {
            connection,
            shared,
            root,
            damage,
            pixels,
            picture,
            dirty: Some(Area::whole(picture.0, picture.1)),
            forgotten: true,
            noted: 0,
            heard_us: now_us(),
        })
    }

    /// Something changed that was not grabbed yet.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.is_some()
    }

    /// Counts all of the picture as changed.
    pub(super) fn forget(&mut self) {
        self.dirty = Some(Area::whole(self.picture.0, self.picture.1));
        self.forgotten = true;
    }

    /// Takes in what the server said, without waiting; whether it said anything.
    pub(super) fn listen(&mut self) -> Result<bool, ScreenError> {
        let mut heard = false;
        while let Some((event, sequence)) = self.connection.poll_for_event_with_sequence()? {
            heard = true;
            match event {
                // What was told while the last grab was on its way is in that grab.
                Event::DamageNotify(_) if sequence < self.noted => {}
                Event::DamageNotify(change) => {
                    if let Some(area) = visible(change.area, self.picture) {
                        self.dirty = Some(self.dirty.map_or(area, |dirty| dirty.around(area)));
                    }
                }
                Event::Error(error) => {
                    tracing::debug!(?error, "the display refused a request");
                }
                _ => {}
            }
        }
        if heard {
            self.heard_us = now_us();
        }
        Ok(heard)
    }

    /// Fetches what changed and hands it to `take` with its pixels, which are those of one moment. `false`: nothing changed.
    ///
    /// The server's own pixels are read while it does nothing for anybody else, so nothing is painted meanwhile; if this
    /// process ends it does not wait for us either.
    pub(super) fn grab(
        &mut self,
        take: impl FnOnce(&Changes, Grabbed<'_>) -> Result<(), ScreenError>,
    ) -> Result<bool, ScreenError> {
        let Some(area) = self.dirty.take() else {
            return Ok(false);
        };
        let held = match &self.pixels {
            Pixels::There { region, .. } => Some(*region),
            Pixels::Shared { .. } | Pixels::Sent(_) => None,
        };
        let (connection, root) = (&self.connection, self.root);
        if held.is_some() {
            connection.grab_server()?;
        }
        // Before the pixels, so that nothing is lost: what changes after this request is told again.
        let parts = held.unwrap_or(x11rb::NONE);
        let subtract = damage::subtract(connection, self.damage, x11rb::NONE, parts)?;
        self.noted = subtract.sequence_number();
        let mut changes = Changes::none(self.picture.0, self.picture.1);
        let (x, y) = (area.left as i16, area.top as i16);
        let (width, height) = (area.width() as u16, area.height() as u16);
        let format = ImageFormat::Z_PIXMAP;
        let copied = |pixels| Grabbed {
            pixels,
            stride: (area.width() * PIXEL_LEN) as usize,
            left: area.left,
            top: area.top,
        };
        let grabbed = match &mut self.pixels {
            Pixels::There { shown, region } => {
                let region = xfixes::fetch_region(connection, *region)?.reply()?;
                if self.forgotten {
                    changes.mark(Area::whole(self.picture.0, self.picture.1));
                }
                let each = region.rectangles.into_iter();
                let visible = each.filter_map(|one| visible(one, self.picture));
                visible.for_each(|area| changes.mark(area));
                let (pixels, stride) = shown.pixels();
                Grabbed {
                    pixels,
                    stride,
                    left: 0,
                    top: 0,
                }
            }
            Pixels::Shared { id, memory } => {
                changes.mark(area);
                let form = format.into();
                shm::get_image(connection, root, x, y, width, height, !0, form, *id, 0)?.reply()?;
                copied(memory.bytes())
            }
            Pixels::Sent(bytes) => {
                changes.mark(area);
                let image = connection.get_image(format, root, x, y, width, height, !0)?;
                *bytes = image.reply()?.data;
                let needed = (area.width() * area.height() * PIXEL_LEN) as usize;
                if bytes.len() < needed {
                    return Err(ScreenError::Unsuitable(format!(
                        "{} bytes of pixels instead of {needed}",
                        bytes.len()
                    )));
                }
                copied(bytes)
            }
        };
        self.heard_us = now_us();
        take(&changes, grabbed)?;
        if held.is_some() {
            connection.ungrab_server()?;
            connection.flush()?;
        }
        self.forgotten = false;
        Ok(true)
    }

    /// Waits until the server says something, or somebody calls, or the time has come. Asks a server that is silent
    /// for long whether it still answers.
    pub(super) fn wait(&mut self, until_us: Option<u64>) -> Result<(), ScreenError> {
        self.connection.flush()?;
        // What came while an answer was waited for is in x11rb's memory, and the socket is silent about it.
        if self.listen()? {
            return Ok(());
        }
        let now = now_us();
        let ping_at = self.heard_us + PING_US;
        if now >= ping_at {
            self.connection.get_input_focus()?.reply()?;
            self.heard_us = now_us();
            return Ok(());
        }
        let until = until_us.map_or(ping_at, |until| until.min(ping_at));
        let limit = until.saturating_sub(now);
        let socket = self.connection.stream().socket();
        self.shared
            .wake
            .wait(socket, PollFlags::IN, Some(limit))
            .map_err(ScreenError::wait)?;
        Ok(())
    }
}

/// What of a rectangle is in the picture.
fn visible(one: Rectangle, picture: (u32, u32)) -> Option<Area> {
    let (x, y) = (i32::from(one.x), i32::from(one.y));
    Area::inside(x, y, one.width.into(), one.height.into(), picture)
}

fn connect(
    config: &ScreenConfig,
    shared: &Arc<Shared>,
) -> Result<(RustConnection<BoundedStream>, usize), ScreenError> {
    let refused = |reason: String| ScreenError::refused(&config.display, reason);
    let parsed = parse_display::parse_display(Some(&config.display))
        .map_err(|error| refused(error.to_string()))?;
    if parsed.display > MAX_DISPLAY {
        return Err(refused(format!("{MAX_DISPLAY} is the highest there is")));
    }
    let local = parsed
        .connect_instruction()
        .find(|way| matches!(way, ConnectAddress::Socket(_)))
        .ok_or_else(|| refused("it is not on this computer".to_owned()))?;
    let (stream, _) = DefaultStream::connect(&local).map_err(|error| refused(error.to_string()))?;
    let secret = match &config.authority {
        Some(path) => {
            let unreadable = |error| refused(format!("{}: {error}", path.display()));
            let mut file = Vec::new();
            File::open(path)
                .and_then(|f| f.take(authority::MAX_FILE_LEN).read_to_end(&mut file))
                .map_err(unreadable)?;
            authority::find(&file, parsed.display)
        }
        None => None,
    };
    let Secret { name, data } = secret.unwrap_or(Secret {
        name: Vec::new(),
        data: Vec::new(),
    });
    let screen = usize::from(parsed.screen);
    let stream = BoundedStream::new(stream, Arc::clone(shared));
    let connection = RustConnection::connect_to_stream_with_auth_info(stream, screen, name, data)
        .map_err(|error| ScreenError::open(&config.display, error))?;
    Ok((connection, screen))
}

/// Whether the picture is there and its pixels are those that are understood.
fn suits(
    connection: &impl Connection,
    screen: &Screen,
    picture: (u32, u32),
) -> Result<(), ScreenError> {
    let unsuitable = |reason: String| Err(ScreenError::Unsuitable(reason));
    let root = connection.get_geometry(screen.root)?.reply()?;
    if u32::from(root.width) < picture.0 || u32::from(root.height) < picture.1 {
        return unsuitable(format!(
            "it has {}x{} pixels, {}x{} are to be captured",
            root.width, root.height, picture.0, picture.1
        ));
    }
    let setup = connection.setup();
    let form = setup.pixmap_formats.iter().find(|f| f.depth == root.depth);
    let four_bytes = form.is_some_and(|f| f.bits_per_pixel == 32);
    let visual = screen
        .allowed_depths
        .iter()
        .flat_map(|depth| &depth.visuals)
        .find(|visual| visual.visual_id == screen.root_visual);
    let blue_first = setup.image_byte_order == ImageOrder::LSB_FIRST && visual.is_some_and(is_bgr);
    if !four_bytes || !blue_first {
        return unsuitable(format!(
            "its pixels are of depth {}; 24, blue in the lowest byte of four, is understood",
            root.depth
        ));
    }
    Ok(())
}

fn is_bgr(visual: &xproto::Visualtype) -> bool {
    (visual.red_mask, visual.green_mask, visual.blue_mask) == (0xff_0000, 0xff00, 0xff)
}

/// Shares memory for a whole picture with the server; `None`: it cannot.
fn share(connection: &impl Connection, picture: (u32, u32)) -> Result<Option<Pixels>, ScreenError> {
    if connection
        .extension_information(shm::X11_EXTENSION_NAME)?
        .is_none()
    {
        return Ok(None);
    }
    let version = shm::query_version(connection)?.reply()?;
    // Memory is handed over as a descriptor from 1.2 on.
    if (version.major_version, version.minor_version) < (1, 2) {
        return Ok(None);
    }
    let len = (picture.0 * picture.1 * PIXEL_LEN) as usize;
    let (memory, fd) = Segment::new(len).map_err(ScreenError::system)?;
    let id = connection.generate_id()?;
    match shm::attach_fd(connection, id, fd, false)?.check() {
        Ok(()) => Ok(Some(Pixels::Shared { id, memory })),
        Err(x11rb::errors::ReplyError::X11Error(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The server's own memory.
fn there(
    connection: &impl Connection,
    socket: BorrowedFd<'_>,
    root: Window,
    framebuffer: &Framebuffer,
    picture: (u32, u32),
) -> Result<Pixels, ScreenError> {
    /// The version of XFIXES that can hide the pointer.
    const HIDING: (u32, u32) = (4, 0);
    let unsuitable = |why: String| {
        ScreenError::Unsuitable(format!(
            "the memory of its screen: {why}; that of Debian's xvfb can be read, where /proc is there"
        ))
    };
    let shown = framebuffer.open(picture).map_err(unsuitable)?;
    // A display of our own, which paints for this session only.
    if let Ok(server) = socket_peercred(socket) {
        priority::raise(Some(server.pid));
    }
    if connection
        .extension_information(xfixes::X11_EXTENSION_NAME)?
        .is_none()
    {
        return Err(ScreenError::Unsuitable(
            "it has no XFIXES extension".to_owned(),
        ));
    }
    xfixes::query_version(connection, HIDING.0, HIDING.1)?.reply()?;
    // It is painted into the picture, where a grab by the server leaves it out: viewers have pointers of their own.
    xfixes::hide_cursor(connection, root)?;
    let region = connection.generate_id()?;
    xfixes::create_region(connection, region, &[])?.check()?;
    Ok(Pixels::There { shown, region })
}
