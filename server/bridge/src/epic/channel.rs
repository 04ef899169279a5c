//! The binary messages of Epic's data channel, both ways, byte by byte.
//!
//! Pure. It must never know what a message does, a connection or a clock. Little-endian; one byte of type, then the fields; a
//! string to the streamer is its length in UTF-16 units (u16) and the units, one from the streamer is units up to the end.
//! Source: Epic's Pixel Streaming 2, protocol of its frontend library 0.3 (docs/protocols/epic.md).

mod reader;
mod writer;

use bytes::{BufMut, Bytes, BytesMut};

use reader::Reader;
use writer::{flag, put_button, put_place, put_text, put_touches};

/// Touches in one message; as many as hands have fingers. Epic's frontend sends one.
pub const MAX_TOUCHES: usize = 10;

/// What a player says to the streamer.
#[derive(Clone, Debug, PartialEq)]
pub enum ToStreamer {
    /// 0: a keyframe is wanted.
    KeyframeRequest,
    /// 1: the player would like to decide on quality.
    QualityControlRequest,
    /// 2: deprecated.
    FpsRequest,
    /// 3: deprecated.
    BitrateRequest,
    /// 4
    StartStreaming,
    /// 5
    StopStreaming,
    /// 6: JSON, answered by [`FromStreamer::LatencyTest`].
    LatencyTest(String),
    /// 7: answered by [`FromStreamer::InitialSettings`].
    InitialSettingsRequest,
    /// 8: answered by [`FromStreamer::Echo`]; the frontend sends it without a string.
    Echo(String),
    /// 9: JSON, answered by [`FromStreamer::DataChannelLatencyTest`].
    DataChannelLatencyTest(String),
    /// 50: JSON for the application.
    UiInteraction(String),
    /// 51: JSON for the streamer.
    Command(String),
    /// 52: what was typed into the page's text box.
    Textbox(String),
    /// 60
    KeyDown {
        /// JavaScript's key code; 253 to 255: the right shift, control and alt keys.
        key: u8,
        /// The key is held.
        repeat: bool,
    },
    /// 61
    KeyUp {
        /// As in [`ToStreamer::KeyDown`].
        key: u8,
    },
    /// 62: the character that a key typed, one UTF-16 unit.
    KeyPress {
        /// The unit.
        unit: u16,
    },
    /// 70
    MouseEnter,
    /// 71
    MouseLeave,
    /// 72
    MouseDown {
        /// 0 left, 1 middle, 2 right, 3 back, 4 forward.
        button: u8,
        /// Where.
        at: Place,
    },
    /// 73
    MouseUp {
        /// As in [`ToStreamer::MouseDown`].
        button: u8,
        /// Where.
        at: Place,
    },
    /// 74
    MouseMove {
        /// Where.
        at: Place,
        /// 32767ths of half the picture's width, to the right.
        dx: i16,
        /// 32767ths of half the picture's height, down.
        dy: i16,
    },
    /// 75
    MouseWheel {
        /// 1/120 of a notch; positive: away from the user.
        delta: i16,
        /// Where.
        at: Place,
    },
    /// 76
    MouseDouble {
        /// As in [`ToStreamer::MouseDown`].
        button: u8,
        /// Where.
        at: Place,
    },
    /// 80
    TouchStart(Vec<Touch>),
    /// 81
    TouchEnd(Vec<Touch>),
    /// 82
    TouchMove(Vec<Touch>),
    /// 90
    PadPressed {
        /// Number of the gamepad.
        pad: u8,
        /// W3C standard mapping.
        button: u8,
        /// The button is held.
        repeat: bool,
    },
    /// 91
    PadReleased {
        /// Number of the gamepad.
        pad: u8,
        /// W3C standard mapping.
        button: u8,
    },
    /// 92
    PadAnalog {
        /// Number of the gamepad.
        pad: u8,
        /// 1 to 4: the W3C axes 0 to 3, positive up; 5 and 6: the triggers.
        axis: u8,
        /// -1 to 1.
        value: f64,
    },
    /// 93: answered by [`FromStreamer::GamepadResponse`].
    PadConnected,
    /// 94
    PadDisconnected {
        /// Number of the gamepad.
        pad: u8,
    },
}

/// A place in the picture: 65536ths of its width and height; [`Place::OUTSIDE`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
}

impl Place {
    /// Outside the picture.
    pub const OUTSIDE: Self = Self {
        x: u16::MAX,
        y: u16::MAX,
    };
}

