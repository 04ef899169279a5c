// What people say to each other.

import { h, put } from '../../lib/dom.js';
import { personOf } from '../lib/state.js';
import { language, t } from '../lib/words.js';
import { icon } from './icons.js';

/** Bytes of UTF-8 of one message (server/wire, ChatText). */
const MAX_LEN = 1000;
/** So near the end, the newest is followed. */
const NEAR_PX = 40;

/** The browser's own kind of the language that is spoken here: the clock of 12 hours or of 24. */
const tongue = () => navigator.languages.find((one) => one.toLowerCase().startsWith(language())) ?? language();

const cut = (text) => {
  const encoder = new TextEncoder();
  let short = text;
  while (encoder.encode(short).length > MAX_LEN) short = [...short].slice(0, -1).join('');
  return short;
};

export const chat = (app) => {
  const heading = h('h2', {});
  const log = h('div', { class: 'chat-log', role: 'log', tabindex: '0' });
  const field = h('input', { class: 'chat-field', maxlength: MAX_LEN, autocomplete: 'off', enterkeyhint: 'send' });
  const send = h('button', { type: 'submit', class: 'button chat-send' }, icon('send'));
  const form = h('form', {
    class: 'chat-form',
    onsubmit: (event) => {
      event.preventDefault();
      const text = cut(field.value.trim());
      if (text !== '' && app.say(text)) field.value = '';
    },
  }, field, send);
  const node = h('section', { class: 'chat' }, h('div', { class: 'section-top' }, heading), log, form);
  let shown = null;

  const line = (said, state, previous) => {
    const isMine = said.client === state.me;
    const colour = personOf(state, said.client)?.colour;
    const goesOn = previous !== null && previous.client === said.client && said.at - previous.at < 120;
    const name = h('span', { class: 'said-name' }, said.name || t('live.unnamed'));
    if (colour) name.style.setProperty('--person', colour);
    const time = said.at === null ? null : h('time', { class: 'said-time', datetime: new Date(said.at * 1000).toISOString() },
      new Intl.DateTimeFormat(tongue(), { hour: '2-digit', minute: '2-digit' }).format(said.at * 1000));
    return h(
      'div',
      { class: `said${isMine ? ' is-mine' : ''}${goesOn ? ' goes-on' : ''}` },
      h('p', { class: goesOn ? 'said-head unseen' : 'said-head' }, name, time),
      h('p', { class: 'said-text' }, said.text),
    );
  };

  return {
    node,
    show: (state) => {
      if (state.chat === shown) return;
      const isFollowed = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
      const isMore = shown !== null && shown.length > 0 && state.chat.length > shown.length
        && shown.every((said, place) => state.chat[place] === said);
      const from = isMore ? shown.length : 0;
      const lines = state.chat.slice(from).map((said, place) => line(said, state, state.chat[from + place - 1] ?? null));
      // Only what is new is added, so that only that is read aloud.
      if (isMore) log.append(...lines);
      else put(log, state.chat.length === 0 ? h('p', { class: 'hint' }, t('chat.empty')) : lines);
      shown = state.chat;
      if (isFollowed) log.scrollTop = log.scrollHeight;
    },
    speak: () => {
      heading.textContent = t('chat.title');
      log.setAttribute('aria-label', t('chat.log'));
      field.setAttribute('aria-label', t('chat.message'));
      field.placeholder = t('chat.message');
      send.setAttribute('aria-label', t('chat.send'));
      shown = null;
    },
  };
};
