// What reaches beyond a session, from its page: a channel of the forest.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { Member } from '../member.js';

/** Pictures that a page of a channel has decoded. */
const decoded = (page) => page.evaluate(async () => {
  const report = [...(await window.connection?.getStats())?.values() ?? []];
  return report.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')?.framesDecoded ?? 0;
});

test('its owner puts a session on a channel by a switch, and takes it off', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna' }));
  const boris = new Member(await visitor({ name: 'boris' }));
  await anna.enter(session.url, { code: session.code, token: session.token });
  await boris.enter(session.url, { code: session.code });
  await anna.picture('Anna sees the clock');
  assert.equal(await boris.page.locator('[data-do="air"]').count(), 0, 'the switch is the owner\'s');
  const toggle = anna.page.locator('[data-do="air"]');
  if (!await toggle.isVisible()) await anna.page.locator('.invite summary').click();
  await toggle.check();
  for (const one of [anna, boris]) await one.visitor.sees(one.page.locator('.on-air', { hasText: '1' }));
  await anna.visitor.picture('session-on-air');
  const channel = await visitor({ name: 'channel' });
  await until('the channel is on air', async () => {
    await channel.open('/watch/1');
    const found = await until('a picture, or why there is none', async () => (
      await decoded(channel.page) > 0 ? 'picture' : await channel.page.getByText('silent at the moment').isVisible() && 'silent'));
    return found === 'picture';
  });
  const before = await decoded(channel.page);
  await until('it moves', async () => await decoded(channel.page) > before + 30);
  await toggle.uncheck();
  for (const one of [anna, boris]) await until('it is off the air', async () => await one.page.locator('.on-air').count() === 0);
  const late = await visitor({ name: 'late' });
  await until('the channel is silent', async () => {
    await late.open('/watch/1');
    return late.page.getByText('silent at the moment').waitFor({ timeout: 3000 }).then(() => true, () => false);
  });
  // The session goes on.
  const { painted } = await anna.picture('the clock');
  await anna.picture('the clock goes on', (now) => now.painted > painted);
}));
