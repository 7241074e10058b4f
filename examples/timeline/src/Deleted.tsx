import { useState } from 'react';
import { nameOf } from './account';
import { word } from './change';
import { Trash } from './operations';
import { Failure, useRead, useSession } from './session';
import { showClock } from './time';
import { RestoreButton } from './Undo';

interface DeletedProps {
  /** The case whose events and batches are listed; without it, cases are. */
  caseId?: string;
  mayRestore: boolean;
}

/** What was deleted and can be restored. It is asked for when somebody wants to see it. */
export function Deleted(props: DeletedProps) {
  const [isOpen, setOpen] = useState(false);
  const [cursors, setCursors] = useState<string[]>([]);
  return (
    <details className="deleted" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Deleted</summary>
      {isOpen &&
        [undefined, ...cursors].map((after, index) => (
          <DeletedRows
            key={index} {...props} after={after}
            onMore={index === cursors.length ? (next) => setCursors([...cursors, next]) : undefined}
          />
        ))}
    </details>
  );
}

interface DeletedRowsProps extends DeletedProps {
  after?: string;
  onMore?: (cursor: string) => void;
}

function DeletedRows({ caseId, mayRestore, after, onMore }: DeletedRowsProps) {
  const variables = { caseId: caseId ?? '', isOfCase: caseId !== undefined, after };
  const [{ data, error }, ask] = useRead(Trash, variables, false, true);
  const { zone } = useSession();

  if (error) return <Failure error={error} retry={ask} />;
  const trash = data?.trash ?? data?.case?.trash;
  if (!trash) return <p className="hint">Loading…</p>;
  const { nodes, pageInfo } = trash;
  return (
    <>
      {nodes.length === 0 && !after && <p className="hint">There is nothing that could be restored.</p>}
      <ul>
        {nodes.map(({ id, at, by, on }) => {
          const what = `${word(on.type).replace('_', ' ')}${on.label === null ? '' : ` “${on.label}”`}`;
          return (
            <li key={id} className="quiet">
              {what}{' '}
              <span className="hint">
                deleted {showClock(Date.parse(at), zone)} by {nameOf(by)}
              </span>{' '}
              {mayRestore && (
                <RestoreButton caseId={caseId ?? on.id} id={on.id} label={`Restore ${what}`}>
                  Restore
                </RestoreButton>
              )}
            </li>
          );
        })}
      </ul>
      {onMore && pageInfo.hasNextPage && pageInfo.endCursor && (
        <button onClick={() => onMore(pageInfo.endCursor!)}>More of what was deleted</button>
      )}
    </>
  );
}