/// One finger in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Where.
    pub at: Place,
    /// Which.
    pub finger: u8,
    /// How hard.
    pub force: u8,
    /// It is inside the picture.
    pub valid: bool,
}

/// What the streamer says to a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromStreamer {
    /// 0: whether the player decides on quality.
    QualityControlOwnership(bool),
    /// 6: JSON.
    LatencyTest(String),
    /// 7: JSON.
    InitialSettings(String),
    /// 11
    Echo(String),
    /// 12: whether the player's input is taken.
    InputControlOwnership(bool),
    /// 13: JSON, `controllerId`: the number of the gamepad that was connected.
    GamepadResponse(String),
    /// 14: JSON.
    DataChannelLatencyTest(String),
    /// 255: JSON, the messages of one direction.
    Protocol(String),
}

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It has no type.
    #[error("an empty message")]
    Empty,
    /// Its type is none of those above. Newer frontends have more (extended reality): to be ignored.
    #[error("type {0} is unknown")]
    Unknown(u8),
    /// It ends before its fields do.
    #[error("type {0} is too short")]
    Short(u8),
    /// Something follows its fields.
    #[error("type {0} is too long")]
    Long(u8),
    /// More than [`MAX_TOUCHES`], or none.
    #[error("{0} touches in one message")]
    Touches(u8),
    /// Not UTF-16.
    #[error("the text of type {0} is not UTF-16")]
    Text(u8),
    /// Not a finite number.
    #[error("the value of type {0} is not a number")]
    NotFinite(u8),
}

impl ToStreamer {
    /// Reads a message of a player. The caller bounds its length; nothing is allocated beyond it.
    ///
    /// # Errors
    ///
    /// Says what is wrong; [`BadMessage::Unknown`] is not the player's fault.
    pub fn decode(data: &[u8]) -> Result<Self, BadMessage> {
        let mut reader = Reader::new(data)?;
        let message = match reader.kind() {
            0 => Self::KeyframeRequest,
            1 => Self::QualityControlRequest,
            2 => Self::FpsRequest,
            3 => Self::BitrateRequest,
            4 => Self::StartStreaming,
            5 => Self::StopStreaming,
            6 => Self::LatencyTest(reader.text()?),
            7 => Self::InitialSettingsRequest,
            8 => Self::Echo(reader.text_or_nothing()?),
            9 => Self::DataChannelLatencyTest(reader.text_or_nothing()?),
            50 => Self::UiInteraction(reader.text()?),
            51 => Self::Command(reader.text()?),
            52 => Self::Textbox(reader.text()?),
            60 => Self::KeyDown {
                key: reader.u8()?,
                repeat: reader.u8()? != 0,
            },
            61 => Self::KeyUp { key: reader.u8()? },
            62 => Self::KeyPress {
                unit: reader.u16()?,
            },
            70 => Self::MouseEnter,
            71 => Self::MouseLeave,
            72 => Self::MouseDown {
                button: reader.u8()?,
                at: reader.place()?,
            },
            73 => Self::MouseUp {
                button: reader.u8()?,
                at: reader.place()?,
            },
            74 => Self::MouseMove {
                at: reader.place()?,
                dx: reader.i16()?,
                dy: reader.i16()?,
            },
            75 => Self::MouseWheel {
                delta: reader.i16()?,
                at: reader.place()?,
            },
            76 => Self::MouseDouble {
                button: reader.u8()?,
                at: reader.place()?,
            },
            80 => Self::TouchStart(reader.touches()?),
            81 => Self::TouchEnd(reader.touches()?),
            82 => Self::TouchMove(reader.touches()?),
            90 => Self::PadPressed {
                pad: reader.u8()?,
                button: reader.u8()?,
                repeat: reader.u8()? != 0,
            },
            91 => {
                let (pad, button) = (reader.u8()?, reader.u8()?);
                reader.u8()?;
                Self::PadReleased { pad, button }
            }
            92 => Self::PadAnalog {
                pad: reader.u8()?,
                axis: reader.u8()?,
                value: reader.f64()?,
            },
            93 => Self::PadConnected,
            94 => Self::PadDisconnected { pad: reader.u8()? },
            unknown => return Err(BadMessage::Unknown(unknown)),
        };
        reader.end()?;
        Ok(message)
    }

