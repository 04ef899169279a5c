// Days and times of people, in any time zone: arithmetic of the calendar, and words for it. Pure: the time is an
// argument. A day is "YYYY-MM-DD", a month "YYYY-MM", a moment Unix seconds.

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const MONTH = /^(\d{4})-(\d{2})$/;
const WEEK_DAYS = 7;

const two = (number) => String(number).padStart(2, '0');

// Midday: far from any change of the clock, should somebody look at it in a zone.
const utc = (day) => {
  const [, year, month, date] = DAY.exec(day);
  return new Date(Date.UTC(Number(year), Number(month) - 1, Number(date), 12));
};

const dayOf = (date) => `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;

/** Whether a text is a day that exists: 2026-02-30 does not. */
export const isDay = (text) => DAY.test(text) && dayOf(utc(text)) === text;

/** Whether a text is a month. */
export const isMonth = (text) => MONTH.test(text) && isDay(`${text}-01`);

/** The month of a day. */
export const monthOf = (day) => day.slice(0, 7);

/** The day that lies a number of days after another; before, if the number is negative. */
export const addDays = (day, days) => {
  const date = utc(day);
  date.setUTCDate(date.getUTCDate() + days);
  return dayOf(date);
};

/** The month a number of months after another. */
export const addMonths = (month, months) => {
  const date = utc(`${month}-01`);
  date.setUTCMonth(date.getUTCMonth() + months);
  return monthOf(dayOf(date));
};

/** The same day of the month a number of months later, or the last one of that month. */
export const addMonthsToDay = (day, months) => {
  const month = addMonths(monthOf(day), months);
  const last = addDays(`${addMonths(month, 1)}-01`, -1);
  const same = `${month}-${day.slice(8)}`;
  return same < last ? same : last;
};

/** The place of a day in its week, 0 to 6, where weeks begin on `firstDay` (1 is Monday, 7 Sunday). */
export const placeInWeek = (day, firstDay) => (utc(day).getUTCDay() - firstDay + WEEK_DAYS * 2) % WEEK_DAYS;

/** The weeks of a month: rows of seven days, null where another month's days would be. */
export const monthGrid = (month, firstDay) => {
  const weeks = [];
  let day = `${month}-01`;
  let week = new Array(placeInWeek(day, firstDay)).fill(null);
  while (monthOf(day) === month) {
    week.push(day);
    if (week.length === WEEK_DAYS) {
      weeks.push(week);
      week = [];
    }
    day = addDays(day, 1);
  }
  if (week.length > 0) weeks.push([...week, ...new Array(WEEK_DAYS - week.length).fill(null)]);
  return weeks;
};

/** On which day weeks begin for people of a language tag: 1 is Monday, 7 Sunday. */
export const firstDayOf = (tag) => {
  try {
    const locale = new Intl.Locale(tag);
    const info = locale.getWeekInfo?.() ?? locale.weekInfo;
    return info?.firstDay ?? 1;
  } catch {
    return 1;
  }
};

/** Whether the browser knows a time zone of that name. */
export const isZone = (zone) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

/** The day that a moment falls on in a time zone. */
export const dayInZone = (seconds, zone) => {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', calendar: 'gregory', numberingSystem: 'latn',
  }).formatToParts(seconds * 1000);
  const part = (type) => parts.find((found) => found.type === type).value;
  return `${part('year')}-${part('month')}-${part('day')}`;
};

/** The time of day of a moment in a zone: "14:05". */
export const timeInZone = (seconds, zone) => new Intl.DateTimeFormat('en-GB', {
  timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
}).format(seconds * 1000);

/** How far a zone's clock is from UTC at a moment: "UTC", "UTC+3", "UTC-3:30". */
export const offsetInZone = (seconds, zone) => {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'shortOffset' })
    .formatToParts(seconds * 1000);
  // Some browsers write "GMT" for no distance, some "GMT+0".
  return parts.find((part) => part.type === 'timeZoneName').value.replace('GMT', 'UTC').replace(/^UTC[+-]0$/, 'UTC');
};

/** A zone's name for people: "Moscow, UTC+3" without the region, which is the group's heading. */
export const zoneLabel = (zone, seconds) => {
  const city = zone.slice(zone.indexOf('/') + 1).replaceAll('_', ' ').replaceAll('/', ', ');
  const offset = offsetInZone(seconds, zone);
  return city === offset ? city : `${city} (${offset})`;
};

/** Zones by region, both in the order of the alphabet; "UTC" comes first, without a region. */
export const zonesByRegion = (zones) => {
  const regions = new Map();
  for (const zone of [...new Set(zones)].sort()) {
    const slash = zone.indexOf('/');
    if (slash < 0 || zone.startsWith('Etc/')) continue;
    const region = zone.slice(0, slash);
    regions.set(region, [...(regions.get(region) ?? []), zone]);
  }
  return [...regions];
};

/** "Wednesday, 25 November 2026" in a language. */
export const longDay = (day, language) => new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
  timeZone: 'UTC', weekday: 'long', day: 'numeric', month: 'long', year: 'numeric',
}).format(utc(day));

/** "November 2026" in a language, with a capital. */
export const monthName = (month, language) => {
  const date = utc(`${month}-01`);
  const name = new Intl.DateTimeFormat(language, { timeZone: 'UTC', month: 'long' }).format(date);
  return `${name.charAt(0).toLocaleUpperCase(language)}${name.slice(1)} ${date.getUTCFullYear()}`;
};

/** The names of the days of a week, short and long, in its order. */
export const weekDays = (firstDay, language) => {
  const monday = '2024-01-01';
  const name = (day, weekday) => new Intl.DateTimeFormat(language, { timeZone: 'UTC', weekday }).format(utc(day));
  return Array.from({ length: WEEK_DAYS }, (_, place) => addDays(monday, firstDay - 1 + place))
    .map((day) => ({ short: name(day, 'short'), long: name(day, 'long') }));
};
