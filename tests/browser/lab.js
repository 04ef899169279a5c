// The world of a test: a real `server run` on a free port with its own data directory, and a real Chromium that has
// never been anywhere. Nothing is played by a stand-in.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, mkdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SERVER = process.env.TREECAST_SERVER ?? join(ROOT, 'target/debug/server');
const CHROMIUM = process.env.TREECAST_CHROMIUM ?? '/usr/bin/chromium';
/** Where pictures of the views go, if anybody wants them. */
const PICTURES = process.env.TREECAST_PICTURES;

/** How long anything may take that takes milliseconds when nothing is wrong, on a machine that builds meanwhile. */
export const PATIENCE_MS = 60_000;

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Sound without a gesture, for those who measure it. */
const SOUND_FLAG = '--autoplay-policy=no-user-gesture-required';

/** Waits for a condition that is asked again and again; the deadline is an error that says what was waited for. */
export const until = async (what, condition, patience = PATIENCE_MS) => {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) assert.fail(`not within ${patience} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
};

/** Where free ports are looked for: below those that the system gives to whoever asks for any, so that nobody gets one of
 * them between the look and the use. */
const FIRST_PORT = 10_000;
/** As Linux has it unless somebody changes it. */
const USUAL_FIRST_OF_SYSTEM = 32_768;
/** More tries than a machine has programs that listen there. */
const PORT_TRIES = 100;

const given = new Set();

/** Whether a port is free, for TCP and for UDP. */
const isFree = async (port) => {
  const tcp = await new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '0.0.0.0', () => probe.close(() => resolve(true)));
  });
  if (!tcp) return false;
  return new Promise((resolve) => {
    const probe = createSocket('udp4');
    probe.once('error', () => probe.close(() => resolve(false)));
    probe.bind({ port, address: '0.0.0.0', exclusive: true }, () => probe.close(() => resolve(true)));
  });
};

/** A port that nobody has and nobody else is given. */
export const freePort = async () => {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const first = Number.parseInt(range, 10) || USUAL_FIRST_OF_SYSTEM;
  // A machine that gives away all of them leaves no better place.
  const end = first > FIRST_PORT + PORT_TRIES ? first : USUAL_FIRST_OF_SYSTEM;
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = randomInt(FIRST_PORT, end);
    if (!given.has(port) && await isFree(port)) {
      given.add(port);
      return port;
    }
  }
  return assert.fail('no port is free');
};

/** The program, as an operator starts it. */
class Server {
  constructor(folder, port, options) {
    this.folder = folder;
    this.port = port;
    this.options = options;
    this.url = `https://127.0.0.1:${port}`;
    this.child = null;
    /** What the applications of its sessions said. */
    this.logs = join(folder, 'session', 'logs');
  }

  /** Starts it and waits until it answers. */
  async start() {
    const where = ['--data-dir', this.folder, '--site', `127.0.0.1:${this.port}`];
    const child = spawn(SERVER, ['run', ...where, ...this.options], {
      cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RUST_LOG: 'info' },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said = (said + text).slice(-20_000); });
    this.child = child;
    this.gone = new Promise((resolve) => {
      child.once('error', (error) => { said += String(error); resolve(); });
      child.once('exit', resolve);
    });
    let isGone = false;
    this.gone.then(() => { isGone = true; });
    await until('the server answers', async () => {
      assert.ok(!isGone, `the server ended:\n${said}`);
      try {
        return (await this.ask('GET', '/api/applications')).status === 200;
      } catch {
        return false;
      }
    });
  }

  /** Ends it as an operator does. */
  async stop() {
    if (this.child === null) return;
    this.child.kill('SIGTERM');
    const clock = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MS);
    await this.gone;
    clearTimeout(clock);
    this.child = null;
  }

  /** Asks the HTTP API as a script does. */
  ask(method, path, body, token) {
    return new Promise((resolve, reject) => {
      const headers = token ? { authorization: `Bearer ${token}` } : {};
      if (body !== undefined) headers['content-type'] = 'application/json';
      const asked = request(`${this.url}${path}`, {
        method, headers, rejectUnauthorized: false, agent: false,
      }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part) => { text += part; });
        answer.on('end', () => {
          let json = null;
          try {
            json = JSON.parse(text);
          } catch {
            // A calendar entry, a page, nothing.
          }
          resolve({ status: answer.statusCode, headers: answer.headers, text, json });
        });
      });
      asked.on('error', reject);
      asked.setTimeout(PATIENCE_MS, () => asked.destroy(new Error('no answer in time')));
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The operator's token, from the file that the operator reads it from. */
  async token() {
    return (await readFile(join(this.folder, 'operator-token'), 'utf8')).trim();
  }

  /** The application that can be started, once its session server is there. */
  application() {
    return until('an application is free', async () => {
      const { json } = await this.ask('GET', '/api/applications');
      return json.find((application) => application.free_now);
    });
  }

  /** Books a time that begins `minutes` after the minute that runs. */
  async book(minutes, length = 30) {
    const { name } = await this.application();
    const at = new Date(Math.floor(Date.now() / 60_000) * 60_000 + minutes * 60_000).toISOString();
    const answer = await this.ask('POST', '/api/bookings', {
      application: name, date: at.slice(0, 10), time: at.slice(11, 16), tz: 'UTC', minutes: length,
    });
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  }

  /** Starts a session. */
  async begin() {
    const { name } = await this.application();
    const answer = await this.ask('POST', '/api/sessions', { application: name });
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  }
}

