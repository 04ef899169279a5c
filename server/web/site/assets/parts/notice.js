// Boxes that say something: what went wrong and how to go on, or what is good to know.

import { h, icon } from '../lib/dom.js';
import { Fault, faultKey } from '../lib/faults.js';
import { inWords } from '../lib/countdown.js';
import { language, t } from '../lib/texts.js';

/** The words for an error; of one without words of ours, the server's reason. */
export const wordsFor = (error) => {
  const key = faultKey(error);
  if (key === 'fault.locked_out' && error.retryAfter) {
    return t('fault.locked_out_for', { time: inWords(error.retryAfter, language()) });
  }
  return key === null ? t('fault.reason', { reason: error.reason }) : t(key);
};

/** A box that is read aloud at once; `more` is put under its words. */
export const alertBox = (words, ...more) => h(
  'div',
  { class: 'notice is-bad', role: 'alert' },
  icon('alert'),
  h('div', {}, h('p', {}, words), ...more),
);

/** A box for an error; with `retry`, a button that tries again where that may help. */
export const faultBox = (error, retry) => {
  const helps = retry && (!(error instanceof Fault) || error.isTemporary || error.status === 429);
  return alertBox(
    wordsFor(error),
    helps && h('button', { type: 'button', class: 'button is-quiet', onclick: retry }, t('action.retry')),
  );
};

/** A calm box. */
export const infoBox = (words, ...more) => h(
  'div',
  { class: 'notice' },
  icon('clock'),
  h('div', {}, h('p', {}, words), ...more),
);
