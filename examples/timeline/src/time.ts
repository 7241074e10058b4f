/**
 * Times as people read and enter them. The server keeps RFC 3339 in UTC, to the microsecond.
 *
 * A moment (EXACT, MINUTE) is shown and entered in UTC or in the time zone of the browser; there, its offset from UTC
 * stands behind it. A date (DAY, MONTH, YEAR) is a date in UTC whatever the zone, and kept as its midnight there.
 */
import type { EventRowFragment, TimePrecision } from './gql/graphql';

type When = Pick<EventRowFragment, 'occurredAt' | 'occurredUntil' | 'timePrecision'>;
export type Zone = 'utc' | 'local';

/** How a time of each precision is written. */
export const PATTERNS: Record<TimePrecision, string> = {
  EXACT: '2026-03-01 10:30:00.123456',
  MINUTE: '2026-03-01 10:30',
  DAY: '2026-03-01',
  MONTH: '2026-03',
  YEAR: '2026',
};
const HOUR = 3_600_000;
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999); // beyond it, the server keeps no time

export const isDate = (precision: TimePrecision) => PATTERNS[precision].length <= 10;

/** The name of a zone. */
export const nameOf = (zone: Zone) => (zone === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone);

/** When an event was, to read. */
export function showWhen({ occurredAt, occurredUntil, timePrecision }: When, zone: Zone): string {
  const start = showMoment(occurredAt, timePrecision, zone);
  if (!occurredUntil) return start;
  const end = showMoment(occurredUntil, timePrecision, zone);
  const day = `${start.split(' ')[0]} `;
  return `${start} –\n${!isDate(timePrecision) && end.startsWith(day) ? end.slice(day.length) : end}`;
}

/** A time of the server to read, no finer than it is known; what is kept of it beyond that is not hidden. */
export function showMoment(utc: string, precision: TimePrecision, zone: Zone): string {
  const date = utc.slice(0, PATTERNS[precision].length);
  if (!isDate(precision)) return toClock(utc, precision, zone).replace(/Z$/, '');
  if (utc === beginning(date)) return zone === 'utc' ? date : `${date} (UTC)`;
  return `${toClock(utc, 'EXACT', zone).replace(/Z$/, '')} (to the ${precision.toLowerCase()})`;
}

/** A time to the minute or the second, for what needs no more: when something was changed, or a drawing begins. */
export function showClock(moment: number, zone: Zone, unit: 'minute' | 'second' = 'minute'): string {
  const clock = clockAt(moment, zone);
  return clock.slice(0, unit === 'minute' ? -3 : undefined) + (zone === 'utc' ? '' : ` ${showOffset(offsetAt(moment))}`);
}

/** Where an event lies on an axis of time, in milliseconds since 1970. */
export function intervalOf({ occurredAt, occurredUntil, timePrecision }: When): { from: number; to: number } {
  const end = new Date(occurredUntil ?? occurredAt);
  const day = end.getUTCDate();
  if (timePrecision === 'DAY') end.setUTCDate(day + 1);
  if (timePrecision === 'MONTH') end.setUTCMonth(end.getUTCMonth() + 1);
  if (timePrecision === 'YEAR') end.setUTCFullYear(end.getUTCFullYear() + 1);
  // A month from 31 January ends with February.
  if (['MONTH', 'YEAR'].includes(timePrecision) && end.getUTCDate() !== day) end.setUTCDate(0);
  return { from: Date.parse(occurredAt), to: Math.min(end.getTime(), LAST) };
}

/** A time of the server as it stands in a form: all that is kept of it, with its offset, so that it means one moment. */
export function toClock(utc: string, precision: TimePrecision, zone: Zone): string {
  const date = utc.slice(0, PATTERNS[precision].length);
  if (isDate(precision) && utc === beginning(date)) return date;
  const moment = Date.parse(`${utc.slice(0, 19)}Z`);
  const fraction = utc.slice(19, -1).replace(/\.?0+$/, '');
  const clock = clockAt(moment, zone) + fraction;
  const time = precision === 'MINUTE' && clock.endsWith(':00') ? clock.slice(0, -3) : clock;
  return zone === 'utc' ? `${time}Z` : `${time} ${showOffset(offsetAt(moment))}`;
}

const DATE = /^\d{4}(-\d\d)?(-\d\d)?$/;
const TIME = /^(\d{4,5}-\d\d-\d\d)[T ]+(\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|UTC|[+−-]\d\d(?::?\d\d){0,2})?$/i;

