// Measuring the connection while its figures are looked at.

import { readQuality } from '../lib/quality.js';
import { qualityBox } from './quality.js';

const EVERY_MS = 1000;

export class Measuring {
  constructor(app) {
    this.app = app;
    this.box = qualityBox();
    this.node = this.box.node;
    this.clock = null;
    this.last = null;
    this.mine = null;
  }

  toggle() {
    const isOn = this.clock === null;
    this.app.tools.quality.show(isOn);
    this.node.hidden = !isOn;
    if (!isOn) {
      this.stop();
      return;
    }
    this.last = null;
    this.clock = setInterval(() => this.look(), EVERY_MS);
    this.look();
  }

  stop() {
    clearInterval(this.clock);
    this.clock = null;
  }

  speak() {
    this.box.speak();
  }

  /** What the server measured of all. */
  server({ viewers }) {
    this.mine = (Array.isArray(viewers) ? viewers : []).find(({ client }) => client === this.app.state.me) ?? null;
  }

  async look() {
    this.app.socket.say({ verb: 'QUALITY' });
    const report = await this.app.media.stats();
    if (this.clock === null) return;
    if (report === null) {
      this.last = null;
      this.box.show(null, null, null);
      return;
    }
    const { now, figures } = readQuality(report, this.last);
    this.last = now;
    if (figures !== null || this.node.querySelector('dd') === null) this.box.show(figures, this.app.media.rttMs, this.mine);
  }
}
