import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type OperationResult, useClient } from 'urql';
import { CaseForm } from './CaseForm';
import { useSettled } from './CaseList';
import { counted, may, useChange, useReturnFocus, word } from './change';
import { Chart } from './Chart';
import { DeleteButton } from './DeleteButton';
import { Deleted } from './Deleted';
import { EventForm, TYPES } from './EventForm';
import { EventItem } from './EventItem';
import { ExportButton } from './Export';
import type { ContentsQuery, EventFilter, EventType, TimelineQuery } from './gql/graphql';
import { Keeping, isFrozen, roleIn } from './Keeping';
import { useKept } from './kept';
import { Contents, DeleteCase, Timeline } from './operations';
import { usePageTitle } from './page';
import { FIRST, type Page, nextOf, numbersOf } from './pages';
import { Failure, useRead, useSession } from './session';
import { nameOf } from './time';
import { hasUnsaved } from './unsaved';

export type TimelineCase = NonNullable<TimelineQuery['case']>;
export type TimelineEvent = TimelineCase['events']['nodes'][number];
export type TimelineBatch = TimelineEvent['fileBatches']['nodes'][number];

/** What is looked for among the events, as somebody types it. */
interface Search {
  text: string;
  type: EventType | '';
}

interface Shown {
  row?: TimelineCase | null;
  /** Which events these are; nothing where they are all. */
  where?: EventFilter;
  pages: Page[];
  isGone?: boolean;
  /** What it was made of. */
  of?: TimelineCase | null;
}

interface CasePageProps {
  id: string;
  /** The file batch whose files are shown in its place; it stays below them as it is, with its drafts. */
  openBatch?: string;
}

/** A case with its timeline: drawn, and below the drawing as a list in which everything is read and edited. */
export function CasePage({ id, openBatch }: CasePageProps) {
  const [search, setSearch] = useState<Search>({ text: '', type: '' });
  const where = filterOf({ text: useSettled(search.text.trim(), 250), type: search.type });
  const sought = JSON.stringify(where);
  const [turned, setTurned] = useState({ sought, pages: [FIRST] });
  // Up to the page that is wanted; those of another search are of no use.
  const pages = turned.sought === sought ? turned.pages : [FIRST];
  const variables = { id, where, after: pages.at(-1)!.after };
  const [{ data, error, operation }, ask] = useRead(Timeline, variables);
  // What was read last stays, with the page that it is, until the next arrives: somebody may be in the middle of a form.
  const [shown, setShown] = useState<Shown>({ pages });
  if (data && data.case !== shown.of && JSON.stringify(operation?.variables) === JSON.stringify(variables)) {
    // A case that is gone stays as it was as long as there is a draft in it; nothing more can be done with it.
    const kept = data.case === null && shown.row && hasUnsaved() && { ...shown.row, viewerRole: 'VIEWER' as const };
    setShown({ row: kept || data.case, where, pages, isGone: Boolean(kept), of: data.case });
  }
  const { row, isGone } = shown;
  const heading = usePageTitle(openBatch ? undefined : row && `${row.number} · ${row.title}`);
  useReturnToBatch(openBatch);

  const turnTo = (next: Page[]) => {
    setTurned({ sought, pages: next });
    if (error) ask(); // for the same page as before, nothing else would
  };
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
      {isGone && (
        <p role="alert" className="missing">
          This case was deleted meanwhile, or is hidden from you now. Nothing can be saved in it. What you typed is kept
          here until you leave: copy what you need.
        </p>
      )}
      <CaseFacts row={row}>{!isGone && <ExportButton row={row} where={shown.where} />}</CaseFacts>
      <Keeping row={row} />
      <EventList {...{ row, search }} where={shown.where} onSearch={setSearch} pages={shown.pages} onPages={turnTo} />
      {!isGone && <Deleted caseId={row.id} mayRestore={may(row.viewerRole, 'EDITOR') && !isFrozen(row)} />}
    </>
  );
}

/** The filter that finds what is looked for; nothing where everything is. */
const filterOf = ({ text, type }: Search): EventFilter | undefined =>
  text || type ? { text: text || undefined, type: type ? [type] : undefined } : undefined;

/** Where somebody looked into a batch, the keyboard goes on there. */
function useReturnToBatch(openBatch?: string) {
  const last = useRef(openBatch);
  useEffect(() => {
    if (last.current && !openBatch) document.getElementById(last.current)?.focus();
    last.current = openBatch;
  }, [openBatch]);
}

