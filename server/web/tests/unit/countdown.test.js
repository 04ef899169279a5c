// Time that is left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skewOf } from '../../site/assets/lib/clock.js';
import {
  SPOKEN_AT, daysLeft, figures, inWords, markPassed, minutesInWords, roughly, secondsLeft, share,
} from '../../site/assets/lib/countdown.js';

test('time left is whole seconds and never negative', () => {
  assert.equal(secondsLeft(100, 99.2), 1);
  assert.equal(secondsLeft(100, 100), 0);
  assert.equal(secondsLeft(100, 250), 0);
});

test('figures have hours only when there are some', () => {
  assert.equal(figures(0), '0:00');
  assert.equal(figures(65), '1:05');
  assert.equal(figures(3600), '1:00:00');
  assert.equal(figures(24 * 3600 + 59), '0:00:59');
  assert.equal(daysLeft(24 * 3600 + 59), 1);
});

test('it is said in the largest unit that fits', () => {
  assert.deepEqual(roughly(59), { unit: 'second', count: 59 });
  assert.deepEqual(roughly(61), { unit: 'minute', count: 1 });
  assert.deepEqual(roughly(7100), { unit: 'hour', count: 2 });
  assert.deepEqual(roughly(3 * 24 * 3600), { unit: 'day', count: 3 });
  assert.equal(inWords(300, 'en'), '5 minutes');
  assert.equal(inWords(120, 'ru'), '2 минуты');
  assert.equal(minutesInWords(90, 'en'), '1 hour 30 minutes');
  assert.equal(minutesInWords(60, 'ru'), '1 час');
  assert.equal(minutesInWords(45, 'en'), '45 minutes');
});

test('each mark is said once on the way down', () => {
  const said = [];
  for (let left = 4000; left > 0; left -= 1) {
    const mark = markPassed(left, left - 1);
    if (mark !== undefined) said.push(mark);
  }
  assert.deepEqual(said, SPOKEN_AT);
});

test('a page that slept over several marks says the last of them', () => {
  assert.equal(markPassed(4000, 50), 60);
  assert.equal(markPassed(50, 45), undefined);
});

test('the share that is over stays within its bounds', () => {
  assert.equal(share(100, 200, 150), 0.5);
  assert.equal(share(100, 200, 0), 0);
  assert.equal(share(100, 200, 900), 1);
  assert.equal(share(200, 200, 100), 1);
});

test('a clock that is wrong is put right by the server, a small difference is none', () => {
  const at = Date.parse('Sat, 21 Nov 2026 12:00:00 GMT') / 1000;
  assert.equal(skewOf('Sat, 21 Nov 2026 12:00:00 GMT', at - 3600), 3600);
  assert.equal(skewOf('Sat, 21 Nov 2026 12:00:00 GMT', at + 86400), -86400);
  assert.equal(skewOf('Sat, 21 Nov 2026 12:00:00 GMT', at + 1.4), 0);
  assert.equal(skewOf(null, at), 0);
  assert.equal(skewOf('soon', at), 0);
});
