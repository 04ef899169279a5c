//! The program: one window over the whole screen, painted at its rate and at once after each input.
//!
//! It must never know who looks.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectError, ConnectionError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt as _, CreateWindowAux, EventMask, InputFocus, KeyButMask, PropMode,
    WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::beep::Beeper;
use crate::clipboard::Clipboard;
use crate::keys::{Keymap, character};
use crate::paint::{MAX_SHOWN, Painter};
use crate::scene::{Inputs, Moment, layers};

/// Events that wait for the painter.
const MAX_EVENTS: usize = 1024;
/// How often the pointer's place is said at most.
const POINTER_EVERY: Duration = Duration::from_millis(100);
/// What the window is called.
const TITLE: &[u8] = b"Clock";

/// Symbols of keys that do something here (X11 protocol, appendix A).
const BACK_SPACE: u32 = 0xff08;
const F2: u32 = 0xffbf;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Pictures a second, 1 to 240.
    pub frame_rate: u32,
    /// Nothing moves or beeps; it paints when something is done to it. F2 changes that.
    pub still: bool,
    /// It beeps.
    pub sound: bool,
    /// Everything flickers: a picture that wants all the bits that it can have.
    pub busy: bool,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// There is no display.
    #[error("no X display: {0}; it runs in a session, or where DISPLAY names an X server")]
    Connect(#[from] ConnectError),
    /// The display is gone, or refuses.
    #[error("the X display: {0}")]
    Display(#[from] ReplyOrIdError),
}

impl From<ConnectionError> for SampleError {
    fn from(why: ConnectionError) -> Self {
        Self::Display(why.into())
    }
}

/// Runs until its display goes away.
///
/// # Errors
/// There is no display, or it is gone.
pub fn run(options: Options) -> Result<(), SampleError> {
    let (x, screen) = RustConnection::connect(None)?;
    let x = Arc::new(x);
    let (events, incoming) = sync_channel(MAX_EVENTS);
    let mut program = Program::new(&x, screen, options)?;
    let reader = Arc::clone(&x);
    thread::spawn(move || {
        loop {
            let event = reader.wait_for_event();
            let is_last = event.is_err();
            if events.send(event).is_err() || is_last {
                return;
            }
        }
    });
    program.run(&incoming)
}

struct Program<'x> {
    x: &'x RustConnection,
    painter: Painter,
    clipboard: Clipboard,
    keymap: Keymap,
    beeper: Option<Beeper>,
    size: (u16, u16),
    still: bool,
    busy: bool,
    every: Duration,
    inputs: Inputs,
    typed: String,
    /// When the pointer's place was said, and whether it was said as it is now.
    said: (Instant, bool),
}

impl<'x> Program<'x> {
    fn new(x: &'x RustConnection, screen: usize, options: Options) -> Result<Self, SampleError> {
        let screen = &x.setup().roots[screen];
        let size = (screen.width_in_pixels, screen.height_in_pixels);
        let window = x.generate_id()?;
        let looks = CreateWindowAux::new()
            .background_pixel(screen.black_pixel)
            .event_mask(
                EventMask::EXPOSURE
                    | EventMask::STRUCTURE_NOTIFY
                    | EventMask::KEY_PRESS
                    | EventMask::KEY_RELEASE
                    | EventMask::BUTTON_PRESS
                    | EventMask::BUTTON_RELEASE
                    | EventMask::POINTER_MOTION,
            );
        x.create_window(
            screen.root_depth,
            window,
            screen.root,
            0,
            0,
            size.0,
            size.1,
            0,
            WindowClass::INPUT_OUTPUT,
            screen.root_visual,
            &looks,
        )?;
        x.change_property8(
            PropMode::REPLACE,
            window,
            AtomEnum::WM_NAME,
            AtomEnum::STRING,
            TITLE,
        )?;
        x.map_window(window)?;
        // Nobody gives it the focus where there is no window manager.
        x.set_input_focus(InputFocus::POINTER_ROOT, window, x11rb::CURRENT_TIME)?;
        x.flush()?;
        let painter = Painter::new(x, window, size)?;
        let beeper = options
            .sound
            .then(Beeper::start)
            .and_then(|started| started.inspect_err(|why| say(why)).ok())
            .inspect(|beeper| beeper.set_still(options.still));
        let mut program = Self {
            x,
            painter,
            clipboard: Clipboard::new(x, window)?,
            keymap: keymap(x)?,
            beeper,
            size,
            still: options.still,
            busy: options.busy,
            every: Duration::from_secs(1) / options.frame_rate.clamp(1, 240),
            inputs: Inputs::default(),
            typed: String::new(),
            said: (Instant::now(), true),
        };
        program.paint()?;
        say("ready");
        Ok(program)
    }

