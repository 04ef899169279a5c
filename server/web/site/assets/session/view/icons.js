// Small pictures for buttons; they say nothing by themselves.

import { s } from '../../lib/dom.js';

// Outlines of 24 by 24.
const ICONS = {
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.7 7.7 0 0 1 0 11',
  mute: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  keyboard: 'M3 6.5h18v11H3zM6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8',
  target: 'M12 4v4M12 16v4M4 12h4M16 12h4M12 12h.01M12 7a5 5 0 1 0 0 10a5 5 0 0 0 0-10z',
  paste: 'M9 5H6v15h12V5h-3M9 3.5h6v3.5H9zM12 10.5v6M9.5 14l2.5 2.5l2.5-2.5',
  full: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  window: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  small: 'M3.5 5h17v14h-17zM12 11.5h6v5h-6z',
  chart: 'M4 19.5h16M6.5 16v-4M11 16V7M15.5 16v-6M20 16V4.5',
  people: 'M9 11.5a3.5 3.5 0 1 0 0-7a3.5 3.5 0 0 0 0 7zM2.5 19.5c.5-4 3-5.5 6.5-5.5s6 1.5 6.5 5.5M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5c2 .6 3.2 2.2 3.5 5',
  leave: 'M14 4.5h5v15h-5M10 8l-4 4l4 4M6 12h9',
  close: 'M6 6l12 12M18 6L6 18',
  pencil: 'M5 19l1-4L16 5l3 3L9 18z',
  hand: 'M8 12.5V6.5a1.5 1.5 0 0 1 3 0V11V5a1.5 1.5 0 0 1 3 0v6V6.5a1.5 1.5 0 0 1 3 0V14c0 4-2 6.5-5.5 6.5c-3 0-4.5-1.5-5.5-3.5l-2-4c-.5-1.5 1-2.5 2-1.5z',
  wheel: 'M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16zM12 10a2 2 0 1 0 0 4a2 2 0 0 0 0-4zM4.2 11h5.9M13.9 11h5.9M12 14v6',
  eye: 'M2.5 12c2.5-4.5 5.7-6.5 9.5-6.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5S5 16.5 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5z',
  copy: 'M9 9h10v11H9zM15 9V4.5H5V15h4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  clock: 'M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16zM12 8v4.5l3 2',
  alert: 'M12 4.5L21 19.5H3zM12 10v4.5M12 17v.3',
  send: 'M4 12L20 4.5L15 20l-3.5-6.5zM20 4.5l-8.5 9',
  back: 'M14.5 5.5L8 12l6.5 6.5',
};

/** One of them. */
export const icon = (name) => s('svg', {
  class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false',
}, s('path', { d: ICONS[name] }));
