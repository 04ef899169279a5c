// Epic's frontend, unmodified, in our sessions and, through us, with a streamer that speaks as Unreal Engine's plugin does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pages } from '../epic.js';
import { PATIENCE_MS, freePort, lab, until } from '../lab.js';
import { Member, READ_MARKS, hears, said } from '../member.js';

/** Exactly the session's picture, so that places in the page are places in the picture. */
const viewport = { width: 1280, height: 720 };

/** A server with both of Epic's ports open, and the pages. */
const epic = async (body, more = {}) => {
  const [players, streamers] = [await freePort(), await freePort()];
  const options = ['--epic-players', `127.0.0.1:${players}`, '--epic-streamers', `127.0.0.1:${streamers}`];
  const urls = { players: `ws://127.0.0.1:${players}`, streamers: `ws://127.0.0.1:${streamers}` };
  await pages((at) => lab((world) => body({ ...world, at, urls }), { ...more, options }));
};

/** A person with Epic's frontend. */
class Player {
  constructor(visitor, { at, urls }) {
    this.visitor = visitor;
    this.page = visitor.page;
    this.at = at;
    this.urls = urls;
  }

  async open(settings = {}) {
    await this.page.addInitScript(READ_MARKS);
    const all = JSON.stringify({ ss: this.urls.players, ...settings });
    await this.page.goto(this.at('player', { settings: all }));
  }

  /** What the library told of one kind. */
  told(kind) {
    return this.page.evaluate((wanted) => (window.told ?? []).filter((one) => one.kind === wanted), kind);
  }

  /** Whether its input counts at this moment, as the library knows. */
  has() {
    return this.page.evaluate(() => window.stream?._inputController === true);
  }

  /** Waits for the library to tell something; gives the last one. */
  async hears(kind, isIt = () => true) {
    return until(`${this.visitor.name} hears ${kind}`, async () => (await this.told(kind)).filter(isIt).at(-1));
  }

  /** Whether its input counts, as the library knows. */
  async owns(isIt) {
    await until(`${this.visitor.name} has${isIt ? '' : ' no'} control`, () => (
      this.page.evaluate((wanted) => window.stream?._inputController === wanted, isIt)));
  }

  /** Pictures that were decoded so far. */
  frames() {
    return this.page.evaluate(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0);
  }

  /** Waits until the picture goes on. */
  async plays() {
    await until(`${this.visitor.name} sees the first picture`, async () => await this.frames() > 0);
    const before = await this.frames();
    await until(`${this.visitor.name} sees the picture go on`, async () => await this.frames() > before + 30);
  }

  marks() {
    return this.page.evaluate(() => globalThis.readMarks(document.querySelector('video')));
  }

  async end() {
    await this.page.evaluate(() => window.stream.disconnect());
  }
}

test('the frontend plays a session, drives it, and hands control over', () => epic(async (world) => {
  const { server, visitor } = world;
  const session = await server.begin();
  const player = new Player(await visitor({ name: 'player', viewport }), world);
  const { page } = player;
  // The only session: the frontend subscribes by itself.
  await player.open();
  await player.plays();
  const listed = await player.hears('streamerListMessage');
  assert.deepEqual(listed.ids, [session.code]);
  const { painted } = await until('the clock is seen', () => player.marks());
  await until('the clock goes on', async () => (await player.marks())?.painted > painted);
  const { initial } = await player.hears('initialSettings');
  assert.equal(initial.PixelStreamingSettings.AllowPixelStreamingCommands, false);

  // Nobody else drives: input counts at once.
  await player.owns(true);
  await page.mouse.move(400, 300);
  await page.mouse.move(320, 540);
  await page.mouse.down();
  await page.mouse.up();
  let heard = await hears(server.logs, [/^button 1 down (319|320|321) (539|540|541)$/, /^button 1 up /]);
  await page.mouse.click(640, 360, { button: 'right' });
  heard = await hears(server.logs, [/^button 3 down (639|640|641) (359|360|361)$/, /^button 3 up /], heard);
  await page.mouse.wheel(0, 120);
  heard = await hears(server.logs, ['wheel 5'], heard);
  await page.mouse.wheel(0, -120);
  heard = await hears(server.logs, ['wheel 4'], heard);
  await page.keyboard.type('Hi 5%');
  heard = await hears(server.logs, ['text H', 'text i', 'text  ', 'text 5', 'text %'], heard);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Backspace');
  heard = await hears(server.logs, ['key down 0xff51', 'key up 0xff51', 'key down 0xff08', 'key up 0xff08'], heard);

  // The owner comes with our page and takes control: what was held is let go, and the frontend knows.
  await page.keyboard.down('w');
  heard = await hears(server.logs, ['key down 0x0077'], heard);
  const anna = new Member(await visitor({ name: 'anna' }));
  await anna.enter(session.url, { code: session.code, token: session.token });
  await until('there are two', async () => await anna.page.locator('.person').count() === 2);
  await anna.press('seize');
  await anna.drives();
  await player.owns(false);
  heard = await hears(server.logs, ['key up 0x0077'], heard);
  await page.keyboard.up('w');
  await page.keyboard.type('q');
  await page.mouse.click(100, 100);
  await anna.click(0.5, 0.5);
  await anna.page.keyboard.type('k');
  const after = await hears(server.logs, ['text k'], heard);
  assert.ok(!(await said(server.logs)).slice(heard).includes('text q'), 'who has no control typed');
  // Nobody drives now; the frontend has no button to ask with, so a press asks.
  await anna.press('release');
  await anna.drives(false);
  // One press a second counts as asking, and the one before was not long ago.
  await until('a press brings control back', async () => {
    await page.mouse.click(640, 360);
    return player.has();
  });
  await page.mouse.click(640, 360);
  await page.keyboard.type('z');
  await hears(server.logs, ['text z'], after);

  // It leaves, and nobody of that name is there any more.
  await player.end();
  await until('the player is gone', async () => await anna.page.locator('.person').count() === 1);
}));

