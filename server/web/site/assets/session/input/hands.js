// Hands on the picture: pointer, wheel, fingers, keys and gamepads of this page, sent to the application while this
// user drives. When they do not, or look away, everything that was pressed is let go.

import * as say from '../lib/messages.js';
import { Remainder, buttonsChanged, placeIn, wheelUnits } from './geometry.js';
import { Gamepads } from './gamepads.js';
import { Keyboard } from './keyboard.js';
import { Text } from './text.js';

/** Between two places of the pointer: four times as often as a screen shows one. */
const MOVE_MS = 4;
/** While something is held the server is told that somebody is here; after a second without a word it lets go of
 * everything (docs/protocols/session-input.md). */
const HERE_MS = 250;
/** A clock that is later than this stood still, and the server may have let go. */
const STOOD_MS = 500;
/** What happened while it stood still is told first. */
const AFTER_MS = 50;
/** How long the browser may take to tell what is pasted. */
const PASTE_MS = 120;
const MAX_FINGERS = 10;

const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

const isPaste = (event) => {
  const isCommand = (isApple ? event.metaKey : event.ctrlKey) && !event.altKey;
  return (isCommand && (event.code === 'KeyV' || event.key.toLowerCase() === 'v'))
    || (event.shiftKey && !event.ctrlKey && event.key === 'Insert');
};

const isWayOut = (event) => event.ctrlKey && event.altKey && event.shiftKey
  && ['Control', 'Alt', 'Shift', 'Meta'].includes(event.key);

export class Hands {
  /**
   * `surface` is the picture's place, `catcher` the field that has the focus, `shown()` the picture's box in the page,
   * `scale()` pixels of the application in one of the page; `pasted(text, { shift })`, `out()` and `touched()` tell the
   * page what is not for the application.
   */
  constructor({ media, surface, catcher, shown, scale, pasted, out, touched }) {
    Object.assign(this, { media, surface, catcher, shown, scale, pasted, out, touched });
    this.isDriving = false;
    this.buttons = 0;
    this.fingers = new Map();
    this.lastMove = 0;
    this.waitingMove = null;
    this.moveClock = null;
    this.pasteClock = null;
    this.locked = new Remainder();
    this.wheel = new Remainder();
    this.keyboard = new Keyboard({
      isApple, send: (isDown, keysym, code) => this.media.send(say.key(isDown, keysym, code)),
    });
    this.text = new Text(catcher, this.keyboard, () => this.isDriving);
    this.pads = new Gamepads((message) => this.media.send(message));
    this.listen();
    this.beatAt = performance.now();
    setInterval(() => this.beat(), HERE_MS);
  }

  /** Whether this user drives now; what was pressed is let go first. */
  drive(isDriving) {
    if (isDriving === this.isDriving) return;
    this.releaseAll();
    this.isDriving = isDriving;
    this.catcher.readOnly = !isDriving;
    if (!isDriving && this.isLocked) document.exitPointerLock();
    if (isDriving) this.pollPads();
  }

  /** Lets go of everything, here and there. */
  releaseAll() {
    this.keyboard.forget();
    this.pads.forget();
    this.text.reset();
    this.buttons = 0;
    this.fingers.clear();
    this.cancelMove();
    if (this.isDriving) this.media.releaseAll();
  }

  /** Whether anything is held here. */
  get isHolding() {
    return this.buttons !== 0 || this.fingers.size > 0 || this.keyboard.isHolding || this.pads.isHolding;
  }

  beat() {
    const now = performance.now();
    const stood = now - this.beatAt - HERE_MS;
    this.beatAt = now;
    if (!this.isDriving || !this.isHolding) return;
    this.media.here();
    if (stood > STOOD_MS) setTimeout(() => this.returned(), AFTER_MS);
  }

  /** The server may have let go of what is held here: keys and pads are pressed again, which does nothing if it has not.
   * Buttons are not: what was dragged was dropped. */
  returned() {
    if (!this.isDriving) return;
    this.keyboard.again();
    this.pads.forget();
  }

  get isLocked() {
    return document.pointerLockElement === this.surface;
  }

  /** Keeps the pointer in the picture, for games. */
  async lockPointer() {
    if (!this.isDriving) return;
    this.catcher.focus({ preventScroll: true });
    try {
      await this.surface.requestPointerLock({ unadjustedMovement: true });
    } catch (error) {
      if (error.name === 'NotSupportedError') await this.surface.requestPointerLock();
    }
  }

