// Joining by code, and what can come of it: into the session, too early, no such code, or guessed too often.

import { h, put } from '../lib/dom.js';
import { announce } from '../lib/announce.js';
import { now } from '../lib/clock.js';
import { dayInZone, longDay, timeInZone } from '../lib/dates.js';
import { Fault } from '../lib/faults.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { workButton } from '../parts/button.js';
import { codeField } from '../parts/codefield.js';
import { enter } from '../parts/enter.js';
import { alertBox, faultBox } from '../parts/notice.js';
import { timer } from '../parts/timer.js';

/** How long a lock-out is taken to last when the answer does not say. */
const LOCKED_SECONDS = 60;

/** The field with its outcomes, for the first page and the page of its own. */
export const joinPanel = (context, code) => {
  const outcome = h('div', { class: 'outcome' });
  let isBusy = false;
  let waiting = new AbortController();
  context.signal.addEventListener('abort', () => waiting.abort(), { once: true });

  const submit = async (digits) => {
    if (isBusy || field.button.hasAttribute('aria-disabled')) return;
    isBusy = true;
    waiting.abort();
    waiting = new AbortController();
    field.complain('');
    put(outcome, h('p', { class: 'loading' }, h('span', { class: 'loading-mark', 'aria-hidden': 'true' }),
      t('join.looking')));
    try {
      await enter(digits);
      put(outcome);
    } catch (error) {
      if (!context.signal.aborted) fail(error, digits);
    } finally {
      isBusy = false;
    }
  };

  const fail = (error, digits) => {
    const word = error instanceof Fault ? error.word || String(error.status) : '';
    if (word === 'not_exist' || word === '404') {
      put(outcome);
      field.complain(t('join.not_exist', { code: digits }));
      field.input.focus();
      field.input.select();
    } else if (word === 'not_started' && error.body.starts_at) {
      put(outcome, tooEarly(error.body.starts_at, digits));
    } else if (word === 'locked_out' || word === '429') {
      put(outcome, lockedOut(error.retryAfter ?? LOCKED_SECONDS));
    } else if (word === 'busy') {
      put(outcome, alertBox(t('start.full')));
    } else {
      put(outcome, faultBox(error, () => submit(digits)));
    }
  };

  const tooEarly = (startsAt, digits) => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
    const box = h('div', { class: 'notice is-tall' });
    const hasCome = () => {
      put(
        box,
        h('p', {}, t('booking.time_has_come')),
        workButton({
          label: t('booking.start'), busyLabel: t('start.busy'), picture: 'play', work: () => submit(digits),
        }),
      );
      announce(t('booking.time_has_come'));
    };
    const words = t('join.not_started', {
      day: longDay(dayInZone(startsAt, zone), language()), time: timeInZone(startsAt, zone),
    });
    put(
      box,
      h('p', {}, words),
      timer({
        until: startsAt,
        words: t('booking.until_start'),
        spoken: (time) => t('booking.starts_in', { time }),
        over: hasCome,
        signal: waiting.signal,
      }).node,
      h('p', {}, h('a', { href: to.booking(digits) }, t('join.see_booking'))),
    );
    announce(words);
    return box;
  };

  const lockedOut = (seconds) => {
    field.button.setAttribute('aria-disabled', 'true');
    const over = () => {
      field.button.removeAttribute('aria-disabled');
      put(outcome, h('p', { class: 'good' }, t('join.unlocked')));
      announce(t('join.unlocked'));
    };
    const clock = timer({
      until: now() + seconds,
      words: t('join.locked_left'),
      spoken: (time) => t('join.locked_for', { time }),
      over,
      signal: context.signal,
    });
    return alertBox(t('join.locked_out'), clock.node);
  };

  const field = codeField({ code, submit });
  return h('div', {}, field.node, outcome);
};

/** Shows the page of its own. */
export const join = (context) => {
  context.title(t('join.title'));
  return h(
    'div',
    { class: 'narrow' },
    h('h1', { tabindex: '-1' }, t('join.title')),
    h('p', { class: 'lead' }, t('join.lead')),
    h('div', { class: 'panel' }, joinPanel(context, context.route.code ?? '')),
  );
};
