// The WebSocket to the session server: says and hears JSON, and comes back by itself. It must never know what is said.

import { delayOf } from './backoff.js';

/** An attempt that did not open in this time is given up: another network may be there by then. */
const OPEN_MS = 5000;
/** How long nothing may be heard: the page says something every heartbeat, which is answered. */
const HEARTBEAT_MS = 2000;
const SILENCE_MS = 5000;
/** Requests that wait for their answers, and for how long. */
const MAX_WAITING = 64;
const ANSWER_MS = 10_000;

export class Socket {
  /**
   * `greet()` gives the first message of each connection, `beat()` the heartbeat; `heard(message)` gets what is said
   * unasked or first, `changed(isOpen)` is told of ups and downs.
   */
  constructor({ address, greet, beat, heard, changed }) {
    Object.assign(this, { address, greet, beat, heard, changed });
    this.socket = null;
    this.tries = 0;
    this.lastId = 0;
    this.waiting = new Map();
    this.isStopped = false;
    this.clock = null;
    addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.hurry(); });
  }

  /** Connects, now and whenever the connection is lost. */
  start() {
    if (this.isStopped) return;
    const socket = new WebSocket(this.address);
    this.socket = socket;
    let isOver = false;
    const lost = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(opening);
      clearInterval(beating);
      socket.close();
      if (this.socket === socket) this.socket = null;
      this.refuseAll();
      this.changed(false);
      this.again();
    };
    const opening = setTimeout(lost, OPEN_MS);
    let beating = null;
    // Since when nothing answers. Not: since when nothing was heard, as the clock of a page in the background seldom ticks.
    let asked = null;
    socket.addEventListener('open', () => {
      if (isOver) return;
      clearTimeout(opening);
      beating = setInterval(() => {
        if (asked !== null && performance.now() - asked > SILENCE_MS) lost();
        if (isOver || asked !== null) return;
        asked = performance.now();
        this.ask(this.beat()).catch(() => {});
      }, HEARTBEAT_MS);
      this.say(this.greet());
      this.changed(true);
    });
    socket.addEventListener('message', (event) => {
      asked = null;
      if (!isOver && typeof event.data === 'string') this.hear(event.data);
    });
    socket.addEventListener('close', lost);
    socket.addEventListener('error', lost);
  }

  again() {
    if (this.isStopped) return;
    clearTimeout(this.clock);
    this.clock = setTimeout(() => this.start(), delayOf(this.tries, Math.random()));
    this.tries += 1;
  }

  /** Tries at once if it waits for its next try: the network is back, or somebody looks again. */
  hurry() {
    if (this.isStopped || this.socket) return;
    clearTimeout(this.clock);
    this.start();
  }

  /** The server let us in: the next loss is a new one. */
  settled() {
    this.tries = 0;
  }

  /** Ends it for good. */
  stop() {
    this.isStopped = true;
    clearTimeout(this.clock);
    this.socket?.close();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Says something that needs no answer; false: there is no connection. */
  say(words) {
    if (!this.isOpen) return false;
    this.socket.send(JSON.stringify(words));
    return true;
  }

  /** Asks; resolves to the answer that has the same id. An answer is also heard as everything else is. */
  ask(words) {
    return new Promise((answer, refuse) => {
      this.lastId += 1;
      const id = this.lastId;
      if (this.waiting.size >= MAX_WAITING || !this.say({ ...words, id })) {
        refuse(new Error('not connected'));
        return;
      }
      const clock = setTimeout(() => {
        this.waiting.delete(id);
        refuse(new Error('no answer'));
      }, ANSWER_MS);
      this.waiting.set(id, { answer, refuse, clock });
    });
  }

  hear(text) {
    let message = null;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message === null || typeof message !== 'object') return;
    const waits = this.waiting.get(message.id);
    if (waits) {
      this.waiting.delete(message.id);
      clearTimeout(waits.clock);
      waits.answer(message);
    }
    this.heard(message);
  }

  refuseAll() {
    for (const { refuse, clock } of this.waiting.values()) {
      clearTimeout(clock);
      refuse(new Error('the connection was lost'));
    }
    this.waiting.clear();
  }
}
