// What the page of a session knows, and how it comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delayOf } from '../../site/assets/session/lib/backoff.js';
import { MAX_NAME_LEN, cutName, readEntry } from '../../site/assets/session/lib/entry.js';
import { readQuality } from '../../site/assets/session/lib/quality.js';
import {
  EMPTY, MAX_CHAT, controlStep, drives, initials, mine, take,
} from '../../site/assets/session/lib/state.js';

const people = [
  { client: 1, name: 'Anna', owner: true, active: true, colour: '#d1495b' },
  { client: 2, name: 'Boris', active: true, colour: 'url(x)' },
  { client: 3, name: 'Vera', watching: true },
];
const inside = (me, control) => take(EMPTY, {
  msg: 'SESSION_CONNECTION_ESTABLISHED', client: me, clients: people, ends_at: 100, watch: 'w', control,
}, 0);

test('who comes in knows who is there; a colour that is none is grey', () => {
  const state = inside(1, { driver: 1, queue: [], locked: false });
  assert.equal(mine(state).name, 'Anna');
  assert.ok(mine(state).isOwner);
  assert.equal(state.people[1].colour, '#7d8a83');
  assert.equal(state.people[2].isActive, false);
  assert.ok(drives(state));
  const later = take(state, { msg: 'SESSION_CONNECTION_ESTABLISHED', client: 1, clients: people.slice(0, 1) }, 0);
  assert.equal(later.people.length, 1);
  assert.equal(later.endsAt, 100, 'what is not told again stays');
  assert.equal(later.watchToken, 'w');
});

test('what may be done about control', () => {
  assert.equal(controlStep(EMPTY), 'watch');
  assert.equal(controlStep(inside(1, { driver: 1, queue: [] })), 'drive');
  assert.equal(controlStep(inside(2, { driver: 1, queue: [] })), 'ask');
  assert.equal(controlStep(inside(2, { driver: 1, queue: [2] })), 'wait');
  assert.equal(controlStep(inside(2, { queue: [] })), 'take');
  assert.equal(controlStep(inside(2, { queue: [], locked: true })), 'ask');
  assert.equal(controlStep(inside(3, { queue: [] })), 'watch');
});

test('a request stays asked until it is answered, withdrawn, or control has gone', () => {
  let state = inside(1, { driver: 1, queue: [] });
  state = take(state, { msg: 'CONTROL', driver: 1, queue: [2], request: 2, seconds_left: 10 }, 500);
  assert.deepEqual(state.asked, { client: 2, until: 10_500 });
  state = take(state, { msg: 'CONTROL', driver: 1, queue: [2, 3], locked: false }, 700);
  assert.deepEqual(state.asked, { client: 2, until: 10_500 });
  assert.equal(take(state, { msg: 'CONTROL', driver: 1, queue: [3] }, 800).asked, null);
  assert.equal(take(state, { msg: 'CONTROL', driver: 2, queue: [3] }, 800).asked, null);
});

test('warnings count down and are taken back', () => {
  const idle = take(EMPTY, { msg: 'IDLE_WARNING', seconds_left: 30 }, 1000);
  assert.equal(idle.idleUntil, 31_000);
  assert.equal(take(idle, { msg: 'IDLE_WARNING', seconds_left: 0 }, 2000).idleUntil, null);
  const late = take(EMPTY, { msg: 'TIME_WARNING', seconds_left: 300, can_extend: true }, 0);
  assert.deepEqual([late.timeUntil, late.canExtend], [300_000, true]);
  const longer = take(late, { msg: 'SESSION_EXTENDED', code: '0420', ends_at: 999 }, 0);
  assert.deepEqual([longer.timeUntil, longer.endsAt], [null, 999]);
});

test('the chat is kept so far', () => {
  let state = EMPTY;
  for (let n = 0; n < MAX_CHAT + 5; n += 1) state = take(state, { msg: 'CHAT', client: 1, name: 'A', text: `${n}`, at: n }, 0);
  assert.equal(state.chat.length, MAX_CHAT);
  assert.equal(state.chat[0].text, '5');
  assert.equal(take(state, { msg: 'CHAT', text: '' }, 0), state);
});

