// Time that is left, as figures and as words, and when it is worth saying aloud. Pure: the time is an argument.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From here on the time left is called short. */
export const SOON_SECONDS = 5 * MINUTE;

/** At these many seconds left people who cannot see the figures are told; a second by second reading helps nobody. */
export const SPOKEN_AT = [HOUR, 30 * MINUTE, 10 * MINUTE, 5 * MINUTE, MINUTE, 10, 0];

const two = (number) => String(number).padStart(2, '0');

/** Whole seconds until a moment, never negative. */
export const secondsLeft = (until, now) => Math.max(0, Math.ceil(until - now));

/** "4:05", "1:04:05"; days are counted in hours up to a day and said apart beyond it. */
export const figures = (seconds) => {
  const hours = Math.floor((seconds % DAY) / HOUR);
  const minutes = Math.floor((seconds % HOUR) / MINUTE);
  const rest = seconds % MINUTE;
  return hours > 0 || seconds >= DAY ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
};

/** Whole days that are left. */
export const daysLeft = (seconds) => Math.floor(seconds / DAY);

/** The largest unit that says it: { unit: 'day' | 'hour' | 'minute' | 'second', count }. */
export const roughly = (seconds) => {
  if (seconds >= DAY) return { unit: 'day', count: Math.round(seconds / DAY) };
  if (seconds >= HOUR) return { unit: 'hour', count: Math.round(seconds / HOUR) };
  if (seconds >= MINUTE) return { unit: 'minute', count: Math.round(seconds / MINUTE) };
  return { unit: 'second', count: seconds };
};

/** The words for it in a language: "5 minutes". */
export const inWords = (seconds, language) => {
  const { unit, count } = roughly(seconds);
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(count);
};

/** A length of time in minutes, in a language: "45 minutes", "1 hour 30 minutes". */
export const minutesInWords = (minutes, language) => {
  const format = (count, unit) => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' })
    .format(count);
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours === 0) return format(rest, 'minute');
  return rest === 0 ? format(hours, 'hour') : `${format(hours, 'hour')} ${format(rest, 'minute')}`;
};

/** Which mark of `SPOKEN_AT` was passed between two readings, or none. */
export const markPassed = (before, after) => SPOKEN_AT.filter((mark) => before > mark && after <= mark).at(-1);

/** The share of a span that is over, 0 to 1. */
export const share = (from, until, now) => {
  if (until <= from) return 1;
  return Math.min(1, Math.max(0, (now - from) / (until - from)));
};
