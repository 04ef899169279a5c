// The texts of a session's page in the language that is chosen now.

import { speaker } from '../../lib/speaker.js';
import en from '../texts/en.js';
import ru from '../texts/ru.js';

export const { language, otherLanguage, setLanguage, t, textIn } = speaker({ en, ru });

/** A length of time for a button: "15 min". */
export const minutesInShort = (minutes) => new Intl.NumberFormat(language(), {
  style: 'unit', unit: 'minute', unitDisplay: 'short',
}).format(minutes);
