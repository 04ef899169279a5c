// Epic's Pixel Streaming in the browser: pages with Epic's own frontend library exactly as the registry has it, and a page
// that does what Unreal Engine's plugin does, over the same WebSocket and with the browser's own WebRTC.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

const FRONTEND = '@epicgames-ps/lib-pixelstreamingfrontend-ue5.7';
const COMMON = '@epicgames-ps/lib-pixelstreamingcommon-ue5.7';

/** Where a page finds what the library imports; it is built for bundlers, which leave such names in. */
const IMPORTS = {
  [FRONTEND]: `/lib/${FRONTEND}/dist/esm/pixelstreamingfrontend.js`,
  [COMMON]: `/lib/${COMMON}/dist/esm/pixelstreamingcommon.js`,
  '@protobuf-ts/runtime': '/lib/@protobuf-ts/runtime/build/es2015/index.js',
  sdp: '/sdp.js',
  // Of Node; in a browser it is not used.
  ws: 'data:text/javascript,export default globalThis.WebSocket',
};

const PLAYER = `<!doctype html>
<title>A player</title>
<style>html, body { margin: 0; height: 100% } #player { width: 100%; height: 100% }</style>
<div id="player"></div>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module">
import { Config, Logger, LogLevel, MessageDirection, PixelStreaming } from '${FRONTEND}';
Logger.InitLogging?.(LogLevel?.Error ?? 0, false);
const asked = Object.fromEntries(new URLSearchParams(location.search));
const settings = { AutoConnect: true, AutoPlayVideo: true, StartVideoMuted: true, ...JSON.parse(asked.settings) };
const stream = new PixelStreaming(new Config({ initialSettings: settings }), {
  videoElementParent: document.querySelector('#player'),
});
// The library sends this message, but leaves it to the page to say so.
stream.registerMessageHandler('DataChannelLatencyTest', MessageDirection.ToStreamer);
window.told = [];
for (const kind of ['streamerListMessage', 'webRtcConnected', 'webRtcDisconnected', 'videoInitialized', 'initialSettings',
  'dataChannelOpen', 'subscribeFailed', 'latencyTestResult', 'dataChannelLatencyTestResult', 'StreamerIDChangedMessage']) {
  stream.addEventListener(kind, ({ data }) => {
    const { messageStreamerList, settings: initial, message, latencyTimings, newID, eventString, result } = data ?? {};
    const answered = [...result?.records.values() ?? []].filter((record) => record.playerReceivedTimestamp);
    const test = result && {
      count: answered.length, rtt: Math.max(...answered.map((record) => record.playerReceivedTimestamp - record.playerSentTimestamp)),
    };
    window.told.push({ kind, ids: messageStreamerList?.ids, initial, message, latencyTimings, newID, eventString, test });
  });
}
window.stream = stream;
</script>`;

