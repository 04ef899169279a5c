// A channel of the forest in a browser, without anything installed: from the server's own site, and from a peer.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { PATIENCE_MS, lab, until } from '../lab.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SERVER = process.env.TREECAST_SERVER ?? join(ROOT, 'target/debug/server');
const PEER = process.env.TREECAST_PEER ?? join(dirname(SERVER), 'peer');

/** What the running server says about its broadcast. */
const status = async (world) => {
  const folder = join(world.server.folder, 'broadcast');
  const { stdout } = await promisify(execFile)(SERVER, ['status', '--data-dir', folder, '--json']);
  return JSON.parse(stdout);
};

/** The browser's own figures of what comes. */
const figures = (page) => page.evaluate(async () => {
  const found = { frames: 0, width: 0, freezes: 0, energy: 0, lost: 0 };
  for (const report of (await window.connection?.getStats())?.values() ?? []) {
    if (report.type !== 'inbound-rtp') continue;
    found.lost += report.packetsLost;
    if (report.kind === 'video') {
      found.frames = report.framesDecoded ?? 0;
      found.width = report.frameWidth ?? 0;
      found.freezes = report.freezeCount ?? 0;
    } else {
      found.energy = report.totalAudioEnergy ?? 0;
    }
  }
  return found;
});

/** Waits until the picture moves and is heard, and looks at whether it goes on without stops. */
const plays = async (visitor, width) => {
  const { page } = visitor;
  await until('the first picture', async () => (await figures(page)).frames > 0);
  await page.getByRole('button', { name: 'Sound' }).click();
  const before = await figures(page);
  assert.equal(before.width, width);
  await until('the sound', async () => (await figures(page)).energy > 0);
  // Three chunks and their boundaries.
  await until('6 s of picture', async () => (await figures(page)).frames > before.frames + 6 * 20, 30_000);
  // What is decoded is shown, and it is not one colour.
  const colours = await page.evaluate(() => {
    const picture = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 36];
    const pen = canvas.getContext('2d');
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) seen.add(`${data[at] >> 5},${data[at + 1] >> 5},${data[at + 2] >> 5}`);
    return seen.size;
  });
  assert.ok(colours > 4, `${colours} colours`);
};

test('the sample channel plays on the site, and nothing runs once nobody watches', async () => {
  await lab(async (world) => {
    const visitor = await world.visitor();
    await visitor.open('/watch/0');
    const { browsers } = await status(world);
    assert.deepEqual(browsers.channels.map(({ channel }) => channel), [0, 1, 2, 3, 4]);
    const width = await until('the size', async () => (await figures(visitor.page)).width);
    await plays(visitor, width);
    await visitor.picture('channel');

    // A second viewer shares the stage, and both go on.
    const other = await world.visitor({ name: 'phone', viewport: { width: 390, height: 844 }, hasTouch: true });
    await other.open('/watch/0');
    await plays(other, width);
    await other.picture('channel');
    const viewers = async () => (await status(world)).browsers.channels[0].viewers.length;
    await until('two viewers', async () => (await viewers()) === 2);
    await other.page.close();
    await until('one viewer', async () => (await viewers()) === 1);

    await visitor.page.goto('about:blank');
    await until('nobody', async () => (await viewers()) === 0);
    const facts = async () => {
      const { browsers, channels } = await status(world);
      return { shown: browsers.channels[0].chunks_shown, onAir: channels[0].last_published_seq };
    };
    // One that was begun for the last viewer may still come to its end.
    let before = await facts();
    await until('two chunks are on air, and none is taken apart for nobody', async () => {
      const now = await facts();
      if (now.shown !== before.shown) before = now;
      return now.onAir >= before.onAir + 2;
    });
  });
});

/** Milliseconds from the painting of the picture on show to now, by the clock that the application paints; null: not read. */
const age = (page) => page.evaluate(() => {
  const picture = document.querySelector('video');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [1280, 20];
  const pen = canvas.getContext('2d');
  pen.drawImage(picture, 0, 0, 1280, 20, 0, 0, 1280, 20);
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) & 0xffffffffffffn;
  const { data } = pen.getImageData(0, 10, 1280, 1);
  let bits = 0n;
  for (let cell = 0; cell < 64; cell += 1) bits = (bits << 1n) | (data[(cell * 20 + 10) * 4] > 127 ? 1n : 0n);
  const value = bits >> 16n;
  const word = (at) => (value >> at) & 0xffffn;
  const check = (0x5eedn + word(0n) * 3n + word(16n) * 5n + word(32n) * 7n) & 0xffffn;
  return check === (bits & 0xffffn) ? Number(now - value) / 1000 : null;
});

