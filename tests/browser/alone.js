// A session server by itself, which the test orders as a coordinator does: for times that `server run` does not have.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS, SERVER, freePort, until } from './lab.js';

/**
 * Runs a body with a session server of these keys; `start(page, secondsLeft)` starts a session and gives its address,
 * `said()` is what it wrote.
 */
export const alone = async (keys, body) => {
  const folder = await mkdtemp(join(tmpdir(), 'treecast-alone-'));
  const { ip = '127.0.0.1' } = keys;
  const port = await freePort();
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify({
    name: 'alone', ip, port, data_dir: join(folder, 'data'), coordinators: ['127.0.0.1'], ...keys,
    applications: [{ name: 'Clock', command: SERVER, arguments: ['sample-application'] }],
  }));
  const child = spawn(SERVER, ['session', '--config', config], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said = (said + text).slice(-20_000); });
  const gone = new Promise((resolve) => { child.once('exit', resolve); });
  let isGone = false;
  gone.then(() => { isGone = true; });
  try {
    await until('the session server listens', () => {
      assert.ok(!isGone, `it ended:\n${said}`);
      return /^session https:.*\n/m.test(said);
    });
    const origin = `https://${ip}:${port}`;
    const start = async (page, secondsLeft) => {
      const code = '0420';
      const token = randomBytes(16).toString('hex');
      // A page of the same address may open its WebSocket.
      await page.goto(`${origin}/assets/icon.svg`);
      const answer = await page.evaluate((order) => new Promise((done, failed) => {
        const socket = new WebSocket(location.origin.replace('https', 'wss'));
        socket.onopen = () => socket.send(JSON.stringify(order));
        socket.onmessage = ({ data }) => done(JSON.parse(data));
        socket.onerror = () => failed(new Error('no connection'));
      }), {
        verb: 'START_SESSION', rc_name: 'Clock', code, token, ends_at: Math.floor(Date.now() / 1000) + secondsLeft,
      });
      assert.equal(answer.msg, 'SESSION_CONNECTION_DATA', JSON.stringify(answer));
      return { url: `${origin}/session/${code}`, code, token };
    };
    await body({ start, logs: join(folder, 'data', 'logs'), pid: child.pid, said: () => said });
  } catch (error) {
    process.stderr.write(`${said}\n`);
    throw error;
  } finally {
    child.kill('SIGTERM');
    const clock = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(clock);
    await rm(folder, { recursive: true, force: true });
  }
};
