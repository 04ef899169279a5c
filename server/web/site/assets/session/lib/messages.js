// The bytes of input on their way to the session server (docs/protocols/session-input.md): little-endian, one byte of
// type first, exact lengths. Pure.

export const TYPE = {
  move: 1, moveBy: 2, button: 3, wheel: 4, key: 5, touch: 6, padButton: 7, padAxis: 8, releaseAll: 9, ping: 10,
  pointer: 129, pong: 138,
};

/** The phases of a finger. */
export const PHASE = { start: 0, move: 1, end: 2, cancel: 3 };

const UNIT = 65_535;
const I16 = 32_767;

const message = (length, type, fill) => {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint8(0, type);
  fill?.(view);
  return view.buffer;
};

const within = (value, least, most) => Math.min(most, Math.max(least, Math.round(value)));

/** A place of the picture, 0 to 1 from its left and top, as the wire has it. */
export const unit = (share) => within(share * UNIT, 0, UNIT);

/** The pointer is at a place: two shares of the picture. */
export const move = ({ x, y }) => message(5, TYPE.move, (view) => {
  view.setUint16(1, unit(x), true);
  view.setUint16(3, unit(y), true);
});

/** The locked pointer goes by whole pixels of the application. */
export const moveBy = (dx, dy) => message(5, TYPE.moveBy, (view) => {
  view.setInt16(1, within(dx, -I16, I16), true);
  view.setInt16(3, within(dy, -I16, I16), true);
});

/** A button of the pointer; without a place it is pressed where the pointer is. */
export const button = (number, isDown, place = null) => message(place ? 7 : 3, TYPE.button, (view) => {
  view.setUint8(1, number);
  view.setUint8(2, isDown ? 1 : 0);
  if (!place) return;
  view.setUint16(3, unit(place.x), true);
  view.setUint16(5, unit(place.y), true);
});

/** The wheel, in 1/120 of a notch; down and to the right are positive. */
export const wheel = (dx, dy) => message(5, TYPE.wheel, (view) => {
  view.setInt16(1, within(dx, -I16, I16), true);
  view.setInt16(3, within(dy, -I16, I16), true);
});

/** A key: what it means (X11 keysym) and where it is (evdev code, 0 unknown). */
export const key = (isDown, keysym, code) => message(7, TYPE.key, (view) => {
  view.setUint8(1, isDown ? 1 : 0);
  view.setUint32(2, keysym, true);
  view.setUint8(6, code);
});

/** A finger on the picture. */
export const touch = (finger, phase, { x, y }) => message(7, TYPE.touch, (view) => {
  view.setUint8(1, finger);
  view.setUint8(2, phase);
  view.setUint16(3, unit(x), true);
  view.setUint16(5, unit(y), true);
});

/** A button of a gamepad, pressed by 0 to 1. */
export const padButton = (pad, number, value) => message(4, TYPE.padButton, (view) => {
  view.setUint8(1, pad);
  view.setUint8(2, number);
  view.setUint8(3, within(value * 255, 0, 255));
});

/** An axis of a gamepad, -1 to 1. */
export const padAxis = (pad, axis, value) => message(5, TYPE.padAxis, (view) => {
  view.setUint8(1, pad);
  view.setUint8(2, axis);
  view.setInt16(3, within(value * I16, -I16, I16), true);
});

/** Lets go of every key and button. */
export const releaseAll = () => message(1, TYPE.releaseAll);

/** Asks for an answer that has the same token. */
export const ping = (token) => message(5, TYPE.ping, (view) => view.setUint32(1, token >>> 0, true));

/** Reads what the server says on a channel; null: nothing that this page knows. */
export const readMessage = (data) => {
  if (!(data instanceof ArrayBuffer) || data.byteLength === 0) return null;
  const view = new DataView(data);
  const type = view.getUint8(0);
  if (type === TYPE.pointer && data.byteLength === 6) {
    return { type, x: view.getUint16(2, true) / UNIT, y: view.getUint16(4, true) / UNIT };
  }
  if (type === TYPE.pong && data.byteLength === 13) {
    return { type, token: view.getUint32(1, true), atUs: Number(view.getBigUint64(5, true)) };
  }
  return null;
};
