// Boxes over the picture: somebody asks for control, the time is over soon, nobody is there, the application copied
// something, the server refused something.

import { figures } from '../../lib/countdown.js';
import { h } from '../../lib/dom.js';
import { EXTENSIONS, drives, personOf } from '../lib/state.js';
import { language, minutesInShort, t } from '../lib/words.js';
import { copyButton } from './copy.js';
import { icon } from './icons.js';

/** How long a passing word stays. */
const PASSING_MS = 6000;
const MAX_PASSING = 3;

export const notices = (app) => {
  const node = h('div', { class: 'notices' });
  const places = new Map();
  let passing = [];

  // One box a kind, changed only when what it says changes: a reader says it once, and the focus stays.
  const box = (kind, wish, make) => {
    const had = places.get(kind);
    if (wish === null) {
      if (!had) return;
      const hadFocus = had.node.contains(document.activeElement);
      had.node.remove();
      places.delete(kind);
      if (hadFocus) app.focusPicture();
      return;
    }
    const key = JSON.stringify([wish, language()]);
    if (had?.key === key) return;
    const made = make();
    if (had) had.node.replaceWith(made);
    else node.append(made);
    places.set(kind, { key, node: made });
  };

  const clock = (until) => h('strong', { class: 'box-clock', 'data-until': until, 'aria-hidden': 'true' });
  const alert = (kind, picture, words, ...actions) => h(
    'div',
    { class: 'box', role: 'alert', 'data-box': kind },
    icon(picture),
    h('p', { class: 'box-words' }, words),
    h('div', { class: 'box-actions' }, actions),
  );
  const button = (name, text, work, look = '') => h('button', {
    type: 'button', class: `button is-small ${look}`, 'data-do': name, onclick: work,
  }, text);
  const close = (work) => h('button', {
    type: 'button', class: 'tool is-plain', 'aria-label': t('tools.close'), title: t('tools.close'), onclick: work,
  }, icon('close'));

  const tick = () => {
    const nowMs = performance.now();
    for (const one of node.querySelectorAll('[data-until]')) {
      const text = figures(Math.max(0, Math.ceil((Number(one.dataset.until) - nowMs) / 1000)));
      if (one.textContent !== text) one.textContent = text;
    }
  };

  const show = (state) => {
    const { asked } = state;
    const who = asked && drives(state) ? personOf(state, asked.client) : null;
    // Its time moves with every move of the driver; the buttons stay, or a press on them would be lost.
    box('asked', who && [who.client, who.name, asked.until !== null], () => alert(
      'asked',
      'hand',
      [t('control.asks', { name: who.name || t('live.unnamed') }), asked.until !== null && [
        h('br', {}), h('span', { class: 'hint' }, t('control.asks_left'), ' ', clock(asked.until))]],
      button('give', t('control.yes'), () => app.give(who.client)),
      button('refuse', t('control.no'), () => app.refuse(who.client), 'is-quiet'),
    ));
    const left = places.get('asked')?.node.querySelector('[data-until]');
    if (left) left.dataset.until = asked.until;
    box('idle', state.idleUntil, () => alert(
      'idle', 'clock', [t('time.idle'), ' ', clock(state.idleUntil)], button('here', t('time.here'), () => app.here()),
    ));
    const mayExtend = state.canExtend && controlAllows(state);
    box('time', state.timeUntil !== null && !app.isTimeHidden() ? [state.timeUntil, mayExtend] : null, () => alert(
      'time',
      'clock',
      [t('time.soon'), ' ', clock(state.timeUntil), !state.canExtend && [h('br', {}), h('span', { class: 'hint' }, t('time.cannot'))]],
      mayExtend && EXTENSIONS.map((minutes) => button(
        'extend',
        t('time.extend', { time: minutesInShort(minutes) }),
        () => app.extend(minutes),
        minutes === EXTENSIONS[0] ? '' : 'is-quiet',
      )),
      close(() => app.hideTime()),
    ));
    const copied = app.copied();
    box('copied', copied, () => alert(
      'copied', 'copy', t('paste.copied'), copyButton(t('paste.copy'), () => copied, 'button is-small'), close(() => app.dropCopied()),
    ));
    box('passing', passing.length > 0 ? passing.map(({ text }) => text) : null, () => h(
      'div', { class: 'box is-passing', role: 'status', 'data-box': 'passing' },
      h('div', { class: 'box-words' }, passing.map(({ text }) => h('p', {}, text))),
    ));
    tick();
  };

  const controlAllows = (state) => personOf(state, state.me)?.isWatching !== true;

  return {
    node,
    tick,
    show,
    /** Says something that goes by itself. */
    pass: (text) => {
      if (passing.some((other) => other.text === text)) return;
      const one = { text };
      passing = [...passing, one].slice(-MAX_PASSING);
      show(app.state);
      setTimeout(() => {
        passing = passing.filter((other) => other !== one);
        show(app.state);
      }, PASSING_MS);
    },
  };
};
