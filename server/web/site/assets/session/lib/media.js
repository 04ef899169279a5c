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
  }

  /** Connects anew, whatever there is. */
  async connect() {
    this.isWanted = true;
    clearTimeout(this.clock);
    this.dropPeer();
    this.tell(this.state === 'off' ? 'connecting' : 'lost');
    const peer = new RTCPeerConnection({
      iceServers: this.iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require',
    });
    this.peer = peer;
    const isCurrent = () => this.peer === peer;
    const again = () => { if (isCurrent()) this.again(); };
    this.clock = setTimeout(again, CONNECT_MS);
    const receivers = ['video', 'audio'].map((kind) => peer.addTransceiver(kind, { direction: 'recvonly' }).receiver);
    for (const receiver of receivers) this.hasten(receiver);
    this.openChannels(peer);
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
    try {
      await peer.setLocalDescription();
      const answer = await this.ask({ verb: 'WEBRTC_OFFER', sdp: peer.localDescription.sdp });
      if (!isCurrent()) return;
      if (answer.msg !== 'WEBRTC_ANSWER') throw new Error(answer.reason ?? answer.msg);
      await peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    } catch {
      again();
    }
  }

  // The sound may wait a little for its packets, the picture not at all.
  hasten(receiver) {
    if (receiver.track.kind !== 'video') return;
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    if ('playoutDelayHint' in receiver) receiver.playoutDelayHint = 0;
  }

  openChannels(peer) {
    this.input = peer.createDataChannel('input', { ordered: true });
    this.moves = peer.createDataChannel('moves', { ordered: false, maxRetransmits: 0 });
    const { input, moves } = this;
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
