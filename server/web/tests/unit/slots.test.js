// The times of a day.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPart, countFree, extensions, findFree, timeLabel, upcoming } from '../../site/assets/lib/slots.js';

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
