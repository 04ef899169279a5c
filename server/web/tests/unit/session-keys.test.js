// From the browser's key events to what the application gets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '../../site/assets/session/input/codes.js';
import { Keyboard } from '../../site/assets/session/input/keyboard.js';
import { keysymOf, keysymOfCharacter } from '../../site/assets/session/input/keysyms.js';
import { textDiff } from '../../site/assets/session/input/textdiff.js';

const event = (key, code, more = {}) => ({
  key, code, location: 0, repeat: false, isComposing: false, keyCode: 0, timeStamp: 0,
  ctrlKey: false, altKey: false, shiftKey: false, metaKey: false, ...more,
});

const world = (options = {}) => {
  const sent = [];
  const keyboard = new Keyboard({
    send: (isDown, keysym, code) => sent.push(`${isDown ? '+' : '-'}${keysym.toString(16)}/${code}`), ...options,
  });
  return { keyboard, sent: () => sent.splice(0) };
};

test('characters and named keys have the keysyms of X11', () => {
  assert.equal(keysymOf('a'), 0x61);
  assert.equal(keysymOf('é'), 0xe9);
  assert.equal(keysymOf('€'), 0x0100_20ac);
  assert.equal(keysymOf('ж'), 0x0100_0436);
  assert.equal(keysymOf('😀'), 0x0101_f600);
  assert.equal(keysymOf('Enter'), 0xff0d);
  assert.equal(keysymOf('F12'), 0xffc9);
  assert.equal(keysymOf('F24'), 0xffd5);
  assert.equal(keysymOf('Shift', 2), 0xffe2);
  assert.equal(keysymOf('7', 3), 0xffb7);
  assert.equal(keysymOf('Enter', 3), 0xff8d);
  for (const local of ['CapsLock', 'NumLock', 'AltGraph', 'Dead', 'Unidentified', 'F25', 'constructor', '']) {
    assert.equal(keysymOf(local), null, local);
  }
  assert.equal(keysymOfCharacter('\n'), 0xff0d);
  assert.equal(keysymOfCharacter('\u0007'), null);
});

test('places of keys have the codes of Linux', () => {
  const known = {
    KeyQ: 16, KeyP: 25, KeyA: 30, KeyV: 47, Digit1: 2, Digit0: 11, Enter: 28, ControlLeft: 29, ShiftLeft: 42, Backslash: 43,
    ShiftRight: 54, Space: 57, F1: 59, F10: 68, Numpad7: 71, NumpadDecimal: 83, F12: 88, AltRight: 100, ArrowUp: 103,
    Delete: 111, MetaLeft: 125, F13: 183, F24: 194,
  };
  for (const [place, code] of Object.entries(known)) assert.equal(codeOf(place), code, place);
  assert.equal(codeOf(''), 0);
  assert.equal(codeOf('Nothing'), 0);
});

test('a key is let go as what it was pressed as, though Shift is up before it', () => {
  const { keyboard, sent } = world();
  keyboard.down(event('Shift', 'ShiftLeft', { location: 1, shiftKey: true }));
  keyboard.down(event('A', 'KeyA', { shiftKey: true }));
  keyboard.up(event('Shift', 'ShiftLeft', { location: 1 }));
  keyboard.up(event('a', 'KeyA'));
  assert.deepEqual(sent(), ['+ffe1/42', '+41/30', '-ffe1/42', '-41/30']);
});

test('a key that repeats is pressed once', () => {
  const { keyboard, sent } = world();
  assert.equal(keyboard.down(event('x', 'KeyX')), true);
  assert.equal(keyboard.down(event('x', 'KeyX', { repeat: true })), true);
  assert.equal(keyboard.up(event('x', 'KeyX')), true);
  assert.deepEqual(sent(), ['+78/45', '-78/45']);
});

test('what AltGr writes is no command, however it is told', () => {
  const { keyboard, sent } = world();
  const both = { ctrlKey: true, altKey: true };
  keyboard.down(event('€', 'KeyE', both));
  keyboard.down(event('ą', 'KeyA', both));
  keyboard.down(event('ґ', 'KeyU', { ctrlKey: true, getModifierState: (name) => name === 'AltGraph' }));
  // A command of a layout without Latin letters.
  keyboard.down(event('с', 'KeyC', both));
  assert.deepEqual(sent(), ['+10020ac/18', '+1000105/30', '+1000491/22', '+63/46']);
});

