// The page of a session for everybody: on phones, with the keyboard alone, for screen readers, in both languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible } from '../axe.js';
import { lab, until } from '../lab.js';
import { Member, hears } from '../member.js';

/** WCAG 2.2, 2.5.8. */
const LEAST_TARGET = 24;

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
const PHONE_ON_ITS_SIDE = { width: 740, height: 360 };

const KINDS = [
  { name: 'phone-side', colorScheme: 'light', viewport: PHONE_ON_ITS_SIDE, hasTouch: true, isMobile: true },
  { name: 'light', colorScheme: 'light', viewport: WIDE },
  { name: 'dark-ru', colorScheme: 'dark', viewport: WIDE, locale: 'ru-RU' },
  { name: 'phone-light-ru', colorScheme: 'light', viewport: PHONE, locale: 'ru-RU', hasTouch: true, isMobile: true },
  { name: 'phone-dark', colorScheme: 'dark', viewport: PHONE, hasTouch: true, isMobile: true },
];

/** Nothing sticks out, and everything is large enough for a finger. */
const assertFits = async ({ page }, what) => {
  const facts = await page.evaluate((least) => {
    const isSeen = (element) => element.checkVisibility() && !element.closest('.skip, .unseen, .surface .picture');
    return {
      wide: document.documentElement.scrollWidth <= innerWidth,
      high: document.documentElement.scrollHeight <= innerHeight,
      sticksOut: [...document.querySelectorAll('header *, main *')].filter((element) => {
        const box = element.getBoundingClientRect();
        return isSeen(element) && box.width > 1 && (box.right > innerWidth + 1 || box.left < -1);
      }).map((element) => element.outerHTML.slice(0, 120)),
      small: [...document.querySelectorAll('button, summary, input:not([type="checkbox"]), .button')].filter((element) => {
        const box = element.getBoundingClientRect();
        return isSeen(element) && (box.width < least || box.height < least);
      }).map((element) => element.outerHTML.slice(0, 120)),
    };
  }, LEAST_TARGET);
  assert.deepEqual(facts, { wide: true, high: true, sticksOut: [], small: [] }, what);
};

test('axe-core finds nothing, and everything fits, on every kind of screen', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const friend = new Member(await visitor({ name: 'friend' }));
  await friend.enter(session.url, { code: session.code });
  await friend.drives();
  await friend.page.getByLabel('Message').fill('A message of some length, so that there is something to be read in the chat');
  await friend.page.keyboard.press('Enter');
  // The picture stands still: this is not about pictures, and the machine has other things to do.
  await friend.click(0.5, 0.5);
  await friend.page.keyboard.press('F2');
  await hears(server.logs, ['key down 0xffbf']);
  for (const kind of KINDS) {
    const guest = new Member(await visitor({ ...kind, reducedMotion: 'reduce' }));
    const look = async (what) => {
      await guest.visitor.picture(`session-${what}`);
      await assertFits(guest, `${what}, ${kind.name}`);
      await assertAccessible(guest.page, `${what}, ${kind.name}`);
    };
    await guest.enter(session.url, { code: session.code, token: session.token, site: server.url });
    await guest.picture('the clock is seen');
    assert.equal(await guest.page.locator('html').getAttribute('lang'), kind.locale === 'ru-RU' ? 'ru' : 'en');
    await guest.press('quality');
    await guest.page.locator('[data-stat="fps"][data-value]').waitFor();
    await guest.press('seize');
    await guest.drives();
    if (await guest.page.locator('.side').isHidden()) await guest.press('panel');
    if (await guest.page.locator('.invite').getAttribute('open') === null) await guest.page.locator('.invite summary').click();
    // Nothing passes on by itself while it is looked at.
    await guest.page.locator('[data-do="locked"]').check();
    await friend.press('ask');
    await guest.visitor.sees(guest.page.locator('[data-box="asked"]'));
    await guest.visitor.picture('session-asked');
    await guest.press('rename');
    await look('panel');
    await guest.page.keyboard.press('Escape');
    await guest.press('give');
    await friend.drives();
    await guest.press('leave');
    await guest.visitor.sees(guest.page.locator('.ended h1'));
    if (kind === KINDS[0]) await look('left');
    await guest.visitor.context.close();
  }
}));

