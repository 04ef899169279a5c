// Picture, sound and the two channels of input: one RTCPeerConnection at a time, made anew when it breaks.

import { TYPE, ping, readMessage, releaseAll } from './messages.js';

/** How often the connection is asked whether it is there, and how long an answer may take: three times what SCTP waits
 * before it sends again (RFC 9260, as browsers set it: 400 ms). */
const PING_MS = 400;
const SILENT_MS = 1500;
/** A ping that took so long may have been a silence in which the server let go of everything that was held (a second of
 * it: docs/protocols/session-input.md). Half of that, as it is not measured from the same moment. */
const LATE_MS = 500;
/** How long a new connection may take before another one is tried: ICE over TURN takes a second or two. */
const CONNECT_MS = 6000;
/** How long an offer that was made before it was wanted is good: the addresses in it may change. */
const READY_MS = 10_000;
/** Between two attempts, at first and at last. */
const AGAIN_MS = [0, 200, 500, 1000, 2000];
/** What waits in a channel before moves are left out: a tenth of a second of them. */
const MAX_BUFFERED = 2048;

export class Media {
  /**
   * `ask(words)` reaches the session server; `video(stream)` and `audio(stream)` get what comes, `pointer(place)` the
   * driver's pointer, `changed(state)` one of 'off', 'connecting', 'on', 'lost'; `returned()` is told when the server may
   * have let go of what this page holds.
   */
  constructor({ ask, say, video, audio, pointer, changed, returned }) {
    Object.assign(this, { ask, say, video, audio, pointer, changed, returned });
    this.iceServers = [];
    this.peer = null;
    this.input = null;
    this.moves = null;
    this.tries = 0;
    this.state = 'off';
    this.rttMs = null;
    this.isWanted = false;
    this.mayInput = true;
    this.clock = null;
    this.ready = null;
  }

  /** Makes the first offer while the page is let in: a browser takes some time for it. */
  prepare() {
    this.dropReady();
    this.ready = { ...this.offer([]), clock: setTimeout(() => this.dropReady(), READY_MS) };
  }

  /** Whether there is an offer to begin with. */
  get isReady() {
    return this.ready !== null;
  }

  /** Connects anew, whatever there is. */
  async connect() {
    this.isWanted = true;
    clearTimeout(this.clock);
    this.dropPeer();
    this.tell(this.state === 'off' ? 'connecting' : 'lost');
    const { peer, input, moves, described } = this.takeReady() ?? this.offer(this.iceServers);
    Object.assign(this, { peer, input, moves });
    this.tend(peer, input, moves);
    const isCurrent = () => this.peer === peer;
    const again = () => { if (isCurrent()) this.again(); };
    this.clock = setTimeout(again, CONNECT_MS);
    try {
      await described;
      if (!isCurrent()) return;
      const answer = await this.ask({ verb: 'WEBRTC_OFFER', sdp: peer.localDescription.sdp });
      if (!isCurrent()) return;
      if (answer.msg !== 'WEBRTC_ANSWER') throw new Error(answer.reason ?? answer.msg);
      await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    } catch {
      again();
    }
  }

  // The offer that was prepared, if it can be used: ICE servers are asked while an offer is made.
  takeReady() {
    const { ready } = this;
    if (ready === null || this.iceServers.length > 0) {
      this.dropReady();
      return null;
    }
    clearTimeout(ready.clock);
    this.ready = null;
    return ready;
  }

  dropReady() {
    const { ready } = this;
    this.ready = null;
    clearTimeout(ready?.clock);
    ready?.peer.close();
  }

