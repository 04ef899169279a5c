// The picture and what lies over it: the field that has the focus, the driver's pointer, words while nothing is to be
// seen.

import { h, put } from '../../lib/dom.js';
import { letterbox } from '../input/geometry.js';
import { personOf, drives } from '../lib/state.js';
import { t } from '../lib/words.js';

/** The driver's pointer is hidden when it was not told for so long. */
const POINTER_MS = 4000;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** Browsers show no cursor that is larger. */
const MAX_CURSOR = 128;

export const stage = () => {
  // What the page has from its beginning; the picture may be there already, and is not moved.
  const node = document.querySelector('.stage');
  const screen = node.querySelector('.screen');
  const surface = node.querySelector('.surface');
  const video = node.querySelector('video');
  // The last picture of a connection that broke, until the next one has its first.
  const still = h('canvas', { class: 'picture', hidden: true, 'aria-hidden': 'true' });
  const audio = h('audio', { autoplay: true });
  const catcher = h('textarea', {
    class: 'catcher', rows: '1', inputmode: 'none', autocapitalize: 'off', autocomplete: 'off', autocorrect: 'off',
    spellcheck: 'false', readonly: true, id: 'catcher', 'aria-label': t('live.keys_watching'),
  });
  const pointerName = h('span', { class: 'pointer-name' });
  const pointerShape = h('img', { class: 'pointer-shape', alt: '', hidden: true });
  const pointerArrow = h('span', { class: 'pointer-arrow' });
  const pointer = h('div', { class: 'pointer', 'aria-hidden': 'true', hidden: true }, pointerArrow, pointerShape, pointerName);
  const waiting = h('div', { class: 'waiting', role: 'status' });
  // What lies over the picture stands beside it, in the screen: what is pressed there is not for the application.
  surface.append(still, pointer, catcher, waiting);
  node.append(audio);
  let pointerClock = null;
  let pointerAt = null;
  let hotspot = { x: 0, y: 0 };
  let size = { width: 16, height: 9 };

  const picture = () => (video.videoWidth > 0 ? { width: video.videoWidth, height: video.videoHeight } : size);
  const shown = () => {
    const box = surface.getBoundingClientRect();
    return letterbox(box, picture());
  };
  const shape = () => {
    const { width, height } = picture();
    screen.style.setProperty('--shape', `${width} / ${height}`);
    placePointer();
  };
  const placePointer = () => {
    if (pointerAt === null) return;
    const box = surface.getBoundingClientRect();
    const at = shown();
    pointer.style.left = `${at.left - box.left + pointerAt.x * at.width}px`;
    pointer.style.top = `${at.top - box.top + pointerAt.y * at.height}px`;
  };
  video.addEventListener('resize', shape);
  new ResizeObserver(placePointer).observe(surface);
  if (video.videoWidth > 0) shape();

  const words = (text) => {
    if (waiting.dataset.words === (text ?? '')) return;
    waiting.dataset.words = text ?? '';
    waiting.hidden = text === null;
    put(waiting, text !== null && [h('span', { class: 'loading-mark', 'aria-hidden': 'true' }), h('span', {}, text)]);
  };

  return {
    node,
    screen,
    surface,
    video,
    audio,
    /** Shows the picture of now for good, or the moving one again. */
    hold: (isHeld) => {
      still.hidden = !isHeld;
      if (!isHeld) return;
      still.width = video.videoWidth;
      still.height = video.videoHeight;
      still.getContext('2d').drawImage(video, 0, 0);
    },
    catcher,
    shown,
    words,
    /** Pixels of the application in one of the page. */
    scale: () => picture().width / Math.max(1, shown().width),
    /** The size before the first frame. */
    expect: (width, height) => {
      if (!(width > 0 && height > 0)) return;
      size = { width, height };
      shape();
    },
    /** Somebody else's pointer, by shares of the picture. */
    pointTo: (place) => {
      pointerAt = place;
      pointer.hidden = false;
      placePointer();
      clearTimeout(pointerClock);
      pointerClock = setTimeout(() => { pointer.hidden = true; }, POINTER_MS);
    },
    /** What the application's pointer looks like. */
    cursor: (told) => {
      const isPicture = typeof told.png === 'string' && BASE64.test(told.png) && [told.x, told.y, told.width, told.height]
        .every((value) => Number.isInteger(value) && value >= 0 && value <= MAX_CURSOR);
      pointerShape.hidden = !isPicture;
      pointerArrow.hidden = isPicture || told.hidden === true;
      if (!isPicture) {
        surface.style.setProperty('--cursor', told.hidden === true ? 'none' : 'default');
        return;
      }
      const data = `data:image/png;base64,${told.png}`;
      hotspot = { x: told.x, y: told.y };
      surface.style.setProperty('--cursor', `url("${data}") ${told.x} ${told.y}, default`);
      pointerShape.src = data;
      pointerShape.style.translate = `${-hotspot.x}px ${-hotspot.y}px`;
    },
    show: (state) => {
      const isDriving = drives(state);
      surface.classList.toggle('is-driven', isDriving);
      const label = isDriving ? t('live.keys') : t('live.keys_watching');
      if (catcher.getAttribute('aria-label') !== label) catcher.setAttribute('aria-label', label);
      const driver = personOf(state, state.control.driver);
      pointerName.textContent = driver?.name || '';
      pointer.style.setProperty('--person', driver?.colour ?? '');
      if (isDriving || driver === null) pointer.hidden = true;
      if (state.application) {
        const { width, height } = state.application;
        if (width !== size.width || height !== size.height) {
          size = width > 0 && height > 0 ? { width, height } : size;
          shape();
        }
      }
    },
    speak: () => {
      node.setAttribute('aria-label', t('live.picture'));
    },
  };
};