test('a phone drives: fingers point, and its keyboard types', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const phone = new Member(await visitor({ name: 'phone', viewport: PHONE, hasTouch: true, isMobile: true }));
  const { page } = phone;
  await phone.enter(session.url, { code: session.code, token: session.token });
  await phone.picture('the clock is seen');
  await phone.drives();
  const at = await phone.place(0.25, 0.25);
  await page.touchscreen.tap(at.x, at.y);
  let heard = await hears(server.logs, [/^button 1 down (31\d|32\d) (17\d|18\d)$/, /^button 1 up/]);
  await phone.press('keyboard');
  assert.equal(await phone.catcher.getAttribute('inputmode'), 'text');
  assert.ok(await phone.catcher.evaluate((field) => field === document.activeElement), 'the field has the focus');
  // As the keyboards of phones do: the field changes, no key is told.
  await page.evaluate(() => {
    const field = document.querySelector('.catcher');
    const type = (value) => {
      field.value = value;
      field.dispatchEvent(new InputEvent('input', { inputType: 'insertText', bubbles: true }));
    };
    type(`${field.value}helo`);
    type(`${field.value.slice(0, -1)}lo `);
  });
  heard = await hears(server.logs, ['text h', 'text e', 'text l', 'text o', 'key down 0xff08', 'text l', 'text o', 'text  '], heard);
  await phone.press('keyboard');
  assert.equal(await phone.catcher.getAttribute('inputmode'), 'none');
}));

test('everything can be done with the keyboard alone', () => lab(async ({ server, visitor }) => {
  const session = await server.begin();
  const anna = new Member(await visitor({ name: 'anna', reducedMotion: 'reduce' }));
  const { page } = anna;
  await anna.enter(session.url, { code: session.code, token: session.token });
  await anna.picture('the clock is seen');
  await anna.drives();
  const focus = () => page.evaluate(() => {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    const around = getComputedStyle(document.querySelector('.surface'), '::after');
    const isShown = element.matches('.catcher')
      ? around.content !== 'none'
      : style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 2;
    return { what: element.dataset.do ?? element.className ?? '', tag: element.tagName, isShown };
  });
  const tabTo = async (what) => {
    for (let stop = 0; stop < 40; stop += 1) {
      await page.keyboard.press('Tab');
      const now = await focus();
      if (now.tag !== 'BODY') assert.ok(now.isShown, `the focus is not seen on ${now.tag} ${now.what}`);
      if (now.what.split(' ').includes(what)) return;
    }
    assert.fail(`Tab does not reach ${what}`);
  };
  // Who comes in drives, and the picture has the focus: Tab is the application's.
  await until('the picture has the focus', async () => (await focus()).what === 'catcher');
  await page.keyboard.press('Tab');
  let heard = await hears(server.logs, ['key down 0xff09', 'key up 0xff09']);
  await page.keyboard.type('in');
  heard = await hears(server.logs, ['text i', 'text n'], heard);
  // The way out.
  for (const key of ['Control', 'Alt', 'Shift']) await page.keyboard.down(key);
  for (const key of ['Shift', 'Alt', 'Control']) await page.keyboard.up(key);
  await until('the tools have the focus', () => page.evaluate(() => document.activeElement.closest('.tool-row') !== null));
  await page.keyboard.press('End');
  assert.equal((await focus()).what, 'full');
  await page.keyboard.press('Home');
  await tabTo('rename');
  await page.keyboard.press('Enter');
  await page.keyboard.type('Anna K');
  await page.keyboard.press('Enter');
  await anna.visitor.sees(page.locator('.person-name', { hasText: 'Anna K' }));
  assert.equal((await focus()).what, 'rename');
  await tabTo('chat-field');
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await anna.visitor.sees(page.locator('.said-text', { hasText: 'typed' }));
  // Nothing of that went to the application, and the way back leads there.
  await tabTo('skip');
  await page.keyboard.press('Enter');
  await page.keyboard.type('y');
  await hears(server.logs, ['text y'], heard);
}));