test('anything else leaves the state as it is', () => {
  for (const odd of [null, undefined, 1, {}, { msg: 'constructor' }, { msg: 'WHATEVER' }]) assert.equal(take(EMPTY, odd, 0), EMPTY);
  const odd = take(EMPTY, { msg: 'SESSION_CONNECTION_ESTABLISHED', client: -1, clients: [{ client: 'x' }, {}], control: 7 }, 0);
  assert.deepEqual([odd.me, odd.people, odd.control.queue], [null, [], []]);
});

test('letters for a name', () => {
  assert.equal(initials('Anna Maria Petrova'), 'AM');
  assert.equal(initials('  иван '), 'И');
  assert.equal(initials(''), '');
});

test('an address says which session, as whom, and where from', () => {
  const token = 't'.repeat(20);
  assert.deepEqual(
    readEntry({ pathname: '/session/0420', hash: `#code=0420&token=${token}&site=https%3A%2F%2Fplay.example%2Fx` }),
    { code: '0420', token, watch: null, site: 'https\u003a//play.example' },
  );
  assert.deepEqual(
    readEntry({ pathname: '/session/0420', hash: '#token=short&site=javascript:alert(1)&watch=%00%00' }),
    { code: '0420', token: null, watch: null, site: null },
  );
  assert.equal(readEntry({ pathname: '/session/042', hash: '' }).code, null);
});

test('a name is cut to what the server takes, between characters', () => {
  assert.equal(cutName('  Anna   Maria '), 'Anna Maria');
  const long = cutName('ж'.repeat(MAX_NAME_LEN));
  assert.equal(new TextEncoder().encode(long).length, MAX_NAME_LEN);
  assert.equal(cutName('😀'.repeat(40)).length, 2 * (MAX_NAME_LEN / 4));
});

test('the first try comes at once, later ones with a bound', () => {
  assert.equal(delayOf(0, 1), 0);
  for (let tries = 0; tries < 50; tries += 1) {
    for (const chance of [0, 0.5, 1]) assert.ok(delayOf(tries, chance) <= 5000);
  }
  assert.ok(delayOf(49, 1) >= 3000);
});

test('figures are what happened since the last look', () => {
  const report = (at, frames, bytes, lost, packets) => new Map(Object.entries({
    v: {
      type: 'inbound-rtp', kind: 'video', timestamp: at, framesDecoded: frames, packetsLost: lost, packetsReceived: packets,
      totalDecodeTime: frames * 0.002, jitterBufferDelay: frames * 0.001, jitterBufferEmittedCount: frames, framesDropped: 1,
      frameWidth: 1280, frameHeight: 720, codecId: 'c',
    },
    c: { mimeType: 'video/H264' },
    t: { type: 'transport', selectedCandidatePairId: 'p' },
    p: { type: 'candidate-pair', bytesReceived: bytes, currentRoundTripTime: 0.004, localCandidateId: 'l' },
    l: { candidateType: 'host', protocol: 'udp' },
  }));
  const first = readQuality(report(1000, 100, 1000, 0, 100), null);
  assert.equal(first.figures, null);
  const { figures } = readQuality(report(3000, 220, 251_000, 10, 190), first.now);
  assert.equal(figures.fps, 60);
  assert.equal(figures.bps, 1_000_000);
  assert.equal(figures.lostShare, 0.1);
  assert.ok(Math.abs(figures.decodeMs - 2) < 1e-9);
  assert.ok(Math.abs(figures.bufferMs - 1) < 1e-9);
  assert.deepEqual([figures.codec, figures.way, figures.rttMs], ['H264', 'host/udp', 4]);
  assert.equal(readQuality(report(4000, 3, 10, 0, 1), first.now).figures, null, 'a new connection counts anew');
});
