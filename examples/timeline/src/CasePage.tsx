import { useState } from 'react';
import { CaseForm } from './CaseForm';
import { may, useChange, useReturnFocus, word } from './change';
import { Chart } from './Chart';
import { DeleteButton } from './DeleteButton';
import { EventForm } from './EventForm';
import { EventItem } from './EventItem';
import type { CaseRowFragment, TimelineQuery } from './gql/graphql';
import { DeleteCase, Timeline } from './operations';
import { usePageTitle } from './page';
import { Failure, useRead } from './session';
import { zone } from './time';

export type TimelineCase = NonNullable<TimelineQuery['case']>;
export type TimelineEvent = TimelineCase['events']['nodes'][number];

/** A case with its timeline: drawn, and below the drawing as a list in which everything is read and edited. */
export function CasePage({ id }: { id: string }) {
  const [cursors, setCursors] = useState<string[]>([]); // where the pages begin, up to this one
  const [{ data, error }, ask] = useRead(Timeline, { id, after: cursors.at(-1) });
  // What was read last stays when reading it again fails: somebody may be in the middle of a form.
  const [row, setRow] = useState(data?.case);
  if (data && data.case !== row) setRow(data.case);
  const heading = usePageTitle(row && `${row.number} · ${row.title}`);

  const failure = error && <Failure error={error} retry={ask} />;
  if (row === undefined) return failure ?? <p>Loading…</p>;
  if (row === null) return <p role="alert">There is no such case, at least not for you.</p>;
  return (
    <>
      <nav>
        <a href="#/">All cases</a>
      </nav>
      <h1 ref={heading} tabIndex={-1}>
        <span className="number">{row.number}</span> {row.title}
      </h1>
      {failure}
      <CaseFacts row={row} />
      <EventList row={row} cursors={cursors} onPage={setCursors} />
    </>
  );
}

function CaseFacts({ row }: { row: CaseRowFragment }) {
  const [isEditing, setEditing] = useState(false);
  const editButton = useReturnFocus(isEditing);
  const change = useChange(DeleteCase);
  const remove = async () => {
    const outcome = await change({ input: { id: row.id, expectedVersion: row.version } });
    if (outcome.data?.deleteCase.deletedId) window.location.hash = '#/';
    return outcome;
  };

  if (isEditing) return <CaseForm row={row} onDone={() => setEditing(false)} />;
  return (
    <>
      <div className="heading">
        <p className="facts">
          {row.reference && <span>{row.reference}</span>}
          <span>{word(row.status)}</span>
          <span>you are {word(row.viewerRole)}</span>
        </p>
        <div className="buttons quiet">
          {may(row.viewerRole, 'CONTRIBUTOR') && (
            <button ref={editButton} onClick={() => setEditing(true)}>
              Edit case
            </button>
          )}
          {may(row.viewerRole, 'OWNER') && <DeleteButton what={`case ${row.number} with its events`} remove={remove} />}
        </div>
      </div>
      {row.description && <p className="prose">{row.description}</p>}
    </>
  );
}

interface EventListProps {
  row: TimelineCase;
  cursors: string[];
  onPage: (cursors: string[]) => void;
}

function EventList({ row, cursors, onPage }: EventListProps) {
  const [selected, setSelected] = useState('');
  const [isAdding, setAdding] = useState(false);
  const addButton = useReturnFocus(isAdding);
  const { nodes: events, totalCount, pageInfo } = row.events;

  const select = (id: string) => {
    setSelected(id);
    document.getElementById(id)?.focus();
  };
  const before = cursors.length * 100;
  const count = totalCount === 1 ? '1 event' : `${totalCount.toLocaleString('en')} events`;
  const shown = totalCount > 100 ? `events ${before + 1} to ${before + events.length} of ` : '';
  return (
    <section aria-label="Timeline">
      <div className="heading">
        <h2>Timeline</h2>
        <p role="status" className="facts">
          <span>
            {shown}
            {count}
          </span>
          <span>times in {zone()}</span>
        </p>
        <div className="buttons">
          {cursors.length > 0 && <button onClick={() => onPage(cursors.slice(0, -1))}>Earlier events</button>}
          {pageInfo.hasNextPage && (
            <button onClick={() => onPage([...cursors, pageInfo.endCursor!])}>Later events</button>
          )}
          {may(row.viewerRole, 'CONTRIBUTOR') && (
            <button ref={addButton} className="primary" disabled={isAdding} onClick={() => setAdding(true)}>
              Add event
            </button>
          )}
        </div>
      </div>
      {isAdding && <EventForm caseId={row.id} onDone={() => setAdding(false)} />}
      {events.length === 0 && !isAdding && <p className="empty">Nothing is on the timeline yet.</p>}
      {events.length > 0 && <Chart key={cursors.at(-1)} events={events} selected={selected} onSelect={select} />}
      <ol className="events">
        {events.map((event) => (
          <EventItem
            key={event.id} caseId={row.id} role={row.viewerRole} event={event}
            isSelected={event.id === selected} onSelect={() => setSelected(event.id)}
          />
        ))}
      </ol>
    </section>
  );
}