/** Switches a session's broadcast as its owner, and gives what is told. */
const switchOn = (page, session) => page.evaluate(({ ip, port, code, token }) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`wss://${ip}:${port}/`);
  // Kept, so that the session has its owner.
  window.owner = socket;
  const say = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => say({ verb: 'CONNECT_TO_SESSION', code, token, name: 'Ann', id: 'in' });
  socket.onerror = () => reject(new Error('no connection to the session'));
  socket.onmessage = ({ data }) => {
    const said = JSON.parse(data);
    if (said.id === 'in') say({ verb: 'BROADCAST', on: true, id: 'on' });
    if (said.id === 'on') resolve(said);
  };
}), session);

/** A peer that shows a channel to browsers; gives its address and how to end it. */
const bridge = async (invite, folder) => {
  const peer = spawn(PEER, [
    invite.replace(/\/\/[^/]*:/, '//127.0.0.1:'), '--headless', '--listen', '127.0.0.1:0', '--bridge', '127.0.0.1:0', '--spool', join(folder, 'spool'),
  ], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => { peer.once('exit', resolve); });
  let said = '';
  peer.stdout.on('data', (text) => { said += text; });
  const end = async () => {
    peer.kill('SIGTERM');
    const clock = setTimeout(() => peer.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(clock);
  };
  try {
    const address = await until('the page of the peer', () => /browsers addr=(\S+)\s/.exec(said)?.[1]);
    await until('a chunk of the channel', () => /^stored /m.test(said));
    return { address, end };
  } catch (why) {
    await end();
    throw why;
  }
};

/** Twenty ages of the picture, sorted, as soon as the youngest of them is less than `most`. */
const ages = async (page, most) => {
  const read = [];
  await until(`a clock that is read twenty times, and is less than ${most} ms old`, async () => {
    const now = await age(page);
    if (now !== null) read.push(Math.round(now));
    return read.length >= 20 && Math.min(...read.slice(-20)) < most;
  });
  return read.slice(-20).sort((one, other) => one - other);
};

test('a session on air is seen on its channel, and later through a peer', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'treecast-bridge-'));
  let peer;
  try {
    await lab(async (world) => {
      const session = await world.server.begin();
      const owner = await world.visitor({ name: 'owner' });
      const onAir = await switchOn(owner.page, session);
      assert.deepEqual([onAir.msg, onAir.on, onAir.channel], ['BROADCAST', true, 1], JSON.stringify(onAir));
      await until('the channel is on air', async () => (await status(world)).channels[1].last_published_seq !== null);

      const visitor = await world.visitor();
      await visitor.open('/watch/1');
      await plays(visitor, 1280);
      // It does not wait for a chunk of two seconds.
      const here = await ages(visitor.page, 2_000);
      process.stdout.write(`# session to browser over its channel: ${here[10]} ms (${here[0]} to ${here[19]})\n`);
      await visitor.picture('channel-session');
      await until('one viewer', async () => (await status(world)).browsers.channels[1].viewers.length === 1);
      await visitor.page.goto('about:blank');

      peer = await bridge(onAir.invite, folder);
      const far = await world.visitor({ name: 'far' });
      await far.page.goto(`http://${peer.address}/`);
      await plays(far, 1280);
      const there = await ages(far.page, 10_000);
      process.stdout.write(`# session to browser over its channel and a peer: ${there[10]} ms (${there[0]} to ${there[19]})\n`);
      // Pages that the site did not give.
      owner.foreign = [];
      far.foreign = far.foreign.filter((url) => !url.startsWith(`http://${peer.address}/`));
    });
  } finally {
    await peer?.end();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a silent channel and one that is not there say so', async () => {
  await lab(async (world) => {
    const visitor = await world.visitor();
    await visitor.open('/watch/1');
    await visitor.sees(visitor.page.getByText('channel 1 is silent at the moment'));
    await visitor.open('/watch/77');
    await visitor.sees(visitor.page.getByText('there is no channel 77 here'));
  });
});

test('a peer shows the channel to browsers from what it stores', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'treecast-bridge-'));
  let peer;
  try {
    await lab(async (world) => {
      const invite = await until('the invite', async () => (await status(world)).channels[0].invite);
      peer = await bridge(invite, folder);
      const visitor = await world.visitor();
      await visitor.page.goto(`http://${peer.address}/`);
      const width = await until('the size', async () => (await figures(visitor.page)).width);
      await plays(visitor, width);
      // It is the peer's own page: what it loads is not the site's.
      visitor.foreign = visitor.foreign.filter((url) => !url.startsWith(`http://${peer.address}/`));

      const answer = await fetch(`http://${peer.address}/whep/session/1234`, { method: 'POST' });
      assert.equal(answer.status, 404);
      assert.match(await answer.text(), /the site/);
    });
  } finally {
    await peer?.end();
    await rm(folder, { recursive: true, force: true });
  }
});
