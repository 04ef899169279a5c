// Choosing and filling texts: the language of a visitor, placeholders, plural forms. Pure.

/** The languages of the site, the first is the one for everybody else. */
export const LANGUAGES = ['en', 'ru'];

/** The first language that a visitor wants and the site has. */
export const chooseLanguage = (wanted, stored) => {
  if (LANGUAGES.includes(stored)) return stored;
  const known = wanted.map((tag) => String(tag).toLowerCase().split('-')[0]).find((tag) => LANGUAGES.includes(tag));
  return known ?? LANGUAGES[0];
};

/** Fills `{name}` with values; a text with plural forms is chosen by `values.count`. */
export const fill = (text, values, language) => {
  const chosen = typeof text === 'string'
    ? text
    : text[new Intl.PluralRules(language).select(values.count)] ?? text.other;
  return chosen.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
};

/** What people wrote in several languages: in the wanted one, else in English, else in any. */
export const inLanguage = (texts, language, otherwise = '') => {
  if (!texts) return otherwise;
  return texts[language] || texts.en || Object.values(texts).find((text) => text) || otherwise;
};
