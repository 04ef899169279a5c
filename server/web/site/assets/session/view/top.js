// The bar above the picture: what runs, whether it is connected, the time that is left, and the way out.

import { announce } from '../../lib/announce.js';
import { now } from '../../lib/clock.js';
import { SOON_SECONDS, figures, inWords, markPassed, secondsLeft } from '../../lib/countdown.js';
import { h, put } from '../../lib/dom.js';
import { inLanguage } from '../../lib/talk.js';
import { language, otherLanguage, setLanguage, t, textIn } from '../lib/words.js';
import { icon } from './icons.js';

/** What people read as the application's name. */
export const titleOf = (state) => inLanguage(state.application?.title, language(), state.application?.name)
  || t('live.session');

export const top = (app) => {
  const title = h('h1', { class: 'title', tabindex: '-1' });
  const dot = h('span', { class: 'status-dot', 'aria-hidden': 'true' });
  const status = h('span', { class: 'status-words' });
  const left = h('span', { class: 'left-figures' });
  const leftWords = h('span', { class: 'unseen' });
  const time = h('p', { class: 'left', role: 'timer', hidden: true }, icon('clock'), leftWords, left);
  const badge = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  const panel = h('button', {
    type: 'button', class: 'tool', 'data-do': 'panel', onclick: () => app.togglePanel(),
  }, icon('people'), badge);
  const tongue = h('button', {
    type: 'button',
    class: 'language',
    onclick: () => {
      setLanguage(otherLanguage());
      app.speakAnew();
    },
  });
  const leaveWords = h('span', {});
  const leave = h('button', { type: 'button', class: 'button is-quiet is-small', 'data-do': 'leave', onclick: () => app.leave() },
    icon('leave'), leaveWords);
  const skip = h('a', {
    class: 'skip',
    href: '#catcher',
    onclick: (event) => {
      event.preventDefault();
      app.focusPicture();
    },
  });
  const node = h(
    'div',
    { class: 'top-live' },
    skip,
    h('img', { class: 'mark', src: '/assets/icon.svg', alt: '', width: '28', height: '28' }),
    h('div', { class: 'top-words' }, title, h('p', { class: 'status' }, dot, status)),
    time,
    tongue,
    panel,
    leave,
  );
  let before = Infinity;
  const tick = (state) => {
    time.hidden = state.endsAt === null;
    if (state.endsAt === null) return;
    const seconds = secondsLeft(state.endsAt, now());
    const shown = figures(seconds);
    if (left.textContent !== shown) left.textContent = shown;
    time.classList.toggle('is-soon', seconds <= SOON_SECONDS);
    const mark = before === Infinity ? undefined : markPassed(before, seconds);
    if (mark !== undefined && mark > 0) announce(t('time.ends_in', { time: inWords(mark, language()) }));
    before = seconds;
  };
  const speak = () => {
    skip.textContent = t('live.skip');
    leaveWords.textContent = t('tools.leave');
    leave.title = t('tools.leave');
    leftWords.textContent = `${t('time.left')} `;
    put(tongue, textIn(otherLanguage(), 'language.name'));
    tongue.lang = otherLanguage();
  };
  speak();
  return {
    node,
    tick,
    speak,
    title,
    show: (state) => {
      const words = titleOf(state);
      if (title.textContent !== words) title.textContent = words;
      document.title = t('live.title', { title: words, code: app.entry.code ?? '' });
      tick(state);
    },
    /** 'on', 'wait' or 'lost', and the words for it. */
    status: (look, words) => {
      dot.dataset.look = look;
      if (status.textContent !== words) status.textContent = words;
    },
    panel: (isOpen, unread) => {
      const label = unread > 0 ? t('tools.panel_unread', { count: unread }) : t('tools.panel');
      panel.setAttribute('aria-label', label);
      panel.title = label;
      panel.setAttribute('aria-expanded', String(isOpen));
      badge.hidden = unread === 0;
      badge.textContent = unread > 9 ? '9+' : String(unread);
    },
  };
};
