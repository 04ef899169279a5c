// How long to wait before another try. Pure: chance is an argument.

/** The first try comes at once: most connections that break can be made again in the same moment. */
const DELAYS_MS = [0, 150, 300, 600, 1200, 2500];
/** And then for as long as the page is open. */
const MOST_MS = 5000;

/** Milliseconds before try number `tries` (0 is the first), up to a quarter less by chance (0 to 1). */
export const delayOf = (tries, chance) => {
  const whole = DELAYS_MS[tries] ?? MOST_MS;
  return Math.round(whole * (1 - chance / 4));
};
