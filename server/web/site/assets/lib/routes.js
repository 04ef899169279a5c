// Addresses of the views: the part after "#", read and written. Pure.

/** A code: four digits. */
export const CODE = /^\d{4}$/;

/** The digits of whatever was typed or pasted, at most as many as a code has. */
export const digitsOf = (text) => text.replace(/\D/g, '').slice(0, 4);

const decode = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/** Reads "#/application/chess/plan?date=2026-11-25" into { view, name?, code?, query }; an unknown one is 'lost'. */
export const parse = (hash) => {
  const [path, search = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const query = Object.fromEntries(new URLSearchParams(search));
  const parts = path.split('/').filter((part) => part !== '').map(decode);
  const [first, second, third] = parts;
  if (parts.length === 0) return { view: 'home', query };
  if (first === 'application' && parts.length === 2) return { view: 'application', name: second, query };
  if (first === 'application' && parts.length === 3 && third === 'plan') return { view: 'plan', name: second, query };
  if (first === 'join' && parts.length === 1) return { view: 'join', query };
  if (parts.length === 2 && CODE.test(second) && ['join', 'booking', 'session'].includes(first)) {
    return { view: first, code: second, query };
  }
  return { view: 'lost', query };
};

const search = (query) => {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return set.length === 0 ? '' : `?${new URLSearchParams(set)}`;
};

/** Addresses by view. */
export const to = {
  home: () => '#/',
  application: (name) => `#/application/${encodeURIComponent(name)}`,
  plan: (name, query = {}) => `#/application/${encodeURIComponent(name)}/plan${search(query)}`,
  join: (code) => (code ? `#/join/${code}` : '#/join'),
  booking: (code) => `#/booking/${code}`,
  session: (code) => `#/session/${code}`,
};
