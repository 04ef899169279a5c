// One application: what it is, and the three ways into it.

import { h, icon, put } from '../lib/dom.js';
import { api } from '../lib/api.js';
import { announce } from '../lib/announce.js';
import { every } from '../lib/clock.js';
import { Fault } from '../lib/faults.js';
import { inLanguage } from '../lib/talk.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { workButton } from '../parts/button.js';
import { chip } from '../parts/chip.js';
import { keepAddress } from '../parts/enter.js';
import { load } from '../parts/load.js';
import { alertBox, faultBox } from '../parts/notice.js';
import { picture } from '../parts/picture.js';
import { steps } from '../parts/steps.js';

/** How often the places are asked for (a guess). */
const REFRESH_SECONDS = 10;

/** Looks an application up; null if it is not offered. */
export const findApplication = async (name, signal) => {
  const applications = await api.applications(signal);
  return applications.find((application) => application.name === name) ?? null;
};

/** Says that there is no such application. */
export const noApplication = (name) => [
  h('h1', { tabindex: '-1' }, t('application.none')),
  alertBox(
    t('application.unknown', { name }),
    h('a', { class: 'button is-quiet', href: to.home() }, t('action.all_applications')),
  ),
];

const way = (mark, title, words, action) => h(
  'li',
  { class: 'way' },
  h('span', { class: 'way-mark', 'aria-hidden': 'true' }, icon(mark)),
  h('h2', {}, title),
  words,
  action,
);

const startWords = ({ servers, free_now: isFree }) => {
  if (servers === 0) return t('way.start_none');
  return isFree ? t('way.start_words') : t('way.start_full');
};

const ways = (application, context, startText, refresh) => {
  const problem = h('div', {});
  const start = async () => {
    put(problem);
    announce(t('start.busy'));
    try {
      const session = await api.start(application.name);
      keepAddress(session.code, session);
      context.go(to.session(session.code));
    } catch (error) {
      const isFull = error instanceof Fault && error.word === 'busy';
      put(problem, isFull
        ? alertBox(
          t('start.full'),
          h('a', { class: 'button is-quiet', href: to.plan(application.name) }, t('way.plan_action')),
        )
        : faultBox(error, start));
      refresh();
    }
  };
  return [
    problem,
    h(
      'ul',
      { class: 'ways' },
      way('play', t('way.start'), startText, workButton({
        label: t('way.start_action'), busyLabel: t('start.busy'), picture: 'play', work: start,
      })),
      way(
        'calendar',
        t('way.plan'),
        h('p', {}, t('way.plan_words')),
        h('a', { class: 'button is-second', href: to.plan(application.name) }, icon('calendar'), t('way.plan_action')),
      ),
      way(
        'key',
        t('way.join'),
        h('p', {}, t('way.join_words')),
        h('a', { class: 'button is-second', href: to.join() }, icon('key'), t('way.join_action')),
      ),
    ),
  ];
};

/** Shows it. */
export const application = (context) => {
  const { name } = context.route;
  const place = h('div', {});
  context.title(name);
  load(place, {
    ask: (signal) => findApplication(name, signal),
    signal: context.signal,
    show: (found) => {
      if (found === null) return noApplication(name);
      const title = inLanguage(found.title, language(), found.name);
      context.title(title);
      const state = chip(found);
      const startText = h('p', {}, startWords(found));
      const refresh = every(REFRESH_SECONDS, context.signal, async () => {
        const fresh = await findApplication(name, context.signal);
        if (fresh === null) return;
        state.update(fresh);
        startText.textContent = startWords(fresh);
      });
      return [
        h(
          'div',
          { class: 'about' },
          picture(found),
          h(
            'div',
            { class: 'about-words' },
            h('h1', { tabindex: '-1' }, title),
            h('p', { class: 'lead' }, inLanguage(found.description, language())),
            state.node,
          ),
        ),
        ways(found, context, startText, refresh),
      ];
    },
  });
  return [steps(1, [to.home()]), place];
};
