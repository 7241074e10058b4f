/** The arithmetic of the drawing: which span of time, which ticks, and boxes that don't cover each other. */
import { type ScaleTime, scaleTime } from 'd3-scale';
import type { TimelineEvent } from './CasePage';
import { intervalOf } from './time';

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

/** From time to pixels. */
export const scaleOf = ({ from, to }: Span, width: number) => scaleTime([new Date(from), new Date(to)], [0, width]);

/** Ticks at round local times, each with as much of the date as tells it from its neighbours. */
export function ticksOf(scale: ScaleTime<number, number>, width: number) {
  return scale.ticks(Math.max(2, width / 90)).map((tick) => ({ x: scale(tick), label: labelOf(tick) }));
}

function labelOf(tick: Date): string {
  const show = (format: Intl.DateTimeFormatOptions) => tick.toLocaleString('en-GB', format);
  if (tick.getMilliseconds()) return show({ second: 'numeric', fractionalSecondDigits: 3 });
  if (tick.getSeconds()) return show({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  if (tick.getHours() || tick.getMinutes()) return show({ hour: '2-digit', minute: '2-digit' });
  if (tick.getDate() > 1) return show({ day: 'numeric', month: 'short' });
  return tick.getMonth() ? show({ month: 'short', year: 'numeric' }) : String(tick.getFullYear());
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
