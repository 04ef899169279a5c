// The times of a day as a group of radio buttons by parts of the day.

import { h } from '../lib/dom.js';
import { byPart, timeLabel } from '../lib/slots.js';
import { t } from '../lib/texts.js';

/**
 * Makes the group.
 * @param {object} wish `slots`, `chosen`: the time of the chosen one, `choose(slot)`.
 */
export const slotGroup = ({ slots, chosen, choose }) => {
  const one = (slot) => h(
    'label',
    { class: 'slot' },
    h('input', {
      type: 'radio',
      name: 'slot',
      value: slot.time,
      checked: slot.free && slot.time === chosen,
      disabled: !slot.free,
      onchange: () => choose(slot),
    }),
    h('span', {}, timeLabel(slot.time), !slot.free && h('span', { class: 'unseen' }, ` ${t('slots.taken')}`)),
  );
  return byPart(slots).map((part) => h(
    'fieldset',
    { class: 'slots-part' },
    h('legend', {}, t(part.key)),
    h('div', { class: 'slots-row' }, part.slots.map(one)),
  ));
};