    /// Writes a message as a player does; for clients that are not pages, and for tests.
    ///
    /// A string is cut at 65,535 units, touches at 255: what a message can carry.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::KeyframeRequest => out.put_u8(0),
            Self::QualityControlRequest => out.put_u8(1),
            Self::FpsRequest => out.put_u8(2),
            Self::BitrateRequest => out.put_u8(3),
            Self::StartStreaming => out.put_u8(4),
            Self::StopStreaming => out.put_u8(5),
            Self::LatencyTest(text) => put_text(&mut out, 6, text),
            Self::InitialSettingsRequest => out.put_u8(7),
            Self::Echo(text) => put_text(&mut out, 8, text),
            Self::DataChannelLatencyTest(text) => put_text(&mut out, 9, text),
            Self::UiInteraction(text) => put_text(&mut out, 50, text),
            Self::Command(text) => put_text(&mut out, 51, text),
            Self::Textbox(text) => put_text(&mut out, 52, text),
            Self::KeyDown { key, repeat } => out.put_slice(&[60, *key, u8::from(*repeat)]),
            Self::KeyUp { key } => out.put_slice(&[61, *key]),
            Self::KeyPress { unit } => {
                out.put_u8(62);
                out.put_u16_le(*unit);
            }
            Self::MouseEnter => out.put_u8(70),
            Self::MouseLeave => out.put_u8(71),
            Self::MouseDown { button, at } => put_button(&mut out, 72, *button, *at),
            Self::MouseUp { button, at } => put_button(&mut out, 73, *button, *at),
            Self::MouseMove { at, dx, dy } => {
                out.put_u8(74);
                put_place(&mut out, *at);
                out.put_i16_le(*dx);
                out.put_i16_le(*dy);
            }
            Self::MouseWheel { delta, at } => {
                out.put_u8(75);
                out.put_i16_le(*delta);
                put_place(&mut out, *at);
            }
            Self::MouseDouble { button, at } => put_button(&mut out, 76, *button, *at),
            Self::TouchStart(touches) => put_touches(&mut out, 80, touches),
            Self::TouchEnd(touches) => put_touches(&mut out, 81, touches),
            Self::TouchMove(touches) => put_touches(&mut out, 82, touches),
            Self::PadPressed {
                pad,
                button,
                repeat,
            } => out.put_slice(&[90, *pad, *button, u8::from(*repeat)]),
            Self::PadReleased { pad, button } => out.put_slice(&[91, *pad, *button, 0]),
            Self::PadAnalog { pad, axis, value } => {
                out.put_slice(&[92, *pad, *axis]);
                out.put_f64_le(*value);
            }
            Self::PadConnected => out.put_u8(93),
            Self::PadDisconnected { pad } => out.put_slice(&[94, *pad]),
        }
        out.freeze()
    }
}

impl FromStreamer {
    /// Reads a message of a streamer; for clients that are not pages, and for tests.
    ///
    /// # Errors
    ///
    /// Says what is wrong; [`BadMessage::Unknown`] for those that we never send (frozen pictures, files).
    pub fn decode(data: &[u8]) -> Result<Self, BadMessage> {
        let mut reader = Reader::new(data)?;
        let message = match reader.kind() {
            0 => Self::QualityControlOwnership(reader.u8()? != 0),
            6 => Self::LatencyTest(reader.rest()?),
            7 => Self::InitialSettings(reader.rest()?),
            11 => Self::Echo(reader.rest()?),
            12 => Self::InputControlOwnership(reader.u8()? != 0),
            13 => Self::GamepadResponse(reader.rest()?),
            14 => Self::DataChannelLatencyTest(reader.rest()?),
            255 => Self::Protocol(reader.rest()?),
            unknown => return Err(BadMessage::Unknown(unknown)),
        };
        reader.end()?;
        Ok(message)
    }

    /// Writes a message as a streamer does.
    pub fn encode(&self) -> Bytes {
        let (kind, text) = match self {
            Self::QualityControlOwnership(is_theirs) => return flag(0, *is_theirs),
            Self::InputControlOwnership(is_theirs) => return flag(12, *is_theirs),
            Self::LatencyTest(text) => (6, text),
            Self::InitialSettings(text) => (7, text),
            Self::Echo(text) => (11, text),
            Self::GamepadResponse(text) => (13, text),
            Self::DataChannelLatencyTest(text) => (14, text),
            Self::Protocol(text) => (255, text),
        };
        let mut out = BytesMut::with_capacity(1 + 2 * text.len());
        out.put_u8(kind);
        for unit in text.encode_utf16() {
            out.put_u16_le(unit);
        }
        out.freeze()
    }
}

#[cfg(test)]
#[path = "channel/tests.rs"]
mod tests;