  // A connection with its channels, whose description is being made. What comes of it counts once it is the current one; ways
  // that are found before are in its description.
  offer(iceServers) {
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    const isCurrent = () => this.peer === peer;
    const again = () => { if (isCurrent()) this.again(); };
    const receivers = ['video', 'audio'].map((kind) => peer.addTransceiver(kind, { direction: 'recvonly' }).receiver);
    for (const receiver of receivers) this.hasten(receiver);
    const input = peer.createDataChannel('input', { ordered: true });
    const moves = peer.createDataChannel('moves', { ordered: false, maxRetransmits: 0 });
    peer.addEventListener('track', ({ track, receiver }) => {
      if (!isCurrent()) return;
      this.hasten(receiver);
      const stream = new MediaStream([track]);
      if (track.kind === 'video') this.video(stream);
      else this.audio(stream);
    });
    peer.addEventListener('icecandidate', ({ candidate }) => {
      if (!isCurrent() || !candidate?.candidate) return;
      const { candidate: way, sdpMid, sdpMLineIndex, usernameFragment } = candidate;
      this.say({ verb: 'WEBRTC_CANDIDATE', candidate: way, sdpMid, sdpMLineIndex, usernameFragment });
    });
    peer.addEventListener('connectionstatechange', () => {
      if (!isCurrent()) return;
      if (peer.connectionState === 'connected') {
        clearTimeout(this.clock);
        this.tries = 0;
        this.tell('on');
      } else if (['failed', 'disconnected', 'closed'].includes(peer.connectionState)) {
        again();
      }
    });
    const described = peer.setLocalDescription();
    // Whoever waits for it is told; if nobody does, nobody needs it.
    described.catch(() => {});
    return { peer, input, moves, described };
  }

  // The sound may wait a little for its packets, the picture not at all.
  hasten(receiver) {
    if (receiver.track.kind !== 'video') return;
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    if ('playoutDelayHint' in receiver) receiver.playoutDelayHint = 0;
  }

  tend(peer, input, moves) {
    let token = 0;
    // The ping that waits for its answer. The next one waits too: a page in the background has a clock that seldom ticks.
    let waiting = null;
    const beat = setInterval(() => {
      if (this.peer !== peer) {
        clearInterval(beat);
      } else if (waiting !== null && performance.now() - waiting.at > SILENT_MS) {
        clearInterval(beat);
        this.again();
      } else if (waiting === null && input.readyState === 'open') {
        token = token % 0xffff_ffff + 1;
        waiting = { token, at: performance.now() };
        input.send(ping(token));
      }
    }, PING_MS);
    input.binaryType = 'arraybuffer';
    moves.binaryType = 'arraybuffer';
    input.addEventListener('close', () => { if (this.peer === peer) this.again(); });
    const hear = ({ data }) => {
      const message = readMessage(data);
      if (message?.type === TYPE.pong) {
        if (message.token !== waiting?.token) return;
        this.rttMs = performance.now() - waiting.at;
        waiting = null;
        if (this.rttMs > LATE_MS && this.peer === peer) this.returned();
      } else if (message?.type === TYPE.pointer) {
        this.pointer(message);
      }
    };
    input.addEventListener('message', hear);
    moves.addEventListener('message', hear);
  }

  again() {
    this.dropPeer();
    if (!this.isWanted) return;
    this.tell('lost');
    clearTimeout(this.clock);
    this.clock = setTimeout(() => this.connect(), AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)]);
    this.tries += 1;
  }

  dropPeer() {
    const { peer } = this;
    this.peer = null;
    this.input = null;
    this.moves = null;
    this.rttMs = null;
    peer?.close();
  }

  /** Ends it; `connect` begins anew. */
  stop() {
    this.isWanted = false;
    clearTimeout(this.clock);
    this.releaseAll();
    this.dropReady();
    this.dropPeer();
    this.tell('off');
  }

  tell(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed(state);
  }

  /** Sends what must arrive, in order. False: there is no channel, and nothing was pressed. */
  send(message) {
    if (this.input?.readyState !== 'open') return false;
    this.input.send(message);
    return true;
  }

  /** Sends what the next one replaces; what does not get away at once is left out. */
  sendMove(message) {
    if (this.moves?.readyState !== 'open' || this.moves.bufferedAmount > MAX_BUFFERED) return false;
    this.moves.send(message);
    return true;
  }

  /** Says that somebody is here who holds something. On the channel on which nothing waits for what was lost. */
  here() {
    if (this.moves?.readyState === 'open') this.moves.send(ping(0));
  }

  releaseAll() {
    this.send(releaseAll());
  }

  /** What the browser measured, or null. */
  stats() {
    return this.peer?.getStats() ?? Promise.resolve(null);
  }
}
