// A browser that has the page already sees the picture before the rest of the page is loaded; nothing jumps when that comes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { KEEP_INPUT, Member, READ_MARKS, hears, said } from '../member.js';

const SCREENS = [
  { name: 'desktop' },
  { name: 'phone', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
];

/** Where the picture is. */
const placeOf = (page) => page.evaluate(() => {
  const { left, top, width, height } = document.querySelector('video').getBoundingClientRect();
  return [left, top, width, height].map(Math.round);
});

test('the picture is there first, and stays where it is when the rest of the page comes', () => lab(async ({ server, visitor }) => {
  for (const screen of SCREENS) {
    const session = await server.begin();
    const anna = new Member(await visitor(screen));
    const { page } = anna;
    await page.addInitScript(READ_MARKS);
    await page.addInitScript(KEEP_INPUT);
    // What a browser says of files that it has; it keeps none of a server whose certificate it does not know.
    await page.addInitScript(() => {
      Object.defineProperty(PerformanceResourceTiming.prototype, 'transferSize', { get: () => 0 });
    });
    let letGo = () => {};
    const held = new Promise((done) => { letGo = done; });
    await page.route('**/session/session.js', async (route) => {
      await held;
      await route.continue();
    });
    const secrets = new URLSearchParams({ code: session.code, token: session.token });
    await page.goto(`${session.url}#${secrets}`, { waitUntil: 'commit' });
    const first = await anna.picture('the picture is there');
    await anna.picture('it moves', ({ painted }) => painted > first.painted);
    await anna.visitor.picture('session-first');
    assert.equal(await page.locator('.person').count(), 0, 'the rest of the page is not there yet');
    const place = await placeOf(page);
    await page.evaluate(() => {
      const video = document.querySelector('video');
      globalThis.before = { video, stream: video.srcObject };
    });
    letGo();
    await anna.isInside();
    await anna.drives();
    await until('it is connected', async () => (await page.locator('.status-dot').getAttribute('data-look')) === 'on');
    await anna.visitor.picture('session-then');
    assert.deepEqual(await placeOf(page), place, 'the picture has not moved');
    assert.ok(await page.evaluate(() => {
      const video = document.querySelector('video');
      return video === globalThis.before.video && video.srcObject === globalThis.before.stream;
    }), 'it is the same picture');
    const heard = (await said(server.logs)).length;
    await anna.click(0.5, 0.5);
    await hears(server.logs, [/^button 1 up/], heard);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await anna.press('leave');
    await anna.visitor.sees(anna.visitor.heading('You left the session'));
  }
}));

test('a session of whose page a part did not come shows its picture meanwhile, and loads the page again', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor());
  const { page } = anna;
  await page.addInitScript(READ_MARKS);
  await page.addInitScript(KEEP_INPUT);
  const part = '**/session/view/people.js';
  await page.route(part, (route) => route.abort('failed'));
  const secrets = new URLSearchParams({ code: session.code, token: session.token });
  await page.goto(`${session.url}#${secrets}`, { waitUntil: 'commit' });
  await page.getByRole('alert').filter({ hasText: 'It is loaded again by itself' }).waitFor();
  await anna.picture('the picture is there already');
  await anna.visitor.picture('session-incomplete');
  await page.unroute(part);
  await anna.isInside();
  await anna.drives();
  await anna.picture('the picture is there');
  assert.equal(await page.locator('.incomplete').count(), 0);
}));
