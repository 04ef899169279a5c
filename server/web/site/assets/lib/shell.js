// The parts of a page that are there from the start: their texts, the language switch, the way past the header.

import { language, otherLanguage, setLanguage, t, textIn } from './texts.js';

const fillShell = () => {
  document.documentElement.lang = language();
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', t(element.dataset.label));
  }
};

/** Sets the shell up; `changed` is called after each change of the language. */
export const shell = (changed) => {
  const button = document.getElementById('language');
  const show = () => {
    fillShell();
    button.textContent = textIn(otherLanguage(), 'language.name');
    button.lang = otherLanguage();
  };
  button.addEventListener('click', () => {
    setLanguage(otherLanguage());
    show();
    changed();
  });
  // The address after "#" says which view is shown: the link must not change it.
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    const main = document.getElementById('main');
    (main.querySelector('h1') ?? main).focus();
  });
  show();
};
