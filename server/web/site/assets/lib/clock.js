// Things that happen again and again while a view is shown: a tick each second, a question every few seconds.

/** A server's time is told in whole seconds, and takes a moment to arrive: less than this is no difference. */
const NEGLIGIBLE_SECONDS = 3;

/** How far the server's clock is ahead of the browser's, by the `Date` of an answer; 0 if it says nothing of use. */
export const skewOf = (header, browserSeconds) => {
  const server = Date.parse(header ?? '') / 1000;
  const skew = server - browserSeconds;
  return Number.isFinite(skew) && Math.abs(skew) >= NEGLIGIBLE_SECONDS ? skew : 0;
};

let skew = 0;

/** Takes in the `Date` of an answer that has just come. */
export const heardTime = (header) => { skew = skewOf(header, Date.now() / 1000); };

/** Unix seconds now, as the server counts them: a countdown is right though the browser's clock is wrong. */
export const now = () => Date.now() / 1000 + skew;

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

/** As `keepAsking`, but the first time after a pause; what goes wrong is left to the next time. */
export const every = (seconds, signal, work) => {
  let isFirst = true;
  return keepAsking(async () => {
    if (isFirst) {
      isFirst = false;
      return;
    }
    try {
      await work();
    } catch {
      // What is shown stays as it was.
    }
  }, seconds, signal);
};