    fn run(
        &mut self,
        incoming: &Receiver<Result<Event, ConnectionError>>,
    ) -> Result<(), SampleError> {
        let mut next = Instant::now() + self.every;
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            match incoming.recv_timeout(wait) {
                Ok(event) => {
                    let mut changed = self.event(event?)?;
                    while let Ok(event) = incoming.try_recv() {
                        changed |= self.event(event?)?;
                    }
                    if changed {
                        self.paint()?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    // Pictures that were missed are not painted later.
                    next = (next + self.every).max(now);
                    if !self.said.1 && self.said.0.elapsed() >= POINTER_EVERY {
                        let (x, y) = self.inputs.at;
                        say(&format!("pointer {x} {y}"));
                        self.said = (now, true);
                    }
                    if !self.still {
                        self.paint()?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn paint(&mut self) -> Result<(), SampleError> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let moment = Moment {
            unix_us: unix.unwrap_or_default().as_micros() as u64,
            width: self.size.0,
            height: self.size.1,
            busy: self.busy,
        };
        let layers = layers(&moment, &self.inputs);
        Ok(self.painter.show(self.x, layers, &self.typed)?)
    }

    /// Takes an event; true: it shows.
    fn event(&mut self, event: Event) -> Result<bool, SampleError> {
        match event {
            Event::KeyPress(key) => {
                let symbol = self.keymap.symbol(key.detail, key.state);
                self.input(&format!("key down {symbol:#06x}"));
                self.key(symbol, key.state, key.time)?;
            }
            Event::KeyRelease(key) => {
                let symbol = self.keymap.symbol(key.detail, key.state);
                self.input(&format!("key up {symbol:#06x}"));
            }
            Event::ButtonPress(button) => {
                self.move_to(button.event_x, button.event_y);
                if matches!(button.detail, 4..=7) {
                    self.input(&format!("wheel {}", button.detail));
                    return Ok(true);
                }
                self.inputs.pressed = true;
                let (x, y) = self.inputs.at;
                self.input(&format!("button {} down {x} {y}", button.detail));
                if let Some(beeper) = &self.beeper {
                    beeper.click();
                }
            }
            Event::ButtonRelease(button) if !matches!(button.detail, 4..=7) => {
                self.move_to(button.event_x, button.event_y);
                self.inputs.pressed = false;
                let (x, y) = self.inputs.at;
                self.input(&format!("button {} up {x} {y}", button.detail));
            }
            Event::MotionNotify(motion) => {
                self.move_to(motion.event_x, motion.event_y);
                self.inputs.count = self.inputs.count.wrapping_add(1);
                self.said.1 = false;
            }
            Event::ConfigureNotify(now) => {
                self.size = (now.width.max(1), now.height.max(1));
                self.painter.resize(self.size);
            }
            Event::MappingNotify(_) => {
                self.keymap = keymap(self.x)?;
                return Ok(false);
            }
            Event::SelectionNotify(event) => {
                if let Some(text) = self.clipboard.pasted(self.x, &event)? {
                    say(&format!("pasted {text:?}"));
                    self.typed.push_str(&text);
                    self.cut();
                }
            }
            Event::SelectionRequest(event) => {
                self.clipboard.give(self.x, &event)?;
                return Ok(false);
            }
            Event::Expose(_) => self.painter.forget(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn key(&mut self, symbol: u32, state: KeyButMask, time: u32) -> Result<(), SampleError> {
        let letter = character(symbol);
        if state.contains(KeyButMask::CONTROL) {
            match letter.map(|letter| letter.to_ascii_lowercase()) {
                Some('c') => self.clipboard.copy(self.x, &self.typed, time)?,
                Some('v') => self.clipboard.paste(self.x, time)?,
                _ => {}
            }
            self.x.flush()?;
        } else if let Some(letter) = letter {
            say(&format!("text {letter}"));
            self.typed.push(letter);
            self.cut();
        } else if symbol == BACK_SPACE {
            self.typed.pop();
        } else if symbol == F2 {
            self.still = !self.still;
            if let Some(beeper) = &self.beeper {
                beeper.set_still(self.still);
            }
        }
        Ok(())
    }

    /// Keeps of the text what is shown.
    fn cut(&mut self) {
        let extra = self.typed.chars().count().saturating_sub(MAX_SHOWN);
        if extra > 0 {
            self.typed = self.typed.chars().skip(extra).collect();
        }
    }

    fn move_to(&mut self, x: i16, y: i16) {
        let inside = |at: i16| at.max(0).unsigned_abs();
        self.inputs.at = (inside(x), inside(y));
    }

    fn input(&mut self, words: &str) {
        self.inputs.count = self.inputs.count.wrapping_add(1);
        say(words);
    }
}

fn keymap(x: &RustConnection) -> Result<Keymap, SampleError> {
    let (first, last) = (x.setup().min_keycode, x.setup().max_keycode);
    let reply = x
        .get_keyboard_mapping(first, last - first + 1)?
        .reply()
        .map_err(ReplyOrIdError::from)?;
    Ok(Keymap::new(first, reply))
}

/// Says a line; where nobody reads, it goes on.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
