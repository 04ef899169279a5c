// Text that no key event tells: composed characters, dead keys, and phones' keyboards. A hidden field takes it in, and
// what changed in the field is typed.

import { keysymOf } from './keysyms.js';
import { textDiff } from './textdiff.js';

/** Something to take away: without it a phone's keyboard tells no Backspace in an empty field. */
const SENTINEL = '________';
/** The field is emptied after so many characters; a phone's keyboard looks back a word or two. */
const MAX_LEN = 200;

const BACKSPACE = keysymOf('Backspace');

export class Text {
  constructor(field, keyboard, mayType) {
    Object.assign(this, { field, keyboard, mayType });
    this.known = '';
    this.isComposing = false;
    this.isPhone = false;
    field.addEventListener('compositionstart', () => { this.isComposing = true; });
    field.addEventListener('compositionend', () => {
      this.isComposing = false;
      this.take();
      this.settle();
    });
    field.addEventListener('input', (event) => {
      // A keyboard of East Asia shows the way to a character: only the character counts. That of a phone shows words as
      // they are typed.
      if ((event.isComposing || this.isComposing) && !this.isPhone) return;
      this.take();
      if (!this.isComposing) this.settle();
    });
    this.reset();
  }

  /** A phone's keyboard is shown or not. */
  phone(isPhone) {
    this.isPhone = isPhone;
    this.field.inputMode = isPhone ? 'text' : 'none';
    this.reset();
  }

  take() {
    const { erase, type } = textDiff(this.known, this.field.value);
    this.known = this.field.value;
    if (!this.mayType()) return;
    for (let one = 0; one < erase; one += 1) this.keyboard.tap(BACKSPACE);
    this.keyboard.type(type);
  }

  settle() {
    if (!this.isPhone || this.field.value.length < SENTINEL.length || this.field.value.length > MAX_LEN) this.reset();
  }

  /** Begins anew, with nothing typed. */
  reset() {
    this.field.value = SENTINEL;
    this.known = SENTINEL;
  }
}
