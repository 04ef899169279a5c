// The bytes that the session server reads (docs/protocols/session-input.md).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as say from '../../site/assets/session/lib/messages.js';

const bytes = (buffer) => [...new Uint8Array(buffer)];

test('every message has its bytes', () => {
  assert.deepEqual(bytes(say.move({ x: 0, y: 1 })), [1, 0, 0, 0xff, 0xff]);
  assert.deepEqual(bytes(say.move({ x: 0.5, y: 0.25 })), [1, 0x00, 0x80, 0x00, 0x40]);
  assert.deepEqual(bytes(say.moveBy(-1, 258)), [2, 0xff, 0xff, 0x02, 0x01]);
  assert.deepEqual(bytes(say.button(2, true, { x: 1, y: 0 })), [3, 2, 1, 0xff, 0xff, 0, 0]);
  assert.deepEqual(bytes(say.button(0, false)), [3, 0, 0]);
  assert.deepEqual(bytes(say.wheel(0, -120)), [4, 0, 0, 0x88, 0xff]);
  assert.deepEqual(bytes(say.key(true, 0x0100_20ac, 18)), [5, 1, 0xac, 0x20, 0x00, 0x01, 18]);
  assert.deepEqual(bytes(say.touch(3, say.PHASE.end, { x: 0, y: 0 })), [6, 3, 2, 0, 0, 0, 0]);
  assert.deepEqual(bytes(say.padButton(1, 16, 1)), [7, 1, 16, 255]);
  assert.deepEqual(bytes(say.padAxis(0, 2, -1)), [8, 0, 2, 0x01, 0x80]);
  assert.deepEqual(bytes(say.releaseAll()), [9]);
  assert.deepEqual(bytes(say.ping(0x0403_0201)), [10, 1, 2, 3, 4]);
});

test('what does not fit is cut to what does', () => {
  assert.deepEqual(bytes(say.move({ x: -4, y: 7 })), [1, 0, 0, 0xff, 0xff]);
  assert.deepEqual(bytes(say.moveBy(1e9, -1e9)), [2, 0xff, 0x7f, 0x01, 0x80]);
  assert.deepEqual(bytes(say.padButton(0, 0, 2)), [7, 0, 0, 255]);
});

test('what the server says is read, and anything else is nothing', () => {
  const pointer = Uint8Array.from([129, 1, 0xff, 0xff, 0, 0]).buffer;
  assert.deepEqual(say.readMessage(pointer), { type: 129, x: 1, y: 0 });
  const pong = Uint8Array.from([138, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0]).buffer;
  assert.deepEqual(say.readMessage(pong), { type: 138, token: 0x0403_0201, atUs: 5 });
  for (const odd of [[], [129], [138, 1], [129, 1, 2, 3, 4, 5, 6], [255, 1]]) {
    assert.equal(say.readMessage(Uint8Array.from(odd).buffer), null, String(odd));
  }
  assert.equal(say.readMessage('129'), null);
});
