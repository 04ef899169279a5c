// Addresses of the views.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODE, digitsOf, parse, to } from '../../site/assets/lib/routes.js';

test('every address that is written is read as what it was', () => {
  for (const name of ['chess', 'старый город', 'a/b?c#d%', '..']) {
    const { view, name: read } = parse(to.application(name));
    assert.deepEqual([view, read], ['application', name]);
    const plan = parse(to.plan(name, { date: '2026-11-25', tz: 'Europe/Moscow', time: '02:30+01:00', minutes: 60 }));
    assert.equal(plan.view, 'plan');
    assert.equal(plan.name, name);
    assert.deepEqual(plan.query, { date: '2026-11-25', tz: 'Europe/Moscow', time: '02:30+01:00', minutes: '60' });
  }
  assert.equal(parse(to.home()).view, 'home');
  for (const view of ['join', 'booking', 'session']) {
    assert.deepEqual(parse(to[view]('0042')), { view, code: '0042', query: {} });
  }
  assert.equal(parse(to.join()).view, 'join');
});

test('nothing, and what is not chosen yet', () => {
  assert.equal(parse('').view, 'home');
  assert.equal(parse('#').view, 'home');
  assert.equal(to.plan('chess', { date: '2026-11-25', time: '' }), '#/application/chess/plan?date=2026-11-25');
});

test('an address that leads nowhere is said to', () => {
  const lost = ['#/nowhere', '#/booking', '#/booking/12', '#/session/12345', '#/application', '#/application/a/b',
    '#/booking/12a4', '#/join/1234/more'];
  for (const hash of lost) assert.equal(parse(hash).view, 'lost', hash);
  assert.equal(parse('#/application/%E0%A4%A').name, '%E0%A4%A');
});

test('a code is its four digits, however it was pasted', () => {
  assert.equal(digitsOf(' 12 34 '), '1234');
  assert.equal(digitsOf('12345'), '1234');
  assert.equal(digitsOf('no'), '');
  assert.ok(CODE.test('0000'));
  assert.ok(!CODE.test('123'));
  assert.ok(!CODE.test('１２３４'));
});
