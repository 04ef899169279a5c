// A question for text to paste, for browsers and phones that give a page no clipboard by keys.

import { h, newId } from '../../lib/dom.js';
import { t } from '../lib/words.js';

/** Opens it; what this computer's clipboard has is there already if the browser allows. */
export const openPaste = async (app) => {
  const heading = newId('paste');
  const words = newId('paste');
  const field = h('textarea', { class: 'paste-field', rows: '5', 'aria-label': t('paste.field') });
  const close = () => dialog.close();
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': heading, 'aria-describedby': words },
    h('h2', { id: heading }, t('paste.title')),
    h('p', { id: words }, t('paste.words')),
    field,
    h(
      'div',
      { class: 'row is-end' },
      h('button', { type: 'button', class: 'button is-quiet', onclick: close }, t('paste.cancel')),
      h('button', {
        type: 'button',
        class: 'button',
        'data-do': 'paste-now',
        onclick: () => {
          const text = field.value;
          close();
          app.clipboard.paste(text);
        },
      }, t('paste.send')),
    ),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    app.focusPicture();
  });
  (document.fullscreenElement ?? document.body).append(dialog);
  dialog.showModal();
  field.focus();
  try {
    const text = await navigator.clipboard.readText();
    if (field.value === '') field.value = text;
    field.select();
  } catch {
    // It is pasted by hand.
  }
};
