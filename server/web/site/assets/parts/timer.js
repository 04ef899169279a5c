// A countdown: figures each second for the eyes, a few marks aloud for the ears.

import { h } from '../lib/dom.js';
import { announce } from '../lib/announce.js';
import { everySecond, now } from '../lib/clock.js';
import { SOON_SECONDS, daysLeft, figures, inWords, markPassed, secondsLeft, share } from '../lib/countdown.js';
import { language, t } from '../lib/texts.js';

/**
 * Makes a countdown.
 * @param {object} wish `until` (Unix seconds), `from` for a bar of the share that is over, `words` under the figures,
 *   `spoken(time)` for the marks, `over()` once it is over, `signal` of the view, `urgent`: the last minutes look so.
 * @returns {{ node: Element, setUntil(seconds: number): void }}
 */
export const timer = ({ until, from = null, words, spoken, over, signal, urgent = false }) => {
  let end = until;
  let before = Infinity;
  let isOver = false;
  const days = h('span', { class: 'timer-days' });
  const shown = h('span', { class: 'timer-figures' });
  const bar = from === null ? null : h('progress', { class: 'bar', max: '1', 'aria-hidden': 'true' });
  const node = h(
    'div',
    { class: 'timer', role: 'timer' },
    h('p', { class: 'timer-line' }, days, shown),
    h('p', { class: 'timer-words' }, words),
    bar,
  );
  const tick = () => {
    const left = secondsLeft(end, now());
    const whole = daysLeft(left);
    days.textContent = whole > 0 ? t('timer.days', { count: whole }) : '';
    shown.textContent = figures(left);
    node.classList.toggle('is-soon', urgent && left <= SOON_SECONDS);
    if (bar) bar.value = share(from, end, now());
    const mark = before === Infinity ? undefined : markPassed(before, left);
    if (mark !== undefined && mark > 0) announce(spoken(inWords(mark, language())));
    before = left;
    if (left === 0 && !isOver) {
      isOver = true;
      over();
    }
  };
  everySecond(tick, signal);
  return {
    node,
    setUntil: (seconds) => {
      if (seconds === end) return;
      end = seconds;
      isOver = false;
      before = Infinity;
      tick();
    },
  };
};