const STREAMER = `<!doctype html>
<title>A streamer</title>
<canvas width="640" height="360"></canvas>
<script>
const asked = Object.fromEntries(new URLSearchParams(location.search));
const canvas = document.querySelector('canvas');
const pen = canvas.getContext('2d');
let painted = 0;
setInterval(() => {
  painted += 1;
  pen.fillStyle = 'hsl(' + painted * 5 % 360 + ' 90% 50%)';
  pen.fillRect(0, 0, canvas.width, canvas.height);
}, 33);
const picture = canvas.captureStream(30);
window.heard = [];
window.inputs = [];
window.players = new Map();
const utf16 = (id, text) => {
  const bytes = new DataView(new ArrayBuffer(1 + 2 * text.length));
  bytes.setUint8(0, id);
  for (let at = 0; at < text.length; at += 1) bytes.setUint16(1 + 2 * at, text.charCodeAt(at), true);
  return bytes.buffer;
};
const socket = new WebSocket(asked.url);
window.say = (message) => socket.send(JSON.stringify(message));
const begin = async (playerId) => {
  const connection = new RTCPeerConnection(window.options);
  window.players.set(playerId, connection);
  for (const track of picture.getTracks()) connection.addTrack(track, picture);
  const channel = connection.createDataChannel('datachannel', { ordered: true });
  channel.binaryType = 'arraybuffer';
  channel.onopen = () => {
    channel.send(utf16(255, JSON.stringify({ Direction: 0, KeyDown: { id: 60, structure: ['uint8', 'uint8'] } })));
    channel.send(new Uint8Array([12, 1]));
  };
  channel.onmessage = ({ data }) => window.inputs.push([...new Uint8Array(data)]);
  connection.onicecandidate = ({ candidate }) => {
    if (candidate) say({ type: 'iceCandidate', playerId, candidate });
  };
  await connection.setLocalDescription(await connection.createOffer());
  say({ type: 'offer', playerId, sdp: connection.localDescription.sdp });
};
socket.onmessage = async ({ data }) => {
  const message = JSON.parse(data);
  window.heard.push(message);
  const connection = window.players.get(message.playerId);
  switch (message.type) {
    case 'identify': say({ type: 'endpointId', id: asked.name, protocolVersion: '1.3.0' }); break;
    case 'config': window.options = message.peerConnectionOptions; break;
    case 'playerConnected': await begin(message.playerId); break;
    case 'playerDisconnected':
      connection?.close();
      window.players.delete(message.playerId);
      break;
    case 'answer': await connection.setRemoteDescription({ type: 'answer', sdp: message.sdp }); break;
    case 'iceCandidate': await connection.addIceCandidate(message.candidate); break;
    default:
  }
};
</script>`;

/** A viewer by WHEP in as few lines as it takes. */
const VIEWER = `<!doctype html>
<title>A viewer</title>
<video autoplay muted playsinline></video>
<script type="module">
const asked = Object.fromEntries(new URLSearchParams(location.search));
const connection = new RTCPeerConnection();
window.connection = connection;
const stream = new MediaStream();
connection.ontrack = ({ track }) => {
  stream.addTrack(track);
  // Not before: a page with an empty stream is never loaded.
  document.querySelector('video').srcObject = stream;
};
for (const kind of asked.sound === 'no' ? ['video'] : ['video', 'audio']) {
  connection.addTransceiver(kind, { direction: 'recvonly' });
}
await connection.setLocalDescription(await connection.createOffer());
const answer = await fetch(asked.url, {
  method: 'POST', headers: { 'content-type': 'application/sdp' }, body: connection.localDescription.sdp,
});
const headers = Object.fromEntries(answer.headers);
const sdp = await answer.text();
window.answered = { status: answer.status, headers, location: headers.location && new URL(headers.location, asked.url).href };
if (answer.status === 201) await connection.setRemoteDescription({ type: 'answer', sdp });
</script>`;

const PAGES = { '/player': PLAYER, '/streamer': STREAMER, '/viewer': VIEWER };

/** Files of installed packages, as bundlers find them: without their endings. */
const file = async (path) => {
  if (path === '/sdp.js') {
    const source = await readFile(join(MODULES, 'sdp/sdp.js'), 'utf8');
    return `const module = { exports: {} };\n${source}\nexport const { parseRtpParameters, splitSections } = module.exports;`;
  }
  const name = normalize(path.replace(/^\/lib\//, ''));
  if (name.startsWith('..')) throw new Error('not there');
  return readFile(join(MODULES, extname(name) === '.js' ? name : `${name}.js`), 'utf8');
};

/** Serves the pages as long as the body runs; they are on another site than the server's. */
export const pages = async (body) => {
  const server = createServer(async ({ url }, answer) => {
    const { pathname } = new URL(url, 'http://localhost');
    const page = PAGES[pathname];
    if (page) {
      answer.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
      return;
    }
    const source = await file(pathname).catch(() => null);
    if (source === null) answer.writeHead(pathname === '/favicon.ico' ? 204 : 404).end();
    else answer.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(source);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const site = `http://127.0.0.1:${server.address().port}`;
  const at = (page, parameters) => `${site}/${page}?${new URLSearchParams(parameters)}`;
  try {
    await body(at);
  } finally {
    server.closeAllConnections();
    server.close();
  }
};
