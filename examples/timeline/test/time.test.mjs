/** Times in every zone that there is, around the moments at which clocks are set, and at both ends of the calendar. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { intervalOf, offsetAt, showClock, showMoment, showWhen, toClock, toUtc } from '../src/time.ts';

const home = process.env.TZ;
afterEach(() => goTo(home));

/** Moves this process to another zone. */
function goTo(zone) {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
}

const at = (occurredAt, occurredUntil, timePrecision = 'EXACT') => ({ occurredAt, occurredUntil, timePrecision });
const minutes = ({ from, to }) => (to - from) / 60_000;

const ENDS = ['0001-01-01T00:00:00.000000Z', '0001-01-01T00:00:00.000001Z', '9999-12-31T23:59:59.999999Z'];
const SINGLE = ['1601-01-01T00:00:00.000000Z', '1970-01-01T00:00:00.000000Z', '2024-02-29T12:34:56.789012Z'];

/**
 * Moments just before, at and after changes of a zone's offset since 1840. They are looked for in one year of ten, in
 * another one for each zone, so that it takes seconds.
 */
function changes(start) {
  const month = 30 * 86_400_000;
  const found = [];
  for (let step = 0; step < 12 * 20; step++) {
    const from = Date.UTC(1840 + start + 10 * Math.floor(step / 12), 0, 1) + (step % 12) * month;
    if (offsetAt(from) === offsetAt(from + month)) continue;
    let [low, high] = [from, from + month];
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (offsetAt(middle) === offsetAt(from)) low = middle;
      else high = middle;
    }
    found.push(low, high, high - 1_799_000, high + 1_800_000);
  }
  return found;
}
const server = (moment, digits = '000000') => `${new Date(moment).toISOString().slice(0, 19)}.${digits}Z`;

test('what a form shows of a moment is that moment again, in every zone', () => {
  let count = 0;
  for (const [index, zone] of ['UTC', ...Intl.supportedValuesOf('timeZone')].entries()) {
    goTo(zone);
    const moments = [...ENDS, ...SINGLE, ...changes(index % 10).map((each) => server(each, '000001'))];
    for (const moment of moments) {
      count += 1;
      for (const shown of ['utc', 'local']) {
        const text = toClock(moment, 'EXACT', shown);
        assert.equal(toUtc(text, 'EXACT', shown), moment, `${zone}: ${text}`);
        assert.equal(toUtc(text, 'EXACT', shown === 'utc' ? 'local' : 'utc'), moment, `${zone}: ${text}`);
        const minute = `${moment.slice(0, 17)}00.000000Z`;
        assert.equal(toUtc(toClock(minute, 'MINUTE', shown), 'MINUTE', shown), minute, `${zone}: ${minute}`);
        // Without its offset it is either the same or a question, and never another moment.
        const bare = text.replace(/(Z| [+−][\d:]+)$/, '');
        try {
          assert.equal(toUtc(bare, 'EXACT', shown), moment, `${zone}: ${bare}`);
        } catch (error) {
          assert.ok(shown === 'local' && /^There are two /.test(error.message), `${zone}: ${error}`);
        }
      }
    }
  }
  assert.ok(count > 10_000, `${count} moments`);
});

test('dates are the same dates in every zone', () => {
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    goTo(zone);
    for (const [precision, date, moment] of [
      ['DAY', '2025-03-10', '2025-03-10T00:00:00.000000Z'],
      ['MONTH', '2025-03', '2025-03-01T00:00:00.000000Z'],
      ['YEAR', '0001', '0001-01-01T00:00:00.000000Z'],
      ['DAY', '9999-12-31', '9999-12-31T00:00:00.000000Z'],
    ]) {
      assert.equal(toClock(moment, precision, 'local'), date);
      assert.equal(toUtc(date, precision, 'local'), moment);
      assert.equal(showMoment(moment, precision, 'local'), `${date} (UTC)`);
      assert.equal(showMoment(moment, precision, 'utc'), date);
    }
  }
});

test('an hour that comes twice', () => {
  goTo('Europe/Berlin');
  const event = at('2026-10-25T00:50:00.000000Z', '2026-10-25T01:10:00.000000Z', 'MINUTE');
  assert.equal(showWhen(event, 'local'), '2026-10-25 02:50 +02:00 –\n02:10 +01:00');
  assert.equal(showWhen(event, 'utc'), '2026-10-25 00:50 –\n01:10');
  assert.equal(minutes(intervalOf(event)), 20);
  assert.equal(toClock('2026-10-25T00:30:00.000000Z', 'EXACT', 'local'), '2026-10-25 02:30:00 +02:00');
  assert.equal(toClock('2026-10-25T01:30:00.000000Z', 'EXACT', 'local'), '2026-10-25 02:30:00 +01:00');
  assert.equal(toUtc('2026-10-25 02:30+02', 'MINUTE', 'local'), '2026-10-25T00:30:00.000000Z');
  assert.equal(toUtc('2026-10-25T02:30:00+0100', 'EXACT', 'local'), '2026-10-25T01:30:00.000000Z');
  assert.throws(() => toUtc('2026-10-25 02:30', 'MINUTE', 'local'), {
    message: 'There are two 2026-10-25 02:30:00 in Europe/Berlin. Write +02:00 or +01:00 behind it.',
  });
  assert.throws(() => toUtc('2026-03-29 02:30', 'MINUTE', 'local'), {
    message: 'There is no 2026-03-29 02:30:00 in Europe/Berlin: clocks went forward. Write an offset behind it.',
  });
  goTo('America/New_York');
  assert.equal(showClock(Date.parse('2026-04-01T12:00:59Z'), 'local'), '2026-04-01 08:00 −04:00');
  assert.equal(showClock(Date.parse('2026-11-26T12:00:59Z'), 'local'), '2026-11-26 07:00 −05:00');
});

