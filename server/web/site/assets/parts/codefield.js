// The field for a code: four digits, typed or pasted, even out of a sentence or a link.

import { h, newId } from '../lib/dom.js';
import { CODE, digitsOf } from '../lib/routes.js';
import { t } from '../lib/texts.js';

/** A link to this site that ends in a code, as friends send it. */
const LINK = /#\/(?:join|session|booking)\/(\d{4})\b/;

/**
 * Makes the form.
 * @param {object} wish `code` to begin with, `submit(code)` with four digits.
 * @returns {{ node: Element, input: Element, button: Element, complain(words: string): void }} `complain('')` takes
 *   a complaint back.
 */
export const codeField = ({ code = '', submit }) => {
  const id = newId('code');
  const hint = newId('code');
  const problem = newId('code');
  const words = h('p', { class: 'field-problem', id: problem, role: 'alert' });
  const input = h('input', {
    id,
    class: 'code-input',
    inputmode: 'numeric',
    autocomplete: 'off',
    // Room for a pasted link; what is no digit is taken out at once.
    maxlength: '200',
    placeholder: '0000',
    value: code,
    'aria-describedby': `${hint} ${problem}`,
    oninput: () => {
      input.value = LINK.exec(input.value)?.[1] ?? digitsOf(input.value);
      complain('');
    },
  });
  const button = h('button', { type: 'submit', class: 'button' }, t('join.button'));
  const complain = (text) => {
    words.textContent = text;
    if (text) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
  };
  const node = h(
    'form',
    {
      class: 'code-form',
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        if (CODE.test(input.value)) {
          submit(input.value);
        } else {
          complain(t('join.four_digits'));
          input.focus();
        }
      },
    },
    h('label', { for: id }, t('join.label')),
    h('div', { class: 'code-row' }, input, button),
    h('p', { class: 'hint', id: hint }, t('join.hint')),
    words,
  );
  return { node, input, button, complain };
};
