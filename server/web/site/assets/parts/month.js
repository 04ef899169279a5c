// A month of days to choose from, by pointer or keyboard: arrows by days and weeks, Home and End within the week, Page
// Up and Down by months (the WAI-ARIA pattern of a date picker's grid).

import { h, icon, newId, put } from '../lib/dom.js';
import {
  addDays, addMonths, addMonthsToDay, firstDayOf, longDay, monthGrid, monthName, monthOf, placeInWeek, weekDays,
} from '../lib/dates.js';
import { language, t } from '../lib/texts.js';

/**
 * Makes a calendar.
 * @param {object} wish `today` and `last`: the first and the last day that can be chosen; `day`: the chosen one;
 *   `choose(day)`.
 */
export const monthPicker = ({ today, last, day, choose }) => {
  const firstDay = firstDayOf(language() === 'ru' ? 'ru' : navigator.language);
  let chosen = day;
  // The one day that the Tab key reaches.
  let current = day;
  let month = monthOf(day);
  const heading = newId('month');
  const title = h('h3', { id: heading, 'aria-live': 'polite' });
  const body = h('tbody');

  const show = (takeFocus = false) => {
    title.textContent = monthName(month, language());
    back.disabled = month <= monthOf(today);
    next.disabled = month >= monthOf(last);
    put(body, monthGrid(month, firstDay).map((week) => h('tr', {}, week.map(cell))));
    if (takeFocus) body.querySelector('[tabindex="0"]')?.focus();
  };

  const cell = (date) => {
    if (date === null) return h('td', {});
    const number = String(Number(date.slice(8)));
    if (date < today || date > last) return h('td', { class: 'is-past' }, number);
    const isToday = date === today;
    return h('td', { 'aria-selected': String(date === chosen) }, h('button', {
      type: 'button',
      class: `day${isToday ? ' is-today' : ''}${date === chosen ? ' is-chosen' : ''}`,
      tabindex: date === current ? '0' : '-1',
      'data-day': date,
      'aria-label': isToday ? t('calendar.today', { day: longDay(date, language()) }) : longDay(date, language()),
      onclick: () => pick(date),
    }, number));
  };

  const pick = (date) => {
    chosen = date;
    current = date;
    show(true);
    choose(date);
  };

  const move = (date) => {
    current = date < today ? today : date > last ? last : date;
    month = monthOf(current);
    show(true);
  };

  const turn = (months) => {
    month = addMonths(month, months);
    const wanted = monthOf(chosen) === month ? chosen : `${month}-01`;
    current = wanted < today ? today : wanted;
    show();
  };

  const keys = {
    ArrowLeft: () => addDays(current, -1),
    ArrowRight: () => addDays(current, 1),
    ArrowUp: () => addDays(current, -7),
    ArrowDown: () => addDays(current, 7),
    Home: () => addDays(current, -placeInWeek(current, firstDay)),
    End: () => addDays(current, 6 - placeInWeek(current, firstDay)),
    PageUp: () => addMonthsToDay(current, -1),
    PageDown: () => addMonthsToDay(current, 1),
  };
  const onkeydown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
    event.preventDefault();
    move(keys[event.key]());
  };

  const arrow = (picture, label, months) => h('button', {
    type: 'button', class: 'button is-round', 'aria-label': label, onclick: () => turn(months),
  }, icon(picture));
  const back = arrow('left', t('calendar.month_before'), -1);
  const next = arrow('right', t('calendar.month_after'), 1);

  const node = h(
    'div',
    { class: 'calendar' },
    h('div', { class: 'calendar-top' }, back, title, next),
    h(
      'table',
      { role: 'grid', 'aria-labelledby': heading, onkeydown },
      h('thead', {}, h('tr', {}, weekDays(firstDay, language()).map(({ short, long }) => h(
        'th',
        { scope: 'col', abbr: long },
        short,
      )))),
      body,
    ),
  );
  show();
  return node;
};
