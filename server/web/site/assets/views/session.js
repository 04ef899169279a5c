// A session that runs: the code for friends, the way in, the time that is left, and more of it.

import { h, icon, put } from '../lib/dom.js';
import { api } from '../lib/api.js';
import { announce } from '../lib/announce.js';
import { keepAsking } from '../lib/clock.js';
import { minutesInWords } from '../lib/countdown.js';
import { Fault } from '../lib/faults.js';
import { extensions } from '../lib/slots.js';
import { inLanguage } from '../lib/talk.js';
import { language, t } from '../lib/texts.js';
import { to } from '../lib/routes.js';
import { workButton } from '../parts/button.js';
import { codePanel } from '../parts/code.js';
import { addressOf, enter } from '../parts/enter.js';
import { load } from '../parts/load.js';
import { alertBox, faultBox, infoBox, wordsFor } from '../parts/notice.js';
import { steps } from '../parts/steps.js';
import { timer } from '../parts/timer.js';

/** How often the session's state is asked for: somebody else may extend or end it (a guess). */
const REFRESH_SECONDS = 5;

/** An application's title, or its name where the list cannot be had. */
export const titleOf = async (name, signal) => {
  try {
    const applications = await api.applications(signal);
    const found = applications.find((application) => application.name === name);
    return inLanguage(found?.title, language(), name);
  } catch {
    return name;
  }
};

const ended = (application) => [
  h('h1', { tabindex: '-1' }, t('session.ended')),
  infoBox(
    t('session.ended_words'),
    h(
      'a',
      { class: 'button is-quiet', href: application ? to.application(application) : to.home() },
      t('session.again'),
    ),
  ),
];

// The way in: the address if this tab knows it, else it is asked for by code.
const wayIn = (code, problem) => {
  const address = addressOf(code);
  if (address) return h('a', { class: 'button is-wide', href: address }, icon('open'), t('session.open'));
  const go = async () => {
    put(problem);
    try {
      await enter(code);
    } catch (error) {
      put(problem, faultBox(error, go));
    }
  };
  return workButton({
    label: t('session.open'), busyLabel: t('session.opening'), look: 'button is-wide', picture: 'open', work: go,
  });
};

const details = (first, context, place) => {
  const { code } = context.route;
  const problem = h('div', {});
  const silence = h('div', {});
  const more = h('div', { class: 'more' });
  const stage = h('span', { class: 'chip is-free' });
  const stop = new AbortController();
  context.signal.addEventListener('abort', () => stop.abort(), { once: true });
  let offered = '';
  let state = first;

  const finish = () => {
    stop.abort();
    const hadFocus = place.contains(document.activeElement);
    put(place, ended(state.application));
    announce(t('session.ended'));
    if (hadFocus) place.querySelector('h1').focus();
  };

  const clock = timer({
    until: first.ends_at,
    from: first.starts_at,
    words: t('session.left'),
    spoken: (time) => t('session.ends_in', { time }),
    // The coordinator ends it, not this clock, which may be wrong.
    over: () => refresh(),
    signal: stop.signal,
    urgent: true,
  });

  const extend = (minutes) => async () => {
    put(problem);
    try {
      const answer = await api.extend(code, minutes);
      clock.setUntil(answer.ends_at);
      announce(t('session.extended', { time: minutesInWords(minutes, language()) }));
      put(problem, h('p', { class: 'good' }, icon('check'), t('session.extended', {
        time: minutesInWords(minutes, language()),
      })));
      refresh();
    } catch (error) {
      put(problem, error instanceof Fault && error.word === 'busy'
        ? alertBox(t('session.cannot_extend'))
        : faultBox(error, extend(minutes)));
    }
  };

  const showMore = () => {
    stage.textContent = state.state === 'running' ? t('session.running') : t('session.starting');
    const offers = state.state === 'running' ? extensions(state.can_extend_minutes ?? 0) : [];
    const now_ = JSON.stringify([state.state, offers]);
    if (now_ === offered) return;
    offered = now_;
    const had = more.contains(document.activeElement) ? document.activeElement.dataset.minutes : undefined;
    put(
      more,
      h('h2', { class: 'more-title' }, t('session.more')),
      offers.length === 0 && h('p', { class: 'hint' }, t('session.no_more')),
      offers.length > 0 && h('div', { class: 'row' }, offers.map((minutes) => {
        const button = workButton({
          label: `+ ${minutesInWords(minutes, language())}`,
          busyLabel: t('session.extending'),
          look: 'button is-second is-small',
          work: extend(minutes),
        });
        button.dataset.minutes = minutes;
        return button;
      })),
    );
    if (had !== undefined) (more.querySelector(`[data-minutes="${had}"]`) ?? more.querySelector('button'))?.focus();
  };

  const refresh = keepAsking(async () => {
    try {
      state = await api.status(code, context.signal);
      put(silence);
      if (state.ends_at) clock.setUntil(state.ends_at);
      showMore();
    } catch (error) {
      if (context.signal.aborted) return;
      if (error instanceof Fault && error.status === 404) finish();
      else if (silence.childElementCount === 0) put(silence, alertBox(wordsFor(error)));
    }
  }, REFRESH_SECONDS, stop.signal);

  showMore();
  const title = h('span', {}, first.application);
  titleOf(first.application, context.signal).then((found) => {
    title.textContent = found;
    if (!context.signal.aborted) context.title(t('session.title', { title: found }));
  });
  return [
    h('div', { class: 'session-head' }, h('h1', { tabindex: '-1' }, title), stage),
    h(
      'div',
      { class: 'result' },
      codePanel(code, t('session.share')),
      h(
        'div',
        { class: 'panel result-side' },
        wayIn(code, problem),
        problem,
        clock.node,
        more,
        silence,
      ),
    ),
  ];
};

/** Shows it; what is only planned yet is shown as a booking. */
export const session = (context) => {
  const { code } = context.route;
  const place = h('div', {});
  context.title(t('session.title', { title: code }));
  load(place, {
    ask: (signal) => api.status(code, signal),
    signal: context.signal,
    show: (status) => {
      if (status.state === 'planned') {
        context.go(to.booking(code), { replace: true });
        return [];
      }
      return details(status, context, place);
    },
    otherwise: (error) => (error instanceof Fault && error.status === 404 ? ended(null) : undefined),
  });
  return [steps(2, [to.home()]), place];
};
