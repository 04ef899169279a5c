// A real Chromium that a benchmark drives: each line on standard input is an order in JSON, each line on standard output its
// answer, { ok: ... } or { error: "..." }. It ends with standard input. Its argument, if there is one, is the file of a
// certificate that the browser trusts; others it accepts too, but then keeps nothing of what it loads. It must never know what is
// measured.

import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inside } from './inside.mjs';
import { watchMarks } from './marks.mjs';

const TESTS = new URL('../../../tests/browser/package.json', import.meta.url);
const CHROMIUM = process.env.TREECAST_CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];
const trusted = (file) => {
  const key = new X509Certificate(readFileSync(file)).publicKey.export({ type: 'spki', format: 'der' });
  return `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`;
};
/** How long anything may take that takes milliseconds when nothing is wrong. */
const PATIENCE_MS = 60_000;

const chromium = () => {
  try {
    return createRequire(TESTS)('playwright-core').chromium;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error(`playwright-core is missing: run \`npm ci\` in ${fileURLToPath(new URL('.', TESTS))}`);
  }
};

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
const some = (from, to) => from + Math.random() * (to - from);
const contexts = new Map();
const pages = new Map();
let browser = null;

// The inside of a large window, which shows a picture of 1280x720 larger than it is.
const LARGE = { width: 1600, height: 900 };

