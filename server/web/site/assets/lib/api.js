// The HTTP API of the coordinator, one function a request. Every failure is a Fault.

import { heardTime } from './clock.js';
import { Fault } from './faults.js';

/** After this long without an answer a request is given up: the coordinator gives itself 60 s, 20 for each server. */
const TIMEOUT_MS = 65_000;

const at = (strings, ...parts) => String.raw({ raw: strings }, ...parts.map((part) => encodeURIComponent(part)));

/**
 * Asks and reads the answer.
 * @throws {Fault} if nobody answers or the answer is an error; of a request that `signal` ended, the signal's reason.
 */
const ask = async (method, path, { body, token, signal } = {}) => {
  const headers = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token) headers.authorization = `Bearer ${token}`;
  const patience = new AbortController();
  const clock = setTimeout(() => patience.abort(), TIMEOUT_MS);
  const stop = () => patience.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: patience.signal,
    });
    return await read(response);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof Fault) throw error;
    throw new Fault({ status: 0, word: patience.signal.aborted ? 'timeout' : 'offline' });
  } finally {
    clearTimeout(clock);
    signal?.removeEventListener('abort', stop);
  }
};

const read = async (response) => {
  heardTime(response.headers.get('date'));
  const text = await response.text();
  let answer = null;
  try {
    answer = text === '' ? null : JSON.parse(text);
  } catch {
    if (response.ok) throw new Fault({ status: 502, word: 'not_json' });
  }
  if (response.ok) return answer;
  throw new Fault({
    status: response.status,
    word: typeof answer?.error === 'string' ? answer.error : '',
    reason: typeof answer?.reason === 'string' ? answer.reason : '',
    body: { retry_after: response.headers.get('retry-after'), ...(answer ?? {}) },
  });
};

/** What a visitor asks. */
export const api = {
  applications: (signal) => ask('GET', '/api/applications', { signal }),
  slots: (name, { date, tz, minutes }, signal) => ask(
    'GET',
    `${at`/api/applications/${name}/slots`}?${new URLSearchParams({ date, tz, minutes })}`,
    { signal },
  ),
  book: (body) => ask('POST', '/api/bookings', { body }),
  booking: (code, signal) => ask('GET', at`/api/bookings/${code}`, { signal }),
  cancel: (code) => ask('DELETE', at`/api/bookings/${code}`),
  calendarFile: (code) => at`/api/bookings/${code}.ics`,
  start: (application) => ask('POST', '/api/sessions', { body: { application } }),
  join: (code) => ask('POST', at`/api/sessions/${code}/join`),
  status: (code, signal) => ask('GET', at`/api/sessions/${code}`, { signal }),
  extend: (code, minutes) => ask('POST', at`/api/sessions/${code}/extend`, { body: { minutes } }),
};

/** What an operator asks, with the token. */
export const operatorApi = (token) => ({
  list: (what, signal) => ask('GET', at`/api/operator/${what}`, { token, signal }),
  endSession: (code) => ask('POST', at`/api/operator/sessions/${code}/end`, { token }),
  drain: (id) => ask('POST', at`/api/operator/servers/${id}/drain`, { token }),
  resume: (id) => ask('POST', at`/api/operator/servers/${id}/resume`, { token }),
  putApplication: (name, body) => ask('PUT', at`/api/operator/applications/${name}`, { token, body }),
  removeApplication: (name) => ask('DELETE', at`/api/operator/applications/${name}`, { token }),
  cancelBooking: (code) => ask('DELETE', at`/api/bookings/${code}`),
});
