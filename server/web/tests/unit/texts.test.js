// The texts: both languages have the same, every one that is used exists, and none is left over.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chooseLanguage, fill, inLanguage } from '../../site/assets/lib/talk.js';
import sessionEn from '../../site/assets/session/texts/en.js';
import sessionRu from '../../site/assets/session/texts/ru.js';
import en from '../../site/assets/texts/en.js';
import ru from '../../site/assets/texts/ru.js';

const SITE = fileURLToPath(new URL('../../site/', import.meta.url));

const filesIn = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
  const path = `${folder}${entry.name}`;
  return entry.isDirectory() ? filesIn(`${path}/`) : [path];
});

const all = filesIn(SITE)
  .filter((path) => /\.(js|html)$/.test(path) && !path.includes('/texts/'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
const isOfSession = ({ path }) => /\/session(\.html$|\/)/.test(path.slice(SITE.length - 1));

/** Each page with its texts: the site, and the page of a session. */
const PAGES = [
  { page: 'site', en, ru, sources: all.filter((source) => !isOfSession(source)), besides: ['loading'] },
  { page: 'session', en: sessionEn, ru: sessionRu, sources: all.filter(isOfSession), besides: [] },
];

/** What looks like a key of these texts. */
const quoted = (texts) => {
  const spaces = [...new Set(Object.keys(texts).map((key) => key.split('.')[0]))].join('|');
  return new RegExp(`['"]((?:${spaces})\\.[a-z_]+)['"]`, 'g');
};

const placeholders = (text) => {
  const all = typeof text === 'string' ? [text] : Object.values(text);
  return [...new Set(all.flatMap((one) => [...one.matchAll(/\{(\w+)\}/g)].map((found) => found[1])))].sort();
};

for (const { page, en, ru, sources, besides } of PAGES) {
  test(`${page}: both languages have the same keys with the same placeholders`, () => {
    assert.deepEqual(Object.keys(ru).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en)) assert.deepEqual(placeholders(ru[key]), placeholders(en[key]), key);
  });

  test(`${page}: no text is empty, and plural texts have every form of their language`, () => {
    for (const [language, texts] of Object.entries({ en, ru })) {
      const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
      for (const [key, text] of Object.entries(texts)) {
        if (typeof text === 'string') assert.ok(text.trim(), key);
        else for (const form of forms) assert.ok(text[form]?.trim(), `${language} ${key} ${form}`);
      }
    }
  });

  test(`${page}: every key that is used exists`, () => {
    for (const { path, text } of sources) {
      for (const [, key] of text.matchAll(quoted(en))) assert.ok(key in en, `${path}: ${key}`);
      // A key is written out where it is used, so that these tests see it.
      for (const [, argument] of text.matchAll(/[^\w.]t\(([^)]*)/g)) {
        assert.match(argument, /^('|part\.key|key\b|element\.dataset)/, `${path}: t(${argument}`);
      }
    }
  });

  test(`${page}: every text is used`, () => {
    const used = new Set(sources.flatMap(({ text }) => [...text.matchAll(quoted(en))].map(([, key]) => key)));
    for (const key of besides) used.add(key);
    assert.deepEqual(Object.keys(en).filter((key) => !used.has(key)), []);
  });
}

test('the plural form follows the number', () => {
  assert.equal(fill(en['timer.days'], { count: 1 }, 'en'), '1 day');
  assert.equal(fill(en['timer.days'], { count: 2 }, 'en'), '2 days');
  assert.equal(fill(ru['timer.days'], { count: 1 }, 'ru'), '1 день');
  assert.equal(fill(ru['timer.days'], { count: 3 }, 'ru'), '3 дня');
  assert.equal(fill(ru['timer.days'], { count: 11 }, 'ru'), '11 дней');
  assert.equal(fill('{a} {b}', { a: 1 }, 'en'), '1 {b}');
});

test('the language is the stored one, else the first that is wanted and known, else English', () => {
  assert.equal(chooseLanguage(['ru-RU', 'en'], null), 'ru');
  assert.equal(chooseLanguage(['de', 'en-GB', 'ru'], null), 'en');
  assert.equal(chooseLanguage(['de'], 'fr'), 'en');
  assert.equal(chooseLanguage(['en'], 'ru'), 'ru');
});

test('what an operator wrote in one language is better than nothing', () => {
  assert.equal(inLanguage({ en: 'Chess', ru: 'Шахматы' }, 'ru'), 'Шахматы');
  assert.equal(inLanguage({ ru: 'Шахматы' }, 'en'), 'Шахматы');
  assert.equal(inLanguage({ en: '' }, 'en', 'chess'), 'chess');
  assert.equal(inLanguage(null, 'en', 'chess'), 'chess');
});
