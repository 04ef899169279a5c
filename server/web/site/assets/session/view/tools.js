// The bar below the picture: who drives and how that changes, and what can be done with the picture.

import { h, put } from '../../lib/dom.js';
import { controlStep, mine, personOf } from '../lib/state.js';
import { t } from '../lib/words.js';
import { icon } from './icons.js';

export const tools = (app) => {
  const words = h('p', { class: 'drive-words', role: 'status' });
  const actions = h('div', { class: 'drive-actions' });
  const made = [];
  const tool = (name, picture, label, work, { isToggle = false, isOffered = true } = {}) => {
    const node = h('button', { type: 'button', class: 'tool', 'data-do': name, onclick: work }, icon(picture));
    node.hidden = !isOffered;
    let pressed = false;
    const show = (isPressed = pressed, look = picture) => {
      pressed = isPressed;
      const text = label(isPressed);
      node.setAttribute('aria-label', text);
      node.title = text;
      if (isToggle) node.setAttribute('aria-pressed', String(isPressed));
      put(node, icon(look));
    };
    show();
    made.push(show);
    return { node, show };
  };
  const hasFinger = matchMedia('(any-pointer: coarse)').matches;
  const hasMouse = matchMedia('(any-pointer: fine)').matches;
  const keyboard = tool('keyboard', 'keyboard', () => t('tools.keyboard'), () => app.toggleKeyboard(),
    { isToggle: true, isOffered: hasFinger });
  const lock = tool('lock', 'target', () => t('tools.lock_pointer'), () => app.lockPointer(), { isOffered: hasMouse });
  const paste = tool('paste', 'paste', () => t('tools.paste'), () => app.openPaste());
  const sound = tool('sound', 'sound', (isMuted) => (isMuted ? t('tools.sound_on') : t('tools.sound_off')), () => app.toggleSound());
  const quality = tool('quality', 'chart', () => t('tools.quality'), () => app.toggleQuality(), { isToggle: true });
  const small = tool('small', 'small', () => t('tools.small'), () => app.toggleSmall(), {
    isOffered: document.pictureInPictureEnabled === true,
  });
  const full = tool('full', 'full', (isFull) => (isFull ? t('tools.window') : t('tools.full')), () => app.toggleFull(), {
    isOffered: app.canBeFull(),
  });
  const bar = h('div', { class: 'tool-row', role: 'toolbar' }, [keyboard, lock, paste, sound, quality, small, full]
    .map(({ node }) => node));
  const node = put(document.querySelector('.tools'), h('div', { class: 'drive' }, words, actions), bar);

  // One stop for the Tab key, arrows inside (WAI-ARIA Authoring Practices, toolbar).
  const stops = () => [...bar.querySelectorAll('button')].filter((button) => !button.hidden && !button.disabled);
  const settle = () => {
    const all = stops();
    const current = all.includes(document.activeElement) ? document.activeElement : all.find((one) => one.tabIndex === 0);
    for (const one of bar.querySelectorAll('button')) one.tabIndex = -1;
    if (current ?? all[0]) (current ?? all[0]).tabIndex = 0;
  };
  bar.addEventListener('focusin', settle);
  bar.addEventListener('keydown', (event) => {
    const all = stops();
    const at = all.indexOf(document.activeElement);
    const to = {
      ArrowRight: (at + 1) % all.length, ArrowLeft: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1,
    }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    all[to].focus();
  });

  let shownActions = '';
  const show = (state) => {
    const step = controlStep(state);
    const driver = personOf(state, state.control.driver);
    const isOwner = mine(state)?.isOwner === true;
    const who = driver ? t('control.other', { name: driver.name || t('live.unnamed') }) : t('control.nobody');
    const before = state.control.queue.indexOf(state.me);
    const said = {
      drive: t('control.you'),
      wait: before > 0 ? `${t('control.waiting')}, ${t('control.waiting_place', { count: before })}` : t('control.waiting'),
      watch: state.me === null ? '' : `${t('control.watching')} · ${who}`,
    }[step] ?? who;
    if (words.textContent !== said) words.textContent = said;
    node.dataset.step = step;
    const isMine = step === 'drive';
    for (const one of [keyboard, lock, paste]) one.node.disabled = !isMine;
    const wish = JSON.stringify([step, isOwner && driver !== null]);
    if (wish === shownActions) {
      settle();
      return;
    }
    shownActions = wish;
    const hadFocus = actions.contains(document.activeElement);
    const button = (name, text, look, picture) => h('button', {
      type: 'button', class: `button is-small ${look}`, 'data-do': name, onclick: () => app.control(name),
    }, picture && icon(picture), h('span', {}, text));
    put(
      actions,
      step === 'take' && button('ask', t('control.take'), '', 'wheel'),
      step === 'ask' && !isOwner && button('ask', t('control.ask'), '', 'hand'),
      step === 'ask' && isOwner && button('seize', t('control.seize'), '', 'wheel'),
      step === 'wait' && button('cancel', t('control.cancel'), 'is-quiet'),
      step === 'drive' && button('release', t('control.release'), 'is-quiet', 'hand'),
    );
    if (hadFocus) actions.querySelector('button')?.focus();
    settle();
  };
  const speak = () => {
    bar.setAttribute('aria-label', t('tools.label'));
    shownActions = '';
    for (const one of made) one();
  };
  speak();
  return {
    node, show, speak, keyboard, sound, quality, full, bar,
    focus: () => (stops().find((one) => one.tabIndex === 0) ?? stops()[0])?.focus(),
  };
};
