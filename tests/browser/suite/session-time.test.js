// A session that is over soon goes on for as long as its page asks, if nobody else has the time after it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { Member } from '../member.js';

const MINUTE_MS = 60_000;
const MORE_MINUTES = 15;

/** What the page's clock shows, in seconds: "1:02:03", "15:40". */
const shownSeconds = async (page) => {
  const text = await page.locator('.left-figures').innerText();
  return text.split(':').reduce((all, part) => all * 60 + Number(part), 0);
};

test('more time is asked for in the warning: the booking has it, and everybody\'s clock', () => lab(async ({ server, visitor }) => {
  await server.application();
  // It begins with the minute that runs and ends with it, or with the next if little is left of this one.
  const left = MINUTE_MS - Date.now() % MINUTE_MS;
  const { code } = await server.book(0, left > MINUTE_MS * 0.75 ? 1 : 2);
  const answer = await server.ask('POST', `/api/sessions/${code}/join`);
  assert.equal(answer.status, 200, answer.text);
  const session = answer.json;
  const anna = new Member(await visitor({ name: 'anna' }));
  const boris = new Member(await visitor({ name: 'boris' }));
  await anna.enter(session.url, { code, token: session.token });
  await boris.enter(session.url, { code });
  // The warning comes with the last minute.
  const box = anna.page.locator('[data-box="time"]');
  await box.waitFor({ timeout: 2 * MINUTE_MS });
  await anna.visitor.picture('session-time-extendable');
  await box.getByRole('button', { name: `${MORE_MINUTES} min` }).click();
  for (const { page } of [anna, boris]) {
    await until('the warning is gone', async () => await page.locator('[data-box="time"]').count() === 0);
    await until('the clock shows more', async () => await shownSeconds(page) > (MORE_MINUTES - 1) * 60);
    assert.ok(await shownSeconds(page) <= (MORE_MINUTES + 2) * 60);
  }
  const { ends_at: endsAt } = (await server.ask('GET', `/api/sessions/${code}`)).json;
  assert.equal(endsAt, session.ends_at + MORE_MINUTES * 60);
  await anna.picture('Anna still sees the clock');
}));
