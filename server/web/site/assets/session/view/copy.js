// A button that copies, and says that it did.

import { announce } from '../../lib/announce.js';
import { h, put } from '../../lib/dom.js';
import { t } from '../lib/words.js';
import { icon } from './icons.js';

/** How long it says so (a guess). */
const SAID_MS = 2500;

/** `text()` is asked when it is pressed. */
export const copyButton = (label, text, look = 'button is-quiet is-small') => {
  const face = (picture, words) => [icon(picture), h('span', {}, words)];
  let clock = null;
  const button = h('button', {
    type: 'button',
    class: look,
    onclick: async () => {
      let isDone = true;
      try {
        await navigator.clipboard.writeText(text());
      } catch {
        isDone = false;
      }
      const words = isDone ? t('share.copied') : t('share.not_copied');
      announce(words);
      put(button, face(isDone ? 'check' : 'alert', words));
      clearTimeout(clock);
      clock = setTimeout(() => put(button, face('copy', label)), SAID_MS);
    },
  }, face('copy', label));
  return button;
};
