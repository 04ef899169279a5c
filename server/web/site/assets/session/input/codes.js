// Where a key is: from `KeyboardEvent.code` (UI Events code values) to the code of Linux (input-event-codes.h). Pure.

const inOrder = (from, names) => names.split(' ').map((name, place) => [name, from + place]);

const CODES = new Map([
  ['Escape', 1],
  ...inOrder(2, 'Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace Tab'),
  ...inOrder(16, 'KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft'),
  ...inOrder(30, 'KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash'),
  ...inOrder(44, 'KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space CapsLock'),
  ...inOrder(59, 'F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4'),
  ...inOrder(76, 'Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal'),
  ['IntlBackslash', 86],
  ['F11', 87],
  ['F12', 88],
  ['IntlRo', 89],
  ['Convert', 92],
  ['KanaMode', 93],
  ['NonConvert', 94],
  ['NumpadEnter', 96],
  ['ControlRight', 97],
  ['NumpadDivide', 98],
  ['PrintScreen', 99],
  ['AltRight', 100],
  ...inOrder(102, 'Home ArrowUp PageUp ArrowLeft ArrowRight End ArrowDown PageDown Insert Delete'),
  ['AudioVolumeMute', 113],
  ['AudioVolumeDown', 114],
  ['AudioVolumeUp', 115],
  ['NumpadEqual', 117],
  ['Pause', 119],
  ['NumpadComma', 121],
  ['Lang1', 122],
  ['Lang2', 123],
  ['IntlYen', 124],
  ['MetaLeft', 125],
  ['MetaRight', 126],
  ['ContextMenu', 127],
  ['BrowserBack', 158],
  ['BrowserForward', 159],
  ['MediaTrackNext', 163],
  ['MediaPlayPause', 164],
  ['MediaTrackPrevious', 165],
  ['MediaStop', 166],
  ...inOrder(183, 'F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24'),
]);

/** The code of Linux, or 0 for a key that is nowhere (a phone's keyboard) or unknown. */
export const codeOf = (code) => CODES.get(code) ?? 0;
