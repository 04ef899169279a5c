// What the browser measured of the connection, as figures for people. Pure: reports are arguments.

const find = (report, want) => [...report.values()].find(want);

/** The counters that figures are made of. */
const counters = (report) => {
  const video = find(report, ({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  const transport = find(report, ({ type }) => type === 'transport');
  const pair = report.get(transport?.selectedCandidatePairId)
    ?? find(report, ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
  const local = report.get(pair?.localCandidateId);
  return {
    atMs: video?.timestamp ?? null,
    frames: video?.framesDecoded ?? 0,
    bytes: pair?.bytesReceived ?? 0,
    lost: video?.packetsLost ?? 0,
    packets: video?.packetsReceived ?? 0,
    decodeS: video?.totalDecodeTime ?? 0,
    bufferS: video?.jitterBufferDelay ?? 0,
    emitted: video?.jitterBufferEmittedCount ?? 0,
    dropped: video?.framesDropped ?? 0,
    freezes: video?.freezeCount ?? 0,
    width: video?.frameWidth ?? null,
    height: video?.frameHeight ?? null,
    codec: report.get(video?.codecId)?.mimeType?.replace('video/', '') ?? null,
    rttMs: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
    way: local ? `${local.candidateType}/${local.relayProtocol ?? local.protocol}` : null,
  };
};

const per = (amount, whole) => (whole > 0 ? amount / whole : null);

/** { now, figures }: the counters to compare with next time, and the figures since `before`. */
export const readQuality = (report, before) => {
  const now = counters(report);
  const isSame = before !== null && now.atMs !== null && now.atMs > before.atMs && now.frames >= before.frames
    && now.bytes >= before.bytes;
  if (!isSame) return { now, figures: null };
  const seconds = (now.atMs - before.atMs) / 1000;
  const frames = now.frames - before.frames;
  const lost = Math.max(0, now.lost - before.lost);
  return {
    now,
    figures: {
      fps: frames / seconds,
      width: now.width,
      height: now.height,
      bps: (now.bytes - before.bytes) * 8 / seconds,
      rttMs: now.rttMs,
      lostShare: per(lost, lost + now.packets - before.packets),
      bufferMs: per((now.bufferS - before.bufferS) * 1000, now.emitted - before.emitted),
      decodeMs: per((now.decodeS - before.decodeS) * 1000, frames),
      dropped: now.dropped,
      freezes: now.freezes,
      codec: now.codec,
      way: now.way,
    },
  };
};
