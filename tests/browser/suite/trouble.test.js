// The server is gone for a while: pages say so in words, and go on when it is back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { TIMES } from '../views.js';

test('a request that nobody answers can be tried again, and nothing that was chosen is lost', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  const { name } = await server.application();
  await anna.open(`#/application/${name}/plan`);
  await page.locator('.calendar-top button').last().click();
  await page.locator('.day').nth(2).click();
  await page.locator(TIMES).first().check();
  await anna.sees(page.getByRole('button', { name: 'Book this time' }));
  await server.stop();
  await page.getByRole('button', { name: 'Book this time' }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'The server cannot be reached' });
  await anna.sees(alert.first());
  await anna.picture('gone');
  await server.start();
  await server.application();
  await alert.first().getByRole('button', { name: 'Try again' }).click();
  await anna.sees(anna.heading('Your session is booked'));
  const code = await anna.code();
  assert.equal((await server.ask('GET', `/api/bookings/${code}`)).status, 200);
}));

test('the first page waits for the server with words and a button', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  await anna.open('#/join');
  await anna.sees(anna.heading('Join with a code'));
  await server.stop();
  await page.getByRole('link', { name: 'Treecast' }).click();
  await anna.sees(page.locator('main').getByText('The server cannot be reached'));
  await server.start();
  await page.getByRole('button', { name: 'Try again' }).click();
  await anna.sees(page.locator('.card').first());
}));

test('a school class behind one address opens the site at once', () => lab(async ({ server, visitor }) => {
  const pupils = await Promise.all(Array.from({ length: 10 }, () => visitor()));
  await server.application();
  await Promise.all(pupils.map(async (pupil) => {
    await pupil.open('/');
    await pupil.sees(pupil.page.locator('.card').first());
  }));
}));

/** Requests for such a file fail as they do when the network changes meanwhile, until what this gives is called. */
const loses = async (page, pattern) => {
  await page.route(pattern, (route) => route.abort('failed'));
  return () => page.unroute(pattern);
};

const LOST = 'It is loaded again by itself';

test('a page of which a part did not come says so and loads itself again', () => lab(async ({ server, visitor }) => {
  await server.application();
  for (const part of ['**/lib/routes.js', '**/assets/*/site.js', '**/assets/*/site.css']) {
    const anna = await visitor();
    const { page } = anna;
    const found = await loses(page, part);
    await page.goto(server.url, { waitUntil: 'commit' });
    await anna.sees(page.getByRole('alert').filter({ hasText: LOST }));
    await anna.picture('incomplete');
    await found();
    await page.waitForFunction(() => document.readyState === 'complete' && 'runs' in document.documentElement.dataset
      && document.querySelector('.incomplete') === null);
    await anna.sees(page.locator('.card').first());
    assert.equal(await page.evaluate(() => sessionStorage.getItem('treecast.again')), null, 'it begins anew the next time');
  }
}));

test('a page of which a part did not come stays while there is no server', () => lab(async ({ server, visitor }) => {
  await server.application();
  const anna = await visitor();
  const { page } = anna;
  const found = await loses(page, '**/lib/routes.js');
  await page.goto(server.url, { waitUntil: 'commit' });
  const alert = page.getByRole('alert').filter({ hasText: LOST });
  await anna.sees(alert);
  await server.stop();
  const failed = () => anna.unanswered.filter((it) => it.startsWith(`${server.url}/: `)).length;
  await until('the page asks for itself in vain', () => failed() > 0);
  await found();
  await anna.sees(alert);
  await server.start();
  await server.application();
  await anna.sees(page.locator('.card').first());
}));
