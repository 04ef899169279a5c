// A player of WHEP (draft-ietf-wish-whep): one connection, from the offer to its end.

/** How long candidates are gathered before the offer goes out without more, milliseconds: STUN takes a round trip. */
const GATHERING_MS = 1_000;

/** Why a connection is refused, in the server's words. */
export class Refused extends Error {}

/**
 * Connects to an address and gives what plays.
 * @param {string} url where to POST the offer
 * @param {RTCIceServer[]} iceServers
 * @returns {Promise<{stream: MediaStream, ended: Promise<void>, close: () => void}>}
 */
export async function watch(url, iceServers) {
  const connection = new RTCPeerConnection({ iceServers });
  const stream = new MediaStream();
  connection.addEventListener('track', ({ track }) => stream.addTrack(track));
  for (const kind of ['video', 'audio']) connection.addTransceiver(kind, { direction: 'recvonly' });
  try {
    await connection.setLocalDescription();
    await gathered(connection);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: connection.localDescription.sdp,
    });
    if (!response.ok) throw new Refused(await reason(response));
    const resource = new URL(response.headers.get('Location'), response.url);
    await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    const ended = new Promise((resolve) => {
      connection.addEventListener('connectionstatechange', () => {
        if (['failed', 'closed', 'disconnected'].includes(connection.connectionState)) resolve();
      });
    });
    const close = () => {
      connection.close();
      // Also while the page goes away.
      fetch(resource, { method: 'DELETE', keepalive: true }).catch(() => {});
    };
    return { connection, stream, ended, close };
  } catch (error) {
    connection.close();
    throw error;
  }
}

function gathered(connection) {
  return new Promise((resolve) => {
    const look = () => connection.iceGatheringState === 'complete' && resolve();
    connection.addEventListener('icegatheringstatechange', look);
    setTimeout(resolve, GATHERING_MS);
    look();
  });
}

async function reason(response) {
  const text = (await response.text()).trim().slice(0, 300);
  return text || `${response.status} ${response.statusText}`;
}
