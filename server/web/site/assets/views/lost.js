// An address that leads nowhere.

import { h } from '../lib/dom.js';
import { t } from '../lib/texts.js';
import { to } from '../lib/routes.js';

/** Shows it. */
export const lost = (context) => {
  context.title(t('lost.title'));
  return h(
    'div',
    { class: 'narrow' },
    h('h1', { tabindex: '-1' }, t('lost.title')),
    h('p', { class: 'lead' }, t('lost.words')),
    h('a', { class: 'button', href: to.home() }, t('action.all_applications')),
  );
};
