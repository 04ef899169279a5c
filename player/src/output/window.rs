//! Output to a window through SDL. Pictures go to the graphics card as the codec gives them (planar 4:2:0), which
//! scales and converts them.

use std::time::Duration;

use media_ffmpeg::decode::{Layout, Picture, Pictures, Plane};
use sdl2::event::{Event, WindowEvent};
use sdl2::keyboard::Keycode;
use sdl2::pixels::PixelFormatEnum;
use sdl2::rect::Rect;
use sdl2::render::{Canvas, Texture, TextureCreator};
use sdl2::video::{FullscreenType, Window as SdlWindow, WindowContext};
use sdl2::{EventPump, Sdl, VideoSubsystem, sys};

use super::fit::fit;
use super::{Command, LATE_LIMIT_US, Output, OutputError, Status};

/// Size of the window before the first picture, and the largest that it takes by itself.
const FIRST_SIZE: (u32, u32) = (1280, 720);

/// How long a key may wait for its effect.
const PATIENCE: Duration = Duration::from_millis(15);

/// See the module.
pub(crate) struct Window {
    canvas: Canvas<SdlWindow>,
    textures: &'static TextureCreator<WindowContext>,
    shown: Option<Shown>,
    events: EventPump,
    sized: bool,
    /// The size of pictures for which there is no texture, so that it is told once.
    impossible: Option<(u32, u32)>,
    told: Option<String>,
    _video: VideoSubsystem,
}

/// The picture that is on the graphics card.
struct Shown {
    texture: Texture<'static>,
    format: PixelFormatEnum,
    size: (u32, u32),
    aspect: f64,
}

impl Window {
    /// Opens the window.
    ///
    /// # Errors
    /// If there is no display.
    pub(crate) fn open(sdl: &Sdl) -> Result<Self, OutputError> {
        let no_window = |e: String| {
            OutputError(format!(
                "no window can be opened ({e}): use --output terminal, or set DISPLAY"
            ))
        };
        sdl2::hint::set("SDL_RENDER_SCALE_QUALITY", "linear");
        let video = sdl.video().map_err(no_window)?;
        let window = || {
            video
                .window("Treecast", FIRST_SIZE.0, FIRST_SIZE.1)
                .position_centered()
                .resizable()
                .build()
                .map_err(|e| no_window(e.to_string()))
        };
        // With the display's rhythm where it has one; in software where there is nothing else.
        let canvas = window()?.into_canvas().present_vsync().build();
        let mut canvas = match canvas {
            Ok(canvas) => canvas,
            Err(_) => window()?
                .into_canvas()
                .software()
                .build()
                .map_err(|e| no_window(e.to_string()))?,
        };
        canvas.clear();
        canvas.present();
        // Textures borrow their creator; there is one for the whole run, so it may live as long as the program.
        let textures: &'static _ = Box::leak(Box::new(canvas.texture_creator()));
        let events = sdl.event_pump().map_err(no_window)?;
        Ok(Self {
            canvas,
            textures,
            shown: None,
            events,
            sized: false,
            impossible: None,
            told: None,
            _video: video,
        })
    }

    fn draw(&mut self) -> Result<(), OutputError> {
        self.canvas.clear();
        if let Some(shown) = &self.shown {
            let (width, height) = self.canvas.output_size().map_err(OutputError)?;
            let place = fit(shown.aspect, width, height);
            let target = Rect::new(
                place.x.cast_signed(),
                place.y.cast_signed(),
                place.width,
                place.height,
            );
            self.canvas
                .copy(&shown.texture, None, target)
                .map_err(OutputError)?;
        }
        self.canvas.present();
        Ok(())
    }

    /// Gives the window the size of its first picture, unless that is larger than usual.
    fn size_once(&mut self, picture: &Picture) {
        if !self.sized {
            self.sized = true;
            let wide = fit(picture.display_aspect(), FIRST_SIZE.0, FIRST_SIZE.1);
            let own = (f64::from(picture.height()) * picture.display_aspect()).round() as u32;
            let (width, height) = if own <= wide.width {
                (own.max(1), picture.height())
            } else {
                (wide.width, wide.height)
            };
            // A window manager may refuse; then the picture is fitted.
            let _ = self.canvas.window_mut().set_size(width, height);
        }
    }

    fn toggle_full_screen(&mut self) {
        let window = self.canvas.window_mut();
        let (next, cursor) = match window.fullscreen_state() {
            FullscreenType::Off => (FullscreenType::Desktop, false),
            _ => (FullscreenType::Off, true),
        };
        // Without it the picture goes on in the window.
        let _ = window.set_fullscreen(next);
        window.subsystem().sdl().mouse().show_cursor(cursor);
    }
}

