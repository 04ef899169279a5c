// A button that does something that takes a while: it cannot be pressed twice, and says that it works.

import { h, icon, put } from '../lib/dom.js';

/** Makes one: `label` and `busyLabel` are words, `work` is async and handles its own errors. */
export const workButton = ({ label, busyLabel, look = 'button', picture = null, work }) => {
  const face = (words, isBusy) => [
    isBusy ? h('span', { class: 'loading-mark', 'aria-hidden': 'true' }) : picture && icon(picture),
    h('span', {}, words),
  ];
  let isBusy = false;
  const button = h('button', {
    type: 'button',
    class: look,
    onclick: async () => {
      if (isBusy) return;
      isBusy = true;
      // Not "disabled": that would throw the focus away.
      button.setAttribute('aria-disabled', 'true');
      put(button, face(busyLabel, true));
      try {
        await work();
      } finally {
        isBusy = false;
        button.removeAttribute('aria-disabled');
        put(button, face(label, false));
      }
    },
  }, face(label, false));
  return button;
};
