//! What a user's hands send to a session: the messages of the data channels `input` and `moves`, byte by byte.
//!
//! Pure: bytes to values and back, and the rate at which they are taken. This module must never know a connection, a clock,
//! who has control, or how input reaches the application. The bytes are written down in docs/protocols/session-input.md.

mod intake;

use bytes::{BufMut, Bytes, BytesMut};

pub use intake::{BURST, Intake, MAX_BAD, RATE_PER_SECOND, RESERVE, Taken, TooManyBad};

/// Buttons of a pointer: left, middle, right, back, forward.
pub const MAX_BUTTONS: u8 = 5;

/// Fingers on one screen; what hands have, and what touch screens report.
pub const MAX_FINGERS: u8 = 10;

/// Gamepads of one user: as many as browsers give a page (W3C Gamepad, four in every implementation).
pub const MAX_PADS: u8 = 4;

/// Buttons of one gamepad: the 17 of the W3C standard mapping, and room for those of odd pads.
pub const MAX_PAD_BUTTONS: u8 = 32;

/// Axes of one gamepad: the 4 of the W3C standard mapping, and room for those of odd pads.
pub const MAX_PAD_AXES: u8 = 8;

/// The highest keysym: X11 gives them 29 bits (X Window System Protocol, appendix A).
pub const MAX_KEYSYM: u32 = 0x1fff_ffff;

/// The channel of everything that must arrive, in order.
pub const INPUT_CHANNEL: &str = "input";

/// The channel of what the next one replaces: unordered, never sent again.
pub const MOVES_CHANNEL: &str = "moves";

const MOVE: u8 = 1;
const MOVE_BY: u8 = 2;
const BUTTON: u8 = 3;
const WHEEL: u8 = 4;
const KEY: u8 = 5;
const TOUCH: u8 = 6;
const PAD_BUTTON: u8 = 7;
const PAD_AXIS: u8 = 8;
const RELEASE_ALL: u8 = 9;
const PING: u8 = 10;
const POINTER: u8 = 129;
const PONG: u8 = 138;

/// What a finger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TouchPhase {
    /// It comes down.
    Start,
    /// It moves.
    Move,
    /// It is lifted.
    End,
    /// The browser took it away: as lifted, but nothing is meant by it.
    Cancel,
}