test('offsets with seconds, and years of five digits', () => {
  goTo('Europe/Berlin');
  assert.equal(toClock('1601-01-01T00:00:00.000000Z', 'EXACT', 'local'), '1601-01-01 00:53:28 +00:53:28');
  assert.equal(toUtc('1601-01-01 00:53:28', 'EXACT', 'local'), '1601-01-01T00:00:00.000000Z');
  assert.equal(showMoment('1601-01-01T00:00:00.000000Z', 'MINUTE', 'local'), '1601-01-01 00:53:28 +00:53:28');
  assert.equal(showMoment('9999-12-31T23:59:59.000000Z', 'EXACT', 'local'), '10000-01-01 00:59:59 +01:00');
  assert.equal(showMoment('9999-12-31T23:59:59.000000Z', 'EXACT', 'utc'), '9999-12-31 23:59:59');
  assert.throws(() => toUtc('0001-01-01 00:00', 'MINUTE', 'local'), /years 0001 to 9999/);
  assert.throws(() => toUtc('10000-01-01 01:00', 'MINUTE', 'local'), /years 0001 to 9999/);
});

test('what the precision leaves open is an interval of the calendar in UTC', () => {
  for (const zone of ['Pacific/Auckland', 'America/New_York', 'Pacific/Apia', 'UTC']) {
    goTo(zone);
    const end = (...when) => new Date(intervalOf(at(...when)).to).toISOString();
    assert.equal(end('2026-01-31T00:00:00.000000Z', null, 'MONTH'), '2026-02-28T00:00:00.000Z');
    assert.equal(end('2026-03-01T00:00:00.000000Z', null, 'MONTH'), '2026-04-01T00:00:00.000Z');
    assert.equal(end('2026-11-01T00:00:00.000000Z', '2026-12-01T00:00:00.000000Z', 'MONTH'), '2027-01-01T00:00:00.000Z');
    assert.equal(end('2024-02-29T00:00:00.000000Z', null, 'YEAR'), '2025-02-28T00:00:00.000Z');
    assert.equal(end('2026-03-29T00:00:00.000000Z', null, 'DAY'), '2026-03-30T00:00:00.000Z');
    assert.equal(end('9999-01-01T00:00:00.000000Z', null, 'YEAR'), '9999-12-31T23:59:59.999Z');
    assert.equal(intervalOf(at('0001-01-01T00:00:00.000000Z', null)).from, -62_135_596_800_000);
  }
});

test('parts of a second are shown and read to the microsecond', () => {
  for (const [moment, shown] of [
    ['2025-03-01T00:00:00.001000Z', '2025-03-01 00:00:00.001'],
    ['2025-03-01T00:00:00.000001Z', '2025-03-01 00:00:00.000001'],
    ['2025-03-01T00:00:10.000000Z', '2025-03-01 00:00:10'],
  ]) {
    assert.equal(showMoment(moment, 'EXACT', 'utc'), shown);
    assert.equal(toClock(moment, 'EXACT', 'utc'), `${shown}Z`);
    assert.equal(toUtc(shown, 'EXACT', 'utc'), moment);
  }
  assert.equal(toUtc('2025-03-01 00:00:00,1234567', 'EXACT', 'utc'), '2025-03-01T00:00:00.123456Z');
});

test('what a time has beyond its precision is not hidden', () => {
  assert.equal(showMoment('2025-03-01T10:30:30.500000Z', 'MINUTE', 'utc'), '2025-03-01 10:30:30.5');
  assert.equal(showMoment('2025-03-01T10:30:00.500000Z', 'MINUTE', 'utc'), '2025-03-01 10:30:00.5');
  assert.equal(showMoment('2025-03-01T12:00:00.000000Z', 'DAY', 'utc'), '2025-03-01 12:00:00 (to the day)');
  assert.equal(showMoment('2025-03-15T00:00:00.000000Z', 'MONTH', 'utc'), '2025-03-15 00:00:00 (to the month)');
});

test('a coarser precision keeps the date in UTC, and a finer one asks for the rest', () => {
  goTo('America/New_York');
  const moment = toClock('2025-03-10T01:00:30.500000Z', 'EXACT', 'local');
  assert.equal(moment, '2025-03-09 21:00:30.5 −04:00');
  assert.equal(toUtc(moment, 'DAY', 'local'), '2025-03-10T00:00:00.000000Z');
  assert.equal(toUtc(moment, 'MINUTE', 'local'), '2025-03-10T01:00:00.000000Z');
  assert.equal(toUtc('2025-03-15', 'MONTH', 'local'), '2025-03-01T00:00:00.000000Z');
  for (const [text, precision] of [['2025-03-09', 'MINUTE'], ['2025', 'MONTH'], ['2025-3-9', 'DAY'], ['', 'EXACT']]) {
    assert.throws(() => toUtc(text, precision, 'local'), /^RangeError: Write it as /);
  }
  for (const text of ['2025-02-29', '2025-13-01', '2025-00-01', '2025-04-31']) {
    assert.throws(() => toUtc(text, 'DAY', 'utc'), /^RangeError: There is no /);
  }
  for (const text of ['2025-02-29 10:00', '2025-03-01 24:00', '2025-03-01 10:60', '2025-03-01 23:59:60']) {
    assert.throws(() => toUtc(text, 'EXACT', 'utc'), /^RangeError: There is no /);
  }
});
