// A visitor starts a session, and friends join it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';

const secondsShown = async (page) => {
  const parts = (await page.locator('.timer-figures').innerText()).split(':').map(Number);
  return parts.reduce((sum, part) => sum * 60 + part, 0);
};

test('a session starts now; a friend joins by its code; both see that it is extended', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { name } = await server.application();
  await anna.open(`#/application/${name}`);
  await anna.picture('application');
  await anna.page.getByRole('button', { name: 'Start', exact: true }).click();
  const code = await anna.code();
  const before = (await server.ask('GET', `/api/sessions/${code}`)).json;
  assert.equal(before.state, 'running');
  const left = await secondsShown(anna.page);
  const real = before.ends_at - Date.now() / 1000;
  assert.ok(Math.abs(left - real) < 60, `${left} shown, ${real} left`);
  await anna.picture('session');

  const link = anna.page.getByRole('link', { name: 'Open the session' });
  const address = new URL(await link.getAttribute('href'));
  assert.equal(address.protocol, 'https:');
  assert.notEqual(address.origin, server.url);
  const facts = new URLSearchParams(address.hash.slice(1));
  assert.equal(facts.get('code'), code);
  assert.ok(facts.get('token'), 'who started it is its owner');

  const boris = await visitor({ name: 'friend' });
  await boris.open(`#/session/${code}`);
  await boris.code();
  await anna.page.getByRole('button', { name: '+ 30 minutes' }).click();
  await anna.sees(anna.page.locator('main').getByText('Extended by 30 minutes.'));
  const after = (await server.ask('GET', `/api/sessions/${code}`)).json;
  assert.equal(after.ends_at, before.ends_at + 1800);
  await until('the friend sees the new end', async () => await secondsShown(boris.page) > left + 900);

  await boris.open('#/join');
  await boris.page.getByLabel('Four-digit code').fill(code);
  await boris.page.keyboard.press('Enter');
  await boris.page.waitForURL((url) => url.origin === address.origin);
  const way = new URL(boris.page.url());
  assert.equal(way.pathname, `/session/${code}`);
  assert.equal(way.hash.includes('token'), false, 'a friend is not the owner');
  await boris.page.goBack();
  assert.equal(await boris.code(), code);

  await anna.page.reload();
  assert.equal(await anna.code(), code);
  await link.click();
  await anna.page.waitForURL((url) => url.origin === address.origin);
}));

test('a session that an operator ends is over on its page at once', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { code } = await server.begin();
  await anna.open(`#/session/${code}`);
  assert.equal(await anna.code(), code);
  const ended = await server.ask('POST', `/api/operator/sessions/${code}/end`, undefined, await server.token());
  assert.ok(ended.status < 300, ended.text);
  await anna.sees(anna.heading('The session is over'));
  await anna.picture('over');
  await anna.page.getByRole('link', { name: 'Start another one' }).click();
  await anna.sees(anna.page.getByRole('button', { name: 'Start', exact: true }));
}));

test('when every place is taken a start says so and offers to plan', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { name } = await server.application();
  await anna.open(`#/application/${name}`);
  const start = await anna.sees(anna.page.getByRole('button', { name: 'Start', exact: true }));
  await until('every place is taken', async () => (
    await server.ask('POST', '/api/sessions', { application: name })).status === 409);
  await start.click();
  await anna.sees(anna.page.getByRole('alert').getByText('All places are taken right now'));
  await anna.sees(anna.page.locator('.chip.is-busy'));
  await anna.picture('full');
  await anna.page.getByRole('alert').getByRole('link', { name: 'Plan a session' }).click();
  await anna.sees(anna.heading(/^Plan:/));
}));
