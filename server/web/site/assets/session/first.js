// The way into a session: what its first picture needs, and nothing else. The rest of the page is loaded when that is there,
// and takes over what was said and shown meanwhile. It must never know how the page looks, but for the place of the picture.

import { recall, remember } from '../lib/store.js';
import { Entry } from './lib/entry.js';
import { Media } from './lib/media.js';
import { Socket } from './lib/socket.js';

/** A picture that takes longer is waited for with words: the rest of the page is loaded then. */
const LATE_MS = 800;
/** What is heard until the rest of the page takes it: a session says a few things a second. */
const MAX_HEARD = 500;

/** A browser that has to fetch even this file had better fetch everything at once. */
const isNewHere = () => (performance.getEntriesByName(import.meta.url)[0]?.transferSize ?? 1) > 0;

const parsed = () => (document.readyState === 'loading'
  ? new Promise((done) => { document.addEventListener('DOMContentLoaded', done, { once: true }); }) : Promise.resolve());

/** A part did not come: said to the script that loads pages again, now or when it is there. */
const incomplete = () => {
  delete document.documentElement.dataset.runs;
  dispatchEvent(new Event('incomplete'));
};

class Way {
  constructor() {
    this.entry = new Entry(location);
    history.replaceState(history.state, '', `${location.pathname}${this.entry.openHash}`);
    this.isPanelOpen = recall('panel') !== 'closed' && !matchMedia('(max-height: 30rem)').matches;
    /** The rest of the page, once it is there. */
    this.page = null;
    this.heard = [];
    this.isInside = false;
    this.isOffered = false;
    this.stream = null;
    this.sound = null;
    this.hasFrame = false;
    this.media = new Media({
      ask: (words) => this.socket.ask(words),
      say: (words) => this.socket.say(words),
      video: (stream) => this.video(stream),
      audio: (stream) => this.audio(stream),
      pointer: (place) => this.page?.pointTo(place),
      changed: () => this.page?.mediaChanged(),
      returned: () => this.page?.hands.returned(),
    });
    const address = new URL('/', location);
    address.protocol = 'wss:';
    this.socket = new Socket({
      address,
      greet: () => this.entry.request,
      beat: () => this.page?.presence.words() ?? { verb: 'PRESENCE', active: true },
      heard: (message) => this.hear(message),
      changed: (isOpen) => this.socketChanged(isOpen),
    });
  }

  begin() {
    parsed().then(() => this.dress());
    if (typeof RTCPeerConnection === 'undefined') {
      this.load();
      return;
    }
    this.entry.claim().then(() => this.socket.start());
    // Where ICE servers were to be asked the last time, an offer that is made without them would be of no use. It takes longer
    // than the beginning of the other connection, and comes after it.
    if (recall('ice') !== 'servers') Promise.resolve().then(() => this.media.prepare());
    if (isNewHere()) this.load();
    else this.clock = setTimeout(() => this.load(), LATE_MS);
  }

  /** The picture has its place from the beginning. */
  dress() {
    document.body.classList.toggle('is-wide', !this.isPanelOpen);
    document.getElementById('side').hidden = !this.isPanelOpen;
  }

  /** Loads the rest of the page. */
  load() {
    clearTimeout(this.clock);
    this.loading ??= parsed().then(() => {
      for (const link of document.querySelectorAll('link[rel="late"]')) link.rel = 'modulepreload';
      return import('./session.js');
    }).then(({ open }) => open(this), incomplete);
  }

  /** The rest of the page is there, and hears everything from now on; gives what was said until then. */
  take(page) {
    this.page = page;
    return this.heard.splice(0);
  }

  socketChanged(isOpen) {
    if (isOpen && this.media.isReady) {
      this.isOffered = true;
      this.media.connect();
    } else if (!isOpen) {
      this.isInside = false;
      this.isOffered = false;
      this.heard = [];
    }
    this.page?.socketChanged(isOpen);
  }

  hear(message) {
    if (message.msg === 'SESSION_CONNECTION_ESTABLISHED') this.enter(message);
    if (this.page) {
      this.page.hear(message);
      return;
    }
    if (this.heard.length < MAX_HEARD) this.heard.push(message);
    if (this.isInside) return;
    // Not let in: what is to be done is said by the rest of the page.
    this.isOffered = false;
    this.media.stop();
    this.load();
  }

  enter({ resume, ice_servers: servers, application }) {
    const isNew = !this.isInside;
    this.isInside = true;
    if (typeof resume === 'string') this.entry.resumeBy(resume);
    this.socket.settled();
    if (Array.isArray(servers)) {
      // A server without an address makes browsers refuse all of them.
      this.media.iceServers = servers.filter(({ urls }) => [urls].flat().some((url) => url));
      remember('ice', this.media.iceServers.length > 0 ? 'servers' : 'none');
    }
    // The offer that came with the greeting asks no ICE servers.
    if (isNew && (!this.isOffered || this.media.iceServers.length > 0)) this.media.connect();
    if (this.page || !application) return;
    parsed().then(() => {
      document.querySelector('.screen').style.setProperty('--shape', `${application.width} / ${application.height}`);
    });
  }

  audio(stream) {
    this.sound = stream;
    this.page?.picture.audio(stream);
  }

  video(stream) {
    this.stream = stream;
    if (this.page) {
      this.page.picture.video(stream);
      return;
    }
    parsed().then(() => {
      if (this.page || this.stream !== stream) return;
      this.play(stream, () => {
        this.hasFrame = true;
        this.load();
      });
    });
  }

  /** Shows a stream; `seen` is called with its first picture. */
  play(stream, seen) {
    const video = document.querySelector('video');
    if (video.srcObject !== stream) video.srcObject = stream;
    const first = () => { if (video.srcObject === stream) seen(); };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(first);
    else video.addEventListener('playing', first, { once: true });
    video.play().catch(() => {});
  }
}

document.documentElement.dataset.runs = '';
new Way().begin();
