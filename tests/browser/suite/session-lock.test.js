// A locked pointer goes by distances: what the page is told is what the application gets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { Member, hears } from '../member.js';

/** In the page: notes how far the pointer went while it was locked, as it is told. */
const NOTE_MOVES = () => {
  globalThis.moves = [];
  addEventListener('pointermove', ({ movementX, movementY }) => {
    if (document.pointerLockElement !== null) globalThis.moves.push([movementX, movementY]);
  }, { capture: true });
};

/** Where a pointer is that goes by these distances, in an application of that size; what is less than a whole adds up. */
const follow = (from, moves, scale, { width, height }) => {
  const clamp = (value, most) => Math.min(Math.max(value, 0), most - 1);
  let { x, y } = from;
  const rest = [0, 0];
  for (const move of moves) {
    const whole = move.map((distance, axis) => {
      rest[axis] += distance * scale;
      const part = Math.trunc(rest[axis]);
      rest[axis] -= part;
      return part;
    });
    x = clamp(x + whole[0], width);
    y = clamp(y + whole[1], height);
  }
  return { x, y };
};

test('a locked pointer is moved by as much as the page is told, and places count again when it is free', () => (
  lab(async ({ server, visitor }) => {
    const session = await server.begin();
    const anna = new Member(await visitor({ name: 'anna' }));
    const { page } = anna;
    await page.addInitScript(NOTE_MOVES);
    await anna.enter(session.url, { code: session.code, token: session.token });
    await anna.picture('Anna sees the clock');
    await anna.drives();
    await anna.click(0.5, 0.5);
    const heard = await hears(server.logs, [/^button 1 up/]);
    const start = await anna.picture('the pointer is in the middle', ({ x, y, width, height }) => (
      Math.abs(x - width / 2) <= 1 && Math.abs(y - height / 2) <= 1));

    await anna.press('lock');
    await until('the pointer is locked', () => page.evaluate(() => document.pointerLockElement !== null));
    const scale = await page.evaluate(() => {
      const box = document.querySelector('.surface').getBoundingClientRect();
      const { videoWidth, videoHeight } = document.querySelector('video');
      return 1 / Math.min(box.width / videoWidth, box.height / videoHeight);
    });
    for (let step = 1; step <= 10; step += 1) await page.mouse.move(640 + 6 * step, 400 + 4 * step);
    await until('the page was told of all moves', () => page.evaluate(() => globalThis.moves.length >= 2));
    let wanted = null;
    const moved = await until('the application has what the page was told', async () => {
      const [moves, marks] = [await page.evaluate(() => globalThis.moves), await anna.marks()];
      wanted = follow(start, moves, scale, start);
      return marks && Math.abs(marks.x - wanted.x) <= 1 && Math.abs(marks.y - wanted.y) <= 1 ? marks : null;
    }, 20_000).catch(async (error) => {
      const facts = { start, scale, wanted, moves: await page.evaluate(() => globalThis.moves), marks: await anna.marks() };
      assert.fail(`${error.message}: ${JSON.stringify(facts)}`);
    });
    assert.ok(moved.x !== start.x && moved.y !== start.y, 'it did move');

    // A button is pressed where the pointer went, not where the page's own stands.
    await page.mouse.down();
    await page.mouse.up();
    const at = `${moved.x} ${moved.y}`;
    const pressed = await hears(server.logs, [`button 1 down ${at}`, `button 1 up ${at}`], heard);
    await page.evaluate(() => document.exitPointerLock());
    await until('it is free', () => page.evaluate(() => document.pointerLockElement === null));
    await anna.click(0.25, 0.75);
    await hears(server.logs, [/^button 1 down (319|320|321) (539|540|541)$/], pressed);
  })));
