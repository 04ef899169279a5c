// What is shown instead of a session: it is over, it is not there, it is full, one left.

import { figures } from '../../lib/countdown.js';
import { h } from '../../lib/dom.js';
import { t } from '../lib/words.js';
import { icon } from './icons.js';

const WHY = {
  time_over: () => t('end.time_over'),
  empty: () => t('end.empty'),
  idle: () => t('end.idle'),
  operator: () => t('end.operator'),
  cancelled: () => t('end.cancelled'),
  unused: () => t('end.unused'),
  not_started: () => t('end.not_started'),
  server_lost: () => t('end.server_lost'),
  application_ended: () => t('end.application_ended'),
};

/** The words for an end. */
export const whyWords = (why) => (Object.hasOwn(WHY, why ?? '') ? WHY[why]() : t('end.other'));

/** A page of words: `again` is a way back in, `until` (milliseconds of the page's clock) a countdown before it. */
export const ended = ({ title, words, site = null, again = null, againWords = t('end.again'), until = null }) => {
  const clock = until === null ? null : h('strong', { class: 'ended-clock' });
  const button = again && h('button', { type: 'button', class: 'button', onclick: again }, againWords);
  if (clock) {
    const tick = () => {
      const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      clock.textContent = figures(left);
      if (button) button.disabled = left > 0;
      if (left > 0) setTimeout(tick, 250);
    };
    tick();
  }
  const home = site && h('a', { class: again ? 'button is-quiet' : 'button', href: `${site}/` }, icon('back'), t('end.site'));
  return h(
    'section',
    { class: 'ended' },
    h('div', { class: 'panel' }, h('h1', { tabindex: '-1' }, title), h('p', { class: 'lead' }, words, clock && [' ', clock]),
      (button || home) && h('div', { class: 'row is-centred' }, button, home)),
  );
};
