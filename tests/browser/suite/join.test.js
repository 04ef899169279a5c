// What can come of a code.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE_MS, lab, until } from '../lab.js';

const enter = async ({ page }, code) => {
  await page.getByLabel('Four-digit code').fill(code);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
};

/** A code that nothing has. */
const unknownCode = async (server) => {
  const token = await server.token();
  const lists = await Promise.all(['sessions', 'bookings'].map((what) => (
    server.ask('GET', `/api/operator/${what}`, undefined, token))));
  const used = lists.flatMap((list) => list.json.map((entry) => entry.code));
  return ['0001', '0002', '0003', '0004'].find((code) => !used.includes(code));
};

test('a code that is too short, unknown, or pasted with its link', () => lab(async ({ server, visitor }) => {
  const boris = await visitor();
  const { page } = boris;
  const field = page.getByLabel('Four-digit code');
  await boris.open('#/join');
  await enter(boris, '12');
  await boris.sees(page.locator('main').getByText('A code has four digits.'));
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  assert.ok(await field.evaluate((input) => input === document.activeElement), 'the focus is in the field');

  const unknown = await unknownCode(server);
  await enter(boris, unknown);
  await boris.sees(page.locator('main').getByText(`There is no session with the code ${unknown}`));
  await boris.picture('unknown');

  const { code } = await server.begin();
  await page.evaluate((text) => navigator.clipboard.writeText(text), `come here: ${server.url}/#/join/${code} !`);
  await field.fill('');
  await field.focus();
  await page.keyboard.press('Control+V');
  await until('the code is in the field', async () => await field.inputValue() === code);
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.origin !== server.url);
}));

test('a link with a code fills it in', () => lab(async ({ server, visitor }) => {
  const boris = await visitor();
  const { code } = await server.begin();
  await boris.open(`#/join/${code}`);
  await boris.page.getByRole('button', { name: 'Join', exact: true }).click();
  await boris.page.waitForURL((url) => url.origin !== server.url);
}));

test('who is early sees a countdown, and starts the session when the time has come', () => lab(async ({ server, visitor }) => {
  const boris = await visitor();
  const { page } = boris;
  await server.application();
  // A minute that is nearly over would leave nothing to be seen of the countdown.
  await until('the minute is young enough', () => Date.now() % 60_000 < 30_000, 2 * PATIENCE_MS);
  const { code, starts_at: startsAt } = await server.book(1);
  await boris.open('#/join');
  await enter(boris, code);
  await boris.sees(page.locator('main').getByText('Not started yet'));
  assert.match(await page.locator('.timer').innerText(), /\d:\d\d\s+until it starts/);
  await boris.picture('early');
  const start = page.getByRole('button', { name: 'Start the session' });
  assert.equal(await start.count(), 0);
  await start.waitFor({ timeout: Math.max(0, startsAt * 1000 - Date.now()) + PATIENCE_MS });
  await boris.picture('time-has-come');
  await start.click();
  await page.waitForURL((url) => url.origin !== server.url);
  assert.equal((await server.ask('GET', `/api/sessions/${code}`)).json.state, 'running');
}));

test('guessing is locked out, and the page says for how long', () => lab(async ({ server, visitor }) => {
  const eve = await visitor();
  const { page } = eve;
  const unknown = await unknownCode(server);
  await eve.open('#/join');
  const lockedOut = page.locator('main').getByText('Too many wrong codes');
  await until('the guesser is locked out', async () => {
    await enter(eve, unknown);
    await page.locator('.outcome .loading').waitFor({ state: 'detached' });
    return lockedOut.isVisible();
  });
  assert.match(await page.locator('.timer').innerText(), /\d+:\d\d\s+until you can try again/);
  await eve.picture('locked-out');
  const answer = await server.ask('POST', `/api/sessions/${unknown}/join`);
  assert.equal(answer.status, 429);
  assert.equal(answer.json.error, 'locked_out');

  await page.reload();
  await enter(eve, unknown);
  await eve.sees(lockedOut);
}));