  listen() {
    const { surface, catcher } = this;
    const on = (target, name, work, options) => target.addEventListener(name, work, options);
    for (const name of ['pointerdown', 'pointerup', 'pointercancel']) on(surface, name, (event) => this.point(event));
    on(surface, 'pointermove', (event) => this.point(event));
    // Places as they come, not once for each picture of the screen. While the pointer is locked distances count, and only
    // the other event's are the same in all browsers.
    this.isRaw = 'onpointerrawupdate' in surface;
    on(surface, 'pointerrawupdate', (event) => {
      if (event.pointerType !== 'touch' && !this.isLocked) this.moved(event);
    });
    // The focus is ours to move, and no text is to be marked. Back and forward of the mouse are the application's.
    on(surface, 'mousedown', (event) => {
      event.preventDefault();
      catcher.focus({ preventScroll: true });
      this.touched();
    });
    for (const name of ['mouseup', 'auxclick', 'contextmenu', 'dragstart']) {
      on(surface, name, (event) => { if (this.isDriving) event.preventDefault(); });
    }
    on(surface, 'wheel', (event) => this.turn(event), { passive: false });
    on(catcher, 'keydown', (event) => this.keyDown(event));
    on(catcher, 'keyup', (event) => { if (this.isDriving && this.keyboard.up(event)) event.preventDefault(); });
    on(catcher, 'paste', (event) => this.paste(event));
    on(catcher, 'blur', () => this.releaseAll());
    on(window, 'blur', () => this.releaseAll());
    on(window, 'pagehide', () => this.releaseAll());
    on(document, 'visibilitychange', () => { if (document.hidden) this.releaseAll(); });
    on(document, 'pointerlockchange', () => this.locked.clear());
    on(window, 'gamepadconnected', () => this.pollPads());
  }

  placeOf(event) {
    return placeIn(this.shown(), event.clientX, event.clientY);
  }

  point(event) {
    if (event.pointerType === 'touch') {
      this.finger(event);
      return;
    }
    if (!this.isDriving) return;
    if (event.type === 'pointerdown' && !this.isLocked) this.surface.setPointerCapture(event.pointerId);
    const changes = buttonsChanged(this.buttons, event.buttons);
    this.buttons = event.buttons;
    if (changes.length === 0) {
      if (!this.isRaw || this.isLocked) this.moved(event);
      return;
    }
    this.cancelMove();
    const place = this.isLocked ? null : this.placeOf(event);
    for (const { number, isDown } of changes) this.media.send(say.button(number, isDown, place));
  }

  moved(event) {
    if (!this.isDriving) return;
    if (this.isLocked) {
      const factor = this.scale();
      const { dx, dy } = this.locked.add(event.movementX * factor, event.movementY * factor);
      if ((dx !== 0 || dy !== 0) && !this.media.sendMove(say.moveBy(dx, dy))) this.locked.add(dx, dy);
      return;
    }
    this.waitingMove = this.placeOf(event);
    const passed = performance.now() - this.lastMove;
    if (passed >= MOVE_MS) this.flushMove();
    else this.moveClock ??= setTimeout(() => this.flushMove(), MOVE_MS - passed);
  }

  flushMove() {
    const place = this.waitingMove;
    this.cancelMove();
    if (place === null || !this.isDriving) return;
    this.lastMove = performance.now();
    this.media.sendMove(say.move(place));
  }

  cancelMove() {
    clearTimeout(this.moveClock);
    this.moveClock = null;
    this.waitingMove = null;
  }

  finger(event) {
    if (event.type === 'pointerdown') {
      this.touched();
      if (this.isDriving && document.activeElement !== this.catcher) this.catcher.focus({ preventScroll: true });
    }
    if (!this.isDriving) return;
    event.preventDefault();
    const { pointerId } = event;
    if (event.type === 'pointerdown') {
      const used = new Set(this.fingers.values());
      const free = Array.from({ length: MAX_FINGERS }, (_, number) => number).find((number) => !used.has(number));
      if (free === undefined) return;
      this.fingers.set(pointerId, free);
      this.surface.setPointerCapture(pointerId);
    }
    const finger = this.fingers.get(pointerId);
    if (finger === undefined) return;
    const phase = {
      pointerdown: say.PHASE.start, pointermove: say.PHASE.move, pointerup: say.PHASE.end, pointercancel: say.PHASE.cancel,
    }[event.type];
    if (phase === say.PHASE.end || phase === say.PHASE.cancel) this.fingers.delete(pointerId);
    this.media.send(say.touch(finger, phase, this.placeOf(event)));
  }

  turn(event) {
    if (!this.isDriving) return;
    event.preventDefault();
    const far = wheelUnits(event);
    const { dx, dy } = this.wheel.add(far.dx, far.dy);
    if (dx !== 0 || dy !== 0) this.media.send(say.wheel(dx, dy));
  }

  keyDown(event) {
    if (!this.isDriving) return;
    if (isWayOut(event)) {
      event.preventDefault();
      this.releaseAll();
      this.out();
      return;
    }
    if (isPaste(event)) {
      // The browser says what is pasted, if anything; the keys follow the text.
      clearTimeout(this.pasteClock);
      const shift = event.shiftKey && event.key !== 'Insert';
      this.pasteShift = shift;
      this.pasteClock = setTimeout(() => this.keyboard.chord(0x76, 47, { shift }), PASTE_MS);
      return;
    }
    if (this.keyboard.down(event)) event.preventDefault();
  }

  paste(event) {
    event.preventDefault();
    clearTimeout(this.pasteClock);
    if (this.isDriving) this.pasted(event.clipboardData?.getData('text/plain') ?? '', { shift: this.pasteShift === true });
  }

  pollPads() {
    if (this.isPolling) return;
    const look = () => {
      const pads = navigator.getGamepads?.() ?? [];
      this.isPolling = this.isDriving && pads.some((pad) => pad?.connected);
      if (!this.isPolling) return;
      if (document.hasFocus() && this.pads.read(pads)) this.touched();
      requestAnimationFrame(look);
    };
    look();
  }
}