/// One thing that a user did. Positions are 0..=65535 of the picture's width and height, from the left and from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The pointer is at a place.
    Move {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// The pointer moved by so many pixels; for a page that locked it.
    MoveBy {
        /// To the right.
        dx: i16,
        /// Down.
        dy: i16,
    },
    /// A button of the pointer.
    Button {
        /// 0 left, 1 middle, 2 right, 3 back, 4 forward; below [`MAX_BUTTONS`].
        button: u8,
        /// Pressed, or released.
        down: bool,
        /// Where; `None`: where the pointer is.
        at: Option<(u16, u16)>,
    },
    /// The wheel, in 1/120 of a notch.
    Wheel {
        /// To the right.
        dx: i16,
        /// Down: towards the user.
        dy: i16,
    },
    /// A key.
    Key {
        /// Pressed, or released.
        down: bool,
        /// What it means there, as an X11 keysym up to [`MAX_KEYSYM`]; 0: unknown.
        keysym: u32,
        /// Where it is on the keyboard, as an evdev key code; 0: unknown.
        code: u8,
    },
    /// A finger.
    Touch {
        /// Below [`MAX_FINGERS`].
        finger: u8,
        /// What it does.
        phase: TouchPhase,
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// A button of a gamepad, W3C standard mapping.
    GamepadButton {
        /// Below [`MAX_PADS`].
        pad: u8,
        /// Below [`MAX_PAD_BUTTONS`].
        button: u8,
        /// How far it is pressed, 0 released.
        value: u8,
    },
    /// An axis of a gamepad, W3C standard mapping.
    GamepadAxis {
        /// Below [`MAX_PADS`].
        pad: u8,
        /// Below [`MAX_PAD_AXES`].
        axis: u8,
        /// -32767 left or up, 32767 right or down.
        value: i16,
    },
    /// Every key, button and finger is to be let go: the page lost the focus.
    ReleaseAll,
}

/// One message of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageMessage {
    /// Something that the user did.
    Input(Input),
    /// The page asks how long a message is under way; answered with [`pong`].
    Ping(u32),
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadInput {
    /// It has no type.
    #[error("an empty message")]
    Empty,
    /// Its type is none of ours.
    #[error("type {0} is unknown")]
    Unknown(u8),
    /// Too short or too long for its type.
    #[error("type {kind} has {expected} bytes, not {found}")]
    Length {
        /// The type.
        kind: u8,
        /// Bytes that came, with the type.
        found: usize,
        /// Bytes that it has.
        expected: usize,
    },
    /// A field is out of its bounds.
    #[error("{field} must not be {found}")]
    Value {
        /// Its name.
        field: &'static str,
        /// What it was.
        found: u32,
    },
}

/// Reads one message of a page. Every type has one exact length, a button one more without its place.
///
/// # Errors
///
/// Says what is wrong with it; nothing is to be done with such a message but to count it.
pub fn decode(data: &[u8]) -> Result<PageMessage, BadInput> {
    let (&kind, fields) = data.split_first().ok_or(BadInput::Empty)?;
    let input = match kind {
        MOVE => {
            let f = exactly::<4>(kind, fields)?;
            Input::Move {
                x: u16::from_le_bytes([f[0], f[1]]),
                y: u16::from_le_bytes([f[2], f[3]]),
            }
        }
        MOVE_BY => {
            let f = exactly::<4>(kind, fields)?;
            Input::MoveBy {
                dx: i16::from_le_bytes([f[0], f[1]]),
                dy: i16::from_le_bytes([f[2], f[3]]),
            }
        }
        // Short where the pointer is locked: the click is where the pointer is.
        BUTTON if fields.len() == 2 => Input::Button {
            button: below("button", fields[0], MAX_BUTTONS)?,
            down: flag("down", fields[1])?,
            at: None,
        },
        BUTTON => {
            let f = exactly::<6>(kind, fields)?;
            Input::Button {
                button: below("button", f[0], MAX_BUTTONS)?,
                down: flag("down", f[1])?,
                at: Some((
                    u16::from_le_bytes([f[2], f[3]]),
                    u16::from_le_bytes([f[4], f[5]]),
                )),
            }
        }
        WHEEL => {
            let f = exactly::<4>(kind, fields)?;
            Input::Wheel {
                dx: i16::from_le_bytes([f[0], f[1]]),
                dy: i16::from_le_bytes([f[2], f[3]]),
            }
        }
        KEY => {
            let f = exactly::<6>(kind, fields)?;
            Input::Key {
                down: flag("down", f[0])?,
                keysym: keysym(u32::from_le_bytes([f[1], f[2], f[3], f[4]]))?,
                code: f[5],
            }
        }
        TOUCH => {
            let f = exactly::<6>(kind, fields)?;
            Input::Touch {
                finger: below("finger", f[0], MAX_FINGERS)?,
                phase: phase(f[1])?,
                x: u16::from_le_bytes([f[2], f[3]]),
                y: u16::from_le_bytes([f[4], f[5]]),
            }
        }
        PAD_BUTTON => {
            let f = exactly::<3>(kind, fields)?;
            Input::GamepadButton {
                pad: below("pad", f[0], MAX_PADS)?,
                button: below("pad button", f[1], MAX_PAD_BUTTONS)?,
                value: f[2],
            }
        }
        PAD_AXIS => {
            let f = exactly::<4>(kind, fields)?;
            Input::GamepadAxis {
                pad: below("pad", f[0], MAX_PADS)?,
                axis: below("pad axis", f[1], MAX_PAD_AXES)?,
                value: i16::from_le_bytes([f[2], f[3]]),
            }
        }
        RELEASE_ALL => {
            exactly::<0>(kind, fields)?;
            Input::ReleaseAll
        }
        PING => {
            let f = exactly::<4>(kind, fields)?;
            return Ok(PageMessage::Ping(u32::from_le_bytes(*f)));
        }
        unknown => return Err(BadInput::Unknown(unknown)),
    };
    Ok(PageMessage::Input(input))
}

/// Writes a message as a page does; for clients and tools that are not pages.
pub fn encode(message: &PageMessage) -> Bytes {
    let mut out = BytesMut::with_capacity(8);
    match *message {
        PageMessage::Ping(token) => {
            out.put_u8(PING);
            out.put_u32_le(token);
        }
        PageMessage::Input(input) => put(&mut out, input),
    }
    out.freeze()
}

fn put(out: &mut BytesMut, input: Input) {
    match input {
        Input::Move { x, y } => {
            out.put_u8(MOVE);
            out.put_u16_le(x);
            out.put_u16_le(y);
        }
        Input::MoveBy { dx, dy } => {
            out.put_u8(MOVE_BY);
            out.put_i16_le(dx);
            out.put_i16_le(dy);
        }
        Input::Button { button, down, at } => {
            out.put_slice(&[BUTTON, button, u8::from(down)]);
            if let Some((x, y)) = at {
                out.put_u16_le(x);
                out.put_u16_le(y);
            }
        }
        Input::Wheel { dx, dy } => {
            out.put_u8(WHEEL);
            out.put_i16_le(dx);
            out.put_i16_le(dy);
        }
        Input::Key { down, keysym, code } => {
            out.put_slice(&[KEY, u8::from(down)]);
            out.put_u32_le(keysym);
            out.put_u8(code);
        }
        Input::Touch {
            finger,
            phase,
            x,
            y,
        } => {
            out.put_slice(&[TOUCH, finger, phase as u8]);
            out.put_u16_le(x);
            out.put_u16_le(y);
        }
        Input::GamepadButton { pad, button, value } => {
            out.put_slice(&[PAD_BUTTON, pad, button, value]);
        }
        Input::GamepadAxis { pad, axis, value } => {
            out.put_slice(&[PAD_AXIS, pad, axis]);
            out.put_i16_le(value);
        }
        Input::ReleaseAll => out.put_u8(RELEASE_ALL),
    }
}

/// The answer to a ping, to be sent on the channel it came on. `at_us`: the clock of what is captured.
pub fn pong(token: u32, at_us: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(13);
    out.put_u8(PONG);
    out.put_u32_le(token);
    out.put_u64_le(at_us);
    out.freeze()
}

/// Where the pointer of whoever drives is, for those who do not; on [`MOVES_CHANNEL`].
pub fn pointer(x: u16, y: u16) -> Bytes {
    let mut out = BytesMut::with_capacity(6);
    // The second byte is reserved and 0.
    out.put_slice(&[POINTER, 0]);
    out.put_u16_le(x);
    out.put_u16_le(y);
    out.freeze()
}

fn exactly<const N: usize>(kind: u8, fields: &[u8]) -> Result<&[u8; N], BadInput> {
    fields.try_into().map_err(|_| BadInput::Length {
        kind,
        found: fields.len() + 1,
        expected: N + 1,
    })
}

fn below(field: &'static str, found: u8, bound: u8) -> Result<u8, BadInput> {
    if found < bound {
        Ok(found)
    } else {
        Err(BadInput::Value {
            field,
            found: u32::from(found),
        })
    }
}

fn flag(field: &'static str, found: u8) -> Result<bool, BadInput> {
    below(field, found, 2).map(|value| value == 1)
}

fn keysym(found: u32) -> Result<u32, BadInput> {
    if found <= MAX_KEYSYM {
        Ok(found)
    } else {
        Err(BadInput::Value {
            field: "keysym",
            found,
        })
    }
}

fn phase(found: u8) -> Result<TouchPhase, BadInput> {
    match found {
        0 => Ok(TouchPhase::Start),
        1 => Ok(TouchPhase::Move),
        2 => Ok(TouchPhase::End),
        3 => Ok(TouchPhase::Cancel),
        _ => Err(BadInput::Value {
            field: "phase",
            found: u32::from(found),
        }),
    }
}

#[cfg(test)]
#[path = "input/tests.rs"]
mod tests;
