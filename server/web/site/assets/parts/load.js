// Asking for something that a part of the page shows: a sign while it takes long, words and a retry when it fails.

import { h, put } from '../lib/dom.js';
import { t } from '../lib/texts.js';
import { faultBox } from './notice.js';

/**
 * Fills `place` with what `show` makes of the answer of `ask`.
 * @param {object} work `ask(signal)`, `show(answer)`, `signal` of the view, `otherwise(error)`: own children for an
 *   error, or undefined for the usual box.
 */
export const load = async (place, work) => {
  const { ask, show, signal, otherwise } = work;
  place.setAttribute('aria-busy', 'true');
  put(place, h('p', { class: 'loading' }, h('span', { class: 'loading-mark', 'aria-hidden': 'true' }), t('loading')));
  try {
    const answer = await ask(signal);
    if (signal.aborted) return;
    put(place, show(answer));
    // Who came here before there was a heading waits at the beginning of the page.
    if (document.activeElement === document.getElementById('main')) {
      place.querySelector('h1')?.focus({ preventScroll: true });
    }
  } catch (error) {
    if (signal.aborted) return;
    const isWholePage = !document.querySelector('h1');
    put(place, otherwise?.(error) ?? [
      isWholePage && h('h1', { tabindex: '-1' }, t('fault.title')),
      faultBox(error, () => load(place, work)),
    ]);
  } finally {
    place.removeAttribute('aria-busy');
  }
};