test('what is held is pressed again for a server that let go, what is up is not', () => {
  const { keyboard, sent } = world();
  keyboard.down(event('Shift', 'ShiftLeft', { location: 1, shiftKey: true }));
  keyboard.down(event('W', 'KeyW', { shiftKey: true }));
  keyboard.down(event('D', 'KeyD', { shiftKey: true }));
  keyboard.up(event('D', 'KeyD', { shiftKey: true }));
  sent();
  assert.equal(keyboard.isHolding, true);
  keyboard.again();
  assert.deepEqual(sent(), ['+ffe1/42', '+57/17']);
  keyboard.forget();
  keyboard.again();
  assert.equal(keyboard.isHolding, false);
  assert.deepEqual(sent(), []);
});

test('what is being composed is left to the browser, and comes as text', () => {
  const { keyboard, sent } = world();
  assert.equal(keyboard.down(event('Dead', 'Quote')), false);
  assert.equal(keyboard.down(event('e', 'KeyE', { isComposing: true })), false);
  assert.equal(keyboard.down(event('Unidentified', '', { keyCode: 229 })), false);
  keyboard.type('é\n');
  assert.deepEqual(sent(), ['+e9/0', '-e9/0', '+ff0d/0', '-ff0d/0']);
});

test('AltGr writes characters, and the Control that Windows tells with it is none', () => {
  const { keyboard, sent } = world();
  keyboard.down(event('Control', 'ControlLeft', { location: 1, timeStamp: 100 }));
  keyboard.down(event('AltGraph', 'AltRight', { location: 2, timeStamp: 101 }));
  keyboard.down(event('@', 'KeyQ', { timeStamp: 180 }));
  keyboard.up(event('@', 'KeyQ'));
  keyboard.up(event('Control', 'ControlLeft', { location: 1 }));
  keyboard.up(event('AltGraph', 'AltRight', { location: 2 }));
  assert.deepEqual(sent(), ['+ffe3/29', '-ffe3/29', '+40/16', '-40/16']);
});

test('commands are Latin letters in every layout', () => {
  const { keyboard, sent } = world();
  keyboard.down(event('Control', 'ControlLeft', { location: 1, ctrlKey: true }));
  keyboard.down(event('с', 'KeyC', { ctrlKey: true }));
  keyboard.up(event('с', 'KeyC', { ctrlKey: true }));
  keyboard.up(event('Control', 'ControlLeft', { location: 1 }));
  assert.deepEqual(sent(), ['+ffe3/29', '+63/46', '-63/46', '-ffe3/29']);
});

test('on a Mac Command is Control, Option writes, and nothing hangs when Command goes up', () => {
  const { keyboard, sent } = world({ isApple: true });
  keyboard.down(event('Meta', 'MetaLeft', { location: 1, metaKey: true }));
  keyboard.down(event('c', 'KeyC', { metaKey: true }));
  keyboard.up(event('Meta', 'MetaLeft', { location: 1 }));
  assert.deepEqual(sent(), ['+ffe3/125', '+63/46', '-ffe3/125', '-63/46']);
  keyboard.down(event('Alt', 'AltLeft', { location: 1, altKey: true }));
  keyboard.down(event('å', 'KeyA', { altKey: true }));
  assert.deepEqual(sent(), ['+ffe9/56', '-ffe9/56', '+e5/30']);
});

test('pasting presses Control only if nobody does', () => {
  const { keyboard, sent } = world();
  keyboard.chord(0x76, 47);
  assert.deepEqual(sent(), ['+ffe3/0', '+76/47', '-76/47', '-ffe3/0']);
  keyboard.down(event('Control', 'ControlLeft', { location: 1, ctrlKey: true }));
  sent();
  keyboard.chord(0x76, 47, { shift: true });
  assert.deepEqual(sent(), ['+ffe1/0', '+76/47', '-76/47', '-ffe1/0']);
});

test('more keys than hands have fingers are not held', () => {
  const { keyboard, sent } = world();
  for (let place = 0; place < 100; place += 1) keyboard.down(event('a', `Place${place}`));
  const all = sent();
  assert.equal(all.filter((one) => one.startsWith('+')).length, 100);
  assert.equal(all.filter((one) => one.startsWith('-')).length, 68);
});

test('what a phone did to its field is typed', () => {
  assert.deepEqual(textDiff('____', '____hel'), { erase: 0, type: 'hel' });
  assert.deepEqual(textDiff('____helo', '____hello '), { erase: 1, type: 'lo ' });
  assert.deepEqual(textDiff('____', '___'), { erase: 1, type: '' });
  assert.deepEqual(textDiff('a😀', 'a'), { erase: 1, type: '' });
  assert.deepEqual(textDiff('same', 'same'), { erase: 0, type: '' });
});
