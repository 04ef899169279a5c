// Whether an application can be started now, in a word or two.

import { h } from '../lib/dom.js';
import { t } from '../lib/texts.js';

const stateOf = ({ servers, free_now: isFree }) => {
  if (servers === 0) return ['chip is-away', t('chip.away')];
  return isFree ? ['chip is-free', t('chip.free')] : ['chip is-busy', t('chip.busy')];
};

/**
 * Makes it.
 * @returns {{ node: Element, update(application: object): void }}
 */
export const chip = (application) => {
  const node = h('span', {});
  const update = (found) => {
    const [look, words] = stateOf(found);
    node.className = look;
    if (node.textContent !== words) node.textContent = words;
  };
  update(application);
  return { node, update };
};
