/** The arithmetic of the drawing: which span of time, which ticks, and boxes that don't cover each other. */
import { type ScaleTime, scaleTime, scaleUtc } from 'd3-scale';
import type { TimelineEvent } from './CasePage';
import { type Zone, clockAt, intervalOf, offsetAt, showOffset } from './time';

/** A span of time, in milliseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

export interface Mark extends Span {
  event: TimelineEvent;
}

const HOUR = 3_600_000;

export const marksOf = (events: TimelineEvent[]): Mark[] => events.map((event) => ({ event, ...intervalOf(event) }));

/** The span that shows all marks; an hour at least. */
export function spanOf(marks: Mark[]): Span {
  const from = Math.min(...marks.map((mark) => mark.from));
  const to = Math.max(...marks.map((mark) => mark.to));
  const margin = Math.max(0, HOUR - (to - from)) / 2;
  return { from: from - margin, to: to + margin };
}

export const overlaps = (one: Span, other: Span) => one.from <= other.to && other.from <= one.to;

/** The same span `factor` times as long around `center`, and never more than `most`. */
export function zoomed({ from, to }: Span, factor: number, center: number, most: Span): Span {
  const length = Math.min(Math.max((to - from) * factor, 1000), most.to - most.from);
  return within({ from: center - length / 2, to: center + length / 2 }, most);
}

/** The span moved by a part of its length, to stay inside of `most`. */
export function moved({ from, to }: Span, part: number, most: Span): Span {
  const by = (to - from) * part;
  return within({ from: from + by, to: to + by }, most);
}

function within({ from, to }: Span, most: Span): Span {
  const by = Math.max(0, most.from - from) - Math.max(0, to - most.to);
  return { from: from + by, to: to + by };
}

/** From time to pixels, with ticks at round times of a zone. */
export const scaleOf = ({ from, to }: Span, width: number, zone: Zone) =>
  (zone === 'utc' ? scaleUtc : scaleTime)([new Date(from), new Date(to)], [0, width]);

interface Tick {
  x: number;
  label: string;
  anchor: 'start' | 'middle' | 'end';
}
const LETTER = 7; // pixels, about

/**
 * Ticks, each with as much of the date as tells it from its neighbours. In local time, the offset stands at the first
 * and wherever it changes: an hour that comes twice is then two. A label that would run into the one before is left out.
 */
export function ticksOf(scale: ScaleTime<number, number>, width: number, zone: Zone): Tick[] {
  let end = 0; // of the label before
  const ticks = scale.ticks(Math.max(2, width / (zone === 'utc' ? 90 : 120))).map(Number);
  return ticks.map((tick, index) => {
    const isOffsetNew = zone === 'local' && (index === 0 || offsetAt(tick) !== offsetAt(ticks[index - 1]!));
    const label = labelOf(clockAt(tick, zone), new Date(tick).getUTCMilliseconds());
    const written = isOffsetNew ? `${label} ${showOffset(offsetAt(tick))}` : label;
    const [x, size] = [scale(tick), written.length * LETTER];
    const anchor = x < size / 2 ? 'start' : x > width - size / 2 ? 'end' : 'middle';
    const left = { start: x, middle: x - size / 2, end: x - size }[anchor];
    if (left < end) return { x, label: '', anchor };
    end = left + size;
    return { x, label: written, anchor };
  });
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A tick at `2026-03-01 10:30:00`. */
function labelOf(clock: string, milliseconds: number): string {
  const [date, time] = clock.split(' ') as [string, string];
  if (milliseconds) return `${time.slice(6)}.${String(milliseconds).padStart(3, '0')}`;
  if (!time.endsWith(':00')) return time;
  if (time !== '00:00:00') return time.slice(0, 5);
  const [year, month, day] = date.split('-') as [string, string, string];
  if (day !== '01') return `${Number(day)} ${MONTHS[Number(month) - 1]}`;
  return month === '01' ? year : `${MONTHS[Number(month) - 1]} ${year}`;
}

export interface Box {
  left: number;
  width: number;
  height: number;
}

/** Where the top of each box goes: as high as it fits without covering one before it. */
export function pack(boxes: Box[], gap: number): number[] {
  const placed: (Box & { top: number })[] = [];
  for (const box of boxes) {
    const beside = placed.filter(
      (other) => other.left < box.left + box.width + gap && box.left < other.left + other.width + gap,
    );
    const isFree = (top: number) =>
      beside.every((other) => other.top + other.height + gap <= top || top + box.height + gap <= other.top);
    const tops = [0, ...beside.map((other) => other.top + other.height + gap)].sort((one, other) => one - other);
    placed.push({ ...box, top: tops.find(isFree)! });
  }
  return placed.map((box) => box.top);
}
