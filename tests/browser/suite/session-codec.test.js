// A session whose application is set up for VP8: the same page shows it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone } from '../alone.js';
import { lab, until } from '../lab.js';
import { Member } from '../member.js';

/** In the page: keeps its connections, for their figures. */
const KEEP_CONNECTIONS = () => {
  const Own = globalThis.RTCPeerConnection;
  globalThis.connections = [];
  globalThis.RTCPeerConnection = class extends Own {
    constructor(...how) {
      super(...how);
      globalThis.connections.push(this);
    }
  };
};

/** What the browser says of the picture that comes; null: none yet. */
const coming = (page) => page.evaluate(async () => {
  const report = await globalThis.connections.at(-1)?.getStats();
  const video = [...report?.values() ?? []].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  return video ? { codec: report.get(video.codecId)?.mimeType, frames: video.framesDecoded } : null;
});

test('a session in VP8 shows its moving picture, and is driven', () => lab(({ visitor }) => (
  alone({ webrtc: { codecs: ['vp8'] } }, async ({ start }) => {
    const anna = new Member(await visitor({ name: 'anna' }));
    const { page } = anna;
    await page.addInitScript(KEEP_CONNECTIONS);
    const session = await start(page, 3600);
    await anna.enter(session.url, { token: session.token });
    await anna.picture('Anna sees the clock');
    const before = await until('figures of the picture', async () => {
      const now = await coming(page);
      return now?.codec && now;
    });
    assert.equal(before.codec, 'video/VP8');
    const seen = await anna.pictures(10);
    assert.ok(seen.every(({ painted }, at) => at === 0 || painted > seen[at - 1].painted), 'the clock goes on');
    await until('more pictures are decoded', async () => (await coming(page)).frames >= before.frames + 10);
    await anna.drives();
    await anna.click(0.25, 0.75);
    await anna.picture('the pointer is there', ({ x, y }) => Math.abs(x - 320) < 3 && Math.abs(y - 540) < 3);
    await anna.visitor.picture('session-vp8');
  }))));
