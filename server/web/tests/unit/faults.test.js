// What went wrong, in words; and pictures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, faultKey } from '../../site/assets/lib/faults.js';
import { hash, ownPicture, scene } from '../../site/assets/lib/pictures.js';

const key = (facts) => faultKey(new Fault(facts));

test('a word of the answer counts more than its status', () => {
  assert.equal(key({ status: 409, word: 'busy', reason: 'r' }), 'fault.busy');
  assert.equal(key({ status: 404 }), 'fault.not_exist');
  assert.equal(key({ status: 503, word: 'try_again', reason: 'r' }), 'fault.try_again');
});

test('nobody answered, or not in time', () => {
  assert.equal(key({ status: 0, word: 'offline' }), 'fault.offline');
  assert.equal(key({ status: 0, word: 'timeout' }), 'fault.timeout');
  assert.ok(new Fault({ status: 0 }).isTemporary);
  assert.ok(!new Fault({ status: 400 }).isTemporary);
});

test('what only the server can explain is left to its reason', () => {
  assert.equal(key({ status: 400, word: 'bad_request', reason: 'that time is past' }), null);
  assert.equal(key({ status: 400 }), 'fault.refused');
  assert.equal(key({ status: 500 }), 'fault.server');
  assert.equal(faultKey(new TypeError('x')), 'fault.bug');
});

test('how long to wait is a number of seconds or not known', () => {
  const wait = (after) => new Fault({ status: 429, body: { retry_after: after } }).retryAfter;
  assert.equal(wait(12.2), 13);
  assert.equal(wait('30'), 30);
  assert.equal(wait(undefined), null);
  assert.equal(wait(-1), null);
  assert.equal(wait('soon'), null);
});

test('only pictures of this site are shown', () => {
  const site = 'https://tree.example:8443';
  assert.equal(ownPicture('/pictures/a.png', site), '/pictures/a.png');
  assert.equal(ownPicture('pictures/a.png?v=2', site), '/pictures/a.png?v=2');
  assert.equal(ownPicture(`${site}/a.png`, site), '/a.png');
  for (const other of ['https://elsewhere.example/a.png', '//elsewhere.example/a.png', 'data:image/png,x',
    'javascript:alert(1)', '', null, undefined, 'https://']) {
    assert.equal(ownPicture(other, site), null, String(other));
  }
});

test('a name always has the same scene, another name another one', () => {
  assert.deepEqual(scene('chess'), scene('chess'));
  assert.notDeepEqual(scene('chess'), scene('chest'));
  assert.equal(hash(''), 0x811c9dc5);
  assert.doesNotMatch(JSON.stringify(scene('шахматы')), /NaN|undefined/);
});
