// A table that is filled again and again: only when something changed, and whoever is on a button of it stays there, with
// the focus as with a press.

import { h, put } from '../lib/dom.js';
import { t } from '../lib/texts.js';

/**
 * Makes one.
 * @param {object} wish `heading`: id of the heading; `columns`: [{ label, cell(row), look? }]; `actions(row)`: buttons,
 *   or null; `keyOf(row)`.
 * @returns {{ node: Element, fill(rows: object[]): void }}
 */
export const table = ({ heading, columns, actions, keyOf }) => {
  let shown = '';
  const body = h('tbody');
  const head = columns.map(({ label }) => h('th', { scope: 'col' }, label));
  if (actions) head.push(h('th', { scope: 'col' }, t('operator.actions')));
  const empty = h('p', { class: 'hint', hidden: true }, t('operator.empty'));
  const grid = h('table', { 'aria-labelledby': heading }, h('thead', {}, h('tr', {}, head)), body);

  const line = (row) => h(
    'tr',
    { 'data-key': keyOf(row) },
    columns.map(({ label, cell, look }, place) => h(
      place === 0 ? 'th' : 'td',
      { scope: place === 0 ? 'row' : null, class: look, 'data-column': label },
      cell(row),
    )),
    actions && h('td', { 'data-column': t('operator.actions') }, h('div', { class: 'actions' }, actions(row))),
  );

  // A button that is replaced between a press and its end hears of no click.
  let isPressed = false;
  let waiting = null;
  const letGo = () => {
    isPressed = false;
    const rows = waiting;
    waiting = null;
    if (rows !== null) fill(rows);
  };
  body.addEventListener('pointerdown', () => {
    isPressed = true;
    const end = new AbortController();
    for (const sign of ['pointerup', 'pointercancel']) {
      addEventListener(sign, () => {
        end.abort();
        // The click comes first.
        setTimeout(letGo);
      }, { signal: end.signal });
    }
  });

  const fill = (rows) => {
    if (isPressed) {
      waiting = rows;
      return;
    }
    const state = JSON.stringify(rows);
    if (state === shown) return;
    shown = state;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const key = focused?.closest('tr').dataset.key;
    const place = focused ? [...focused.closest('tr').querySelectorAll('button')].indexOf(focused) : -1;
    put(body, rows.map(line));
    grid.hidden = rows.length === 0;
    empty.hidden = rows.length > 0;
    if (key === undefined) return;
    const buttons = body.querySelector(`tr[data-key="${CSS.escape(key)}"]`)?.querySelectorAll('button');
    (buttons?.[place] ?? document.getElementById(heading)).focus();
  };

  return { node: h('div', { class: 'table' }, grid, empty), fill };
};
