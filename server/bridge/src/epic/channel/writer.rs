//! Fields of a message of Epic's data channel, one after the other, as they are written.
//!
//! Pure. It must never know what the messages are for.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Place, Touch};

pub(super) fn flag(kind: u8, value: bool) -> Bytes {
    Bytes::copy_from_slice(&[kind, u8::from(value)])
}

pub(super) fn put_text(out: &mut BytesMut, kind: u8, text: &str) {
    let units: Vec<u16> = text.encode_utf16().take(usize::from(u16::MAX)).collect();
    out.put_u8(kind);
    out.put_u16_le(units.len() as u16);
    for unit in units {
        out.put_u16_le(unit);
    }
}

pub(super) fn put_place(out: &mut BytesMut, at: Place) {
    out.put_u16_le(at.x);
    out.put_u16_le(at.y);
}

pub(super) fn put_button(out: &mut BytesMut, kind: u8, button: u8, at: Place) {
    out.put_slice(&[kind, button]);
    put_place(out, at);
}

pub(super) fn put_touches(out: &mut BytesMut, kind: u8, touches: &[Touch]) {
    let touches = &touches[..touches.len().min(usize::from(u8::MAX))];
    out.put_slice(&[kind, touches.len() as u8]);
    for touch in touches {
        put_place(out, touch.at);
        out.put_slice(&[touch.finger, touch.force, u8::from(touch.valid)]);
    }
}
