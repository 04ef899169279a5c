// The ways of picture, sound and hands through networks that let less through than this computer's own: TCP, and TURN.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone } from '../alone.js';
import { cuttable } from '../cuttable.js';
import { freePort, lab, until } from '../lab.js';
import { Member, hears } from '../member.js';
import { network, pair, told } from '../network.js';
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
  const { at, peak } = await anna.loudness(880, 2.5);
  assert.ok(at > -60, `the beep has ${at} dB`);
  assert.ok(Math.abs(peak - 880) < 30, `the loudest is ${peak} Hz`);
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

/** A TURN server, and a session server that is told of it. */
const relayed = (keys, server, body) => lab(({ visitor }) => turnServer(keys, (turn) => (
  alone({ webrtc: { ice_servers: [server(turn.port)] } }, (world) => body({ ...world, visitor, turn })))), { sound: true });

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
