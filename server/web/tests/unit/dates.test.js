// Days, months and zones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as dates from '../../site/assets/lib/dates.js';

// 2026-10-25T00:30:00Z: half an hour before most of Europe puts its clocks back.
const BEFORE_WINTER = Date.UTC(2026, 9, 25, 0, 30) / 1000;

test('a day that no calendar has is none', () => {
  for (const day of ['2026-02-28', '2028-02-29', '2026-12-31']) assert.ok(dates.isDay(day), day);
  for (const day of ['2026-02-29', '2026-13-01', '2026-00-10', '2026-1-1', '', 'today', '2026-04-31']) {
    assert.ok(!dates.isDay(day), day);
  }
});

test('days and months are counted over the ends of months and years', () => {
  assert.equal(dates.addDays('2026-12-31', 1), '2027-01-01');
  assert.equal(dates.addDays('2028-03-01', -1), '2028-02-29');
  assert.equal(dates.addMonths('2026-11', 3), '2027-02');
  assert.equal(dates.addMonths('2026-01', -1), '2025-12');
});

test('the same day of a shorter month is its last', () => {
  assert.equal(dates.addMonthsToDay('2026-01-31', 1), '2026-02-28');
  assert.equal(dates.addMonthsToDay('2026-03-31', -1), '2026-02-28');
  assert.equal(dates.addMonthsToDay('2026-11-21', 1), '2026-12-21');
});

test('a month is whole weeks that hold each of its days once', () => {
  for (const month of ['2026-02', '2026-11', '2027-08', '2028-02']) {
    for (const firstDay of [1, 6, 7]) {
      const weeks = dates.monthGrid(month, firstDay);
      assert.ok(weeks.every((week) => week.length === 7));
      const days = weeks.flat().filter((day) => day !== null);
      assert.deepEqual(days, days.map((_, place) => dates.addDays(`${month}-01`, place)));
      assert.equal(dates.monthOf(dates.addDays(days.at(-1), 1)), dates.addMonths(month, 1));
      for (const week of weeks) {
        week.forEach((day, place) => { if (day) assert.equal(dates.placeInWeek(day, firstDay), place); });
      }
    }
  }
});

test('weeks that begin on Monday and on Sunday', () => {
  assert.equal(dates.placeInWeek('2026-11-21', 1), 5);
  assert.equal(dates.placeInWeek('2026-11-21', 7), 6);
  assert.deepEqual(dates.weekDays(1, 'en').map((day) => day.short), ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']);
  assert.equal(dates.weekDays(7, 'ru')[0].long, 'воскресенье');
});

test('a moment is another day in another zone', () => {
  const moment = Date.UTC(2026, 10, 21, 22, 30) / 1000;
  assert.equal(dates.dayInZone(moment, 'UTC'), '2026-11-21');
  assert.equal(dates.dayInZone(moment, 'Asia/Tokyo'), '2026-11-22');
  assert.equal(dates.timeInZone(moment, 'Asia/Kolkata'), '04:00');
  assert.equal(dates.timeInZone(Date.UTC(2026, 10, 21) / 1000, 'UTC'), '00:00');
});

test('an offset is the one of its moment', () => {
  assert.equal(dates.offsetInZone(BEFORE_WINTER, 'Europe/Berlin'), 'UTC+2');
  assert.equal(dates.offsetInZone(BEFORE_WINTER + 3600, 'Europe/Berlin'), 'UTC+1');
  assert.equal(dates.offsetInZone(BEFORE_WINTER, 'Asia/Kolkata'), 'UTC+5:30');
  assert.equal(dates.offsetInZone(BEFORE_WINTER, 'UTC'), 'UTC');
});

test('zones are offered by region, once each', () => {
  const regions = dates.zonesByRegion(['Europe/Rome', 'Asia/Omsk', 'Europe/Rome', 'UTC', 'Etc/GMT+1', 'Europe/Bern']);
  assert.deepEqual(regions, [['Asia', ['Asia/Omsk']], ['Europe', ['Europe/Bern', 'Europe/Rome']]]);
  assert.equal(dates.zoneLabel('America/Argentina/Buenos_Aires', BEFORE_WINTER), 'Argentina, Buenos Aires (UTC-3)');
  assert.equal(dates.zoneLabel('UTC', BEFORE_WINTER), 'UTC');
  assert.ok(dates.isZone('Europe/Moscow'));
  assert.ok(!dates.isZone('Europe/Nowhere'));
});

test('days and months have names in both languages', () => {
  // Whether a comma follows the day of the week depends on the age of the browser.
  assert.match(dates.longDay('2026-11-25', 'en'), /^Wednesday,? 25 November 2026$/);
  assert.match(dates.longDay('2026-11-25', 'ru'), /^среда, 25 ноября 2026/);
  assert.equal(dates.monthName('2026-11', 'ru'), 'Ноябрь 2026');
  assert.equal(dates.monthName('2026-11', 'en'), 'November 2026');
});

test('a week begins on Monday where nothing else is known', () => {
  assert.equal(dates.firstDayOf('ru'), 1);
  assert.equal(dates.firstDayOf('not a tag'), 1);
});