impl Output for Window {
    fn pictures(&self) -> Pictures {
        Pictures::Yuv420
    }

    fn late_limit_us(&self) -> Option<i64> {
        Some(LATE_LIMIT_US)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn show(&mut self, picture: &Picture) -> Result<(), OutputError> {
        self.size_once(picture);
        let format = match picture.layout() {
            Layout::Yuv420 => PixelFormatEnum::IYUV,
            Layout::Nv12 => PixelFormatEnum::NV12,
            Layout::Other => return Ok(()),
        };
        // SDL takes planar 4:2:0 of even size only: an odd last column or row is not shown.
        let size = (picture.width() & !1, picture.height() & !1);
        let fits = |s: &Shown| s.format == format && s.size == size;
        if !self.shown.as_ref().is_some_and(fits) {
            if self.impossible == Some(size) {
                return Ok(());
            }
            // The old texture goes first: two of 8K would be much for a graphics card.
            self.shown = None;
            let made = self
                .textures
                .create_texture_streaming(format, size.0, size.1);
            let texture = match made {
                Ok(texture) => texture,
                Err(e) => {
                    self.impossible = Some(size);
                    let (width, height) = size;
                    self.notice(&format!(
                        "pictures of {width} x {height} cannot be shown in a window: {e}"
                    ));
                    return Ok(());
                }
            };
            self.shown = Some(Shown {
                texture,
                format,
                size,
                aspect: 1.0,
            });
        }
        if let Some(shown) = &mut self.shown {
            shown.aspect = picture.display_aspect();
            upload(&mut shown.texture, picture)?;
        }
        self.draw()
    }

    fn status(&mut self, status: &Status) {
        let chunk = if status.chunk.is_empty() {
            "no chunk yet"
        } else {
            &status.chunk
        };
        let title = match status.state {
            "playing" => format!("{chunk} - Treecast"),
            state => format!("{chunk} ({state}) - Treecast"),
        };
        if self.told.as_ref() != Some(&title) {
            // Only a title with a NUL byte fails, and names of chunks have none.
            let _ = self.canvas.window_mut().set_title(&title);
            self.told = Some(title);
        }
    }

    fn notice(&mut self, line: &str) {
        eprintln!("player: {line}");
    }

    fn commands(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut stale = false;
        let events: Vec<Event> = self.events.poll_iter().collect();
        for event in events {
            match event {
                Event::Quit { .. } => commands.push(Command::Quit),
                Event::KeyDown {
                    keycode: Some(key),
                    repeat: false,
                    ..
                } => match key {
                    Keycode::Q | Keycode::Escape => commands.push(Command::Quit),
                    Keycode::Space => commands.push(Command::TogglePause),
                    Keycode::F | Keycode::F11 => self.toggle_full_screen(),
                    _ => {}
                },
                Event::Window {
                    win_event: WindowEvent::Exposed | WindowEvent::SizeChanged(..),
                    ..
                } => stale = true,
                _ => {}
            }
        }
        if stale {
            // If it cannot be drawn, the next picture tells.
            let _ = self.draw();
        }
        commands
    }
}

/// Copies a picture to the graphics card.
fn upload(texture: &mut Texture<'_>, picture: &Picture) -> Result<(), OutputError> {
    let plane = |i| {
        picture
            .plane(i)
            .ok_or_else(|| OutputError("a picture without its planes".into()))
    };
    let pitch = |p: &Plane<'_>| i32::try_from(p.stride).unwrap_or(i32::MAX);
    let (y, u) = (plane(0)?, plane(1)?);
    // SDL's own wrapper asks for planes whose last row is as long as its stride, which a cropped picture's is not.
    let result = if picture.layout() == Layout::Nv12 {
        // SAFETY: the texture is of this size and format (`show` made it so); `Picture::plane` gives at
        // least the texture's rows, and SDL reads no byte beyond a row's width.
        unsafe {
            sys::SDL_UpdateNVTexture(
                texture.raw(),
                std::ptr::null(),
                y.bytes.as_ptr(),
                pitch(&y),
                u.bytes.as_ptr(),
                pitch(&u),
            )
        }
    } else {
        let v = plane(2)?;
        // SAFETY: as above, with U and V apart.
        unsafe {
            sys::SDL_UpdateYUVTexture(
                texture.raw(),
                std::ptr::null(),
                y.bytes.as_ptr(),
                pitch(&y),
                u.bytes.as_ptr(),
                pitch(&u),
                v.bytes.as_ptr(),
                pitch(&v),
            )
        }
    };
    if result == 0 {
        Ok(())
    } else {
        Err(OutputError(sdl2::get_error()))
    }
}
