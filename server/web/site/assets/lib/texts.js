// The texts of the site in the language that is chosen now, and the choice itself.

import { speaker } from './speaker.js';
import en from '../texts/en.js';
import ru from '../texts/ru.js';

export const { language, otherLanguage, setLanguage, t, textIn } = speaker({ en, ru });
