// What a page asks of its session: control, a name, more time, the broadcast. The page itself (session.js) shows what comes
// of it; this must never know how.

import { cutName } from './entry.js';

const CONTROL = { ask: 'REQUEST_CONTROL', cancel: 'CANCEL_REQUEST', release: 'RELEASE_CONTROL', seize: 'TAKE_CONTROL' };

export class Asks {
  /** Asks; a refusal is shown by `hear`. */
  request(words) { return this.socket.ask(words).catch(() => null); }

  // Control

  control(name) {
    this.presence.touched();
    // What is held is let go before somebody else has it.
    if (name === 'release') this.hands.releaseAll();
    this.hadControlClick = name === 'ask' || name === 'seize';
    this.request({ verb: CONTROL[name] });
  }

  give(client) {
    this.hands.releaseAll();
    this.presence.touched();
    this.request({ verb: 'GIVE_CONTROL', client });
  }

  refuse(client) {
    this.presence.touched();
    this.state = { ...this.state, asked: null };
    this.show();
    this.request({ verb: 'REFUSE_CONTROL', client });
  }

  lockControl(locked) { this.request({ verb: 'LOCK_CONTROL', locked }); }

  // People and chat

  rename(name) {
    const short = cutName(name);
    if (short === '') return;
    this.entry.name = short;
    this.request({ verb: 'SET_NAME', name: short });
  }

  say(text) {
    this.presence.touched();
    return this.socket.say({ verb: 'CHAT', text });
  }

  async broadcast(on) {
    const answer = await this.request({ verb: 'BROADCAST', on });
    if (answer?.msg === 'BROADCAST' || answer?.msg === 'DONE') return;
    // The switch goes back to what is.
    this.people.speak();
    this.show();
  }

  // Time

  extend(minutes) { this.request({ verb: 'EXTEND_SESSION', minutes }); }

  here() {
    this.presence.here();
    this.state = { ...this.state, idleUntil: null };
    this.show();
  }
}
