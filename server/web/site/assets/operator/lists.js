// What the operator's tables show: columns of each list, and what can be done with a line of it.

import { h } from '../lib/dom.js';
import { inLanguage } from '../lib/talk.js';
import { language, t } from '../lib/texts.js';
import { confirm } from '../parts/confirm.js';
import { editApplication } from './application-form.js';

/** A moment in the browser's own zone, with seconds. */
export const moment = (seconds) => (seconds ? new Intl.DateTimeFormat(language() === 'en' ? 'en-GB' : language(), {
  dateStyle: 'short', timeStyle: 'medium',
}).format(seconds * 1000) : '–');

// Details name moments by their Unix seconds: ten digits until the year 2286.
const readable = (detail) => detail.replace(/\b1\d{9}\b/g, (seconds) => moment(Number(seconds)));

const mark = (look, words) => h('span', { class: `mark is-${look}` }, words);

const action = (label, name, work, look = 'is-quiet') => h('button', {
  type: 'button', class: `button is-small ${look}`, 'aria-label': name, onclick: work,
}, label);

const SERVER_STATES = {
  online: () => mark('good', t('servers.online')),
  draining: () => mark('warn', t('servers.draining')),
  away: () => mark('bad', t('servers.away')),
};

const SESSION_STATES = {
  starting: () => mark('warn', t('sessions.starting')),
  running: () => mark('good', t('sessions.running')),
};

const state = (known, word) => known[word]?.() ?? mark('warn', word);

/**
 * The lists in their order.
 * @param {object} hands `api`: the operator's requests; `act(work)`: does one, says what came of it, refreshes.
 */
export const lists = ({ api, act }) => [
  {
    what: 'sessions',
    title: t('sessions.title'),
    keyOf: (row) => row.code,
    columns: [
      { label: t('sessions.code'), cell: (row) => row.code, look: 'figure' },
      { label: t('sessions.application'), cell: (row) => row.application },
      { label: t('sessions.server'), cell: (row) => row.server },
      { label: t('sessions.state'), cell: (row) => state(SESSION_STATES, row.stage) },
      { label: t('sessions.users'), cell: (row) => row.users ?? '–', look: 'figure' },
      { label: t('sessions.from'), cell: (row) => moment(row.starts_at) },
      { label: t('sessions.until'), cell: (row) => moment(row.ends_at) },
    ],
    actions: (row) => action(t('sessions.end'), t('sessions.end_one', { name: row.code }), async () => {
      const isSure = await confirm({
        title: t('sessions.end_title', { name: row.code }), words: t('sessions.end_words'), yes: t('sessions.end'),
      });
      if (isSure) act(() => api.endSession(row.code));
    }, 'is-danger-quiet is-quiet'),
  },
  {
    what: 'bookings',
    title: t('bookings.title'),
    keyOf: (row) => row.code,
    columns: [
      { label: t('sessions.code'), cell: (row) => row.code, look: 'figure' },
      { label: t('sessions.application'), cell: (row) => row.application },
      { label: t('sessions.server'), cell: (row) => row.server },
      { label: t('sessions.from'), cell: (row) => moment(row.starts_at) },
      { label: t('sessions.until'), cell: (row) => moment(row.ends_at) },
    ],
    actions: (row) => action(t('bookings.cancel'), t('bookings.cancel_one', { name: row.code }), async () => {
      const isSure = await confirm({
        title: t('bookings.cancel_title', { name: row.code }),
        words: t('bookings.cancel_words'),
        yes: t('booking.cancel'),
      });
      if (isSure) act(() => api.cancelBooking(row.code));
    }, 'is-danger-quiet is-quiet'),
  },
  {
    what: 'servers',
    title: t('servers.title'),
    keyOf: (row) => row.id,
    columns: [
      { label: t('servers.id'), cell: (row) => row.id },
      { label: t('servers.address'), cell: (row) => `${row.host}:${row.port}` },
      { label: t('servers.state'), cell: (row) => state(SERVER_STATES, row.state) },
      { label: t('servers.load'), cell: (row) => `${row.sessions} / ${row.limit}`, look: 'figure' },
      { label: t('servers.bookings'), cell: (row) => row.bookings, look: 'figure' },
      { label: t('servers.applications'), cell: (row) => row.applications.join(', ') },
      { label: t('servers.seen'), cell: (row) => moment(row.seen_at) },
    ],
    actions: (row) => (row.state === 'draining'
      ? action(t('servers.resume'), t('servers.resume_one', { name: row.id }), () => act(() => api.resume(row.id)))
      : action(t('servers.drain'), t('servers.drain_one', { name: row.id }), async () => {
        const isSure = await confirm({
          title: t('servers.drain_title', { name: row.id }),
          words: t('servers.drain_words'),
          yes: t('servers.drain'),
        });
        if (isSure) act(() => api.drain(row.id));
      })),
  },
  {
    what: 'applications',
    title: t('applications.title'),
    keyOf: (row) => row.name,
    add: {
      label: t('applications.add'),
      work: () => editApplication(null, api, act),
    },
    columns: [
      { label: t('applications.name'), cell: (row) => row.name },
      { label: t('applications.heading'), cell: (row) => inLanguage(row.title, language(), '–') },
      { label: t('applications.description'), cell: (row) => inLanguage(row.description, language(), '–'), look: 'long' },
      { label: t('applications.picture'), cell: (row) => row.picture || '–' },
    ],
    actions: (row) => [
      action(t('applications.edit'), t('applications.edit_one', { name: row.name }), () => editApplication(row, api, act)),
      action(t('applications.remove'), t('applications.remove_one', { name: row.name }), async () => {
        const isSure = await confirm({
          title: t('applications.remove_title', { name: row.name }),
          words: t('applications.remove_words'),
          yes: t('applications.remove'),
        });
        if (isSure) act(() => api.removeApplication(row.name));
      }, 'is-danger-quiet is-quiet'),
    ],
  },
  {
    what: 'audit',
    title: t('audit.title'),
    keyOf: (row) => `${row.at} ${row.action} ${row.subject}`,
    columns: [
      { label: t('audit.at'), cell: (row) => moment(row.at) },
      { label: t('audit.actor'), cell: (row) => row.actor },
      { label: t('audit.action'), cell: (row) => row.action.replaceAll('_', ' ') },
      { label: t('audit.subject'), cell: (row) => row.subject },
      { label: t('audit.detail'), cell: (row) => readable(row.detail), look: 'long' },
    ],
    actions: null,
  },
];
