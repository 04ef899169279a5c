// Going into a session: asking the coordinator by code, then leaving for the session's own page.

import { api } from '../lib/api.js';
import { recallHere, rememberHere } from '../lib/store.js';
import { to } from '../lib/routes.js';

const place = (code) => `session.${code}`;

/** Keeps where a session is, for this tab. */
export const keepAddress = (code, answer) => rememberHere(place(code), {
  url: answer.url,
  // Who started it and joins again stays its owner.
  token: answer.token ?? recallHere(place(code))?.token,
});

/**
 * The address of a session's page, if this tab knows. Which session of that server, the owner's token and the way back to
 * this site stand after "#", so that no log on the way has them.
 */
export const addressOf = (code) => {
  const { url, token } = recallHere(place(code)) ?? {};
  try {
    const address = new URL(url);
    if (address.protocol !== 'https:') return null;
    const { origin: site } = location;
    address.hash = new URLSearchParams(token ? { code, token, site } : { code, site });
    return address.href;
  } catch {
    return null;
  }
};

/**
 * Asks for the session of a code, which starts a booking whose time has come, and goes there. The way back leads to
 * the session's view here.
 * @throws {Fault} as the API says: not_exist, not_started, locked_out, busy.
 */
export const enter = async (code) => {
  const answer = await api.join(code);
  keepAddress(code, answer);
  const address = addressOf(code);
  if (location.hash !== to.session(code)) history.replaceState(null, '', to.session(code));
  if (address) location.assign(address);
  else dispatchEvent(new HashChangeEvent('hashchange'));
};
