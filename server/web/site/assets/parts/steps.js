// Where one is on the way: application, time, code.

import { h, icon } from '../lib/dom.js';
import { t } from '../lib/texts.js';

/**
 * The way's steps; `at` is the one now (0, 1, 2), `links` are the addresses of those before it.
 */
export const steps = (at, links = []) => h(
  'nav',
  { class: 'steps', 'aria-label': t('steps.label') },
  h('ol', {}, [t('steps.application'), t('steps.time'), t('steps.code')].map((name, place) => {
    const isDone = place < at;
    const mark = h('span', { class: 'step-mark', 'aria-hidden': 'true' }, isDone ? icon('check') : String(place + 1));
    const word = h('span', { class: 'step-word' }, name);
    return h(
      'li',
      { class: isDone ? 'is-done' : null, 'aria-current': place === at ? 'step' : null },
      isDone && links[place] ? h('a', { href: links[place] }, mark, word) : h('span', {}, mark, word),
    );
  })),
);
