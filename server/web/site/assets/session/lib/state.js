// What this page knows of the session, from what the session server says. Pure: a message and a state give the next
// state, and nothing here touches the page.

/** Messages that are kept of the chat. */
export const MAX_CHAT = 200;

/** How much longer people may want it, in minutes. */
export const EXTENSIONS = [15, 30];

const COLOUR = /^#[0-9a-f]{6}$/i;
const NO_COLOUR = '#7d8a83';

export const EMPTY = {
  // Who I am; null: not in the session.
  me: null,
  people: [],
  control: { driver: null, queue: [], locked: false },
  // Who asks me for control, and until when (milliseconds of the page's clock) it stays mine by doing nothing.
  asked: null,
  endsAt: null,
  application: null,
  broadcast: { on: false, channel: null, invite: null },
  watchToken: null,
  chat: [],
  // Until when (milliseconds of the page's clock): everybody is idle; the time is over.
  idleUntil: null,
  timeUntil: null,
  canExtend: false,
};

const number = (value) => {
  const read = typeof value === 'string' ? Number(value) : value;
  return Number.isSafeInteger(read) && read >= 0 ? read : null;
};

const text = (value, otherwise = '') => (typeof value === 'string' ? value : otherwise);

const person = (told) => ({
  client: number(told.client),
  name: text(told.name),
  isOwner: told.owner === true,
  isActive: told.active === true,
  isWatching: told.watching === true,
  colour: COLOUR.test(told.colour) ? told.colour : NO_COLOUR,
});

const controlOf = (told) => ({
  driver: number(told?.driver ?? null),
  queue: Array.isArray(told?.queue) ? told.queue.map(number).filter((client) => client !== null) : [],
  locked: told?.locked === true,
});

const broadcastOf = (told) => ({
  on: told?.on === true,
  channel: number(told?.channel ?? null),
  invite: text(told?.invite) || null,
});

const established = (state, told) => ({
  ...state,
  me: number(told.client),
  people: (Array.isArray(told.clients) ? told.clients : []).map(person).filter(({ client }) => client !== null),
  control: told.control ? controlOf(told.control) : state.control,
  endsAt: number(told.ends_at ?? null) ?? state.endsAt,
  application: told.application ?? state.application,
  broadcast: told.broadcast ? { ...state.broadcast, ...broadcastOf(told.broadcast) } : state.broadcast,
  watchToken: text(told.watch) || state.watchToken,
});

const control = (state, told, nowMs) => {
  const next = { ...state, control: controlOf(told) };
  const client = number(told.request ?? null);
  const isMine = next.control.driver === next.me;
  if (!isMine || !next.control.queue.includes(client ?? state.asked?.client)) return { ...next, asked: null };
  if (client === null) return { ...next, asked: state.asked };
  const left = number(told.seconds_left ?? null);
  return { ...next, asked: { client, until: left === null ? null : nowMs + left * 1000 } };
};

const said = (state, told) => {
  const line = { client: number(told.client), name: text(told.name), text: text(told.text), at: number(told.at ?? null) };
  return line.text === '' ? state : { ...state, chat: [...state.chat, line].slice(-MAX_CHAT) };
};

const TAKES = {
  SESSION_CONNECTION_ESTABLISHED: established,
  CONTROL: control,
  CHAT: said,
  IDLE_WARNING: (state, told, nowMs) => {
    const left = number(told.seconds_left) ?? 0;
    return { ...state, idleUntil: left > 0 ? nowMs + left * 1000 : null };
  },
  TIME_WARNING: (state, told, nowMs) => {
    const left = number(told.seconds_left) ?? 0;
    return { ...state, timeUntil: left > 0 ? nowMs + left * 1000 : null, canExtend: told.can_extend === true };
  },
  SESSION_EXTENDED: (state, told) => ({ ...state, endsAt: number(told.ends_at) ?? state.endsAt, timeUntil: null }),
  BROADCAST: (state, told) => ({ ...state, broadcast: broadcastOf(told) }),
};

/** The state after a message; one that says nothing about the state leaves it as it is. */
export const take = (state, told, nowMs) => {
  const how = Object.hasOwn(TAKES, told?.msg) ? TAKES[told.msg] : null;
  return how ? how(state, told, nowMs) : state;
};

/** Somebody by number, or null. */
export const personOf = (state, client) => state.people.find((one) => one.client === client) ?? null;

/** Whoever looks at this page. */
export const mine = (state) => personOf(state, state.me);

/** Whether this page's keys and pointer go to the application. */
export const drives = (state) => state.me !== null && state.control.driver === state.me;

/** What this page may do about control: 'watch', 'drive', 'wait', 'take' (nobody drives) or 'ask'. */
export const controlStep = (state) => {
  if (state.me === null || mine(state)?.isWatching) return 'watch';
  if (drives(state)) return 'drive';
  if (state.control.queue.includes(state.me)) return 'wait';
  return state.control.driver === null && !state.control.locked ? 'take' : 'ask';
};

/** Shows the name of a person in two letters at most. */
export const initials = (name) => name.trim().split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? '').join('')
  .toUpperCase();