/** A person with a browser. */
class Visitor {
  constructor(lab, context, page, name) {
    this.lab = lab;
    this.context = context;
    this.page = page;
    this.name = name;
    this.mistakes = [];
    this.foreign = [];
    this.unanswered = [];
    page.on('pageerror', (error) => this.mistakes.push(error.stack ?? String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) this.mistakes.push(message.text());
    });
    page.on('requestfailed', (asked) => this.unanswered.push(`${asked.url()}: ${asked.failure()?.errorText}`));
    page.on('request', (asked) => {
      const { origin, protocol } = new URL(asked.url());
      // A session's page lives on its session server, and asks only that one.
      const isOwn = origin === lab.server.url || origin === new URL(page.url()).origin || ['data:', 'blob:'].includes(protocol);
      if (!isOwn && !asked.isNavigationRequest()) this.foreign.push(asked.url());
    });
  }

  /** Opens an address of the site: "#/join", "/operator". */
  async open(address) {
    const url = address.startsWith('#') ? `${this.lab.server.url}/${address}` : `${this.lab.server.url}${address}`;
    await this.page.goto(url);
  }

  /** The heading of the view that is shown. */
  heading(name) {
    return this.page.getByRole('heading', { level: 1, name });
  }

  /** Waits for something to be seen. */
  async sees(locator) {
    await locator.waitFor({ state: 'visible', timeout: PATIENCE_MS });
    return locator;
  }

  /** The code that the page shows. */
  async code() {
    const shown = this.page.locator('[data-code]');
    await this.sees(shown);
    return shown.getAttribute('data-code');
  }

  /** What there is to say about it when a test fails. */
  async report() {
    const shown = await this.page.locator('body').innerText({ timeout: 1000 }).catch(() => '(nothing)');
    return [`${this.name} is at ${this.page.url()} and sees:`, shown, ...this.mistakes, ...this.unanswered].join('\n');
  }

  /** Takes a picture, if pictures are wanted. */
  async picture(view) {
    if (!PICTURES) return;
    await mkdir(PICTURES, { recursive: true });
    await this.page.screenshot({ path: join(PICTURES, `${view}-${this.name}.png`), fullPage: this.name.includes('phone') });
  }
}

/**
 * Runs a test's body in a world of its own, which is taken down whatever happens; afterwards no page may have made a
 * mistake or asked another host for anything.
 */
export const lab = async (body, { sound = false, options: more = [] } = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'treecast-browser-'));
  const world = { server: new Server(folder, await freePort(), more), browser: null, visitors: [] };
  world.visitor = async ({ name = 'desktop', ...options } = {}) => {
    const context = await world.browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      timezoneId: 'Europe/Moscow',
      ignoreHTTPSErrors: true,
      permissions: ['clipboard-read', 'clipboard-write'],
      ...options,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const visitor = new Visitor(world, context, await context.newPage(), name);
    world.visitors.push(visitor);
    return visitor;
  };
  try {
    await world.server.start();
    world.browser = await chromium.launch({
      executablePath: CHROMIUM, args: sound ? [...CHROMIUM_FLAGS, SOUND_FLAG] : CHROMIUM_FLAGS, timeout: PATIENCE_MS,
    });
    await body(world);
    for (const visitor of world.visitors) {
      assert.deepEqual(visitor.mistakes, [], 'a page made a mistake');
      assert.deepEqual(visitor.foreign, [], 'a page asked another host');
    }
  } catch (error) {
    for (const visitor of world.visitors) process.stderr.write(`${await visitor.report()}\n`);
    throw error;
  } finally {
    await world.browser?.close();
    await world.server.stop();
    await rm(folder, { recursive: true, force: true });
  }
};
