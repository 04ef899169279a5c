// The first page: which application, or a code that one was given.

import { h } from '../lib/dom.js';
import { api } from '../lib/api.js';
import { inLanguage } from '../lib/talk.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { load } from '../parts/load.js';
import { infoBox } from '../parts/notice.js';
import { picture } from '../parts/picture.js';
import { steps } from '../parts/steps.js';
import { joinPanel } from './join.js';

/** Whether it can be started now, in a word or two. */
export const chip = (application) => {
  if (application.servers === 0) return h('span', { class: 'chip is-away' }, t('chip.away'));
  if (!application.free_now) return h('span', { class: 'chip is-busy' }, t('chip.busy'));
  return h('span', { class: 'chip is-free' }, t('chip.free'));
};

const card = (application) => h(
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
    chip(application),
  ),
);

/** Shows it. */
export const home = (context) => {
  const list = h('div', {});
  load(list, {
    ask: api.applications,
    signal: context.signal,
    show: (applications) => (applications.length === 0
      ? infoBox(t('home.none'))
      : h('ul', { class: 'cards' }, applications.map(card))),
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
