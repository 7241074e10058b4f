import { type RefObject, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { TimelineEvent } from './CasePage';
import { word } from './change';
import { type Mark, type Span, marksOf, moved, overlaps, pack, scaleOf, spanOf, ticksOf, zoomed } from './chart';
import { Stack, filesIn } from './Stack';
import { useSession } from './session';
import { showClock, showWhen } from './time';

const AXIS_HEIGHT = 40;
const LINE = 15; // pixels; a box has one for its title and one for each batch
const MOST_BATCHES = 4;
const SIDE = 8; // room left and right of the axis

interface ChartProps {
  events: TimelineEvent[];
  selected: string;
  onSelect: (id: string) => void;
}

/**
 * The events along time. Each hangs on a line from its moment on the axis; lines are of different length, so that
 * the boxes don't cover each other. Intervals and dates that are known to the day or less are bars on the axis.
 *
 * The drawing is for the eye and the mouse: the list below it says the same to the keyboard and to screen readers.
 */
export function Chart({ events, selected, onSelect }: ChartProps) {
  const figure = useRef<HTMLElement>(null);
  const width = useWidth(figure);
  const marks = useMemo(() => marksOf(events), [events]);
  const all = spanOf(marks);
  const [zoom, setZoom] = useState<Span>(); // nothing: all of it
  const span = zoom ?? all;
  const isAll = span.to - span.from >= all.to - all.from;

  const seen = marks.filter((mark) => overlaps(mark, span));
  const chosen = seen.find((mark) => mark.event.id === selected);
  const center = chosen ? (chosen.from + chosen.to) / 2 : (seen[seen.length >> 1]?.from ?? (span.from + span.to) / 2);
  const show = (next: Span) => setZoom(next.to - next.from >= all.to - all.from ? undefined : next);
  const { zone } = useSession();
  const time = (moment: number) => showClock(moment, zone, span.to - span.from < 600_000 ? 'second' : 'minute');
  return (
    <figure ref={figure} className="chart" aria-label="The events drawn along time; the list below has all of them">
      <figcaption>
        <span className="span">
          {time(span.from)} – {time(span.to)}
        </span>
        <span className="hint">
          {isAll ? 'One sheet more on a stack is twice the files.' : `${seen.length} of ${events.length} in view`}
        </span>
        <span className="buttons">
          <button aria-label="Earlier" disabled={isAll} onClick={() => show(moved(span, -0.5, all))}>‹</button>
          <button aria-label="Later" disabled={isAll} onClick={() => show(moved(span, 0.5, all))}>›</button>
          <button aria-label="Zoom out" disabled={isAll} onClick={() => show(zoomed(span, 2, center, all))}>−</button>
          <button aria-label="Zoom in" onClick={() => show(zoomed(span, 0.5, center, all))}>+</button>
          <button disabled={isAll} onClick={() => setZoom(undefined)}>Fit</button>
        </span>
      </figcaption>
      {width > 0 && <Drawing marks={seen} {...{ span, width, selected, onSelect }} />}
    </figure>
  );
}

interface DrawingProps {
  marks: Mark[];
  span: Span;
  width: number;
  selected: string;
  onSelect: (id: string) => void;
}

function Drawing({ marks, span, width, selected, onSelect }: DrawingProps) {
  const { zone } = useSession();
  const scale = scaleOf(span, width - 2 * SIDE, zone);
  const x = (moment: number) => SIDE + Math.min(Math.max(scale(moment), 0), width - 2 * SIDE);
  const ticks = ticksOf(scale, width - 2 * SIDE, zone).map((tick) => ({ ...tick, x: tick.x + SIDE }));
  const boxWidth = width < 600 ? 150 : 200;
  const boxes = marks.map((mark) => ({
    left: Math.min(x(mark.from), width - boxWidth),
    width: boxWidth,
    height: LINE * (1 + linesOf(mark.event)) + 6,
  }));
  const tops = pack(boxes, 6);
  const height = Math.max(...boxes.map((box, index) => box.height + tops[index]!), 0) + 12;
  return (
    <div className="drawing" aria-hidden="true">
      <svg className="axis" width={width} height={AXIS_HEIGHT}>
        {ticks.map((tick) => (
          <g key={tick.x}>
            <text x={tick.x} y="14" textAnchor={tick.anchor}>
              {tick.label}
            </text>
            <path d={`M${tick.x} 20V32`} />
          </g>
        ))}
        <path className="line" d={`M0 32H${width}`} />
        {marks.map((mark) => (
          <rect
            key={mark.event.id} className={word(mark.event.type)} x={x(mark.from)} y="26"
            width={Math.max(2, x(mark.to) - x(mark.from))} height="12"
          />
        ))}
      </svg>
      <svg className="lines" width={width} height={height}>
        {ticks.map((tick) => (
          <path key={tick.x} className="grid" d={`M${tick.x} 0V${height}`} />
        ))}
        {marks.map((mark, index) => (
          <path key={mark.event.id} className={word(mark.event.type)} d={`M${x(mark.from)} 0V${tops[index]! + 10}`} />
        ))}
      </svg>
      {marks.map(({ event }, index) => (
        <button
          key={event.id} tabIndex={-1} title={`${showWhen(event, zone)}  ${event.title}`} onClick={() => onSelect(event.id)}
          className={`box ${word(event.type)} ${event.id === selected ? 'selected' : ''}`}
          style={{ left: boxes[index]!.left, top: AXIS_HEIGHT + 8 + tops[index]!, ...sizeOf(boxes[index]!) }}
        >
          <BoxText event={event} />
        </button>
      ))}
    </div>
  );
}

const sizeOf = ({ width, height }: { width: number; height: number }) => ({ width, height });

const linesOf = ({ fileBatches: { nodes } }: TimelineEvent) => Math.min(nodes.length, MOST_BATCHES);

function BoxText({ event }: { event: TimelineEvent }) {
  const { nodes, totalCount } = event.fileBatches;
  const shown = nodes.slice(0, totalCount > MOST_BATCHES ? MOST_BATCHES - 1 : MOST_BATCHES);
  return (
    <>
      <b>{event.title}</b>
      {shown.map((batch) => (
        <span key={batch.id} className="row">
          <Stack count={batch.fileCount} />
          <span className="count">{filesIn(batch.fileCount)}</span>
          <span className="label">{batch.label}</span>
        </span>
      ))}
      {totalCount > shown.length && <span className="row">and {totalCount - shown.length} more batches</span>}
    </>
  );
}

/** The width of an element, in pixels; 0 before it is known. */
function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(element.current?.clientWidth ?? 0));
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, [element]);
  return width;
}
