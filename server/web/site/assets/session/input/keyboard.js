// From the browser's key events to presses of the application's keys: nothing twice, nothing left held. It knows no
// page: events come in, `send(isDown, keysym, code)` goes out.

import { codeOf } from './codes.js';
import { isCharacter, keysymOf, keysymOfCharacter } from './keysyms.js';

/** Windows tells a Control with every AltGr, in the same moment. */
const TOGETHER_MS = 30;

const CONTROL_LEFT = keysymOf('Control', 1);
const SHIFT_LEFT = keysymOf('Shift', 1);

/** More keys than hands hold; beyond it the oldest is let go. */
const MAX_HELD = 32;

/** Whether a key writes what it does because of AltGr, which some systems tell as Control and Alt: no other script has signs
 * or Latin letters as its letters. */
const isOfAltGr = (event) => event.getModifierState?.('AltGraph') === true
  || (event.ctrlKey && event.altKey && (!/^\p{L}$/u.test(event.key) || /^\p{Script=Latin}$/u.test(event.key)));

export class Keyboard {
  /** `isApple`: Command does there what Control does elsewhere, Option what AltGr does. */
  constructor({ send, isApple = false }) {
    this.send = send;
    this.isApple = isApple;
    // What was pressed, by where it is: the character may be another when it is let go.
    this.held = new Map();
  }

  /** A key goes down. True: it was for the application, and the browser must do nothing with it. */
  down(event) {
    // It is being composed; the characters come as text.
    if (event.isComposing || event.keyCode === 229 || event.key === 'Dead') return false;
    const keysym = this.meaning(event);
    if (event.key === 'AltGraph') this.dropControlOfAltGr(event);
    if (keysym === null) return !['Process', 'Unidentified', 'Compose'].includes(event.key);
    if (event.repeat) return true;
    if (this.isApple && event.altKey && isCharacter(event.key)) this.letGoOf(['AltLeft', 'AltRight']);
    this.press(event.code || event.key, keysym, codeOf(event.code), event.timeStamp);
    return true;
  }

  /** A key goes up. */
  up(event) {
    const place = event.code || event.key;
    const isKnown = this.held.has(place);
    this.letGoOf([place]);
    // While Command is held, macOS tells of no other key that goes up.
    if (this.isApple && event.key === 'Meta') this.letGoOf([...this.held.keys()].filter((held) => !/^Shift/.test(held)));
    return isKnown;
  }

  /** Characters that came as text: composed, from a phone's keyboard, or pasted as keys. */
  type(text) {
    for (const character of text) {
      const keysym = keysymOfCharacter(character);
      if (keysym !== null) this.tap(keysym);
    }
  }

  /** One press and release of a key that has no place. */
  tap(keysym, code = 0) {
    this.send(true, keysym, code);
    this.send(false, keysym, code);
  }

  /** A key together with Control and Shift, whichever of them are not held by hand. */
  chord(keysym, code, { shift = false } = {}) {
    const needed = [
      !this.isHeld(CONTROL_LEFT) && CONTROL_LEFT,
      shift && !this.isHeld(SHIFT_LEFT) && SHIFT_LEFT,
    ].filter(Boolean);
    for (const one of needed) this.send(true, one, 0);
    this.tap(keysym, code);
    for (const one of needed.reverse()) this.send(false, one, 0);
  }

  /** Presses what is held once more, for a server that may have let go of it. */
  again() {
    for (const { keysym, code } of this.held.values()) this.send(true, keysym, code);
  }

  get isHolding() {
    return this.held.size > 0;
  }

  /** Everything is up already, as the server was told in other words. */
  forget() {
    this.held.clear();
  }

  meaning(event) {
    const { key, location, code, ctrlKey, altKey, metaKey, shiftKey } = event;
    if (this.isApple && key === 'Meta') return keysymOf('Control', code === 'MetaRight' ? 2 : 1);
    // Commands are Latin letters, whatever the layout writes there.
    const letter = (ctrlKey || metaKey || (altKey && !this.isApple)) && isCharacter(key) && key.codePointAt(0) > 0x7f
      && !isOfAltGr(event)
      && /^Key([A-Z])$/.exec(code)?.[1];
    if (letter) return keysymOfCharacter(shiftKey ? letter : letter.toLowerCase());
    return keysymOf(key, location);
  }

  press(place, keysym, code, at) {
    // A second time without an end: the end was lost somewhere.
    this.letGoOf([place]);
    if (this.held.size >= MAX_HELD) this.letGoOf([this.held.keys().next().value]);
    this.held.set(place, { keysym, code, at });
    this.send(true, keysym, code);
  }

  letGoOf(places) {
    for (const place of places) {
      const held = this.held.get(place);
      if (!held) continue;
      this.held.delete(place);
      this.send(false, held.keysym, held.code);
    }
  }

  isHeld(keysym) {
    return [...this.held.values()].some((held) => held.keysym === keysym);
  }

  dropControlOfAltGr({ timeStamp }) {
    const control = this.held.get('ControlLeft');
    if (control && timeStamp - control.at <= TOGETHER_MS) this.letGoOf(['ControlLeft']);
  }
}
