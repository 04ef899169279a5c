// A visitor plans a session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';

/** Chooses tomorrow's first free time at or after noon, which no change of the day can spoil. */
const chooseTomorrow = async ({ page }) => {
  const today = page.locator('.day.is-today');
  const day = await today.getAttribute('data-day');
  await today.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await until('the chosen day is another one', async () => (
    await page.locator('.day.is-chosen').getAttribute('data-day')) > day);
  const slot = page.locator('.times:not([aria-busy]) .slots-part').nth(2).locator('input:enabled').first();
  await slot.check();
  return slot.inputValue();
};

test('a visitor plans a session and gets a code, a calendar entry and a countdown', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  const { name } = await server.application();
  await anna.open('/');
  await anna.sees(anna.heading(/together/));
  await page.locator('.card a').first().click();
  await page.getByRole('link', { name: 'Plan a session' }).click();
  await anna.sees(anna.heading(/^Plan:/));
  const time = await chooseTomorrow(anna);
  await anna.picture('plan');
  await page.getByRole('button', { name: 'Book this time' }).click();
  await anna.sees(anna.heading('Your session is booked'));
  const code = await anna.code();
  await anna.picture('booking');

  const booking = (await server.ask('GET', `/api/bookings/${code}`)).json;
  assert.equal(booking.application, name);
  assert.equal(booking.tz, 'Europe/Moscow');
  assert.equal(booking.ends_at - booking.starts_at, 3600);
  const inMoscow = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Moscow', timeStyle: 'short' });
  assert.equal(inMoscow.format(booking.starts_at * 1000), time);
  assert.match(await page.locator('.timer').innerText(), /\d+:\d\d:\d\d\s+until it starts/);

  // It says so for a moment only.
  await Promise.all([
    anna.sees(page.getByRole('button', { name: 'Copied' })), page.getByRole('button', { name: 'Copy code' }).click(),
  ]);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code);
  await page.getByRole('button', { name: 'Copy link' }).click();
  await until('the link is copied', async () => (
    await page.evaluate(() => navigator.clipboard.readText())) === `${server.url}/#/join/${code}`);

  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Add to calendar' }).click(),
  ]);
  assert.match(file.suggestedFilename(), /\.ics$/);
  const entry = (await server.ask('GET', `/api/bookings/${code}.ics`)).text;
  assert.match(entry, /^BEGIN:VCALENDAR\r\n/);
  assert.ok(entry.includes(new Date(booking.starts_at * 1000).toISOString().replace(/[-:]|\.000/g, '')), entry);

  await page.reload();
  assert.equal(await anna.code(), code);
}));

test('a reload keeps day, time, length and zone; the way back leads through the views', () => lab(async ({ visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  await anna.open('/');
  await page.locator('.card a').first().click();
  await page.getByRole('link', { name: 'Plan a session' }).click();
  await anna.sees(anna.heading(/^Plan:/));
  await page.getByLabel('How long').selectOption({ label: '30 minutes' });
  await page.getByLabel('Time zone').selectOption('Asia/Tokyo');
  const time = await chooseTomorrow(anna);
  const day = await page.locator('.day.is-chosen').getAttribute('data-day');
  await page.reload();
  await anna.sees(page.getByRole('button', { name: 'Book this time' }));
  assert.equal(await page.locator('.slot input:checked').inputValue(), time);
  assert.equal(await page.locator('.day.is-chosen').getAttribute('data-day'), day);
  assert.equal(await page.getByLabel('Time zone').inputValue(), 'Asia/Tokyo');
  assert.equal(await page.getByLabel('How long').inputValue(), '30');

  await page.goBack();
  await anna.sees(page.getByRole('button', { name: 'Start', exact: true }));
  await page.goBack();
  await anna.sees(anna.heading(/together/));
  await page.goForward();
  await anna.sees(page.getByRole('button', { name: 'Start', exact: true }));
}));

test('a time that somebody else takes meanwhile is not booked, and shown as taken', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  const { name } = await server.application();
  await anna.open(`#/application/${name}/plan?tz=UTC`);
  await anna.sees(anna.heading(/^Plan:/));
  const time = await chooseTomorrow(anna);
  const date = await page.locator('.day.is-chosen').getAttribute('data-day');
  // The page asks for the times now and again: it must not find out before the visitor books.
  let isBooked = () => {};
  const booked = new Promise((done) => { isBooked = done; });
  await page.route('**/slots?*', async (route) => {
    await booked;
    await route.continue();
  });
  await until('every place is taken', async () => {
    const { status } = await server.ask('POST', '/api/bookings', { application: name, date, time, tz: 'UTC', minutes: 60 });
    return status === 409;
  });
  await page.getByRole('button', { name: 'Book this time' }).click();
  isBooked();
  await anna.sees(page.locator('main').getByText('has just been taken'));
  await until('the time is shown as taken', () => page.locator(`.slot input[value="${time}"]`).isDisabled());
  assert.equal(await page.getByRole('button', { name: 'Book this time' }).count(), 0);
  await anna.picture('taken');
  await page.unrouteAll({ behavior: 'ignoreErrors' });
}));

test('a booking is cancelled only when the question is answered with yes', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  const { code } = await server.book(24 * 60);
  await anna.open(`#/booking/${code}`);
  const cancel = page.getByRole('button', { name: 'Cancel booking' });
  await cancel.click();
  await anna.sees(page.getByRole('dialog'));
  await anna.picture('cancel');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await cancel.click();
  await page.getByRole('button', { name: 'No, go back' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal((await server.ask('GET', `/api/bookings/${code}`)).status, 200);

  await cancel.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel booking' }).click();
  await anna.sees(anna.heading('The booking is cancelled'));
  assert.equal((await server.ask('GET', `/api/bookings/${code}`)).status, 404);
  await page.reload();
  await anna.sees(page.locator('main').getByText(`no booking with the code ${code}`));
}));

test('a browser whose clock is wrong by hours counts right', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  const { code, starts_at: startsAt } = await server.book(24 * 60);
  await page.clock.install({ time: Date.now() + 5 * 3600 * 1000 });
  await anna.open(`#/booking/${code}`);
  await anna.code();
  const [hours] = (await page.locator('.timer-figures').innerText()).split(':').map(Number);
  const real = (startsAt - Date.now() / 1000) / 3600;
  assert.ok(Math.abs(hours - real) <= 1, `${hours} hours shown, ${real} left`);
}));
