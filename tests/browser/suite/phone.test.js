// On the narrowest phone nothing sticks out, and everything is large enough for a finger.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lab } from '../lab.js';
import { everyOperatorView, everyView } from '../views.js';

/** WCAG 2.2, 2.5.8: links in a line of text are excepted. */
const LEAST_TARGET = 24;

test('every view fits 360 pixels and has targets for fingers', () => lab(async ({ server, visitor }) => {
  const guest = await visitor({
    name: 'phone-360', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'ru-RU',
  });
  const look = async (view) => {
    await guest.picture(view);
    const facts = await guest.page.evaluate((least) => {
      const targets = [...document.querySelectorAll('button, select, input, .button, .slot, .cards a, .top a')]
        .filter((element) => element.checkVisibility() && !element.matches('.skip'));
      return {
        wide: document.documentElement.scrollWidth,
        sticksOut: [...document.querySelectorAll('main *')].filter((element) => {
          const box = element.getBoundingClientRect();
          return box.width > 1 && box.right > innerWidth + 1 && element.checkVisibility();
        }).map((element) => element.outerHTML.slice(0, 120)),
        small: targets.filter((element) => {
          // A card's link is as large as its card.
          const box = (element.closest('.card') ?? element).getBoundingClientRect();
          return box.width < least || box.height < least;
        }).map((element) => element.outerHTML.slice(0, 120)),
      };
    }, LEAST_TARGET);
    assert.deepEqual(facts, { wide: 360, sticksOut: [], small: [] }, view);
  };
  await everyView(server, guest, look);
  await everyOperatorView(server, guest, look);
}));