const contextOf = async (name, viewport) => {
  if (!contexts.has(name)) {
    const context = await browser.newContext({
      viewport, locale: 'en-GB', ignoreHTTPSErrors: true,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    // The first page of a context gets a window, for which the browser loads pages of its own (its address bar's list); a
    // person's new tab is in a window that is there.
    await context.newPage();
    contexts.set(name, context);
  }
  return contexts.get(name);
};

// How the page was let in, in its own clock, whose zero is the beginning of its navigation.
const entered = (page, frames) => page.waitForFunction((wanted) => globalThis.bench?.frames_ms.length >= wanted, frames, { polling: 25 })
  .then(() => page.evaluate(() => ({
    peer_ms: globalThis.bench.born_ms.at(-1), connected_ms: globalThis.bench.connected_ms.at(-1), frame_ms: globalThis.bench.frames_ms.at(-1),
  })));

// Where a point of the picture is in the page.
const place = (page, x, y) => page.evaluate(([sx, sy]) => {
  const box = document.querySelector('.surface').getBoundingClientRect();
  const { videoWidth, videoHeight } = document.querySelector('video');
  const scale = Math.min(box.width / videoWidth, box.height / videoHeight);
  const [width, height] = [videoWidth * scale, videoHeight * scale];
  return { x: box.left + (box.width - width) / 2 + sx * width, y: box.top + (box.height - height) / 2 + sy * height };
}, [x, y]);

const press = (page, name) => page.locator(`[data-do="${name}"]:visible`).first().click();

const ORDERS = {
  open: async ({ page: name, url, context = name, detour = null, viewport = LARGE }) => {
    const page = await (await contextOf(context, viewport)).newPage();
    pages.set(name, page);
    await page.addInitScript(`globalThis.watchMarks = ${watchMarks}; (${inside})(${JSON.stringify({ detour })});`);
    await page.goto(url);
    return entered(page, 1);
  },
  reload: async ({ page: name }) => {
    const page = pages.get(name);
    await page.reload();
    return entered(page, 1);
  },
  close: async ({ page: name }) => {
    await pages.get(name).close();
    pages.delete(name);
    return {};
  },
  resize: async ({ pages: names, viewport }) => {
    await Promise.all(names.map((page) => pages.get(page).setViewportSize(viewport)));
    return {};
  },
  watch: ({ page, ms }) => pages.get(page).evaluate((length) => globalThis.bench.watch(length), ms),
  count: ({ pages: names, ms }) => Promise.all(names.map((page) => pages.get(page).evaluate((length) => globalThis.bench.count(length), ms))),
  rates: ({ page, ms, every_ms }) => pages.get(page).evaluate(([length, every]) => globalThis.bench.rates(length, every), [ms, every_ms]),
  drives: async ({ page }) => {
    await pages.get(page).locator('.tools[data-step="drive"]').waitFor();
    return {};
  },
  press: async ({ page, key }) => {
    await pages.get(page).locator('.catcher').focus();
    await pages.get(page).keyboard.press(key);
    return {};
  },
  inputs: async ({ page: name, kind, times }) => {
    const page = pages.get(name);
    const middle = await place(page, 0.5, 0.5);
    await page.mouse.move(middle.x, middle.y);
    await page.locator('.catcher').focus();
    await page.evaluate(() => globalThis.bench.beginInputs());
    await sleep(500);
    const found = [];
    for (let at = 0; at < times; at += 1) {
      await sleep(some(150, 350));
      const event = { key: 'keydown', button: 'pointerdown', move: 'pointermove' }[kind];
      const answered = page.evaluate((one) => globalThis.bench.nextInput(one), event);
      await sleep(some(20, 60));
      if (kind === 'key') await page.keyboard.down('a');
      else if (kind === 'button') await page.mouse.down();
      else await page.mouse.move(middle.x + some(-200, 200), middle.y + some(-200, 200));
      found.push(await answered);
      if (kind === 'key') await page.keyboard.up('a');
      else if (kind === 'button') await page.mouse.up();
    }
    return found;
  },
  control: async ({ from, to, key }) => {
    const [giver, taker] = [pages.get(from), pages.get(to)];
    await giver.locator('.catcher').focus();
    await giver.keyboard.down(key);
    for (const page of [giver, taker]) await page.evaluate(() => globalThis.bench.beginControl());
    // Who owns the session does not ask.
    const owns = await taker.locator('[data-do="seize"]:visible').count() > 0;
    if (!owns) await press(taker, 'ask');
    const [clicker, button] = owns
      ? [taker, taker.locator('[data-do="seize"]:visible')] : [giver, giver.locator('[data-box="asked"] [data-do="give"]')];
    // A person's hand is at the button for a while before it presses.
    await button.hover();
    await sleep(some(500, 800));
    await button.click({ delay: 60 });
    await taker.locator('.tools[data-step="drive"]').waitFor();
    const clicked = await clicker.evaluate(() => globalThis.bench.clicked_ms);
    const drives = await taker.evaluate(() => globalThis.bench.drives_ms);
    await giver.keyboard.up(key);
    return { clicked_ms: clicked, drives_ms: drives, took_ms: drives - clicked };
  },
  pictureAfter: ({ page, moment_ms, patience_ms }) => pages.get(page).evaluate(
    ([moment, patience]) => globalThis.bench.pictureAfter(moment ?? Date.now(), patience), [moment_ms, patience_ms]),
  dropPeer: async ({ page: name }) => {
    // Closes the media as a browser does whose network changed; the page has to notice.
    const page = pages.get(name);
    return page.evaluate(async () => {
      const before = globalThis.bench.frames_ms.length;
      const at = performance.now();
      globalThis.bench.peers.at(-1).close();
      while (globalThis.bench.frames_ms.length === before && performance.now() - at < 30_000) {
        await new Promise((done) => { setTimeout(done, 4); });
      }
      return { peer_ms: globalThis.bench.born_ms.at(-1) - at, frame_ms: globalThis.bench.frames_ms.at(-1) - at };
    });
  },
  evaluate: ({ page, script }) => pages.get(page).evaluate(script),
};

// Who drives may be gone already; then there is nobody to tell.
process.stdout.on('error', () => {});
const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`);
try {
  const args = [...FLAGS, ...process.argv.slice(2, 3).map(trusted)];
  browser = await chromium().launch({ executablePath: CHROMIUM, args, timeout: PATIENCE_MS });
  say({ ok: { version: browser.version() } });
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      say({ ok: await ORDERS[order.do](order) });
    } catch (error) {
      say({ error: `${order.do}: ${String(error.message).split('\n')[0]}` });
    }
  }
} catch (error) {
  say({ error: String(error.message) });
} finally {
  await browser?.close();
}
