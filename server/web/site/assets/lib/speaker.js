// Speaking to a visitor from a set of texts in several languages, in the one that is chosen now.

import { LANGUAGES, chooseLanguage, fill } from './talk.js';
import { recall, remember } from './store.js';

const STORED = 'language';

/** Makes the functions of a page from its texts by language. */
export const speaker = (texts) => {
  let chosen = chooseLanguage(navigator.languages ?? [navigator.language], recall(STORED));
  return {
    /** The language now: "en" or "ru". */
    language: () => chosen,
    /** The language that the switch would change to. */
    otherLanguage: () => LANGUAGES.find((known) => known !== chosen),
    /** Changes it, and keeps that for the next visit. */
    setLanguage: (next) => {
      chosen = next;
      remember(STORED, next);
    },
    /** The text of a key, its placeholders filled. */
    t: (key, values = {}) => fill(texts[chosen][key], values, chosen),
    /** A text in another language than the one now, for the switch. */
    textIn: (tongue, key) => texts[tongue][key],
  };
};
