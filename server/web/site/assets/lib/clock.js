// Things that happen again and again while a view is shown: a tick each second, a question every few seconds.

/** Unix seconds now. */
export const now = () => Date.now() / 1000;

/** Calls `work` at once and each second, until `signal` ends. */
export const everySecond = (work, signal) => {
  if (signal.aborted) return;
  const clock = setInterval(work, 1000);
  signal.addEventListener('abort', () => clearInterval(clock), { once: true });
  work();
};

/**
 * Calls the async `work` now and again `seconds` after it is done, until `signal` ends. A page in the background is
 * left alone, and asked at once when it is looked at again. Returns a function that asks at once.
 */
export const keepAsking = (work, seconds, signal) => {
  let clock = null;
  let isBusy = false;
  const round = async () => {
    if (isBusy || signal.aborted) return;
    isBusy = true;
    clearTimeout(clock);
    try {
      await work();
    } finally {
      isBusy = false;
      if (!signal.aborted && !document.hidden) clock = setTimeout(round, seconds * 1000);
    }
  };
  document.addEventListener('visibilitychange', () => { if (!document.hidden) round(); }, { signal });
  signal.addEventListener('abort', () => clearTimeout(clock), { once: true });
  round();
  return round;
};
