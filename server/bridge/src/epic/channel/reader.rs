//! Fields of a message of Epic's data channel, one after the other.
//!
//! Pure. It must never know what the messages are.

use super::{BadMessage, MAX_TOUCHES, Place, Touch};

/// What is left of a message.
pub(super) struct Reader<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the first field.
    pub(super) fn new(data: &'a [u8]) -> Result<Self, BadMessage> {
        let (&kind, rest) = data.split_first().ok_or(BadMessage::Empty)?;
        Ok(Self { kind, rest })
    }

    /// The message's type.
    pub(super) fn kind(&self) -> u8 {
        self.kind
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadMessage> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(BadMessage::Short(self.kind))?;
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn u8(&mut self) -> Result<u8, BadMessage> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, BadMessage> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, BadMessage> {
        self.take().map(i16::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, BadMessage> {
        let value = self.take().map(f64::from_le_bytes)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(BadMessage::NotFinite(self.kind))
        }
    }

    pub(super) fn place(&mut self) -> Result<Place, BadMessage> {
        Ok(Place {
            x: self.u16()?,
            y: self.u16()?,
        })
    }

    pub(super) fn touches(&mut self) -> Result<Vec<Touch>, BadMessage> {
        let count = self.u8()?;
        if count == 0 || usize::from(count) > MAX_TOUCHES {
            return Err(BadMessage::Touches(count));
        }
        (0..count)
            .map(|_| {
                Ok(Touch {
                    at: self.place()?,
                    finger: self.u8()?,
                    force: self.u8()?,
                    valid: self.u8()? != 0,
                })
            })
            .collect()
    }

    /// A string with its length in front.
    pub(super) fn text(&mut self) -> Result<String, BadMessage> {
        let bytes = 2 * usize::from(self.u16()?);
        let (text, rest) = self
            .rest
            .split_at_checked(bytes)
            .ok_or(BadMessage::Short(self.kind))?;
        self.rest = rest;
        self.utf16(text)
    }

    /// The same, or nothing at all: some frontends send the message bare.
    pub(super) fn text_or_nothing(&mut self) -> Result<String, BadMessage> {
        if self.rest.is_empty() {
            return Ok(String::new());
        }
        self.text()
    }

    /// A string up to the end.
    pub(super) fn rest(&mut self) -> Result<String, BadMessage> {
        let text = std::mem::take(&mut self.rest);
        self.utf16(text)
    }

    /// Nothing follows.
    pub(super) fn end(self) -> Result<(), BadMessage> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BadMessage::Long(self.kind))
        }
    }

    fn utf16(&self, bytes: &[u8]) -> Result<String, BadMessage> {
        let (units, []) = bytes.as_chunks::<2>() else {
            return Err(BadMessage::Text(self.kind));
        };
        char::decode_utf16(units.iter().copied().map(u16::from_le_bytes))
            .collect::<Result<String, _>>()
            .map_err(|_| BadMessage::Text(self.kind))
    }
}
