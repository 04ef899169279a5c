// What went wrong, from an answer's status and word to the words for people. Pure.

/** Words of the HTTP API that have words for people here; those for others come with the answer. */
const BY_WORD = {
  busy: 'fault.busy',
  not_exist: 'fault.not_exist',
  not_started: 'fault.not_started',
  locked_out: 'fault.locked_out',
  try_again: 'fault.try_again',
};

const BY_STATUS = {
  401: 'fault.unauthorized',
  403: 'fault.unauthorized',
  404: 'fault.not_exist',
  429: 'fault.locked_out',
  502: 'fault.try_again',
  503: 'fault.try_again',
  504: 'fault.try_again',
};

/** An answer that is an error, or no answer at all. */
export class Fault extends Error {
  /**
   * @param {object} facts `status` (0: nobody answered), `word` and `reason` of the answer, `body`.
   */
  constructor({ status = 0, word = '', reason = '', body = {} }) {
    super(reason || word || `status ${status}`);
    this.name = 'Fault';
    this.status = status;
    this.word = word;
    this.reason = reason;
    this.body = body;
  }

  /** Whether asking the same again may help: nobody answered, or the server said so. */
  get isTemporary() {
    return this.status === 0 || this.status >= 500;
  }

  /** Seconds until the next try is heard, if the answer says so. */
  get retryAfter() {
    const seconds = Number(this.body.retry_after);
    return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds) : null;
  }
}

/** The key of the text for a fault, or null if the server's own reason says it best. */
export const faultKey = (fault) => {
  if (!(fault instanceof Fault)) return 'fault.bug';
  if (fault.status === 0) return fault.word === 'timeout' ? 'fault.timeout' : 'fault.offline';
  const known = BY_WORD[fault.word] ?? BY_STATUS[fault.status];
  if (known) return known;
  if (fault.reason) return null;
  return fault.status >= 500 ? 'fault.server' : 'fault.refused';
};
