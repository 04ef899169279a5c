// People of a session with each other: chat, watching, clipboards, warnings, ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab, until } from '../lab.js';
import { Member, hears, said } from '../member.js';

test('who may only watch sees everything and drives nothing', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna' }));
  await anna.enter(session.url, { code: session.code, token: session.token });
  await anna.drives();
  await anna.page.getByRole('button', { name: 'Watch-only link' }).click();
  const link = await until('the link is copied', () => anna.page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(new URLSearchParams(new URL(link).hash.slice(1)).get('token'), null);
  await anna.press('release');

  const vera = new Member(await visitor({ name: 'vera' }));
  const [address, hash] = link.split('#');
  await vera.enter(address, Object.fromEntries(new URLSearchParams(hash)));
  await vera.picture('Vera sees the clock');
  assert.equal(await vera.page.locator('.tools').getAttribute('data-step'), 'watch');
  assert.equal(await vera.page.locator('[data-do="ask"]').count(), 0);
  await vera.click(0.5, 0.5);
  await vera.page.keyboard.type('v');
  // What a page of another kind could say is refused too.
  const answers = await vera.page.evaluate((words) => new Promise((done) => {
    const heard = [];
    const socket = new WebSocket(new URL('/', location.href.replace('https', 'wss')));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      heard.push(message);
      if (message.id === 2) {
        socket.close();
        done(heard);
      }
      if (message.msg === 'SESSION_CONNECTION_ESTABLISHED' && message.id === 1) socket.send(JSON.stringify({ verb: 'REQUEST_CONTROL', id: 2 }));
    };
    socket.onopen = () => socket.send(JSON.stringify({ verb: 'CONNECT_TO_SESSION', id: 1, ...words }));
  }), Object.fromEntries(new URLSearchParams(hash)));
  assert.equal(answers.at(-1).msg, 'NOT_ALLOWED', JSON.stringify(answers.at(-1)));
  await anna.press('ask');
  await anna.drives();
  await anna.click(0.5, 0.5);
  await anna.page.keyboard.type('a');
  await hears(server.logs, ['text a']);
  assert.ok(!(await said(server.logs)).includes('text v'), 'who may only watch typed');
}));

test('people talk, and text goes from clipboard to clipboard', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna' }));
  const boris = new Member(await visitor({ name: 'boris' }));
  await anna.enter(session.url, { code: session.code, token: session.token });
  await boris.enter(session.url, { code: session.code });
  await boris.page.getByLabel('Message').fill('Hello <b>Anna</b>');
  await boris.page.keyboard.press('Enter');
  await anna.visitor.sees(anna.page.locator('.said-text', { hasText: 'Hello <b>Anna</b>' }));
  await anna.page.getByLabel('Message').fill('Hello Boris');
  await anna.page.getByRole('button', { name: 'Send' }).click();
  for (const one of [anna, boris]) await one.visitor.sees(one.page.locator('.said-text', { hasText: 'Hello Boris' }));
  assert.deepEqual(await boris.page.locator('.said-text').allInnerTexts(), ['Hello <b>Anna</b>', 'Hello Boris']);
  await anna.page.reload();
  await anna.isInside();
  await until('a reload keeps what was said', async () => await anna.page.locator('.said-text').count() === 2);

  await anna.drives();
  await anna.picture('Anna sees the clock');
  await anna.click(0.5, 0.5);
  await anna.page.evaluate(() => navigator.clipboard.writeText('из буфера'));
  await anna.page.keyboard.press('Control+v');
  let heard = await hears(server.logs, ['pasted "из буфера"']);
  await anna.press('paste');
  await anna.page.getByLabel('Text', { exact: true }).fill('by hand');
  await anna.press('paste-now');
  heard = await hears(server.logs, ['pasted "by hand"'], heard);
  await anna.page.keyboard.type('xyz');
  heard = await hears(server.logs, ['text z'], heard);
  await anna.page.keyboard.press('Control+c');
  await until('the copy is on this computer', async () => (
    await anna.page.evaluate(() => navigator.clipboard.readText())).endsWith('xyz'));
}));

test('the time can be extended, and an operator\'s end is told with its reason', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna' }));
  await anna.enter(session.url, { code: session.code, token: session.token, site: server.url });
  assert.equal(new URL(anna.page.url()).hash.includes('token'), false, 'the address in the bar makes nobody the owner');
  const before = (await server.ask('GET', `/api/sessions/${session.code}`)).json.ends_at;
  await anna.page.locator('.longer [data-do="extend"]').first().click();
  await anna.visitor.sees(anna.page.getByText('The session is longer now.').first());
  await until('the coordinator knows the new end', async () => (
    await server.ask('GET', `/api/sessions/${session.code}`)).json.ends_at === before + 15 * 60);
  await server.ask('POST', `/api/operator/sessions/${session.code}/end`, undefined, await server.token());
  await anna.visitor.sees(anna.visitor.heading('The session is over'));
  await anna.visitor.sees(anna.page.getByText('The operator ended it.'));
  await anna.visitor.picture('session-over');
  await anna.page.getByRole('link', { name: 'To the site' }).click();
  await anna.page.waitForURL((url) => url.origin === server.url);

  await anna.page.goto(session.url);
  await anna.visitor.sees(anna.visitor.heading('No such session'));
}));
