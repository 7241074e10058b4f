/**
 * Times as people read and enter them. The server keeps RFC 3339 in UTC.
 *
 * A moment (EXACT, MINUTE) is shown and entered in the time zone of the browser. A date (DAY, MONTH, YEAR) is a
 * date of the calendar, the same in every zone; it is kept as its midnight in UTC.
 */
import type { EventRowFragment, TimePrecision } from './gql/graphql';

type When = Pick<EventRowFragment, 'occurredAt' | 'occurredUntil' | 'timePrecision'>;

const DIGITS: Record<TimePrecision, number> = { EXACT: 19, MINUTE: 16, DAY: 10, MONTH: 7, YEAR: 4 };

export const isDate = (precision: TimePrecision) => DIGITS[precision] <= 10;

/** The browser's zone with its present offset, as `Europe/Berlin (UTC+1)`. */
export function zone(): string {
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'shortOffset' }).formatToParts();
  const offset = parts.find((part) => part.type === 'timeZoneName')?.value.replace('GMT', 'UTC') ?? '';
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (${offset})`;
}

/** A moment of the server as `2026-03-01T10:30:00` on the clock of its zone, to the second. */
export function toClock(utc: string, precision: TimePrecision = 'EXACT'): string {
  const moment = new Date(utc);
  const offset = isDate(precision) ? 0 : moment.getTimezoneOffset() * 60_000;
  return new Date(moment.getTime() - offset).toISOString().slice(0, 19);
}

/** What stands on a clock, as the server wants it: the beginning of the interval that the precision leaves open. */
export function toUtc(clock: string, precision: TimePrecision): string {
  const start = complete(complete(clock).slice(0, DIGITS[precision]));
  return new Date(isDate(precision) ? `${start}Z` : start).toISOString();
}

const complete = (clock: string) => clock + '0000-01-01T00:00:00'.slice(clock.length);

/** A moment to read, as `2026-03-01 10:30:00`, no finer than it is known; parts of a second only if there are any. */
export function showMoment(utc: string, precision: TimePrecision = 'MINUTE'): string {
  const fraction = precision === 'EXACT' ? utc.slice(19, -1).replace(/\.?0+$/, '') : '';
  return toClock(utc, precision).slice(0, DIGITS[precision]).replace('T', ' ') + fraction;
}

/** When an event was, to read. */
export function showWhen({ occurredAt, occurredUntil, timePrecision }: When): string {
  const start = showMoment(occurredAt, timePrecision);
  if (!occurredUntil) return start;
  const end = showMoment(occurredUntil, timePrecision);
  const isSameDay = !isDate(timePrecision) && end.startsWith(start.slice(0, 10));
  return `${start} –\n${isSameDay ? end.slice(11) : end}`;
}

/** Where an event lies on a time axis of local time, in milliseconds since 1970. */
export function intervalOf({ occurredAt, occurredUntil, timePrecision }: When): { from: number; to: number } {
  const from = new Date(toClock(occurredAt, timePrecision));
  const to = new Date(toClock(occurredUntil ?? occurredAt, timePrecision));
  if (timePrecision === 'DAY') to.setDate(to.getDate() + 1);
  if (timePrecision === 'MONTH') to.setMonth(to.getMonth() + 1);
  if (timePrecision === 'YEAR') to.setFullYear(to.getFullYear() + 1);
  return { from: from.getTime(), to: to.getTime() };
}
