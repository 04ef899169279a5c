// What a benchmark has inside each page before the page's own scripts run. It changes nothing of what the page does, but for
// the way of its datagrams if a benchmark asks for another one. It must never know the page's own code.

/** Runs inside the page; `detour` is null or { from, to }: ports, of which the answer's candidates have the first. */
export const inside = ({ detour }) => {
  const bench = { peers: [], born_ms: [], connected_ms: [], frames_ms: [], sent: null, drives_ms: null, clicked_ms: null };
  globalThis.bench = bench;
  const Real = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...words) {
      super(...words);
      bench.born_ms.push(performance.now());
      bench.peers.push(this);
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState === 'connected') bench.connected_ms.push(performance.now());
      });
    }

    setRemoteDescription(description) {
      if (detour === null) return super.setRemoteDescription(description);
      const line = (text) => {
        if (!text.startsWith('a=candidate:')) return text;
        const words = text.split(' ');
        if (words[2].toLowerCase() !== 'udp' || words[4] !== '127.0.0.1' || words[5] !== String(detour.from)) return null;
        words[5] = String(detour.to);
        return words.join(' ');
      };
      const lines = description.sdp.split('\r\n').map(line).filter((text) => text !== null);
      return super.setRemoteDescription({ type: description.type, sdp: lines.join('\r\n') });
    }
  };
  // The page asks for the first picture of each stream; whoever asks, the first one that comes is noted.
  const ask = HTMLVideoElement.prototype.requestVideoFrameCallback;
  let noted = null;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function requestVideoFrameCallback(callback) {
    const stream = this.srcObject;
    if (stream !== noted) {
      noted = stream;
      ask.call(this, () => bench.frames_ms.push(performance.now()));
    }
    return ask.call(this, callback);
  };
  const wall = (ms) => performance.timeOrigin + ms - bench.offset();

  /** How far the page's clock is ahead of the system's, which a page sees in whole milliseconds: it waits for their edges. */
  bench.offset = () => {
    if (bench.known !== undefined && performance.now() - bench.known_at < 2000) return bench.known;
    const found = [];
    for (let at = 0; at < 9; at += 1) {
      const now = Date.now();
      let edge = now;
      while (edge === now) edge = Date.now();
      found.push(performance.timeOrigin + performance.now() - edge);
    }
    found.sort((one, other) => one - other);
    bench.known_at = performance.now();
    [bench.known] = found;
    return bench.known;
  };
  const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
  const stats = async () => {
    const facts = { at_ms: performance.now() };
    for (const one of (await bench.peers.at(-1).getStats()).values()) {
      if (one.type === 'inbound-rtp' && one.kind === 'video') facts.video = one;
      if (one.type === 'candidate-pair' && one.nominated) facts.pair = one;
    }
    return facts;
  };
  const BETWEEN = ['framesReceived', 'framesDecoded', 'framesDropped', 'bytesReceived', 'packetsReceived', 'packetsLost', 'nackCount',
    'pliCount', 'freezeCount', 'keyFramesDecoded', 'jitterBufferDelay', 'jitterBufferEmittedCount', 'totalDecodeTime',
    'totalFreezesDuration', 'totalProcessingDelay', 'retransmittedPacketsReceived'];

  /** What comes within a time, by the browser's own counts; reads no picture, which costs as much as decoding it. */
  bench.count = async (length_ms) => {
    const before = await stats();
    await sleep(length_ms);
    const after = await stats();
    return {
      seconds: (after.at_ms - before.at_ms) / 1000,
      change: Object.fromEntries(BETWEEN.map((name) => [name, (after.video?.[name] ?? 0) - (before.video?.[name] ?? 0)])),
      rtt_ms: (after.pair?.currentRoundTripTime ?? 0) * 1000,
      decoder: after.video?.decoderImplementation ?? '',
    };
  };

  /** What a video shows within a time. */
  bench.watch = async (length_ms) => {
    const video = document.querySelector('video');
    const pictures = [];
    let unread = 0;
    const offset_before = bench.offset();
    const stop = globalThis.watchMarks(video, (marks) => {
      if (marks === null) unread += 1;
      else pictures.push(marks);
    });
    const counted = await bench.count(length_ms);
    stop();
    await sleep(30);
    bench.known = undefined;
    const offset = (offset_before + bench.offset()) / 2;
    return {
      ...counted,
      unread,
      pictures: pictures.map((one) => [
        one.painted_ms, one.shown_ms - offset, one.received_ms === null ? null : one.received_ms - offset, one.decode_ms,
      ]),
      width: video.videoWidth,
      height: video.videoHeight,
    };
  };

  /** The bits that came, every so often, as [ms, bits a second]. */
  bench.rates = async (length_ms, every_ms) => {
    const rates = [];
    let before = await stats();
    const end = before.at_ms + length_ms;
    while (before.at_ms < end) {
      await sleep(every_ms);
      const now = await stats();
      const bits = ((now.video?.bytesReceived ?? 0) - (before.video?.bytesReceived ?? 0)) * 8;
      rates.push([performance.timeOrigin + now.at_ms - bench.offset(), bits / ((now.at_ms - before.at_ms) / 1000)]);
      before = now;
    }
    return rates;
  };

  // Inputs, as the page's own listeners get them, until the picture has counted one more.
  let count = null;
  let waiting = null;
  bench.beginInputs = () => {
    globalThis.watchMarks(document.querySelector('video'), (marks) => {
      if (marks === null) return;
      if (waiting?.sent_ms && marks.count !== waiting.base) {
        const { sent_ms, done } = waiting;
        waiting = null;
        done({ picture_ms: marks.shown_ms - sent_ms, painted_ms: marks.painted_ms + bench.offset() - sent_ms });
      }
      count = marks.count;
    });
    for (const kind of ['keydown', 'pointerdown', 'pointermove']) {
      addEventListener(kind, () => {
        if (!waiting || waiting.kind !== kind || waiting.sent_ms) return;
        waiting.base = count;
        waiting.sent_ms = performance.timeOrigin + performance.now();
      }, { capture: true });
    }
    bench.offset();
  };
  bench.nextInput = (kind) => new Promise((done) => {
    bench.offset();
    const own = { kind, done };
    waiting = own;
    setTimeout(() => {
      if (waiting !== own) return;
      waiting = null;
      done(null);
    }, 2000);
  });

  // Control: when a button was pressed, and when this page drives.
  addEventListener('click', () => { bench.clicked_ms = wall(performance.now()); }, { capture: true });
  bench.beginControl = () => {
    const tools = document.querySelector('.tools');
    const look = () => {
      const drives = tools.dataset.step === 'drive';
      if (drives !== bench.drives) {
        bench.drives = drives;
        bench.drives_ms = wall(performance.now());
      }
    };
    look();
    bench.drives_ms = null;
    bench.offset();
    new MutationObserver(look).observe(tools, { attributes: true });
  };

  /** Waits for the first picture that is shown after a moment of the wall clock; milliseconds between them. */
  bench.pictureAfter = (moment_ms, patience_ms) => new Promise((done) => {
    const started = performance.now();
    let last = 0;
    const look = () => {
      const video = document.querySelector('video');
      const frames = video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
      const now = wall(performance.now());
      if (now > moment_ms && last !== 0 && frames > last) done(now - moment_ms);
      else if (performance.now() - started > patience_ms) done(null);
      else setTimeout(look, 4);
      last = frames;
    };
    look();
  });
};