/** What there is to know of a case, and what to do with all of it; children are further buttons. */
function CaseFacts({ row, children }: { row: TimelineCase; children: ReactNode }) {
  const [isEditing, setEditing] = useState(false);
  const editButton = useReturnFocus(isEditing);
  const change = useChange(DeleteCase, 'deleted');
  const count = useContents(row.id);
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
          {may(roleIn(row), 'CONTRIBUTOR') && (
            <button ref={editButton} onClick={() => setEditing(true)}>
              Edit case
            </button>
          )}
          {children}
          {may(roleIn(row), 'OWNER') && (
            <DeleteButton
              what={`case ${row.number} “${row.title}”`} caseId={row.id} id={row.id} typed={String(row.number)}
              count={count} remove={remove}
            />
          )}
        </div>
      </div>
      {row.description && <p className="prose">{row.description}</p>}
    </>
  );
}

/** Counts what would be deleted with a case: the answer of now, not of when the page was read. */
function useContents(id: string) {
  const client = useClient();
  return async () => {
    let [batches, after]: [number, string | undefined] = [0, undefined];
    for (;;) {
      const answer: OperationResult<ContentsQuery> = await client.query(Contents, { id, after }).toPromise();
      if (!answer.data?.case) return undefined;
      const { totalCount: events, nodes, pageInfo } = answer.data.case.events;
      for (const event of nodes) batches += event.fileBatches.totalCount;
      if (pageInfo.hasNextPage) after = pageInfo.endCursor!;
      else if (events === 0) return ', which has no events';
      else return ` with ${counted(events, 'event')} and ${counted(batches, 'file batch', 'file batches')}`;
    }
  };
}

interface EventListProps {
  row: TimelineCase;
  /** Which events these are; nothing where they are all. */
  where?: EventFilter;
  search: Search;
  onSearch: (search: Search) => void;
  /** The pages up to the one that is shown. */
  pages: Page[];
  onPages: (pages: Page[]) => void;
}

function EventList({ row, where, search, onSearch, pages, onPages }: EventListProps) {
  const [selected, setSelected] = useState('');
  const [isAdding, setAdding] = useState(false);
  const addButton = useReturnFocus(isAdding);
  const { zone } = useSession();
  const { nodes: events, totalCount, pageInfo } = row.events;
  const { kept, missing, hold } = useKept(events, byTime);

  const select = (id: string) => {
    setSelected(id);
    document.getElementById(id)?.focus();
  };
  const page = pages.at(-1)!;
  const isFiltered = where !== undefined;
  return (
    <section aria-label="Timeline">
      <div className="heading">
        <h2>Timeline</h2>
        <p role="status" className="facts">
          <span>
            {numbersOf(page, row.events, 'events')}
            {counted(totalCount, 'event')}
            {isFiltered && ' found'}
          </span>
          <span>times in {nameOf(zone)}</span>
        </p>
        <div className="buttons">
          {pages.length > 1 && <button onClick={() => onPages(pages.slice(0, -1))}>Earlier events</button>}
          {pageInfo.hasNextPage && (
            <button onClick={() => onPages([...pages, nextOf(page, row.events)])}>Later events</button>
          )}
          {may(roleIn(row), 'CONTRIBUTOR') && (
            <button ref={addButton} className="primary" disabled={isAdding} onClick={() => setAdding(true)}>
              Add event
            </button>
          )}
        </div>
      </div>
      {(totalCount > 0 || isFiltered || search.text || search.type) && <SearchFields {...{ search, onSearch }} />}
      {isAdding && <EventForm caseId={row.id} onDone={() => setAdding(false)} />}
      {events.length === 0 && !isAdding && (
        <p className="empty">{explainNone(totalCount, isFiltered)}</p>
      )}
      {events.length > 0 && (
        <Chart key={JSON.stringify([where, page.after])} events={events} selected={selected} onSelect={select} />
      )}
      <ol className="events">
        {kept.map((event) => (
          <EventItem
            key={event.id} caseId={row.id} role={roleIn(row)} event={event} hold={hold}
            isSelected={event.id === selected} onSelect={() => setSelected(event.id)} isMissing={missing.includes(event)}
          />
        ))}
      </ol>
    </section>
  );
}

function explainNone(totalCount: number, isFiltered: boolean): string {
  if (totalCount > 0) return 'No events are left here.';
  return isFiltered ? 'No event matches the search.' : 'Nothing is on the timeline yet.';
}

function SearchFields({ search, onSearch }: Pick<EventListProps, 'search' | 'onSearch'>) {
  return (
    <search className="filters">
      <label>
        Find events
        <input
          type="search" value={search.text} onChange={(event) => onSearch({ ...search, text: event.target.value })}
        />
      </label>
      <label>
        Type
        <select
          value={search.type} onChange={(event) => onSearch({ ...search, type: event.target.value as Search['type'] })}
        >
          <option value="">any</option>
          {TYPES.map((each) => (
            <option key={each} value={each}>
              {word(each)}
            </option>
          ))}
        </select>
      </label>
    </search>
  );
}

/** As the server orders them; it writes all times in the same form. */
const byTime = (one: TimelineEvent, other: TimelineEvent) =>
  one.occurredAt < other.occurredAt ? -1 : one.occurredAt > other.occurredAt ? 1 : 0;
