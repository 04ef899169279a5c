// The times of one day that can be booked, as the page shows them: what is left of them, by parts of the day. Pure.

/** Parts of a day, each from its hour on; the names are keys of the texts. */
export const PARTS = [
  { from: 0, key: 'slots.night' },
  { from: 6, key: 'slots.morning' },
  { from: 12, key: 'slots.afternoon' },
  { from: 18, key: 'slots.evening' },
];

/** A time as the API writes it; the second of two equal ones, when clocks are put back, has its offset. */
const TIME = /^(\d{2}:\d{2})(?:([+-])(\d{2}):(\d{2}))?$/;

const hourOf = (slot) => Number(slot.time.slice(0, 2));

/** What can still be asked for: slots that begin after now. */
export const upcoming = (slots, now) => slots.filter((slot) => slot.starts_at > now);

/** Slots by parts of the day; parts without a slot are left out. */
export const byPart = (slots) => PARTS
  .map(({ from, key }, place) => {
    const until = PARTS[place + 1]?.from ?? 24;
    return { key, slots: slots.filter((slot) => hourOf(slot) >= from && hourOf(slot) < until) };
  })
  .filter((part) => part.slots.length > 0);

/** How many are free. */
export const countFree = (slots) => slots.filter((slot) => slot.free).length;

/** A slot's time for people: "02:30", "02:30 (UTC+1)". */
export const timeLabel = (time) => {
  const [, clock, sign, hours, minutes] = TIME.exec(time) ?? [];
  if (!clock) return time;
  if (!sign) return clock;
  return `${clock} (UTC${sign}${Number(hours)}${minutes === '00' ? '' : `:${minutes}`})`;
};

/** The free slot of a time, if it is there. */
export const findFree = (slots, time) => slots.find((slot) => slot.free && slot.time === time);

/**
 * The first of some days with a slot that can still be had: { day, slots }; the first day if none has one. `ask(day)` gives
 * the slots of a day, `now()` the time.
 */
export const firstFreeDay = async (days, ask, now) => {
  let first = null;
  for (const day of days) {
    const slots = await ask(day);
    first ??= { day, slots };
    if (countFree(upcoming(slots, now())) > 0) return { day, slots };
  }
  return first;
};

/** By how much a session may be offered to last longer: usual steps within what is possible, else what there is. */
export const extensions = (possible) => {
  const steps = [15, 30, 60, 120].filter((minutes) => minutes <= possible);
  return steps.length > 0 || possible <= 0 ? steps : [possible];
};
