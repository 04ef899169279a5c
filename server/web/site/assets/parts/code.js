// A code, large, with buttons that copy it and its link.

import { h, icon, put } from '../lib/dom.js';
import { announce } from '../lib/announce.js';
import { t } from '../lib/texts.js';
import { to } from '../lib/routes.js';

/** How long a button says that it copied (a guess). */
const SAID_MS = 2500;

const copyButton = (label, text) => {
  const face = (picture, words) => [icon(picture), h('span', {}, words)];
  const button = h('button', {
    type: 'button',
    class: 'button is-quiet',
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        put(button, face('check', t('code.copied')));
        announce(t('code.copied'));
        setTimeout(() => put(button, face('copy', label)), SAID_MS);
      } catch {
        announce(t('code.not_copied'));
        put(button, face('alert', t('code.not_copied')));
      }
    },
  }, face('copy', label));
  return button;
};

/** The address that a friend opens to join with a code. */
export const joinAddress = (code) => `${location.origin}/${to.join(code)}`;

/** The panel of a code: `words` say whom it is for. */
export const codePanel = (code, words) => h(
  'section',
  { class: 'code-panel', 'aria-label': t('code.label') },
  h('p', { class: 'code-words' }, words),
  h(
    'p',
    { class: 'code', translate: 'no' },
    // Digit by digit for a reader, which would say "four thousand".
    h('span', { class: 'unseen' }, [...code].join(' ')),
    h('span', { 'aria-hidden': 'true', 'data-code': code }, [...code].map((digit) => h('span', {}, digit))),
  ),
  h(
    'div',
    { class: 'row is-centred' },
    copyButton(t('code.copy'), code),
    copyButton(t('code.copy_link'), joinAddress(code)),
  ),
);
