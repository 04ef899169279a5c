// The texts in the language that is chosen now, and the choice itself.

import { LANGUAGES, chooseLanguage, fill } from './talk.js';
import { recall, remember } from './store.js';
import en from '../texts/en.js';
import ru from '../texts/ru.js';

const TEXTS = { en, ru };
const STORED = 'language';

let chosen = chooseLanguage(navigator.languages ?? [navigator.language], recall(STORED));

/** The language now: "en" or "ru". */
export const language = () => chosen;

/** The language that the switch would change to. */
export const otherLanguage = () => LANGUAGES.find((known) => known !== chosen);

/** Changes it, and keeps that for the next visit. */
export const setLanguage = (next) => {
  chosen = next;
  remember(STORED, next);
};

/** The text of a key, its placeholders filled. */
export const t = (key, values = {}) => fill(TEXTS[chosen][key], values, chosen);

/** A text in another language than the one now, for the switch. */
export const textIn = (tongue, key) => TEXTS[tongue][key];
