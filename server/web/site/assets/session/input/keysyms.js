// What a key means: from the browser's name of it to an X11 keysym (X Window System Protocol, appendix A;
// keysymdef.h). Pure.

/** Characters beyond Latin-1 begin here (keysymdef.h: "Unicode value with 0x01000000 added"). */
const UNICODE = 0x0100_0000;

const NAMED = {
  Backspace: 0xff08, Tab: 0xff09, Clear: 0xff0b, Enter: 0xff0d, Pause: 0xff13, ScrollLock: 0xff14, Escape: 0xff1b,
  NonConvert: 0xff22, Convert: 0xff23, KanaMode: 0xff2d, ZenkakuHankaku: 0xff2a, HiraganaKatakana: 0xff27,
  Hiragana: 0xff25, Katakana: 0xff26, Eisu: 0xff2f, HangulMode: 0xff31, HanjaMode: 0xff34,
  Home: 0xff50, ArrowLeft: 0xff51, ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, PageUp: 0xff55,
  PageDown: 0xff56, End: 0xff57, Select: 0xff60, PrintScreen: 0xff61, Execute: 0xff62, Insert: 0xff63, Undo: 0xff65,
  Redo: 0xff66, ContextMenu: 0xff67, Find: 0xff68, Cancel: 0xff69, Help: 0xff6a, Delete: 0xffff,
  AudioVolumeDown: 0x1008ff11, AudioVolumeMute: 0x1008ff12, AudioVolumeUp: 0x1008ff13, MediaPlayPause: 0x1008ff14,
  MediaStop: 0x1008ff15, MediaTrackPrevious: 0x1008ff16, MediaTrackNext: 0x1008ff17, BrowserBack: 0x1008ff26,
  BrowserForward: 0x1008ff27,
};

// Left and right.
const PAIRS = {
  Shift: [0xffe1, 0xffe2], Control: [0xffe3, 0xffe4], Alt: [0xffe9, 0xffea], Meta: [0xffeb, 0xffec],
  OS: [0xffeb, 0xffec], Hyper: [0xffed, 0xffee],
};

const PAD = {
  Enter: 0xff8d, Home: 0xff95, ArrowLeft: 0xff96, ArrowUp: 0xff97, ArrowRight: 0xff98, ArrowDown: 0xff99,
  PageUp: 0xff9a, PageDown: 0xff9b, End: 0xff9c, Clear: 0xff9d, Insert: 0xff9e, Delete: 0xff9f,
  '*': 0xffaa, '+': 0xffab, '-': 0xffad, ',': 0xffae, '.': 0xffae, '/': 0xffaf, '=': 0xffbd,
};

const F1 = 0xffbe;
const KP_0 = 0xffb0;

/** KeyboardEvent.location. */
const RIGHT = 2;
const NUMBER_PAD = 3;

// These change what other keys mean, which the browser has already done.
const LOCAL = new Set(['CapsLock', 'NumLock', 'AltGraph', 'Fn', 'FnLock', 'Dead', 'Process', 'Unidentified', 'Compose']);

/** The keysym of one character. */
export const keysymOfCharacter = (character) => {
  const point = character.codePointAt(0);
  if (point === 0x0a || point === 0x0d) return NAMED.Enter;
  if (point === 0x09) return NAMED.Tab;
  const isLatin1 = (point >= 0x20 && point <= 0x7e) || (point >= 0xa0 && point <= 0xff);
  if (isLatin1) return point;
  return point < 0x20 || (point >= 0x7f && point < 0xa0) ? null : UNICODE + point;
};

/** The keysym of a key by `KeyboardEvent.key` and `location`; null: a key that the application is not told of. */
export const keysymOf = (key, location = 0) => {
  if (LOCAL.has(key)) return null;
  if (Object.hasOwn(PAIRS, key)) return PAIRS[key][location === RIGHT ? 1 : 0];
  if (location === NUMBER_PAD) {
    if (/^[0-9]$/.test(key)) return KP_0 + Number(key);
    if (Object.hasOwn(PAD, key)) return PAD[key];
  }
  if (Object.hasOwn(NAMED, key)) return NAMED[key];
  const f = /^F([1-9]|1\d|2[0-4])$/.exec(key);
  if (f) return F1 + Number(f[1]) - 1;
  return [...key].length === 1 ? keysymOfCharacter(key) : null;
};

/** Whether a key writes something. */
export const isCharacter = (key) => [...key].length === 1;
