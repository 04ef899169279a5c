// A question before something that cannot be undone.

import { h, newId } from '../lib/dom.js';
import { t } from '../lib/texts.js';

/** Asks; resolves to whether the answer was yes. The focus goes back to where it was. */
export const confirm = ({ title, words, yes }) => new Promise((answer) => {
  const heading = newId('question');
  const text = newId('question');
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': heading, 'aria-describedby': text },
    h('h2', { id: heading }, title),
    h('p', { id: text }, words),
    h(
      'div',
      { class: 'row is-end' },
      h('button', { type: 'button', class: 'button is-quiet', autofocus: true, onclick: () => dialog.close('no') },
        t('action.keep')),
      h('button', { type: 'button', class: 'button is-danger', onclick: () => dialog.close('yes') }, yes),
    ),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    answer(dialog.returnValue === 'yes');
  });
  document.body.append(dialog);
  dialog.showModal();
});
