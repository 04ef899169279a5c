// The page of a session, once it has its picture or has waited for it: shows what the session is, sends what hands do, and
// comes back by itself. `first.js` loads it, and has entered the session before.

import { announce } from '../lib/announce.js';
import { heardTime } from '../lib/clock.js';
import { put } from '../lib/dom.js';
import { remember } from '../lib/store.js';
import { Asks } from './lib/asks.js';
import { Presence } from './lib/presence.js';
import { Picture } from './lib/picture.js';
import { EMPTY, drives, personOf, take } from './lib/state.js';
import { language, t } from './lib/words.js';
import { Hands } from './input/hands.js';
import { Clipboard } from './input/clipboard.js';
import { chat } from './view/chat.js';
import { ended, whyWords } from './view/ended.js';
import { Measuring } from './view/measuring.js';
import { notices } from './view/notices.js';
import { openPaste } from './view/paste.js';
import { people } from './view/people.js';
import { stage } from './view/stage.js';
import { tools } from './view/tools.js';
import { top } from './view/top.js';

/** How long the reason of an end may take: the application is closed first, and one that does not want to is asked for
 * some seconds, its display and its sound after it; on a machine that has much to do. */
const END_WORD_MS = 20_000;
/** Ticks of what counts down. */
const TICK_MS = 250;

class App extends Asks {
  /** `way`: how this page came in (first.js). */
  constructor(way) {
    super();
    this.way = way;
    this.entry = way.entry;
    this.media = way.media;
    this.socket = way.socket;
    this.state = { ...EMPTY, chat: this.entry.chat };
  }

  build() {
    this.stage = stage();
    this.picture = new Picture(this);
    this.clipboard = new Clipboard(this);
    this.hands = new Hands({
      media: this.media,
      surface: this.stage.surface,
      catcher: this.stage.catcher,
      shown: () => this.stage.shown(),
      scale: () => this.stage.scale(),
      pasted: (text, how) => this.clipboard.paste(text, how),
      out: () => this.tools.focus(),
      touched: () => this.presence.touched(),
    });
    this.presence = new Presence((words) => this.socket.say(words));
    this.measuring = new Measuring(this);
    this.unread = 0;
    this.isPanelOpen = this.way.isPanelOpen;
    this.top = top(this);
    this.tools = tools(this);
    this.people = people(this);
    this.chat = chat(this);
    this.notices = notices(this);
    this.views = [this.top, this.tools, this.people, this.chat, this.notices, this.stage];
    document.documentElement.lang = language();
    this.stage.screen.append(this.notices.node, this.measuring.node, this.picture.listen);
    this.panel = put(document.getElementById('side'), this.people.node, this.chat.node);
    put(document.getElementById('top'), this.top.node);
    for (const view of this.views) view.speak?.();
    this.showPanel();
    this.show();
    this.showStatus();
    setInterval(() => {
      this.top.tick(this.state);
      this.notices.tick();
    }, TICK_MS);
  }

  begin() {
    this.build();
    if (typeof RTCPeerConnection === 'undefined') {
      this.finish({ title: t('end.no_webrtc'), words: t('end.no_webrtc_words'), site: this.entry.site });
      return;
    }
    for (const message of this.way.take(this)) this.hear(message);
    this.showStatus();
    // The server's clock, for the time that is left.
    fetch('/assets/icon.svg', { cache: 'no-store' }).then((answer) => heardTime(answer.headers.get('date'))).catch(() => {});
  }

  /** Shows the state anew. */
  show() {
    for (const view of this.views) view.show(this.state);
  }

  pointTo(place) {
    if (!drives(this.state)) this.stage.pointTo(place);
  }

  mediaChanged() {
    if (this.media.state === 'on' && drives(this.state)) this.hands.releaseAll();
    this.showStatus();
  }

