// Hands as hardware and layouts make them: what the application gets is what was meant.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { Member, hears, said } from '../member.js';

/** Bits of CDP's `modifiers`. */
const ALT = 1;
const CTRL = 2;
const SHIFT = 8;

/** A page's keyboard with another layout than the browser's own: places, and what is written there. */
const keyboardOf = async (page) => {
  const cdp = await page.context().newCDPSession(page);
  const send = (type, key, code, { modifiers = 0, location = 0, text, timestamp } = {}) => (
    cdp.send('Input.dispatchKeyEvent', { type, key, code, modifiers, location, text, timestamp }));
  const down = (key, code, more = {}) => send(more.text ? 'keyDown' : 'rawKeyDown', key, code, more);
  const up = (key, code, more = {}) => send('keyUp', key, code, more);
  /** One key down and up that writes a character. */
  const type = async (character, code, modifiers = 0) => {
    await down(character, code, { modifiers, text: character });
    await up(character, code, { modifiers });
  };
  return { down, up, type };
};

/** In the page: a gamepad that a test moves. */
const ONE_PAD = () => {
  globalThis.pad = {
    connected: true, index: 0, id: 'A pad (STANDARD GAMEPAD)', mapping: 'standard', timestamp: 0,
    buttons: Array.from({ length: 17 }, () => ({ pressed: false, touched: false, value: 0 })), axes: [0, 0, 0, 0],
  };
  globalThis.isPlugged = false;
  navigator.getGamepads = () => [globalThis.isPlugged ? globalThis.pad : null, null, null, null];
};

test('layouts, AltGr, a page that hangs, and a gamepad', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna' }));
  const { page } = anna;
  await page.addInitScript(ONE_PAD);
  await anna.enter(session.url, { code: session.code, token: session.token });
  await anna.picture('Anna sees the clock');
  await anna.drives();
  await anna.click(0.5, 0.5);
  const keyboard = await keyboardOf(page);
  let heard = await hears(server.logs, [/^button 1 up/]);

  // German, Russian, French: the character counts, not what is at that place of the application's keyboard.
  await keyboard.type('z', 'KeyY');
  await keyboard.type('ü', 'BracketLeft');
  await keyboard.type('ж', 'Semicolon');
  await keyboard.down('Shift', 'ShiftLeft', { modifiers: SHIFT, location: 1 });
  await keyboard.type('1', 'Digit1', SHIFT);
  await keyboard.type('Ж', 'Semicolon', SHIFT);
  await keyboard.up('Shift', 'ShiftLeft', { location: 1 });
  await keyboard.type('&', 'Digit1');
  heard = await hears(server.logs, ['z', 'ü', 'ж', '1', 'Ж', '&'].map((one) => `text ${one}`), heard);

  // AltGr as Windows tells it, with a Control; the application is to see neither, or it would take a shortcut.
  const timestamp = Date.now() / 1000;
  await keyboard.down('Control', 'ControlLeft', { modifiers: CTRL, location: 1, timestamp });
  await keyboard.down('AltGraph', 'AltRight', { modifiers: CTRL | ALT, location: 2, timestamp });
  await keyboard.type('€', 'KeyE', CTRL | ALT);
  await keyboard.type('@', 'KeyQ', CTRL | ALT);
  await keyboard.up('Control', 'ControlLeft', { modifiers: ALT, location: 1 });
  await keyboard.up('AltGraph', 'AltRight', { location: 2 });
  heard = await hears(server.logs, ['text €', 'text @'], heard);

  // A command is the Latin letter of its place, and nothing of it stays held.
  await keyboard.down('Control', 'ControlLeft', { modifiers: CTRL, location: 1 });
  await keyboard.down('с', 'KeyC', { modifiers: CTRL });
  await keyboard.up('с', 'KeyC', { modifiers: CTRL });
  await keyboard.up('Control', 'ControlLeft', { location: 1 });
  await keyboard.type('x', 'KeyX');
  heard = await hears(server.logs, ['key down 0x0063', 'key up 0x0063', 'text x'], heard);

  // A page that hangs says nothing more: what it holds is let go long before its connection is given up.
  await keyboard.down('w', 'KeyW', { text: 'w' });
  heard = await hears(server.logs, ['text w'], heard);
  let isBack = false;
  const hangs = page.evaluate(() => {
    const end = performance.now() + 6000;
    while (performance.now() < end);
  }).then(() => { isBack = true; });
  heard = await hears(server.logs, ['key up 0x0077'], heard);
  assert.equal(isBack, false, 'the key was let go only when the page was back');
  await hangs;
  // It may be pressed again then, as the hand still holds it; when the hand lets go it is up.
  await keyboard.up('w', 'KeyW');
  // A page that was away for so long may find its connection given up, and what is typed before it sees that is lost.
  await until('hands count again', async () => {
    await anna.drives();
    await keyboard.type('r', 'KeyR');
    return hears(server.logs, ['text r'], heard, 3000).then((now) => { heard = now; return true; }, () => false);
  });
  const last = (await said(server.logs)).findLast((line) => / 0x0077$/.test(line));
  assert.equal(last, 'key up 0x0077');

  // A gamepad is keys: a button, and both directions of a stick.
  await page.evaluate(() => {
    globalThis.isPlugged = true;
    dispatchEvent(new Event('gamepadconnected'));
  });
  const move = (button, axis) => page.evaluate(([value, share]) => {
    globalThis.pad.buttons[0] = { pressed: value > 0.5, touched: value > 0, value };
    globalThis.pad.axes[0] = share;
  }, [button, axis]);
  await move(1, -1);
  heard = await hears(server.logs, ['key down 0xff0d', 'key down 0xff51'], heard);
  await move(0, 0.9);
  for (const line of ['key up 0xff0d', 'key up 0xff51']) await hears(server.logs, [line], heard);
  heard = await hears(server.logs, ['key down 0xff53'], heard);
  await move(0, 0);
  await hears(server.logs, ['key up 0xff53'], heard);
}));
