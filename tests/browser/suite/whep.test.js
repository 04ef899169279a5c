// WHEP: a page of another site, a few lines long, watches a session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pages } from '../epic.js';
import { lab, until } from '../lab.js';
import { Member, READ_MARKS } from '../member.js';

const frames = (page) => page.evaluate(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0);

/** Opens a viewer of an address; the page is on another site, and asks no other than the session's. */
const watch = async (visitor, at, url) => {
  await visitor.page.addInitScript(READ_MARKS);
  await visitor.page.goto(at('viewer', { url }));
  const answered = await until('an answer', () => visitor.page.evaluate(() => window.answered));
  assert.deepEqual([...new Set(visitor.foreign.map((asked) => new URL(asked).origin))], [new URL(url).origin]);
  visitor.foreign.length = 0;
  return answered;
};

/** A request of the page, as a player makes it. */
const ask = async (visitor, method, url, headers = {}, body = undefined) => {
  const status = await visitor.page.evaluate(async ([how, where, fields, text]) => (
    (await fetch(where, { method: how, headers: fields, body: text })).status), [method, url, headers, body]);
  visitor.foreign.length = 0;
  return status;
};

test('a viewer of another site sees the session, drives nothing, and goes', () => pages((at) => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const { origin } = new URL(session.url);
  const viewer = await visitor({ name: 'viewer' });
  const answered = await watch(viewer, at, `${origin}/whep/session/${session.code}`);
  assert.equal(answered.status, 201);
  assert.equal(answered.headers['content-type'], 'application/sdp');
  assert.match(answered.location, new RegExp(`^${origin}/whep/session/${session.code}/[0-9a-f]{32}$`));
  const { etag } = answered.headers;
  assert.match(etag, /^"[0-9a-f]+"$/);

  await until('the clock is seen', () => viewer.page.evaluate(() => globalThis.readMarks(document.querySelector('video'))));
  const before = await frames(viewer.page);
  await until('the picture goes on', async () => await frames(viewer.page) > before + 30);
  await until('sound comes', () => viewer.page.evaluate(async () => {
    for (const report of (await window.connection.getStats()).values()) {
      if (report.type === 'inbound-rtp' && report.kind === 'audio' && report.packetsReceived > 50) return true;
    }
    return false;
  }));
  // It is nobody in the room.
  const anna = new Member(await visitor({ name: 'anna' }));
  await anna.enter(session.url, { code: session.code, token: session.token });
  assert.equal(await anna.page.locator('.person').count(), 1);

  const fragment = 'm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host\r\n';
  const trickle = { 'content-type': 'application/trickle-ice-sdpfrag' };
  assert.equal(await ask(viewer, 'PATCH', answered.location, trickle, fragment), 428);
  assert.equal(await ask(viewer, 'PATCH', answered.location, { ...trickle, 'if-match': '"x"' }, fragment), 412);
  assert.equal(await ask(viewer, 'PATCH', answered.location, { ...trickle, 'if-match': etag }, fragment), 204);
  const restart = `a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\n${fragment}`;
  assert.equal(await ask(viewer, 'PATCH', answered.location, { ...trickle, 'if-match': etag }, restart), 422);

  assert.equal(await ask(viewer, 'DELETE', answered.location), 200);
  await until('the connection ends', () => viewer.page.evaluate(() => ['disconnected', 'failed', 'closed']
    .includes(window.connection.connectionState)));
  assert.equal(await ask(viewer, 'DELETE', answered.location), 404);
})));

test('what cannot be watched is refused, and a viewer ends with its session', () => pages((at) => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const { origin } = new URL(session.url);
  const wrong = session.code === '0000' ? '0001' : '0000';
  const lost = await visitor({ name: 'lost' });
  assert.equal((await watch(lost, at, `${origin}/whep/session/${wrong}`)).status, 404);
  const sdp = { 'content-type': 'application/sdp' };
  const whep = `${origin}/whep/session/${session.code}`;
  assert.equal(await ask(lost, 'POST', whep, { 'content-type': 'application/json' }, '{}'), 415);
  assert.equal(await ask(lost, 'POST', whep, { ...sdp, accept: 'text/html' }, 'v=0'), 406);
  assert.equal(await ask(lost, 'POST', whep, sdp, 'v=0\r\n'), 422);
  assert.equal(await ask(lost, 'POST', whep, sdp, 'x'.repeat(70_000)), 413);
  assert.equal(await ask(lost, 'GET', whep), 405);

  const viewer = await visitor({ name: 'viewer' });
  const answered = await watch(viewer, at, whep);
  assert.equal(answered.status, 201);
  await until('the picture comes', async () => await frames(viewer.page) > 0);
  await server.ask('POST', `/api/operator/sessions/${session.code}/end`, undefined, await server.token());
  await until('the viewer ends with the session', () => viewer.page.evaluate(() => ['disconnected', 'failed', 'closed']
    .includes(window.connection.connectionState)));
  assert.equal(await ask(viewer, 'DELETE', answered.location), 404);
})));
