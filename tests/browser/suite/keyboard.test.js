// The whole way without a pointer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { TIMES } from '../views.js';

/** More stops than any view has. */
const MAX_STOPS = 120;

/** What has the focus: its name, whether that is seen, and what it is. */
const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const isSeen = (one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 2;
  };
  // A card shows the focus of its link, a time that of its button.
  const shown = [element, element.closest('.card'), element.nextElementSibling].filter(Boolean);
  return {
    name: element.getAttribute('aria-label') ?? element.labels?.[0]?.innerText ?? element.innerText ?? '',
    tag: element.tagName,
    isSeen: shown.some(isSeen),
    day: element.dataset.day ?? null,
  };
});

/** Presses Tab until the focus is on what is wanted; every stop on the way can be seen. */
const tabTo = async (page, what, isIt) => {
  for (let stop = 0; stop < MAX_STOPS; stop += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (now.tag !== 'BODY') assert.ok(now.isSeen, `the focus is not seen on ${now.tag} "${now.name}"`);
    if (isIt(now)) return now;
  }
  return assert.fail(`Tab does not reach ${what}`);
};

test('a session is planned and cancelled with the keyboard alone', () => lab(async ({ server, visitor }) => {
  const anna = await visitor({ reducedMotion: 'reduce' });
  const { page } = anna;
  const { name } = await server.application();
  await anna.open('/');
  await anna.sees(page.locator('.card').first());
  const title = await page.locator(`.card a[href="#/application/${name}"]`).innerText();

  await tabTo(page, 'the way past the header', (now) => now.name === 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal((await focused(page)).tag, 'H1');
  await tabTo(page, 'the application', (now) => now.name === title);
  await anna.picture('focus-card');
  await page.keyboard.press('Enter');
  await anna.sees(anna.heading(title));
  await until('the focus is on the heading', async () => (await focused(page)).tag === 'H1');
  await tabTo(page, 'planning', (now) => now.name === 'Plan a session');
  await page.keyboard.press('Enter');
  await anna.sees(page.locator('.slot, .times .notice').first());

  const start = await tabTo(page, 'the calendar', (now) => now.day !== null);
  const after = (days) => {
    const day = new Date(`${start.day}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + days);
    return day.toISOString().slice(0, 10);
  };
  const walk = async (steps) => {
    for (const [key, days] of steps) {
      await page.keyboard.press(key);
      assert.equal((await focused(page)).day, after(days), key);
    }
  };
  await walk([['ArrowRight', 1], ['ArrowDown', 8], ['ArrowUp', 1], ['ArrowLeft', 0]]);
  // Today is the first one; late in the evening, when it has no times any more, the calendar begins with tomorrow.
  await page.keyboard.press('ArrowLeft');
  const today = (await focused(page)).day;
  assert.ok([after(0), after(-1)].includes(today), today);
  await page.keyboard.press('ArrowLeft');
  assert.equal((await focused(page)).day, today, 'no day before today');
  if (today !== after(0)) await walk([['ArrowRight', 0]]);
  await walk([['ArrowDown', 7]]);
  await page.keyboard.press('PageDown');
  const nextMonth = (await focused(page)).day;
  assert.notEqual(nextMonth.slice(0, 7), after(7).slice(0, 7));
  await page.keyboard.press('PageUp');
  // The 31st of one month is the 30th of the next, and comes back as that.
  const day = `${after(7).slice(0, 7)}-${nextMonth.slice(8)}`;
  assert.ok(day === after(7) || Number(after(7).slice(8)) > 28, `${after(7)} became ${nextMonth}`);
  assert.equal((await focused(page)).day, day);
  await page.keyboard.press('Enter');
  await until('the day is chosen', async () => (
    await page.locator('.day.is-chosen').getAttribute('data-day')) === day);
  assert.equal((await focused(page)).day, day, 'the focus stays in the calendar');
  await until('its times are there', async () => await page.locator(TIMES).count() > 20);

  await tabTo(page, 'the times', (now) => /^\d\d:\d\d/.test(now.name));
  await page.keyboard.press('ArrowRight');
  await until('a time is chosen', async () => await page.locator('.slot input:checked').count() === 1);
  await anna.picture('focus-time');
  await tabTo(page, 'the booking', (now) => now.name === 'Book this time');
  await page.keyboard.press('Enter');
  await anna.sees(anna.heading('Your session is booked'));
  const code = await anna.code();
  await until('the focus is on the heading', async () => (await focused(page)).tag === 'H1');

  await tabTo(page, 'cancelling', (now) => now.name === 'Cancel booking');
  await page.keyboard.press('Enter');
  await anna.sees(page.getByRole('dialog'));
  await until('the harmless answer comes first', async () => (await focused(page)).name === 'No, go back');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await anna.sees(anna.heading('The booking is cancelled'));
  await until('the focus is on the heading', async () => (await focused(page)).tag === 'H1');
  assert.equal((await server.ask('GET', `/api/bookings/${code}`)).status, 404);
}));

test('the language is switched where one is, and kept', () => lab(async ({ server, visitor }) => {
  const anna = await visitor();
  const { page } = anna;
  const { code } = await server.book(24 * 60);
  await anna.open(`#/booking/${code}`);
  await anna.code();
  await tabTo(page, 'the language', (now) => now.name === 'Русский');
  await page.keyboard.press('Enter');
  await anna.sees(anna.heading('Сеанс забронирован'));
  assert.equal((await focused(page)).name, 'English');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ru');
  await page.reload();
  await anna.sees(anna.heading('Сеанс забронирован'));
  assert.equal(await page.title(), 'Сеанс забронирован · Treecast');
}));
