// Signing in with the operator's token, which the tab keeps until it is closed.

import { h, newId, put } from '../lib/dom.js';
import { operatorApi } from '../lib/api.js';
import { Fault } from '../lib/faults.js';
import { t } from '../lib/texts.js';
import { wordsFor } from '../parts/notice.js';

/** Makes the form; `words` stand in it from the start, `accepted(token)` hears of a token that is good. */
export const signIn = ({ words, signal, accepted }) => {
  const id = newId('token');
  const problem = newId('token');
  const complaint = h('p', { class: 'field-problem', id: problem, role: 'alert' }, words);
  const input = h('input', {
    id, type: 'password', autocomplete: 'current-password', spellcheck: 'false', 'aria-describedby': problem,
  });
  const button = h('button', { type: 'submit', class: 'button' }, t('operator.sign_in'));
  const complain = (text) => {
    complaint.textContent = text;
    input.setAttribute('aria-invalid', 'true');
    input.focus();
  };
  const submit = async () => {
    const token = input.value.trim();
    if (token === '') {
      complain(t('operator.token_missing'));
      return;
    }
    button.setAttribute('aria-disabled', 'true');
    put(button, t('operator.checking'));
    try {
      // A header's value has no other letters; such a token cannot be the right one.
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Fault({ status: 401 });
      await operatorApi(token).list('servers', signal);
      accepted(token);
    } catch (error) {
      if (!signal.aborted) complain(wordsFor(error));
    } finally {
      button.removeAttribute('aria-disabled');
      put(button, t('operator.sign_in'));
    }
  };
  return h(
    'div',
    { class: 'narrow' },
    h('h1', { tabindex: '-1' }, t('operator.title')),
    h('p', { class: 'lead' }, t('operator.sign_in_lead')),
    h(
      'form',
      {
        class: 'panel form',
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          if (!button.hasAttribute('aria-disabled')) submit();
        },
      },
      h('div', { class: 'field' }, h('label', { for: id }, t('operator.token')), input, complaint),
      button,
    ),
  );
};