  hear(message) {
    // An offer that went along with the greeting is refused as well.
    if (this.isOver) return;
    const before = this.state;
    this.state = take(before, message, performance.now());
    switch (message.msg) {
      case 'SESSION_CONNECTION_ESTABLISHED':
        this.established(message, before);
        break;
      case 'CHAT':
        this.entry.keep({ chat: this.state.chat });
        if (message.client !== this.state.me) this.heardChat(message);
        break;
      case 'CLIPBOARD':
        this.clipboard.copied(message.text);
        break;
      case 'CURSOR':
        this.stage.cursor(message);
        break;
      case 'QUALITY':
        this.measuring.server(message);
        break;
      case 'SESSION_EXTENDED':
        this.notices.pass(t('time.extended'));
        break;
      case 'SERVERS_BUSY':
        this.notices.pass(t('time.refused'));
        break;
      case 'NOT_ALLOWED':
        this.notices.pass(t('fault.not_allowed', { reason: String(message.reason ?? '') }));
        break;
      case 'SESSION_ENDED':
        this.entry.forget();
        this.finish({ title: t('end.title'), words: whyWords(message.why), site: this.entry.site });
        return;
      case 'SESSION_NOT_EXIST':
        // A heartbeat may be faster than the word why it ended.
        if (this.isInside) {
          this.endClock ??= setTimeout(() => this.hear({ msg: 'SESSION_ENDED' }), END_WORD_MS);
          return;
        }
        this.entry.forget();
        this.finish({ title: t('end.none'), words: t('end.none_words'), site: this.entry.site, again: () => location.reload() });
        return;
      case 'SESSION_FULL':
        this.finish({ title: t('end.full'), words: t('end.full_words'), site: this.entry.site, again: () => location.reload() });
        return;
      case 'LOCKED_OUT':
        this.finish({
          title: t('end.locked_out'), words: t('end.locked_out_words'), site: this.entry.site,
          until: performance.now() + (Number(message.retry_after) || 60) * 1000, again: () => location.reload(),
        });
        return;
      default:
    }
    if (this.state !== before) this.changed(before);
  }

  established(message, before) {
    const isNew = !this.isInside;
    this.isInside = true;
    if (isNew) {
      this.presence.again();
      const { application } = this.state;
      if (application) this.stage.expect(application.width, application.height);
    } else if (before.me === this.state.me) {
      this.sayWhoCame(before);
    }
  }

  sayWhoCame(before) {
    const name = (one) => one.name || t('live.unnamed');
    const came = this.state.people.filter((one) => !personOf(before, one.client));
    const left = before.people.filter((one) => !personOf(this.state, one.client));
    for (const one of came) this.notices.pass(t('people.came', { name: name(one) }));
    for (const one of left) this.notices.pass(t('people.left', { name: name(one) }));
  }

  changed(before) {
    const isDriving = drives(this.state);
    if (isDriving !== drives(before) || before.me !== this.state.me) {
      this.hands.drive(isDriving);
      if (before.me === this.state.me && before.me !== null) announce(isDriving ? t('control.now_you') : t('control.not_you'));
      if (isDriving && (document.activeElement === document.body || this.hadControlClick)) this.focusPicture();
      if (!isDriving) this.closeKeyboard();
    } else if (before.control.driver !== this.state.control.driver && !isDriving) {
      const driver = personOf(this.state, this.state.control.driver);
      if (driver) announce(t('control.now_other', { name: driver.name || t('live.unnamed') }));
    }
    this.hadControlClick = false;
    if (before.timeUntil === null) this.timeHidden = false;
    this.show();
    this.showStatus();
  }

  socketChanged(isOpen) {
    if (isOpen) return this.showStatus();
    this.isInside = false;
    this.hands.drive(false);
    // What this page may do is what the server says when it is back.
    this.state = { ...this.state, control: { ...this.state.control, driver: null, queue: [] }, asked: null };
    this.show();
    return this.showStatus();
  }

