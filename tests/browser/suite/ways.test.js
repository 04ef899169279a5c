// The ways of picture, sound and hands through networks that let less through than this computer's own: TCP, and TURN.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { alone } from '../alone.js';
import { cuttable } from '../cuttable.js';
import { freePort, lab, until } from '../lab.js';
import { Member, hears } from '../member.js';
import { nat } from '../nat.js';
import { iceServers, network, pair, told } from '../network.js';
import { ANN, turnServer } from '../turn.js';

/** Somebody in a session of their own, on a network that is made for them. */
const enters = async (visitor, start, what) => {
  const anna = new Member(visitor);
  const session = await start(anna.page, 3600);
  await network(visitor, what);
  await anna.enter(session.url, { code: session.code, token: session.token });
  await anna.picture('Anna sees the clock');
  await anna.drives();
  return anna;
};

/** The picture goes on, the beep is heard, and a letter arrives; gives how many lines the application said. */
const works = async (anna, logs, letter, from = 0) => {
  const before = (await anna.picture('the clock')).painted;
  await anna.picture('the clock goes on', ({ painted }) => painted > before);
  await anna.hearsTone(880);
  await anna.click(0.5, 0.5);
  await anna.page.keyboard.type(letter);
  return hears(logs, [/^button 1 down (639|640|641) (359|360|361)$/, `text ${letter}`], from);
};

test('a network without UDP: the session comes over TCP, and back when that breaks', async (t) => {
  const tcp = await freePort();
  const way = await cuttable(tcp);
  try {
    await lab(({ visitor }) => alone({ webrtc: { tcp_port: tcp } }, async ({ start, logs }) => {
      // The way's port instead of the server's, in the candidate of TCP.
      const theirChange = [` ${tcp} typ host`, ` ${way.port} typ host`];
      const person = await visitor({ name: 'anna' });
      const anna = await enters(person, start, { ours: ' tcp ', theirs: ' tcp ', theirChange });
      const used = await pair(anna.page);
      assert.deepEqual([used.local.protocol, used.remote.protocol], ['tcp', 'tcp']);
      assert.equal(used.remote.port, way.port);
      assert.ok((await told(anna.page)).some((line) => / udp .* typ host$/.test(line)), 'it is told of UDP too');
      const heard = await works(anna, logs, 't');

      const cut = Date.now();
      way.cut();
      await until('another connection', () => way.open() > 0);
      await until('the picture goes on', async () => {
        const before = await anna.marks();
        await new Promise((later) => { setTimeout(later, 300); });
        const after = await anna.marks();
        return before && after && after.painted > before.painted;
      });
      t.diagnostic(`back ${Date.now() - cut} ms after the cut`);
      assert.equal((await pair(anna.page)).remote.protocol, 'tcp');
      await anna.drives();
      await works(anna, logs, 'u', heard);
    }), { sound: true });
  } finally {
    way.close();
  }
});

/** The ports of the candidates of one kind that the page was told. */
const ports = async (page, kind) => {
  const lines = (await told(page)).filter((line) => line.includes(` typ ${kind}`));
  return [...new Set(lines.map((line) => Number(line.split(' ')[5])))];
};

/** A TURN server, and a session server that is told of it. */
const relayed = (keys, server, body, ip = '127.0.0.1') => lab(({ visitor }) => turnServer(keys, (turn) => (
  alone({ ip, webrtc: { ice_servers: [server(turn.port)] } }, (world) => body({ ...world, visitor, turn })))), { sound: true });

for (const [transport, comes] of [['udp', 'over UDP'], ['tcp', 'over TCP']]) {
  test(`a network that lets nothing through but a TURN server ${comes}`, () => relayed(ANN.keys, (port) => ({
    urls: `turn:127.0.0.1:${port}?transport=${transport}`, username: ANN.username, credential: ANN.credential,
  }), async ({ start, logs, visitor }) => {
    const anna = await enters(await visitor({ name: 'anna' }), start, { policy: 'relay', theirs: ' typ host' });
    const { local, remote } = await pair(anna.page);
    assert.deepEqual([local.candidateType, local.relayProtocol], ['relay', transport]);
    assert.notEqual(remote.candidateType, 'relay');
    await works(anna, logs, 'r');
  }));
}

