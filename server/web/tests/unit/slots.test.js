// The times of a day.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDays, dayInZone } from '../../site/assets/lib/dates.js';
import { byPart, countFree, extensions, findFree, firstFreeDay, timeLabel, upcoming } from '../../site/assets/lib/slots.js';

const slot = (time, startsAt, free = true) => ({ time, starts_at: startsAt, free });
const halfHours = Array.from({ length: 48 }, (_, i) => slot(
  `${String(Math.floor(i / 2)).padStart(2, '0')}:${i % 2 ? '30' : '00'}`,
  i * 1800,
  i % 3 !== 0,
));

test('every slot is in exactly one part of the day, in its order', () => {
  const parts = byPart(halfHours);
  assert.deepEqual(parts.map((part) => part.key), ['slots.night', 'slots.morning', 'slots.afternoon', 'slots.evening']);
  assert.deepEqual(parts.flatMap((part) => part.slots), halfHours);
  assert.equal(parts[1].slots[0].time, '06:00');
  assert.equal(parts[3].slots.at(-1).time, '23:30');
});

test('a part without a slot is left out', () => {
  assert.deepEqual(byPart([slot('18:00', 1)]).map((part) => part.key), ['slots.evening']);
  assert.deepEqual(byPart([]), []);
});

test('what has begun is not offered', () => {
  assert.deepEqual(upcoming([slot('10:00', 100), slot('10:30', 200)], 100).map((left) => left.time), ['10:30']);
});

test('only a free slot is found by its time', () => {
  const slots = [slot('10:00', 1, false), slot('02:30', 2), slot('02:30+01:00', 3)];
  assert.equal(findFree(slots, '10:00'), undefined);
  assert.equal(findFree(slots, '02:30').starts_at, 2);
  assert.equal(findFree(slots, '02:30+01:00').starts_at, 3);
  assert.equal(countFree(slots), 2);
});

test('a time that stands twice is told apart by its offset', () => {
  assert.equal(timeLabel('02:30'), '02:30');
  assert.equal(timeLabel('02:30+01:00'), '02:30 (UTC+1)');
  assert.equal(timeLabel('01:45-03:30'), '01:45 (UTC-3:30)');
  assert.equal(timeLabel('noon'), 'noon');
});

test('extensions are offered within what is possible', () => {
  assert.deepEqual(extensions(0), []);
  assert.deepEqual(extensions(7), [7]);
  assert.deepEqual(extensions(30), [15, 30]);
  assert.deepEqual(extensions(500), [15, 30, 60, 120]);
});

// A day of half hours in UTC, of which those are free that `isFree` says.
const dayOf = (day, isFree = () => true) => halfHours.map(({ time, starts_at: second }) => (
  slot(time, Date.parse(`${day}T00:00:00Z`) / 1000 + second, isFree(time))));

test('at any hour the first day is one with a time that can still be had', async () => {
  for (let minute = 0; minute < 24 * 60; minute += 7) {
    const now = Date.UTC(2026, 11, 31, 0, minute) / 1000;
    const today = dayInZone(now, 'UTC');
    const days = [today, addDays(today, 1), addDays(today, 2)];
    const asked = [];
    const found = await firstFreeDay(days, async (day) => {
      asked.push(day);
      return dayOf(day);
    }, () => now);
    const isLate = minute >= 23 * 60 + 30;
    assert.equal(found.day, isLate ? '2027-01-01' : '2026-12-31', String(minute));
    assert.ok(countFree(upcoming(found.slots, now)) > 0);
    assert.equal(asked.length, isLate ? 2 : 1, 'no more days are asked for than it takes');
  }
});

test('days that are full are passed over; if all are, it is the first', async () => {
  const days = ['2026-11-21', '2026-11-22', '2026-11-23'];
  const free = (last) => firstFreeDay(days, async (day) => dayOf(day, () => day === last), () => 0);
  assert.equal((await free('2026-11-23')).day, '2026-11-23');
  assert.equal((await free('none')).day, '2026-11-21');
  await assert.rejects(firstFreeDay(days, async () => { throw new Error('no answer'); }, () => 0), /no answer/);
});
