// The first page: which application, or a code that one was given.

import { h, put } from '../lib/dom.js';
import { api } from '../lib/api.js';
import { every } from '../lib/clock.js';
import { inLanguage } from '../lib/talk.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { chip } from '../parts/chip.js';
import { load } from '../parts/load.js';
import { infoBox } from '../parts/notice.js';
import { picture } from '../parts/picture.js';
import { steps } from '../parts/steps.js';
import { joinPanel } from './join.js';

// One card, and how to tell it what is new.
const card = (application) => {
  const state = chip(application);
  return { node: cardOf(application, state.node), update: state.update };
};

const cardOf = (application, state) => h(
  'li',
  { class: 'card' },
  picture(application),
  h(
    'div',
    { class: 'card-words' },
    h('h3', {}, h(
      'a',
      { href: to.application(application.name) },
      inLanguage(application.title, language(), application.name),
    )),
    h('p', { class: 'card-text' }, inLanguage(application.description, language())),
    state,
  ),
);

/** How often the places are asked for while one chooses (a guess). */
const REFRESH_SECONDS = 10;

// All cards. Titles and order change seldom: then all is drawn anew; places come and go all the time.
const cards = (applications, context) => {
  const list = h('div', {});
  let known = null;
  let shown = new Map();
  const fill = (found) => {
    const words = JSON.stringify(found.map(({ free_now: _, servers: __, ...rest }) => rest));
    if (words !== known) {
      known = words;
      shown = new Map(found.map((one) => [one.name, card(one)]));
      put(list, found.length === 0
        ? infoBox(t('home.none'))
        : h('ul', { class: 'cards' }, [...shown.values()].map(({ node }) => node)));
    }
    for (const one of found) shown.get(one.name).update(one);
  };
  fill(applications);
  every(REFRESH_SECONDS, context.signal, async () => fill(await api.applications(context.signal)));
  return list;
};

/** Shows it. */
export const home = (context) => {
  const list = h('div', {});
  load(list, {
    ask: api.applications,
    signal: context.signal,
    show: (applications) => cards(applications, context),
  });
  context.title(t('home.title'));
  return [
    h(
      'div',
      { class: 'hero' },
      h(
        'div',
        { class: 'hero-words' },
        h('h1', { tabindex: '-1' }, t('home.title')),
        h('p', { class: 'lead' }, t('home.lead')),
      ),
      h('section', { class: 'panel', 'aria-labelledby': 'join-title' },
        h('h2', { id: 'join-title', class: 'panel-title' }, t('home.have_code')),
        joinPanel(context, '')),
    ),
    steps(0),
    h('section', { 'aria-labelledby': 'applications-title' },
      h('h2', { id: 'applications-title' }, t('home.applications')),
      list),
  ];
};
