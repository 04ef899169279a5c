// Text between this computer's clipboard and the application's.

import { t } from '../lib/words.js';

/** Bytes of UTF-8 (server/wire, Clipboard). */
const MAX_LEN = 64 * 1024;
/** The keys follow the text; without an answer they follow all the same. */
const TAKEN_MS = 1000;

const V = { keysym: 0x76, code: 47 };

export class Clipboard {
  constructor(app) {
    this.app = app;
    // What the application copied and the browser did not let this page pass on.
    this.offered = null;
  }

  /** Fills the application's clipboard and presses its Ctrl+V. */
  async paste(text, { shift = false } = {}) {
    const { app } = this;
    if (new TextEncoder().encode(text).length > MAX_LEN) {
      app.notices.pass(t('paste.too_long'));
      return;
    }
    if (text !== '') {
      const answer = await Promise.race([
        app.request({ verb: 'CLIPBOARD', text }),
        new Promise((done) => { setTimeout(() => done(null), TAKEN_MS); }),
      ]);
      if (answer?.msg === 'NOT_ALLOWED' || answer?.msg === 'BAD_REQUEST') return;
    }
    if (app.hands.isDriving) app.hands.keyboard.chord(V.keysym, V.code, { shift });
  }

  /** The application copied something. */
  async copied(text) {
    if (typeof text !== 'string' || text === '') return;
    try {
      await navigator.clipboard.writeText(text);
      this.offered = null;
    } catch {
      this.offered = text;
    }
    this.app.show();
  }
}
