// Gamepads: what changed since the last look, as messages. The reading of pads is an argument, so it runs without any.

import { padAxis, padButton } from '../lib/messages.js';

/** The browser numbers four pads; a pad has fewer buttons and axes than these. */
const MAX_PADS = 4;
const MAX_BUTTONS = 32;
const MAX_AXES = 8;
/** A stick at rest trembles by less (a guess, that of the XInput samples is a quarter). */
const REST = 0.08;

export class Gamepads {
  constructor(send) {
    this.send = send;
    this.known = new Map();
  }

  /** Compares with the last reading (`navigator.getGamepads()`); true: something changed. */
  read(pads) {
    let isChanged = false;
    for (const pad of pads) {
      if (!pad?.connected || pad.index >= MAX_PADS) continue;
      const before = this.known.get(pad.index) ?? { buttons: [], axes: [] };
      const buttons = pad.buttons.slice(0, MAX_BUTTONS).map(({ value }) => Math.round(value * 255));
      const axes = pad.axes.slice(0, MAX_AXES).map((value) => (Math.abs(value) < REST ? 0 : Math.round(value * 32_767)));
      buttons.forEach((value, number) => {
        if (value === (before.buttons[number] ?? 0)) return;
        isChanged = true;
        this.send(padButton(pad.index, number, value / 255));
      });
      axes.forEach((value, number) => {
        if (value === (before.axes[number] ?? 0)) return;
        isChanged = true;
        this.send(padAxis(pad.index, number, value / 32_767));
      });
      this.known.set(pad.index, { buttons, axes });
    }
    return isChanged;
  }

  /** Whether a button or a stick is not at rest. */
  get isHolding() {
    return [...this.known.values()].some(({ buttons, axes }) => [...buttons, ...axes].some((value) => value !== 0));
  }

  /** Everything is at rest, as the server was told in other words. */
  forget() {
    this.known.clear();
  }
}
