// Places, wheels, buttons and gamepads.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gamepads } from '../../site/assets/session/input/gamepads.js';
import {
  Remainder, buttonsChanged, letterbox, placeIn, wheelUnits,
} from '../../site/assets/session/input/geometry.js';

test('the picture is as large as its box allows, in the middle', () => {
  const wide = letterbox({ left: 10, top: 20, width: 1000, height: 1000 }, { width: 1280, height: 720 });
  assert.deepEqual(wide, { left: 10, top: 20 + (1000 - 562.5) / 2, width: 1000, height: 562.5 });
  const tall = letterbox({ left: 0, top: 0, width: 1000, height: 360 }, { width: 1280, height: 720 });
  assert.deepEqual(tall, { left: 180, top: 0, width: 640, height: 360 });
  const none = letterbox({ left: 0, top: 0, width: 100, height: 50 }, { width: 0, height: 0 });
  assert.deepEqual(none, { left: 0, top: 0, width: 100, height: 50 });
});

test('a place beside the picture is at its edge', () => {
  const shown = { left: 100, top: 0, width: 200, height: 100 };
  assert.deepEqual(placeIn(shown, 200, 25), { x: 0.5, y: 0.25 });
  assert.deepEqual(placeIn(shown, 0, 500), { x: 0, y: 1 });
  assert.deepEqual(placeIn({ left: 0, top: 0, width: 0, height: 0 }, 0, 0), { x: 0, y: 0 });
});

test('small steps of a touch pad add up to what a wheel says', () => {
  const rest = new Remainder();
  let sum = 0;
  for (let step = 0; step < 100; step += 1) {
    const { dx, dy } = wheelUnits({ deltaX: 0, deltaY: 1, deltaMode: 0 });
    sum += rest.add(dx, dy).dy;
  }
  assert.ok(Math.abs(sum - 120) <= 1, `${sum}`);
  assert.equal(wheelUnits({ deltaX: 0, deltaY: 3, deltaMode: 1 }).dy, 120);
  assert.equal(wheelUnits({ deltaX: 0, deltaY: -1, deltaMode: 2 }).dy, -120);
  // A notch of a mouse, in pixels of its system and in old numbers.
  assert.equal(wheelUnits({ deltaX: 0, deltaY: 100, deltaMode: 0, wheelDeltaX: 0, wheelDeltaY: -120 }).dy, 120);
  assert.equal(wheelUnits({ deltaX: 0, deltaY: 53, deltaMode: 0, wheelDeltaX: 0, wheelDeltaY: -240 }).dy, 240);
});

test('buttons that change together are told one by one, releases first', () => {
  assert.deepEqual(buttonsChanged(0, 1), [{ number: 0, isDown: true }]);
  assert.deepEqual(buttonsChanged(1, 2), [{ number: 0, isDown: false }, { number: 2, isDown: true }]);
  assert.deepEqual(buttonsChanged(4, 4), []);
  assert.deepEqual(buttonsChanged(0, 24), [{ number: 3, isDown: true }, { number: 4, isDown: true }]);
});

test('a gamepad tells what changed, and a stick at rest nothing', () => {
  const sent = [];
  const pads = new Gamepads((message) => sent.push([...new Uint8Array(message)]));
  const pad = (buttons, axes) => ({ connected: true, index: 0, buttons: buttons.map((value) => ({ value })), axes });
  pads.read([null, pad([0, 0], [0.03, -0.05])]);
  assert.deepEqual(sent.splice(0), []);
  assert.equal(pads.read([pad([1, 0], [1, 0])]), true);
  assert.deepEqual(sent.splice(0), [[7, 0, 0, 255], [8, 0, 0, 0xff, 0x7f]]);
  assert.equal(pads.read([pad([1, 0], [1, 0])]), false);
  assert.equal(pads.isHolding, true);
  pads.read([pad([0, 0.5], [0, 0])]);
  assert.deepEqual(sent.splice(0), [[7, 0, 0, 0], [7, 0, 1, 128], [8, 0, 0, 0, 0]]);
  pads.read([pad([0, 0], [0, 0])]);
  assert.deepEqual(sent.splice(0), [[7, 0, 1, 0]]);
  assert.equal(pads.isHolding, false);
  pads.read([{ ...pad([1], []), index: 9 }, { ...pad([1], []), connected: false }]);
  assert.deepEqual(sent, []);
});
