// What networks do to WebRTC, done in the page before its own code runs: candidates that lead nowhere are taken away, from
// what the page says as from what it is told. The page, the browser and the server are as they are.

import { until } from './lab.js';

/**
 * In the page. `ours` and `theirs`: which candidates remain, as patterns; `ourChange` and `theirChange`: [pattern, text],
 * what becomes of those.
 */
const NETWORK = ({ policy, ours, theirs, ourChange, theirChange }) => {
  const Real = globalThis.RTCPeerConnection;
  const keeps = (pattern) => (line) => !pattern || new RegExp(pattern).test(line);
  const changed = (change) => (line) => (change ? line.replace(new RegExp(change[0]), change[1]) : line);
  const lines = (sdp, keep, change) => sdp.split('\r\n')
    .filter((line) => !line.startsWith('a=candidate:') || keep(line))
    .map((line) => (line.startsWith('a=candidate:') ? change(line) : line)).join('\r\n');
  globalThis.connections = [];
  globalThis.told = [];
  globalThis.RTCPeerConnection = class extends Real {
    constructor(configuration) {
      super(policy ? { ...configuration, iceTransportPolicy: policy } : configuration);
      globalThis.connections.push(this);
      globalThis.iceServers = configuration.iceServers;
    }

    get localDescription() {
      const real = super.localDescription;
      return real && { type: real.type, sdp: lines(real.sdp, keeps(ours), changed(ourChange)) };
    }

    setRemoteDescription({ type, sdp }) {
      globalThis.told = sdp.split('\r\n').filter((line) => line.startsWith('a=candidate:'));
      return super.setRemoteDescription({ type, sdp: lines(sdp, keeps(theirs), changed(theirChange)) });
    }

    addEventListener(kind, heard, ...rest) {
      if (kind !== 'icecandidate') return super.addEventListener(kind, heard, ...rest);
      return super.addEventListener(kind, ({ candidate: found }) => {
        if (!found?.candidate) {
          heard({ candidate: found });
        } else if (keeps(ours)(found.candidate)) {
          const { sdpMid, sdpMLineIndex, usernameFragment } = found;
          heard({ candidate: { candidate: changed(ourChange)(found.candidate), sdpMid, sdpMLineIndex, usernameFragment } });
        }
      }, ...rest);
    }
  };
};

/** The network that a visitor has from now on. */
export const network = (visitor, what) => visitor.page.addInitScript(NETWORK, { policy: null, ...what });

/** The pair of candidates that the page's newest connection uses, as the browser reports it. */
export const pair = (page) => until('a pair of candidates is used', () => page.evaluate(async () => {
  const connection = globalThis.connections.at(-1);
  if (connection?.connectionState !== 'connected') return null;
  const reports = await connection.getStats();
  for (const { type, selectedCandidatePairId } of reports.values()) {
    const used = type === 'transport' && reports.get(selectedCandidatePairId);
    if (used) return { local: reports.get(used.localCandidateId), remote: reports.get(used.remoteCandidateId) };
  }
  return null;
}));

/** The candidates that the server told the page last. */
export const told = (page) => page.evaluate(() => globalThis.told);

/** The ICE servers that the page was given last. */
export const iceServers = (page) => page.evaluate(() => globalThis.iceServers);
