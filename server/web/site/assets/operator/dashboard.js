// All tables, refreshed by themselves; what cannot be refreshed is said, and what was known stays to be read.

import { h, icon, newId, put } from '../lib/dom.js';
import { operatorApi } from '../lib/api.js';
import { announce } from '../lib/announce.js';
import { keepAsking, now } from '../lib/clock.js';
import { Fault } from '../lib/faults.js';
import { t } from '../lib/texts.js';
import { alertBox, wordsFor } from '../parts/notice.js';
import { lists, moment } from './lists.js';
import { table } from './table.js';

/** Between an answer and the next question (a guess: seldom enough for the limits of an address). */
const REFRESH_SECONDS = 4;

/** Lines of one table at most: the newest of the audit, and more than fit a screen of anything else. */
const MAX_ROWS = 100;

const rowsOf = (answer) => (Array.isArray(answer) ? answer : []);

/** Makes it; `refused()` hears that the token is not accepted any more. */
export const dashboard = ({ token, signal, refused }) => {
  const api = operatorApi(token);
  const fresh = h('p', { class: 'hint' }, t('loading'));
  const silence = h('div', { class: 'silence' });
  const outcome = h('div', {});
  let lastAnswer = now();
  let isSilent = false;

  const act = async (work) => {
    put(outcome);
    try {
      await work();
      announce(t('operator.done'));
    } catch (error) {
      put(outcome, alertBox(wordsFor(error)));
      scrollTo(0, 0);
    }
    refresh();
  };

  const sections = lists({ api, act }).map((list) => {
    const heading = newId(list.what);
    const count = h('span', { class: 'count' });
    const grid = table({ ...list, heading });
    const node = h(
      'section',
      { 'aria-labelledby': heading, id: list.what },
      h(
        'div',
        { class: 'section-top' },
        h('h2', { id: heading, tabindex: '-1' }, list.title),
        count,
        list.add && h('button', { type: 'button', class: 'button is-small is-second', onclick: list.add.work },
          icon('plus'), list.add.label),
      ),
      grid.node,
    );
    const fill = (rows) => {
      const shown = rows.slice(0, MAX_ROWS);
      count.textContent = shown.length < rows.length
        ? t('operator.first', { shown: shown.length, all: rows.length })
        : String(rows.length);
      grid.fill(shown);
    };
    return { list, node, fill };
  });

  const refresh = keepAsking(async () => {
    try {
      const answers = await Promise.all(sections.map(({ list }) => api.list(list.what, signal)));
      answers.forEach((answer, place) => sections[place].fill(rowsOf(answer)));
      lastAnswer = now();
      fresh.textContent = t('operator.fresh', { time: moment(lastAnswer) });
      put(silence);
      if (isSilent) announce(t('operator.back'));
      isSilent = false;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Fault && (error.status === 401 || error.status === 403)) {
        refused();
      } else if (!isSilent) {
        isSilent = true;
        fresh.textContent = '';
        put(silence, alertBox(error.status === 0
          ? t('operator.stale', { time: moment(lastAnswer) })
          : wordsFor(error)));
      }
    }
  }, REFRESH_SECONDS, signal);

  return [
    h('div', { class: 'section-top' }, h('h1', { tabindex: '-1' }, t('operator.title')), fresh),
    silence,
    outcome,
    h('nav', { class: 'sections', 'aria-label': t('operator.sections') }, sections.map(({ list }) => h(
      'a',
      { href: `#${list.what}` },
      list.title,
    ))),
    sections.map(({ node }) => node),
  ];
};
