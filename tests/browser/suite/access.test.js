// Everybody can use it: axe-core finds nothing in any view, in light and dark, wide and narrow, in both languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible } from '../axe.js';
import { lab } from '../lab.js';
import { everyOperatorView, everyView } from '../views.js';

const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

const KINDS = [
  { name: 'light', colorScheme: 'light', viewport: WIDE },
  { name: 'dark-ru', colorScheme: 'dark', viewport: WIDE, locale: 'ru-RU' },
  { name: 'phone-light-ru', colorScheme: 'light', viewport: PHONE, locale: 'ru-RU' },
  { name: 'phone-dark', colorScheme: 'dark', viewport: PHONE },
];

for (const kind of KINDS) {
  test(`axe-core finds nothing in any view: ${kind.name}`, () => lab(async ({ server, visitor }) => {
    const guest = await visitor({ ...kind, reducedMotion: 'reduce' });
    const look = async (view) => {
      await guest.picture(view);
      await assertAccessible(guest.page, `${view}, ${kind.name}`);
      const language = await guest.page.locator('html').getAttribute('lang');
      assert.equal(language, kind.locale === 'ru-RU' ? 'ru' : 'en');
    };
    await everyView(server, guest, look);
    await everyOperatorView(server, guest, look);
  }));
}