  showStatus() {
    const isBack = this.state.me !== null;
    const media = this.media.state;
    if (this.isOver) return;
    if (!this.socket.isOpen || !this.isInside) {
      const outside = this.socket.isOpen ? t('status.entering') : t('status.connecting');
      const words = isBack ? t('status.lost') : outside;
      this.top.status(isBack ? 'lost' : 'wait', words);
      this.stage.words(this.picture.hasFrame && isBack && media === 'on' ? null : words);
      return;
    }
    if (media !== 'on') {
      const words = media === 'lost' && this.picture.hasFrame ? t('status.picture_lost') : t('status.picture');
      this.top.status(media === 'lost' ? 'lost' : 'wait', words);
      this.stage.words(words);
      return;
    }
    this.top.status('on', t('status.on'));
    this.stage.words(this.picture.hasFrame ? null : t('status.picture'));
  }

  // Chat and panel

  heardChat({ name, text }) {
    announce(`${name || t('live.unnamed')}: ${text}`);
    if (this.isPanelOpen) return;
    this.unread += 1;
    this.top.panel(this.isPanelOpen, this.unread);
  }

  togglePanel() {
    this.isPanelOpen = !this.isPanelOpen;
    remember('panel', this.isPanelOpen ? 'open' : 'closed');
    this.showPanel();
  }

  showPanel() {
    if (this.isPanelOpen) this.unread = 0;
    document.body.classList.toggle('is-wide', !this.isPanelOpen);
    this.panel.hidden = !this.isPanelOpen;
    this.top.panel(this.isPanelOpen, this.unread);
  }

  // Time

  isTimeHidden() { return this.timeHidden === true; }

  hideTime() {
    this.timeHidden = true;
    this.show();
  }

  // Clipboard

  openPaste() { openPaste(this); }

  copied() { return this.clipboard.offered; }

  dropCopied() {
    this.clipboard.offered = null;
    this.show();
  }

  // Picture

  focusPicture() { this.stage.catcher.focus({ preventScroll: true }); }

  toggleSound() { this.picture.toggleSound(); }

  toggleSmall() { this.picture.toggleSmall(); }

  canBeFull() { return this.picture?.canBeFull() ?? true; }

  toggleFull() { this.picture.toggleFull(); }

  toggleQuality() { this.measuring.toggle(); }

  lockPointer() {
    this.hands.lockPointer().then(() => announce(t('tools.pointer_locked'))).catch(() => {});
  }

  toggleKeyboard() {
    const isShown = !this.hands.text.isPhone;
    this.hands.text.phone(isShown);
    this.tools.keyboard.show(isShown);
    // Only a field that gets the focus anew brings the keyboard up.
    this.stage.catcher.blur();
    if (isShown) this.focusPicture();
  }

  closeKeyboard() {
    if (this.hands.text.isPhone) this.toggleKeyboard();
  }

  // Ends

  async leave() {
    this.hands.drive(false);
    this.isOver = true;
    await Promise.race([this.request({ verb: 'LEAVE_SESSION' }), new Promise((done) => { setTimeout(done, 1000); })]);
    this.entry.keep({ resume: null, chat: [] });
    this.finish({
      title: t('end.left'), words: t('end.left_words'), site: this.entry.site,
      again: () => location.reload(), againWords: t('end.back'),
    });
  }

  finish(what) {
    this.isOver = true;
    clearTimeout(this.endClock);
    this.hands.drive(false);
    this.socket.stop();
    this.media.stop();
    this.measuring.stop();
    if (document.fullscreenElement) document.exitFullscreen();
    document.body.classList.add('is-over');
    put(document.getElementById('top'));
    const page = ended(what);
    put(document.getElementById('main'), page);
    document.title = what.title;
    page.querySelector('h1').focus();
  }

  /** The language changed. */
  speakAnew() {
    document.documentElement.lang = language();
    for (const view of this.views) view.speak?.();
    this.measuring.speak();
    this.picture.speak();
    this.showPanel();
    this.show();
    this.showStatus();
  }
}

/** Opens the page for whoever came in by this way. */
export const open = (way) => new App(way).begin();
