// Who is here, what each of them does, who may drive; inviting others; the switch of the broadcast.

import { h, put } from '../../lib/dom.js';
import { MAX_NAME_LEN } from '../lib/entry.js';
import { EXTENSIONS, drives, initials, mine } from '../lib/state.js';
import { minutesInShort, t } from '../lib/words.js';
import { copyButton } from './copy.js';
import { icon } from './icons.js';

const face = (one) => {
  const node = h('span', { class: 'face', 'aria-hidden': 'true' }, initials(one.name) || '?');
  node.style.setProperty('--person', one.colour);
  return node;
};

export const people = (app) => {
  const heading = h('h2', {});
  const count = h('span', { class: 'count' });
  const list = h('ul', { class: 'people-list' });
  const share = h('div', { class: 'share' });
  const owner = h('div', { class: 'owner' });
  const longer = h('div', { class: 'longer' });
  const invite = h('summary', {});
  // A phone has room for the people; the rest is there when it is wanted.
  const more = h('details', { class: 'invite', open: matchMedia('(min-width: 52rem) and (min-height: 40rem)').matches },
    invite, share, longer, owner);
  const node = h('section', { class: 'people' }, h('div', { class: 'section-top' }, heading, count), list, more);
  let isRenaming = false;
  let shown = { list: '', share: '', owner: '' };

  const renaming = (me) => {
    const field = h('input', {
      class: 'name-field', value: me.name, maxlength: MAX_NAME_LEN, autocomplete: 'nickname', 'aria-label': t('people.name'),
    });
    const done = (name) => {
      isRenaming = false;
      shown.list = '';
      if (name !== null) app.rename(name);
      show(app.state);
      list.querySelector('[data-do="rename"]')?.focus();
    };
    field.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      done(null);
    });
    return h('form', {
      class: 'name-form',
      onsubmit: (event) => {
        event.preventDefault();
        done(field.value);
      },
    }, field, h('button', { type: 'submit', class: 'button is-small' }, t('people.save')));
  };

  const badges = (one, state) => [
    one.client === state.me && ['you', t('live.you')],
    one.isOwner && ['owner', t('people.owner')],
    one.isWatching && ['watches', t('people.watches')],
    state.control.driver === one.client && ['drives', t('people.drives')],
    state.control.queue.includes(one.client) && ['waits', t('people.waits')],
    !one.isActive && ['idle', t('people.idle')],
  ].filter(Boolean);

  const entry = (one, state) => {
    const isMe = one.client === state.me;
    const name = one.name || t('live.unnamed');
    const mayGive = !one.isWatching && state.control.driver !== one.client
      && (drives(state) || mine(state)?.isOwner) && !(isMe && drives(state));
    return h(
      'li',
      { class: 'person', 'data-client': one.client, 'data-idle': one.isActive ? null : 'yes' },
      face(one),
      isMe && isRenaming ? renaming(one) : h(
        'div',
        { class: 'person-words' },
        h('span', { class: 'person-name' }, name),
        h('span', { class: 'badges' }, badges(one, state).map(([what, text]) => (
          h('span', { class: `chip-small is-${what}` }, text)))),
      ),
      isMe && !isRenaming && h('button', {
        type: 'button',
        class: 'tool is-plain',
        'data-do': 'rename',
        'aria-label': t('people.rename'),
        title: t('people.rename'),
        onclick: () => {
          isRenaming = true;
          shown.list = '';
          show(app.state);
          const field = list.querySelector('.name-field');
          field?.focus();
          field?.select();
        },
      }, icon('pencil')),
      mayGive && !isMe && h('button', {
        type: 'button',
        class: 'tool is-plain',
        'data-do': 'give',
        'aria-label': t('control.give', { name }),
        title: t('control.give', { name }),
        onclick: () => app.give(one.client),
      }, icon('wheel')),
    );
  };

  // What is written while a name is edited, or what has the focus, outlives others' coming and going.
  const showList = (state) => {
    const wish = JSON.stringify([state.me, state.people, state.control, isRenaming]);
    if (wish === shown.list) return;
    shown.list = wish;
    const active = list.contains(document.activeElement) ? document.activeElement : null;
    const draft = list.querySelector('.name-field')?.value;
    const client = active?.closest('[data-client]')?.dataset.client;
    const action = active?.dataset.do;
    const isField = active?.matches('.name-field');
    put(list, state.people.map((one) => entry(one, state)));
    const field = list.querySelector('.name-field');
    if (field && draft !== undefined) field.value = draft;
    if (isField) field?.focus();
    else if (client && action) list.querySelector(`[data-client="${client}"] [data-do="${action}"]`)?.focus();
  };

  const showShare = (state) => {
    const isOwner = mine(state)?.isOwner === true;
    const mayWatch = isOwner && state.watchToken !== null;
    const wish = JSON.stringify([app.entry.code, mayWatch, state.me === null || mine(state)?.isWatching]);
    if (wish === shown.share) return;
    shown.share = wish;
    more.hidden = state.me === null || mine(state)?.isWatching === true;
    const isHidden = app.entry.code === null || mine(state)?.isWatching;
    put(
      share,
      !isHidden && h(
        'p',
        { class: 'share-code', translate: 'no' },
        h('span', { class: 'share-label' }, t('share.code')),
        h('span', { class: 'unseen' }, [...app.entry.code].join(' ')),
        h('span', { class: 'share-digits', 'aria-hidden': 'true', 'data-code': app.entry.code }, app.entry.code),
      ),
      !isHidden && h(
        'div',
        { class: 'share-row' },
        copyButton(t('share.copy_link'), () => app.entry.invitation),
        mayWatch && copyButton(t('share.copy_watch'), () => app.entry.watchLink(app.state.watchToken)),
      ),
    );
  };

  const toggle = (name, label, hint, isOn, work) => {
    const box = h('input', { type: 'checkbox', role: 'switch', 'data-do': name, id: `switch-${name}`, 'aria-describedby': `hint-${name}` });
    box.checked = isOn;
    box.addEventListener('change', () => work(box.checked));
    return h(
      'div',
      { class: 'switch' },
      box,
      h('div', {}, h('label', { for: `switch-${name}` }, label), h('p', { class: 'hint', id: `hint-${name}` }, hint)),
    );
  };

  const showOwner = (state) => {
    const isOwner = mine(state)?.isOwner === true;
    const { broadcast } = state;
    const wish = JSON.stringify([isOwner, state.control.locked, broadcast]);
    if (wish === shown.owner) return;
    shown.owner = wish;
    const active = owner.contains(document.activeElement) ? document.activeElement.dataset.do : undefined;
    const channel = broadcast.on && broadcast.channel !== null
      && h('p', { class: 'on-air' }, h('span', { class: 'air-dot', 'aria-hidden': 'true' }), t('air.on', { channel: broadcast.channel }));
    const invite = broadcast.on && broadcast.invite && copyButton(t('air.invite'), () => app.state.broadcast.invite);
    put(
      owner,
      isOwner && toggle('locked', t('control.lock'), t('control.lock_hint'), state.control.locked, (on) => app.lockControl(on)),
      isOwner && toggle('air', t('air.switch'), t('air.hint'), broadcast.on, (on) => app.broadcast(on)),
      (channel || invite) && h('div', { class: 'air' }, channel, invite),
    );
    if (active) owner.querySelector(`[data-do="${active}"]`)?.focus();
  };

  const show = (state) => {
    count.textContent = String(state.people.length);
    showList(state);
    showShare(state);
    showOwner(state);
  };
  const speak = () => {
    heading.textContent = t('people.title');
    put(longer, h('span', { class: 'share-label' }, t('time.longer')), EXTENSIONS.map((minutes) => h('button', {
      type: 'button', class: 'button is-quiet is-small', 'data-do': 'extend', onclick: () => app.extend(minutes),
    }, t('time.extend', { time: minutesInShort(minutes) }))));
    invite.textContent = t('share.title');
    shown = { list: '', share: '', owner: '' };
  };
  speak();
  return { node, show, speak };
};
