// The picture beyond its page: the whole screen, and a corner of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { Member, hears } from '../member.js';

test('the picture fills the screen, and fits into a corner of it', (t) => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna' }));
  const { page } = anna;
  await anna.enter(session.url, { code: session.code, token: session.token });
  await anna.picture('Anna sees the clock');
  await anna.drives();
  const full = page.locator('[data-do="full"]');
  const label = await full.getAttribute('aria-label');
  await anna.press('full');
  await until('it fills the screen', () => page.evaluate(() => document.fullscreenElement !== null));
  await until('the button leads back', async () => await full.getAttribute('aria-label') !== label);
  await anna.visitor.picture('session-full');
  // Keys go to the picture at once, and hands point where they should.
  await page.keyboard.type('f');
  let heard = await hears(server.logs, ['text f']);
  await anna.click(0.25, 0.75);
  heard = await hears(server.logs, [/^button 1 down (319|320|321) (539|540|541)$/], heard);
  await anna.press('full');
  await until('it is a page again', () => page.evaluate(() => document.fullscreenElement === null));
  await until('the button fills the screen again', async () => await full.getAttribute('aria-label') === label);

  if (!await page.evaluate(() => document.pictureInPictureEnabled)) {
    t.diagnostic('this browser has no picture in picture');
    assert.equal(await page.locator('[data-do="small"]').isVisible(), false);
    return;
  }
  await anna.press('small');
  await until('it is in a corner', () => page.evaluate(() => document.pictureInPictureElement === document.querySelector('video')));
  await anna.press('small');
  await until('it is back', () => page.evaluate(() => document.pictureInPictureElement === null));
  await anna.click(0.5, 0.5);
  await page.keyboard.type('b');
  await hears(server.logs, ['text b'], heard);
}));