test('the frontend\'s tests of latency are answered, and a second session has to be chosen', () => epic(async (world) => {
  const { server, visitor } = world;
  const [first, second] = [await server.begin(), await server.begin()];
  const player = new Player(await visitor({ name: 'player', viewport }), world);
  await player.open({ WaitForStreamer: false });
  const { ids } = await player.hears('streamerListMessage');
  assert.deepEqual(ids, [first.code, second.code].sort());
  assert.equal(await player.frames(), 0, 'nobody chose');
  await player.page.evaluate((code) => window.stream.config.setOptionSettingValue('StreamerId', code), second.code);
  await player.plays();
  await player.page.evaluate(() => window.stream.requestLatencyTest());
  const { latencyTimings } = await player.hears('latencyTestResult');
  // In milliseconds, and of this minute.
  assert.ok(latencyTimings.networkLatency >= 0 && latencyTimings.networkLatency < PATIENCE_MS, JSON.stringify(latencyTimings));
  // What is answered when the time is over does not count any more: long enough for a machine that stands still meanwhile.
  await player.page.evaluate(() => window.stream.requestDataChannelLatencyTest({
    duration: 8000, rps: 10, requestSize: 200, responseSize: 200,
  }));
  const { test: result } = await player.hears('dataChannelLatencyTestResult');
  assert.ok(result.count >= 5 && result.rtt <= 8_000, JSON.stringify(result));

  // Another one is chosen on the same connection, and the end of a session is told.
  const anna = new Player(await visitor({ name: 'anna', viewport }), world);
  await anna.open({ StreamerId: first.code });
  await anna.plays();
  await anna.owns(true);
  await player.page.evaluate((code) => window.stream.config.setOptionSettingValue('StreamerId', code), first.code);
  await player.owns(false);
  await server.ask('POST', `/api/operator/sessions/${first.code}/end`, undefined, await server.token());
  for (const one of [player, anna]) await one.hears('webRtcDisconnected');
}));

test('a streamer is relayed: picture, input, another name, and its end', () => epic(async (world) => {
  const { visitor, at, urls } = world;
  const streamer = await visitor({ name: 'streamer' });
  await streamer.page.goto(at('streamer', { url: urls.streamers, name: 'Editor' }));
  const heard = (kind) => streamer.page.evaluate((wanted) => window.heard.filter(({ type }) => type === wanted), kind);
  await until('the streamer is confirmed', async () => (await heard('endpointIdConfirm')).length === 1);
  assert.equal((await heard('endpointIdConfirm'))[0].committedId, 'Editor');

  const players = [];
  for (const name of ['anna', 'boris']) {
    const player = new Player(await visitor({ name, viewport }), world);
    players.push(player);
    await player.open({ StreamerId: 'Editor' });
    await player.plays();
    await player.owns(true);
  }
  const [anna, boris] = players;
  const connected = await heard('playerConnected');
  assert.equal(new Set(connected.map(({ playerId }) => playerId)).size, 2);
  assert.ok(connected.every(({ dataChannel, sfu }) => dataChannel === true && sfu === false));
  await anna.page.mouse.click(640, 360);
  await anna.page.keyboard.press('a');
  await until('the streamer gets the key', () => streamer.page.evaluate(() => (
    window.inputs.some(([id, key]) => id === 60 && key === 65) && window.inputs.some(([id, key]) => id === 61 && key === 65))));

  await streamer.page.evaluate(() => window.say({ type: 'endpointId', id: 'Game' }));
  for (const player of players) assert.equal((await player.hears('StreamerIDChangedMessage')).newID, 'Game');

  // One player goes by itself, one is sent away, and who is left when the streamer vanishes is told.
  await anna.end();
  await until('the streamer hears of it', async () => (await heard('playerDisconnected')).length === 1);
  await streamer.page.evaluate((playerId) => {
    window.say({ type: 'disconnectPlayer', playerId, reason: 'the level is over' });
  }, connected[1].playerId);
  await boris.hears('webRtcDisconnected', ({ eventString }) => eventString === 'the level is over');
  const clara = new Player(await visitor({ name: 'clara', viewport }), world);
  await clara.open({ MaxReconnectAttempts: 0 });
  await clara.plays();
  await streamer.page.close();
  await clara.hears('webRtcDisconnected', ({ eventString }) => /Game is gone/.test(eventString));
}));
