import { type ReactNode, useEffect, useState } from 'react';
import { nameOf } from './account';
import { CaseForm } from './CaseForm';
import { STATUSES, useReturnFocus, word } from './change';
import { Deleted } from './Deleted';
import type { CaseFilter, CaseStatus } from './gql/graphql';
import { statesOf } from './Keeping';
import { Cases } from './operations';
import { usePageTitle } from './page';
import { Failure, useRead, useSession } from './session';
import { showClock } from './time';

/** The cases that the viewer may see, the newest first, with a search. */
export function CaseList() {
  const [text, setText] = useState('');
  const [status, setStatus] = useState<CaseStatus | ''>('');
  const [creating, setCreating] = useState(false);
  const createButton = useReturnFocus(creating);
  const sought = useSettled(text.trim(), 250);
  const where: CaseFilter = { text: sought || undefined, status: status ? [status] : undefined };

  const heading = usePageTitle('Cases');
  return (
    <>
      <div className="heading">
        <h1 ref={heading} tabIndex={-1}>
          Cases
        </h1>
        <button ref={createButton} className="primary" disabled={creating} onClick={() => setCreating(true)}>
          New case
        </button>
      </div>
      {creating && <CaseForm onDone={() => setCreating(false)} />}
      <search className="filters">
        <label>
          Search
          <input type="search" value={text} onChange={(event) => setText(event.target.value)} />
        </label>
        <label>
          Status
          <select value={status} onChange={(event) => setStatus(event.target.value as CaseStatus | '')}>
            <option value="">any</option>
            {STATUSES.map((each) => (
              <option key={each} value={each}>
                {word(each)}
              </option>
            ))}
          </select>
        </label>
      </search>
      <CaseTable key={status} where={where} />
      <Deleted mayRestore />
    </>
  );
}

/** A page for each cursor; the last one offers the next. */
function CaseTable({ where }: { where: CaseFilter }) {
  const filter = JSON.stringify(where);
  const [more, setMore] = useState({ filter, cursors: [] as string[] });
  const cursors = more.filter === filter ? more.cursors : []; // those of another search are of no use
  return (
    <table className="cases">
      <thead>
        <tr>
          <th scope="col" className="number">No.</th>
          <th scope="col">Case</th>
          <th scope="col">Status</th>
          <th scope="col" className="wide">Your role</th>
          <th scope="col" className="wide">Last changed</th>
        </tr>
      </thead>
      {[undefined, ...cursors].map((after, index) => (
        <CaseRows
          key={index} where={where} after={after} isFirst={index === 0}
          onMore={index === cursors.length ? (next) => setMore({ filter, cursors: [...cursors, next] }) : undefined}
        />
      ))}
    </table>
  );
}

interface CaseRowsProps {
  where: CaseFilter;
  after?: string;
  isFirst: boolean;
  onMore?: (cursor: string) => void;
}

function CaseRows({ where, after, isFirst, onMore }: CaseRowsProps) {
  const [{ data, error, fetching }, ask] = useRead(Cases, { where, after });
  const { zone } = useSession();
  const isFiltered = Boolean(where.text || where.status);

  if (error) return <Line><Failure error={error} retry={ask} /></Line>;
  if (!data) return <Line>Loading…</Line>;
  const { nodes, totalCount, pageInfo } = data.cases;
  // Until they are read, these rows may be those of the search before.
  const count = totalCount === 1 ? '1 case' : `${totalCount.toLocaleString('en')} cases`;
  const caption = fetching ? 'Reading…' : isFiltered ? `${count} found` : count;
  return (
    <>
      {isFirst && <caption aria-live="polite">{caption}</caption>}
      <tbody>
        {nodes.map((each) => (
          <tr key={each.id}>
            <td className="number">{each.number}</td>
            <td>
              <a href={`#/cases/${each.id}`}>{each.title}</a>
              {each.reference && <span className="reference">{each.reference}</span>}
              {statesOf(each, zone).map(({ state, facts }) => (
                <span key={state} className="hint facts-of-state">
                  <span className="state">{state}</span> {facts}
                </span>
              ))}
              {each.description && <span className="hint begin">{each.description.slice(0, 200)}</span>}
            </td>
            <td>{each.status === 'CLOSED' ? <span className="state">closed</span> : word(each.status)}</td>
            <td className="wide">{word(each.viewerRole)}</td>
            <td className="wide">
              <time dateTime={each.updatedAt}>{showClock(Date.parse(each.updatedAt), zone)}</time> by{' '}
              {nameOf(each.updatedBy)}
            </td>
          </tr>
        ))}
      </tbody>
      {totalCount === 0 && !fetching && (
        <Line>{isFiltered ? 'No case matches the search.' : 'You have no cases yet. Create the first one.'}</Line>
      )}
      {onMore && pageInfo.hasNextPage && pageInfo.endCursor && (
        <Line>
          <button onClick={() => onMore(pageInfo.endCursor!)}>More cases</button>
        </Line>
      )}
    </>
  );
}

function Line({ children }: { children: ReactNode }) {
  return (
    <tbody>
      <tr>
        <td colSpan={5} className="line">
          {children}
        </td>
      </tr>
    </tbody>
  );
}

/** Returns a value once it has stayed the same for some milliseconds. */
export function useSettled<Value>(value: Value, milliseconds: number): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