test('a session server behind a NAT: a TURN server relays to it, also after it started anew', (t) => relayed(
  ANN.keys,
  (port) => ({ urls: `turn:127.0.0.1:${port}`, username: ANN.username, credential: ANN.credential }),
  async ({ start, logs, visitor, turn }) => {
    // The page says where it is, but not the port: nothing but what it sends itself to the relay leads anywhere.
    const what = {
      policy: 'relay', ours: ' typ relay ', ourChange: [' \\d+ typ relay', ' 9 typ relay'], theirs: ' typ relay ',
    };
    const anna = await enters(await visitor({ name: 'anna' }), start, what);
    const [first] = await ports(anna.page, 'relay');
    const used = await pair(anna.page);
    assert.deepEqual([used.remote.candidateType, used.remote.port], ['relay', first]);
    const heard = await works(anna, logs, 'n');

    await turn.kill();
    await turn.start();
    const killed = Date.now();
    await until('another relay', async () => (await ports(anna.page, 'relay')).some((port) => port !== first));
    await anna.drives();
    await works(anna, logs, 'm', heard);
    t.diagnostic(`works ${Date.now() - killed} ms after the TURN server was back, with the test of it`);
    assert.equal((await pair(anna.page)).remote.candidateType, 'relay');
  },
  // Another address than the TURN server's: what comes from there itself no relay lets through.
  '127.0.0.2',
));

test('behind a NAT that keeps its ports a STUN server is enough', () => lab(({ visitor }) => turnServer([], async (turn) => {
  const way = await nat(turn.port);
  try {
    await alone({ webrtc: { ice_servers: [{ urls: `stun:127.0.0.1:${way.port}` }] } }, async ({ start, logs }) => {
      const anna = await enters(await visitor({ name: 'anna' }), start, { ours: '^$', theirs: ' typ srflx ' });
      assert.deepEqual(await ports(anna.page, 'srflx'), [way.outer]);
      const { remote } = await pair(anna.page);
      assert.deepEqual([remote.candidateType, remote.port], ['srflx', way.outer]);
      await works(anna, logs, 's');
    });
  } finally {
    await way.close();
  }
}), { sound: true }));

test('a secret of the TURN server becomes passwords that end, for the page and for the bridge', () => relayed(
  ['use-auth-secret', 'static-auth-secret=north'],
  (port) => ({ urls: `turn:127.0.0.1:${port}`, secret: 'north' }),
  async ({ start, logs, visitor }) => {
    const anna = await enters(await visitor({ name: 'anna' }), start, { policy: 'relay' });
    const [server] = await iceServers(anna.page);
    assert.match(server.username, /^\d+:viewer$/);
    const hours = (Number(server.username.split(':')[0]) - Date.now() / 1000) / 3600;
    assert.ok(hours > 23 && hours <= 24, `good for ${hours} h`);
    assert.ok(!JSON.stringify(server).includes('north'), JSON.stringify(server));
    assert.equal((await pair(anna.page)).local.candidateType, 'relay');
    assert.equal((await ports(anna.page, 'relay')).length, 1, 'the bridge was let in too');
    await works(anna, logs, 'p');
  },
));

test('a wrong password or a server that is not there is one line, and sessions work without', () => lab(({ visitor }) => (
  turnServer(ANN.keys, async (turn) => {
    const wrong = { urls: [`turn:127.0.0.1:${turn.port}`, ''], username: 'ann', credential: 'wrong' };
    const silent = await freePort();
    const absent = { urls: `stun:127.0.0.1:${silent}` };
    await alone({ webrtc: { ice_servers: [wrong, absent, { urls: '' }] } }, async ({ start, logs, said }) => {
      const anna = await enters(await visitor({ name: 'anna' }), start, {});
      await works(anna, logs, 'd');
      const lines = (part) => said().split('\n').slice(0, -1).filter((line) => line.includes(part));
      await until('the TURN server is given up', () => lines(`turn:127.0.0.1:${turn.port}`).length > 0);
      await until('the STUN server is given up', () => lines(`stun:127.0.0.1:${silent}`).length > 0);
      assert.match(lines(`turn:127.0.0.1:${turn.port}`)[0], /it refuses the user name or the password; sessions go on without it/);
      assert.match(lines(`stun:127.0.0.1:${silent}`)[0], /it does not answer; sessions go on without it/);
      for (const server of [turn.port, silent]) assert.equal(lines(`127.0.0.1:${server}`).length, 1, said());
    });
  })), { sound: true }));

test('a channel in the browser comes over TCP, and over TURN', async () => {
  const tcp = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'treecast-ways-'));
  const list = join(folder, 'servers.json');
  try {
    await turnServer(['use-auth-secret', 'static-auth-secret=north'], async (turn) => {
      await writeFile(list, JSON.stringify([{ urls: `turn:127.0.0.1:${turn.port}`, secret: 'north' }]));
      await lab(async ({ visitor }) => {
        for (const [name, what, isRight] of [
          ['over-tcp', { ours: ' tcp ', theirs: ' tcp ' }, ({ remote }) => remote.protocol === 'tcp' && remote.port === tcp],
          ['over-turn', { policy: 'relay' }, ({ local }) => local.candidateType === 'relay'],
        ]) {
          const person = await visitor({ name });
          await network(person, what);
          await person.open('/watch/0');
          const used = await pair(person.page);
          assert.ok(isRight(used), JSON.stringify(used));
          await until('two seconds of pictures', () => person.page.evaluate(() => (
            document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 40)));
        }
      }, { options: ['--watch-tcp-port', String(tcp), '--ice-servers', list] });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
