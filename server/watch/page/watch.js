// The page of a channel: plays it, says what is going on, and comes back by itself.

import { language, texts } from './texts.js';
import { Refused, watch } from './whep.js';

/** Pauses before the next try, milliseconds: short at first, for a server that is just being started. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000];

const [picture, state, sound, volume, full, screen, channels] = [
  'picture', 'state', 'sound', 'volume', 'full', 'screen', 'channels',
].map((id) => document.getElementById(id));

const settings = await (await fetch('/watch/settings.json')).json();
const named = Number(location.pathname.split('/')[2] || NaN);
// At `/` and `/watch` it is the first that there is.
const channel = Number.isInteger(named) ? named : settings.channels[0] ?? 0;

document.documentElement.lang = language;
document.title = `${texts.channel(channel)} · Treecast`;
document.getElementById('title').textContent = texts.channel(channel);
document.getElementById('volume-label').textContent = texts.volume;
sound.textContent = texts.sound;
full.textContent = texts.full;

const others = settings.onAir.filter((number) => number !== channel);
if (others.length > 0) {
  for (const number of [channel, ...others].sort((one, other) => one - other)) {
    const link = document.createElement('a');
    link.href = `/watch/${number}`;
    link.textContent = texts.channel(number);
    if (number === channel) link.setAttribute('aria-current', 'page');
    channels.append(link);
  }
}

// Browsers start nothing with sound by themselves: the visitor switches it on.
sound.addEventListener('click', () => {
  picture.muted = !picture.muted;
  sound.setAttribute('aria-pressed', String(!picture.muted));
  picture.play().catch(() => {});
});
volume.addEventListener('input', () => { picture.volume = volume.value / 100; });
full.addEventListener('click', () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else screen.requestFullscreen?.().catch(() => {});
});
picture.addEventListener('playing', () => { state.textContent = ''; });

let current;
addEventListener('pagehide', () => current?.close());

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let tries = 0;
for (;;) {
  if (tries === 0) state.textContent = texts.connecting;
  let why = texts.lost;
  try {
    current = await watch(`/whep/channel/${channel}`, settings.iceServers);
    picture.srcObject = current.stream;
    // For tests and for whoever looks under the hood.
    window.connection = current.connection;
    state.textContent = texts.waiting;
    picture.play().catch(() => {});
    tries = 0;
    await current.ended;
    current.close();
  } catch (error) {
    why = error instanceof Refused ? error.message : texts.unreachable;
  }
  current = undefined;
  state.textContent = texts.again(why);
  await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
  tries += 1;
}
