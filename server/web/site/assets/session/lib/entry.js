// How somebody came here, and what the tab keeps so that a reload comes back as the same member.

import { forgetHere, recall, recallHere, remember, rememberHere } from '../../lib/store.js';

const PATH = /\/session\/(\d{4})$/;
const TOKEN = /^[\x21-\x7e]{16,128}$/;
/** A name is that long at most, in bytes of UTF-8 (server/wire, PersonName). */
export const MAX_NAME_LEN = 64;

const httpsOrigin = (text) => {
  try {
    const { protocol, origin } = new URL(text);
    return protocol === 'https:' ? origin : null;
  } catch {
    return null;
  }
};

/** Reads an address: { code, token, watch, site }; what is not there is null. Pure. */
export const readEntry = ({ pathname, hash }) => {
  const facts = new URLSearchParams(hash.replace(/^#/, ''));
  const secret = (name) => (TOKEN.test(facts.get(name) ?? '') ? facts.get(name) : null);
  return {
    code: PATH.exec(pathname)?.[1] ?? null,
    token: secret('token'),
    watch: secret('watch'),
    site: httpsOrigin(facts.get('site')),
  };
};

/** A name as long as the server takes it: whole characters, no white space around. Pure. */
export const cutName = (name) => {
  const encoder = new TextEncoder();
  let cut = '';
  for (const character of name.trim().replace(/\s+/g, ' ')) {
    if (encoder.encode(cut + character).length > MAX_NAME_LEN) break;
    cut += character;
  }
  return cut.trim();
};

/** A short time: what went before this document has let go of its lock by then. */
const LOCK_TRIES = 4;
const LOCK_PAUSE_MS = 50;

export class Entry {
  constructor(address) {
    const read = readEntry(address);
    this.code = read.code;
    const place = `live.${read.watch ? 'watch.' : ''}${read.code}`;
    const kept = recallHere(place) ?? {};
    this.place = place;
    this.watch = read.watch;
    this.kept = {
      token: read.token ?? kept.token ?? null,
      site: read.site ?? kept.site ?? null,
      resume: kept.resume ?? null,
      chat: Array.isArray(kept.chat) ? kept.chat : [],
    };
    this.keep({});
  }

  /** The address without secrets that make others the owner: it may be copied from the browser's bar. */
  get openHash() {
    return this.watch ? `#${new URLSearchParams({ watch: this.watch })}` : '';
  }

  get site() {
    return this.kept.site;
  }

  get chat() {
    return this.kept.chat;
  }

  /** The page that anybody with the code may open. */
  get invitation() {
    return `${location.origin}/session/${this.code}`;
  }

  /** The page for those who may only watch. */
  watchLink(token) {
    return `${this.invitation}#${new URLSearchParams({ watch: token })}`;
  }

  /** Keeps more for the tab. */
  keep(more) {
    Object.assign(this.kept, more);
    rememberHere(this.place, this.kept);
  }

  /** There is nothing to come back to. */
  forget() {
    forgetHere(this.place);
  }

  get name() {
    return cutName(recall('name') ?? '');
  }

  set name(name) {
    remember('name', name);
  }

  /**
   * Makes sure that no other tab goes by the same secret: a tab that was duplicated has a copy of it, and is somebody
   * else from now on.
   */
  async claim() {
    const { resume } = this.kept;
    if (!resume || !navigator.locks) return;
    for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
      if (await this.hold(resume)) return;
      await new Promise((done) => { setTimeout(done, LOCK_PAUSE_MS); });
    }
    this.keep({ resume: null });
  }

  /** Takes in a secret that the server gave. */
  resumeBy(resume) {
    if (resume === this.kept.resume) return;
    this.keep({ resume });
    if (navigator.locks) this.hold(resume);
  }

  /** Holds the lock of a secret for as long as the page is there; false: another tab has it. */
  hold(resume) {
    return new Promise((answer) => {
      navigator.locks.request(`treecast.${resume}`, { ifAvailable: true }, (lock) => {
        answer(lock !== null);
        return lock === null ? undefined : new Promise(() => {});
      }).catch(() => answer(true));
    });
  }

  /** What CONNECT_TO_SESSION says. */
  get request() {
    const { token, resume } = this.kept;
    const words = { verb: 'CONNECT_TO_SESSION' };
    if (this.code) words.code = this.code;
    if (this.watch) words.watch = this.watch;
    else if (token) words.token = token;
    if (resume) words.resume = resume;
    if (this.name) words.name = this.name;
    return words;
  }
}
