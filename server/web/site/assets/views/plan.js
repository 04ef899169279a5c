// Planning a session: a day, then a time of it, then the code. What is chosen is in the address, so that a reload
// keeps it.

import { h, icon, newId, put } from '../lib/dom.js';
import { api } from '../lib/api.js';
import { announce } from '../lib/announce.js';
import { keepAsking, now } from '../lib/clock.js';
import { minutesInWords } from '../lib/countdown.js';
import { addDays, dayInZone, isDay, isZone, longDay, timeInZone, zoneLabel, zonesByRegion } from '../lib/dates.js';
import { Fault } from '../lib/faults.js';
import { countFree, findFree, firstFreeDay, timeLabel, upcoming } from '../lib/slots.js';
import { inLanguage } from '../lib/talk.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { workButton } from '../parts/button.js';
import { load } from '../parts/load.js';
import { monthPicker } from '../parts/month.js';
import { alertBox, faultBox, infoBox } from '../parts/notice.js';
import { slotGroup } from '../parts/slots.js';
import { steps } from '../parts/steps.js';
import { findApplication, noApplication } from './application.js';

/** Lengths that are offered; the longest is what the rules allow by default. */
const LENGTHS = [30, 60, 90, 120, 180, 240];
const USUAL_LENGTH = 60;
/** How far ahead the calendar goes: as far as the rules allow by default. */
const DAYS_AHEAD = 60;
/** Who has not chosen a day is shown the first with a free time: so many days are looked at. */
const DAYS_LOOKED_AT = 7;
/** How often the free times are asked for again while they are looked at (a guess). */
const REFRESH_SECONDS = 20;

const homeZone = () => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return timeZone && isZone(timeZone) ? timeZone : 'UTC';
};

// What the address says, put right where it says what cannot be.
const choiceOf = (query) => {
  const tz = isZone(query.tz ?? '') ? query.tz : homeZone();
  const today = dayInZone(now(), tz);
  const last = addDays(today, DAYS_AHEAD);
  const isPossible = isDay(query.date ?? '') && query.date >= today && query.date <= last;
  const minutes = Number(query.minutes);
  return {
    tz,
    date: isPossible ? query.date : today,
    // The day of today may be in the address without anybody's choice.
    isChosen: isPossible && (query.date !== today || Boolean(query.time)),
    minutes: LENGTHS.includes(minutes) ? minutes : USUAL_LENGTH,
    time: query.time ?? '',
  };
};

const lengthChooser = (minutes, changed) => {
  const id = newId('length');
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, t('plan.length')),
    h('select', { id, onchange: (event) => changed(Number(event.target.value)) }, LENGTHS.map((length) => h(
      'option',
      { value: length, selected: length === minutes },
      minutesInWords(length, language()),
    ))),
  );
};

const zoneChooser = (zone, changed) => {
  const id = newId('zone');
  const at = now();
  const known = Intl.supportedValuesOf?.('timeZone') ?? [];
  const option = (name) => h('option', { value: name, selected: name === zone }, zoneLabel(name, at));
  const ungrouped = zone.includes('/') && !zone.startsWith('Etc/') ? ['UTC'] : [...new Set([zone, 'UTC'])];
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, t('plan.zone')),
    h(
      'select',
      { id, onchange: (event) => changed(event.target.value) },
      ungrouped.map(option),
      zonesByRegion([...known, zone]).map(([region, names]) => h('optgroup', { label: region }, names.map(option))),
    ),
  );
};

