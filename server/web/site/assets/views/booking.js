// A booking: its code, when it begins, and what can be done until then.

import { h, icon, put } from '../lib/dom.js';
import { api } from '../lib/api.js';
import { announce } from '../lib/announce.js';
import { now } from '../lib/clock.js';
import { dayInZone, isZone, longDay, offsetInZone, timeInZone } from '../lib/dates.js';
import { Fault } from '../lib/faults.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { workButton } from '../parts/button.js';
import { codePanel } from '../parts/code.js';
import { confirm } from '../parts/confirm.js';
import { enter } from '../parts/enter.js';
import { load } from '../parts/load.js';
import { alertBox, faultBox, infoBox } from '../parts/notice.js';
import { steps } from '../parts/steps.js';
import { timer } from '../parts/timer.js';
import { titleOf } from './session.js';

const when = ({ starts_at: from, ends_at: until, tz }) => {
  const zone = isZone(tz ?? '') ? tz : 'UTC';
  return [
    h('strong', { class: 'capital' }, longDay(dayInZone(from, zone), language())),
    h('span', {}, t('booking.times', {
      from: timeInZone(from, zone),
      until: timeInZone(until, zone),
      zone: `${zone.replaceAll('_', ' ')}${zone === 'UTC' ? '' : `, ${offsetInZone(from, zone)}`}`,
    })),
  ];
};

const cancelled = (booking) => [
  h('h1', { tabindex: '-1' }, t('booking.cancelled')),
  infoBox(
    t('booking.cancelled_words', { code: booking.code }),
    h('a', { class: 'button is-quiet', href: to.plan(booking.application) }, t('booking.plan_again')),
  ),
];

const details = (booking, context, place) => {
  const problem = h('div', {});
  const start = async () => {
    put(problem);
    try {
      await enter(booking.code);
    } catch (error) {
      put(problem, error instanceof Fault && error.word === 'busy'
        ? alertBox(t('start.full'))
        : faultBox(error, start));
    }
  };
  const cancel = async () => {
    const isSure = await confirm({
      title: t('booking.cancel_title'), words: t('booking.cancel_words'), yes: t('booking.cancel'),
    });
    if (!isSure) return;
    try {
      await api.cancel(booking.code);
      put(place, cancelled(booking));
      announce(t('booking.cancelled'));
      place.querySelector('h1').focus();
    } catch (error) {
      put(problem, faultBox(error, cancel));
    }
  };
  const begin = h('div', { class: 'begin' });
  const hasCome = () => {
    put(
      begin,
      h('p', { class: 'begin-words' }, t('booking.time_has_come')),
      workButton({ label: t('booking.start'), busyLabel: t('start.busy'), picture: 'play', work: start }),
    );
    announce(t('booking.time_has_come'));
  };
  if (booking.starts_at <= now()) {
    hasCome();
  } else {
    put(begin, timer({
      until: booking.starts_at,
      words: t('booking.until_start'),
      spoken: (time) => t('booking.starts_in', { time }),
      over: hasCome,
      signal: context.signal,
    }).node);
  }
  const title = h('span', {}, booking.application);
  titleOf(booking.application, context.signal).then((found) => { title.textContent = found; });
  context.title(t('booking.title'));
  return [
    h('h1', { tabindex: '-1' }, t('booking.title')),
    h(
      'div',
      { class: 'result' },
      codePanel(booking.code, t('booking.keep_code')),
      h(
        'div',
        { class: 'panel result-side' },
        h('p', { class: 'facts' }, h('strong', { class: 'facts-title' }, title), when(booking)),
        begin,
        problem,
        h(
          'div',
          { class: 'row' },
          h(
            'a',
            { class: 'button is-second', href: api.calendarFile(booking.code), download: `treecast-${booking.code}.ics` },
            icon('calendar'),
            t('booking.ics'),
          ),
          h('button', { type: 'button', class: 'button is-quiet is-danger-quiet', onclick: cancel }, t('booking.cancel')),
        ),
      ),
    ),
  ];
};

const unknown = (code) => [
  h('h1', { tabindex: '-1' }, t('booking.none')),
  alertBox(
    t('booking.unknown', { code }),
    h('a', { class: 'button is-quiet', href: to.home() }, t('action.all_applications')),
  ),
];

/** Shows it; a booking that was started is a session, and shown there. */
export const booking = (context) => {
  const { code } = context.route;
  const place = h('div', {});
  context.title(t('booking.title'));
  load(place, {
    signal: context.signal,
    ask: async (signal) => {
      try {
        return await api.booking(code, signal);
      } catch (error) {
        if (!(error instanceof Fault) || error.status !== 404) throw error;
        const status = await api.status(code, signal);
        if (status.state === 'planned') throw error;
        return null;
      }
    },
    show: (found) => {
      if (found === null) {
        context.go(to.session(code), { replace: true });
        return [];
      }
      return details(found, context, place);
    },
    otherwise: (error) => (error instanceof Fault && error.status === 404 ? unknown(code) : undefined),
  });
  return [steps(2, [to.home()]), place];
};
