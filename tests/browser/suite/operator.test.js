// The operator's page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';

const signIn = async (operator, token) => {
  await operator.open('/operator');
  await operator.page.getByLabel('Token').fill(token);
  await operator.page.keyboard.press('Enter');
};

const yes = (page, name) => page.getByRole('dialog').getByRole('button', { name, exact: true }).click();

test('only the token opens it; the tab keeps it until one signs out', () => lab(async ({ server, visitor }) => {
  const operator = await visitor();
  const { page } = operator;
  for (const wrong of ['', 'wrong', 'пароль']) {
    await signIn(operator, wrong);
    await until('the token is refused', async () => (await page.locator('.field-problem').innerText()) !== '');
  }
  await signIn(operator, await server.token());
  await operator.sees(page.getByRole('heading', { name: 'Session servers' }));
  await page.reload();
  await operator.sees(page.getByRole('heading', { name: 'Session servers' }));
  assert.equal(await page.evaluate(() => localStorage.length), 0, 'the token is kept for the tab only');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await operator.sees(page.getByLabel('Token'));
  await page.reload();
  await operator.sees(page.getByLabel('Token'));
}));

test('an application is added, altered and removed, and visitors see it', () => lab(async ({ server, visitor }) => {
  const operator = await visitor();
  const guest = await visitor({ name: 'guest' });
  const { page } = operator;
  await server.application();
  await signIn(operator, await server.token());
  await page.getByRole('button', { name: 'Add an application' }).click();
  await page.getByLabel('Name').fill('chess');
  await page.getByLabel('Title, English').fill('Chess <b>together</b>');
  await page.getByLabel('Title, Russian').fill('Шахматы вместе');
  await page.getByLabel('Description, English').fill('A board for everyone.');
  await page.getByRole('button', { name: 'Save' }).click();
  const line = page.locator('#applications tr[data-key="chess"]');
  await operator.sees(line.getByText('Chess <b>together</b>'));

  await guest.open('/');
  await guest.sees(guest.page.getByRole('link', { name: 'Chess <b>together</b>' }));
  await guest.page.getByRole('button', { name: 'Русский' }).click();
  await guest.sees(guest.page.getByRole('link', { name: 'Шахматы вместе' }));

  await line.getByRole('button', { name: 'Edit chess' }).click();
  assert.equal(await page.getByLabel('Title, Russian').inputValue(), 'Шахматы вместе');
  await page.getByLabel('Title, English').fill('Chess');
  await page.getByRole('button', { name: 'Save' }).click();
  await operator.sees(line.getByText('Chess', { exact: true }));
  await line.getByRole('button', { name: 'Remove chess' }).click();
  await yes(page, 'Remove');
  await line.waitFor({ state: 'detached' });
  const { json } = await server.ask('GET', '/api/applications');
  assert.ok(!json.some((application) => application.name === 'chess'));
}));

test('a server is drained and resumed, a session ended, a booking cancelled, and the audit knows', () => lab(async ({ server, visitor }) => {
  const operator = await visitor();
  const { page } = operator;
  const { code: running } = await server.begin();
  const { code: booked } = await server.book(24 * 60);
  await signIn(operator, await server.token());

  const session = page.locator(`#sessions tr[data-key="${running}"]`);
  await operator.sees(session.getByText('running'));
  await session.getByRole('button', { name: `End session ${running}` }).click();
  await yes(page, 'End');
  await session.waitFor({ state: 'detached' });
  assert.equal((await server.ask('GET', `/api/sessions/${running}`)).status, 404);

  const booking = page.locator(`#bookings tr[data-key="${booked}"]`);
  await booking.getByRole('button', { name: `Cancel booking ${booked}` }).click();
  await yes(page, 'Cancel booking');
  await booking.waitFor({ state: 'detached' });
  assert.equal((await server.ask('GET', `/api/bookings/${booked}`)).status, 404);

  const free = async () => (await server.ask('GET', '/api/applications')).json
    .reduce((sum, application) => sum + application.servers, 0);
  const all = await free();
  const line = page.locator('#servers tbody tr').first();
  await operator.sees(line.getByText('online'));
  await line.getByRole('button', { name: /^Drain / }).click();
  await yes(page, 'Drain');
  await operator.sees(line.getByText('draining'));
  assert.ok(await free() < all, 'a server that is drained is offered to nobody');
  await line.getByRole('button', { name: /^Resume / }).click();
  await operator.sees(line.getByText('online'));
  assert.equal(await free(), all);
  await operator.sees(page.locator('#audit').getByText(running).first());
  await operator.sees(page.locator('#audit').getByText(booked).first());
  await operator.picture('operator');
}));

test('a press counts though the table is filled anew meanwhile', () => lab(async ({ server, visitor }) => {
  const operator = await visitor();
  const { page } = operator;
  const { code } = await server.book(24 * 60);
  await signIn(operator, await server.token());
  const cancel = page.getByRole('button', { name: `Cancel booking ${code}` });
  await operator.sees(cancel);
  await cancel.hover();
  await page.mouse.down();
  const { code: other } = await server.book(48 * 60);
  const line = page.locator(`#bookings tr[data-key="${other}"]`);
  // Asked for after that booking, and taken in by the page: the second answer is told when the first was.
  for (let answer = 0; answer < 2; answer += 1) {
    await page.waitForResponse((one) => one.url().endsWith('/api/operator/bookings') && one.request().method() === 'GET');
  }
  assert.equal(await line.count(), 0, 'what is pressed stays where it is');
  await page.mouse.up();
  await operator.sees(page.getByRole('dialog'));
  await operator.sees(line);
  await yes(page, 'Cancel booking');
  await page.locator(`#bookings tr[data-key="${code}"]`).waitFor({ state: 'detached' });
  assert.equal((await server.ask('GET', `/api/bookings/${other}`)).status, 200);
}));

test('it says when the coordinator is gone, keeps what was known, and goes on when it is back', () => lab(async ({ server, visitor }) => {
  const operator = await visitor();
  const { page } = operator;
  const { code } = await server.book(24 * 60);
  await signIn(operator, await server.token());
  const booking = page.locator(`#bookings tr[data-key="${code}"]`);
  await operator.sees(booking);
  await server.stop();
  await operator.sees(page.locator('main').getByText('The coordinator does not answer'));
  assert.ok(await booking.isVisible());
  await operator.picture('operator-gone');
  await server.start();
  await page.locator('main').getByText('The coordinator does not answer').waitFor({ state: 'detached' });
  assert.ok(await booking.isVisible());
}));