const planner = (application, context) => {
  let { isChosen, ...choice } = choiceOf(context.route.query);
  // The day may be another one than it is; not while somebody looks at its times.
  let isOpen = !isChosen;
  let slots = [];
  let shown = '';
  // Which day, zone and length the slots are of.
  let slotsOf = '';
  let asked = null;
  const { name } = application;
  const calendar = h('div', {});
  const dayTitle = h('h2', { id: 'day-title', class: 'capital' });
  const times = h('div', { class: 'times' });
  const summary = h('div', { class: 'summary', 'aria-live': 'polite' });
  const problem = h('div', {});

  const keep = () => context.replace(to.plan(name, choice));

  const choose = (change) => {
    choice = { ...choice, ...change };
    keep();
    showSummary();
  };

  const again = (change) => {
    put(problem);
    isChosen ||= Boolean(change.date);
    isOpen = !isChosen;
    choose({ ...change, time: '' });
    askSlots();
  };

  const showCalendar = () => {
    const today = dayInZone(now(), choice.tz);
    put(calendar, monthPicker({
      today,
      last: addDays(today, DAYS_AHEAD),
      day: choice.date,
      choose: (date) => again({ date }),
    }));
  };

  // Only when something changed: who is on their way through the times keeps their place.
  const showTimes = () => {
    const left = upcoming(slots, now());
    const state = JSON.stringify([choice.date, choice.tz, left]);
    if (state === shown) return;
    shown = state;
    const focused = times.contains(document.activeElement) ? document.activeElement.value : null;
    const free = countFree(left);
    put(
      times,
      h('p', { class: 'hint' }, t('plan.free', { count: free })),
      free === 0
        ? infoBox(t('plan.none_free'))
        : slotGroup({ slots: left, chosen: choice.time, choose: (slot) => choose({ time: slot.time }) }),
    );
    if (focused !== null) times.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
    announce(t('plan.free', { count: free }));
  };

  const showSummary = () => {
    dayTitle.textContent = longDay(choice.date, language());
    const slot = findFree(slots, choice.time);
    summary.classList.toggle('is-empty', !slot);
    if (!slot) {
      put(summary, h('p', { class: 'summary-words' }, t('plan.choose_time')));
      return;
    }
    const until = timeInZone(slot.starts_at + choice.minutes * 60, choice.tz);
    put(
      summary,
      h(
        'p',
        { class: 'summary-words' },
        h('strong', {}, `${timeLabel(slot.time)} – ${until}`),
        h('span', { class: 'capital' }, `${longDay(choice.date, language())}, ${choice.tz.replaceAll('_', ' ')}`),
      ),
      workButton({ label: t('plan.book'), busyLabel: t('plan.booking'), picture: 'check', work: book }),
    );
  };

  const askSlots = async () => {
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    const { date, tz, minutes } = choice;
    const idOf = (day) => JSON.stringify([day, tz, minutes]);
    const isNew = idOf(date) !== slotsOf;
    // In the last hour of a day it has no time that could still be had.
    const last = addDays(dayInZone(now(), tz), DAYS_AHEAD);
    const days = Array.from({ length: isOpen ? DAYS_LOOKED_AT : 1 }, (_, ahead) => addDays(date, ahead))
      .filter((day) => day === date || day <= last);
    if (isNew) {
      // Nobody may choose a time of the day before.
      times.setAttribute('aria-busy', 'true');
      times.inert = true;
    }
    try {
      const asks = async (day) => (await api.slots(name, { date: day, tz, minutes }, signal)).slots;
      const found = await firstFreeDay(days, asks, now);
      if (signal.aborted || context.signal.aborted) return;
      isOpen = false;
      slots = found.slots;
      slotsOf = idOf(found.day);
      if (found.day !== date) {
        choose({ date: found.day });
        showCalendar();
      }
      showTimes();
      showSummary();
    } catch (error) {
      // What is shown may be a little old; the booking itself finds out.
      if (signal.aborted || context.signal.aborted || !isNew) return;
      slots = [];
      slotsOf = '';
      shown = '';
      put(times, faultBox(error, askSlots));
      showSummary();
    } finally {
      if (!signal.aborted) {
        times.removeAttribute('aria-busy');
        times.inert = false;
      }
    }
  };

  const book = async () => {
    put(problem);
    const { date, time, tz, minutes } = choice;
    try {
      const booking = await api.book({ application: name, date, time, tz, minutes });
      context.go(to.booking(booking.code));
    } catch (error) {
      const isTaken = error instanceof Fault && error.word === 'busy';
      put(problem, isTaken ? alertBox(t('plan.just_taken')) : faultBox(error, book));
      if (isTaken) {
        choose({ time: '' });
        shown = '';
        await askSlots();
      }
    }
  };

  showCalendar();
  showSummary();
  keep();
  context.signal.addEventListener('abort', () => asked?.abort(), { once: true });
  keepAsking(askSlots, REFRESH_SECONDS, context.signal);
  return h(
    'div',
    { class: 'planner' },
    h(
      'div',
      { class: 'panel planner-day' },
      h('h2', { class: 'unseen' }, t('plan.day')),
      calendar,
      h(
        'div',
        { class: 'fields' },
        lengthChooser(choice.minutes, (minutes) => again({ minutes })),
        zoneChooser(choice.tz, (tz) => {
          const today = dayInZone(now(), tz);
          choice.date = choice.date < today ? today : choice.date;
          again({ tz });
          showCalendar();
        }),
      ),
    ),
    h('section', { class: 'planner-times', 'aria-labelledby': 'day-title' }, dayTitle, problem, times, summary),
  );
};

/** Shows it. */
export const plan = (context) => {
  const { name } = context.route;
  const place = h('div', {});
  context.title(t('plan.title', { title: name }));
  load(place, {
    ask: (signal) => findApplication(name, signal),
    signal: context.signal,
    show: (found) => {
      if (found === null) return noApplication(name);
      const title = t('plan.title', { title: inLanguage(found.title, language(), found.name) });
      context.title(title);
      return [
        h('h1', { tabindex: '-1' }, title),
        planner(found, context),
        h('p', {}, h('a', { class: 'back', href: to.application(name) }, icon('left'), t('action.back'))),
      ];
    },
  });
  return [steps(1, [to.home()]), place];
};
