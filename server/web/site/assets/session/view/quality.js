// Figures about the connection, over a corner of the picture.

import { h, put } from '../../lib/dom.js';
import { language, t } from '../lib/words.js';

export const qualityBox = () => {
  const heading = h('h2', {});
  const list = h('dl', {});
  const node = h('section', { class: 'quality', hidden: true }, heading, list);
  const number = (value, digits = 0) => new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
  const known = (value, words) => (value === null || value === undefined ? t('stats.none') : words(value));
  const rate = (bps) => (bps >= 1e6 ? `${number(bps / 1e6, 2)} Mbit/s` : `${number(bps / 1e3)} kbit/s`);
  const ms = (value) => `${number(value, value < 10 ? 1 : 0)} ms`;

  const speak = () => {
    heading.textContent = t('stats.title');
    node.setAttribute('aria-label', t('stats.title'));
  };
  speak();
  return {
    node,
    speak,
    /** `figures` of lib/quality.js, what the data channel measured, and what the server says of this user's connection. */
    show: (figures, rttMs, server) => {
      const of = figures ?? {};
      const rows = [
        ['fps', t('stats.fps'), of.fps, (value) => number(value, 1)],
        ['size', t('stats.size'), of.width, () => `${of.width} × ${of.height}`],
        ['rate', t('stats.rate'), of.bps, rate],
        ['rtt', t('stats.rtt'), rttMs ?? of.rttMs, ms],
        ['loss', t('stats.loss'), of.lostShare, (value) => `${number(value * 100, 1)} %`],
        ['buffer', t('stats.buffer'), of.bufferMs, ms],
        ['decode', t('stats.decode'), of.decodeMs, ms],
        ['dropped', t('stats.dropped'), of.dropped, (value) => number(value)],
        ['frozen', t('stats.frozen'), of.freezes, (value) => number(value)],
        ['codec', t('stats.codec'), of.codec, (value) => value],
        ['way', t('stats.way'), of.way, (value) => value],
        ['estimate', t('stats.estimate'), server?.estimate_bps, rate],
        ['rendition', t('stats.rendition'), server ? server.low === true : null, (value) => (value ? t('stats.low') : t('stats.full'))],
      ];
      put(list, rows.map(([name, label, value, words]) => h(
        'div', {}, h('dt', {}, label), h('dd', { 'data-stat': name, 'data-value': value ?? null }, known(value, words)),
      )));
    },
  };
};