/**
 * Reads what stands in a form, as the server wants it: the beginning of the interval that the precision leaves open.
 * A time without an offset is one in `zone`. Throws a RangeError that says to people what is wrong with the text.
 */
export function toUtc(text: string, precision: TimePrecision, zone: Zone): string {
  const written = text.trim();
  const length = PATTERNS[precision].length;
  if (isDate(precision) && DATE.test(written) && written.length >= length) {
    const utc = beginning(written.slice(0, length));
    if (!isClock(beginning(written).slice(0, 19))) throw new RangeError(`There is no ${written} in the calendar.`);
    return utc;
  }
  const [, day, minute, second = '00', fraction = '', offset] = TIME.exec(written) ?? [];
  if (!day) throw new RangeError(`Write it as ${PATTERNS[precision]}.`);
  const clock = `${day}T${minute}:${second}`;
  if (!isClock(clock)) throw new RangeError(`There is no ${written} in the calendar.`);
  const utc = writtenAt(momentOf(clock, offset ?? (zone === 'utc' ? 'Z' : undefined)));
  if (!/^(?!0000)\d{4}-/.test(utc)) throw new RangeError('Only the years 0001 to 9999 in UTC can be kept.');
  if (isDate(precision)) return beginning(utc.slice(0, length));
  // Where the offset has seconds, a whole minute of the clock is none in UTC.
  if (precision === 'MINUTE' && utc.endsWith(`:${second}`)) return `${utc.slice(0, -2)}00.000000Z`;
  return `${utc}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

/** The moment at which a clock shows `2026-03-01T10:30:00`, at an offset or by the browser's zone. */
function momentOf(clock: string, offset?: string): number {
  const shown = parse(clock);
  if (offset) return shown - readOffset(offset);
  // Whatever the zone's offset may be around then: those are moments at which the clock shows this that have it.
  const nearby = Array.from({ length: 33 }, (_, index) => offsetAt(shown + (index - 16) * HOUR));
  const moments = [...new Set(nearby)].map((each) => shown - each).filter((each) => offsetAt(each) === shown - each);
  if (moments.length === 1) return moments[0]!;
  const local = `${clock.replace('T', ' ')} in ${nameOf('local')}`;
  if (moments.length === 0) throw new RangeError(`There is no ${local}: clocks went forward. Write an offset behind it.`);
  const offsets = moments.sort((one, other) => one - other).map((each) => showOffset(offsetAt(each)));
  throw new RangeError(`There are two ${local}. Write ${offsets.join(' or ')} behind it.`);
}

/** What the clock of a zone shows at a moment, as `2026-03-01 10:30:00`. */
export const clockAt = (moment: number, zone: Zone) =>
  writtenAt(moment + (zone === 'utc' ? 0 : offsetAt(moment))).replace('T', ' ');

/** How far the browser's zone is from UTC at a moment, in milliseconds. (`getTimezoneOffset` has no seconds.) */
export function offsetAt(moment: number): number {
  const local = new Date(moment);
  const clock = new Date(0);
  clock.setUTCFullYear(local.getFullYear(), local.getMonth(), local.getDate());
  clock.setUTCHours(local.getHours(), local.getMinutes(), local.getSeconds(), local.getMilliseconds());
  return clock.getTime() - local.getTime(); // a part of a millisecond is no part of the offset
}

/** An offset as `+02:00`; in old times some had seconds. */
export function showOffset(offset: number): string {
  const size = new Date(Math.abs(offset)).toISOString();
  return (offset < 0 ? '−' : '+') + size.slice(11, size.endsWith('00.000Z') ? 16 : 19);
}

function readOffset(offset: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = (offset.match(/\d\d/g) ?? []).map(Number);
  return (/^[−-]/.test(offset) ? -1 : 1) * (hours * HOUR + minutes * 60_000 + seconds * 1000);
}

/** `2026-03-01T10:30:00` for milliseconds since 1970 in UTC; the year has five digits from 10000 on. */
const writtenAt = (moment: number) => new Date(moment).toISOString().replace(/^\+0/, '').slice(0, -5);

const parse = (clock: string) => Date.parse(`${clock.replace(/^(?=\d{5})/, '+0')}Z`);

/** Whether there is such a day and time of day: 30 February is none, nor is 24:00. */
const isClock = (clock: string) => !Number.isNaN(parse(clock)) && writtenAt(parse(clock)) === clock;

/** The first moment of a date, as the server writes it. */
const beginning = (date: string) => date + '0000-01-01T00:00:00.000000Z'.slice(date.length);
