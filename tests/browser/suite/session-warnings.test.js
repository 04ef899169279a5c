// A session says before it ends by itself, and why it did.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone } from '../alone.js';
import { lab, until } from '../lab.js';
import { Member } from '../member.js';

test('nobody does anything: everybody is warned, one is there after all; in the end nobody is', () => lab(({ visitor }) => (
  // Long enough to be answered on a machine that has much to do, two seconds after it is known that nobody does anything.
  alone({ idle_timeout_seconds: 22, idle_warning_seconds: 20 }, async ({ start }) => {
    const anna = new Member(await visitor({ name: 'anna' }));
    const { page } = anna;
    await page.clock.install();
    const session = await start(page, 3600);
    await anna.enter(session.url, { token: session.token });
    // A minute in which nobody touches anything.
    await page.clock.fastForward(61_000);
    const box = page.locator('[data-box="idle"]');
    await anna.visitor.sees(box);
    assert.match(await box.innerText(), /0:(0[1-9]|1\d|20)/);
    await anna.visitor.picture('session-idle');
    await anna.press('here');
    await until('the warning is gone', async () => await box.count() === 0);
    await page.clock.fastForward(61_000);
    await anna.visitor.sees(box);
    await anna.visitor.sees(anna.visitor.heading('The session is over'));
    await anna.visitor.sees(page.getByText('Nobody did anything for a long while.'));
  }))));

test('the time is over soon, and then it is', () => lab(({ visitor }) => alone({}, async ({ start }) => {
  const anna = new Member(await visitor({ name: 'anna' }));
  // Time to come in, on a machine that has much to do.
  const session = await start(anna.page, 25);
  await anna.enter(session.url, { token: session.token });
  const box = await anna.visitor.sees(anna.page.locator('[data-box="time"]'));
  assert.match(await box.innerText(), /0:\d\d[^]*cannot be extended/);
  await anna.visitor.picture('session-time');
  await anna.visitor.sees(anna.visitor.heading('The session is over'));
  await anna.visitor.sees(anna.page.getByText('Its time is over.'));
})));
