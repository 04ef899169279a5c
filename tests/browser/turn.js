// A TURN and STUN server of a test: a real coturn with a configuration of its own, no service of the system's.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS, freePort, until } from './lab.js';

const PROGRAM = ['/usr/bin/turnserver', '/usr/local/bin/turnserver'].find((path) => existsSync(path));

const answers = (port) => new Promise((resolve) => {
  const probe = createConnection({ port, host: '127.0.0.1' });
  probe.once('connect', () => { probe.destroy(); resolve(true); });
  probe.once('error', () => resolve(false));
});

/**
 * Runs a body with a TURN server; `keys` are lines of its configuration that say who is let in. The body gets `port`,
 * `kill()` and `start()`, which has the same port again.
 */
export const turnServer = async (keys, body) => {
  assert.ok(PROGRAM, 'turnserver is not installed; tools/setup.sh --test installs it');
  const folder = await mkdtemp(join(tmpdir(), 'treecast-turn-'));
  const port = await freePort();
  const config = join(folder, 'turnserver.conf');
  await writeFile(config, [
    'listening-ip=127.0.0.1', `listening-port=${port}`, 'relay-ip=127.0.0.1', 'realm=treecast.test', 'fingerprint',
    'no-tls', 'no-dtls', 'no-cli', 'allow-loopback-peers', 'simple-log', 'log-file=stdout',
    `pidfile=${join(folder, 'turn.pid')}`, `userdb=${join(folder, 'turn.db')}`, ...keys, '',
  ].join('\n'));
  let child = null;
  let gone = null;
  let said = '';
  const start = async () => {
    child = spawn(PROGRAM, ['-c', config], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const running = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said = (said + text).slice(-20_000); });
    gone = new Promise((resolve) => {
      child.once('error', (error) => { said += String(error); resolve(); });
      child.once('exit', resolve);
    });
    await until('the TURN server listens', () => {
      assert.equal(running.exitCode, null, `turnserver ended:\n${said}`);
      return answers(port);
    });
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  try {
    await start();
    await body({ port, start, kill });
  } catch (error) {
    process.stderr.write(`${said}\n`);
    throw error;
  } finally {
    child?.kill('SIGTERM');
    const clock = setTimeout(() => child?.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(clock);
    await rm(folder, { recursive: true, force: true });
  }
};

/** Somebody who is let in with a lasting password. */
export const ANN = { keys: ['lt-cred-mech', 'user=ann:secret'], username: 'ann', credential: 'secret' };
