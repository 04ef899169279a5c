// Whether somebody is there, as this page tells it: at once when they come back, and after a while of nothing.

/** Doing nothing for so long is being away. */
const AWAY_MS = 60_000;
/** What moves the pointer does not always mean somebody; what is pressed does. */
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];
/** Signs are looked at that often: a pointer that moves gives hundreds a second. */
const EVERY_MS = 1000;

export class Presence {
  constructor(say) {
    this.say = say;
    this.isActive = true;
    this.lastSign = performance.now();
    for (const sign of SIGNS) addEventListener(sign, () => this.touched(), { capture: true, passive: true });
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.touched(); });
    setInterval(() => this.tell(performance.now() - this.lastSign < AWAY_MS), EVERY_MS);
  }

  /** Somebody did something. */
  touched() {
    this.lastSign = performance.now();
    if (!this.isActive) this.tell(true);
  }

  /** Somebody says that they are there: told even if it is known. */
  here() {
    this.lastSign = performance.now();
    this.isActive = true;
    this.say(this.words());
  }

  /** A new connection knows nothing yet. */
  again() {
    this.say(this.words());
  }

  tell(isActive) {
    if (isActive === this.isActive) return;
    this.isActive = isActive;
    this.say(this.words());
  }

  words() {
    return { verb: 'PRESENCE', active: this.isActive };
  }
}
