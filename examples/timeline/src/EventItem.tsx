import { useState } from 'react';
import { nameOf } from './account';
import { BatchForm } from './BatchForm';
import type { TimelineBatch, TimelineEvent } from './CasePage';
import { counted, may, useChange, useReturnFocus, word } from './change';
import { DeleteButton } from './DeleteButton';
import { EventForm } from './EventForm';
import type { CaseRole } from './gql/graphql';
import { type Hold, explainMissing, useHold, useIsDeleted, useKept } from './kept';
import { DeleteEvent, DeleteFileBatch } from './operations';
import { useSession } from './session';
import { Size } from './Size';
import { Stack, filesIn } from './Stack';
import { showClock, showWhen } from './time';

interface EventItemProps {
  caseId: string;
  role: CaseRole;
  event: TimelineEvent;
  isSelected: boolean;
  onSelect: () => void;
  /** Whether the event is missing from what was read last; it is here because a form is open on it. */
  isMissing: boolean;
  hold: Hold<TimelineEvent>;
}

/** An event in the list, with its batches. Editing takes its place. */
export function EventItem({ caseId, role, event, isSelected, onSelect, isMissing, hold }: EventItemProps) {
  const { zone } = useSession();
  const [isEditing, setEditing] = useState(false);
  const [isAdding, setAdding] = useState(false);
  const editButton = useReturnFocus(isEditing);
  const addButton = useReturnFocus(isAdding);
  const change = useChange(DeleteEvent, 'deleted');
  const remove = () => change({ input: { caseId, id: event.id, expectedVersion: event.version } });

  const { nodes, totalCount } = event.fileBatches;
  const batches = useKept(nodes, (one, other) => one.sortOrder - other.sortOrder);
  useHold(event, isEditing || isAdding || batches.isHolding, hold);
  const isDeleted = useIsDeleted(event.id, isMissing);
  const place = Math.max(-1, ...nodes.map((batch) => batch.sortOrder)) + 1;
  const withBatches = totalCount === 0 ? '' : ` with its ${counted(totalCount, 'file batch', 'file batches')}`;
  return (
    <li id={event.id} tabIndex={-1} className={isSelected ? 'event selected' : 'event'} onFocus={onSelect}>
      {isMissing && (
        <p role="alert" className="missing">
          {explainMissing('event', isDeleted)}
        </p>
      )}
      {isEditing ? (
        <EventForm caseId={caseId} event={event} isDeleted={isDeleted} onDone={() => setEditing(false)} />
      ) : (
        <>
          <time dateTime={event.occurredAt} title={event.occurredAt}>
            {showWhen(event, zone)}
          </time>
          <div className="what">
            <h3>
              <span className={`type ${word(event.type)}`}>{word(event.type)}</span> {event.title}
            </h3>
            {event.description && <p className="prose">{event.description}</p>}
          </div>
          <p className="author">
            {event.version > 1 ? 'changed' : 'entered'} {showClock(Date.parse(event.updatedAt), zone)} by{' '}
            {nameOf(event.updatedBy)}
          </p>
          {may(role, 'CONTRIBUTOR') && (
            <div className="buttons quiet">
              <button ref={editButton} aria-label={`Edit ${event.title}`} onClick={() => setEditing(true)}>
                Edit
              </button>
              <button ref={addButton} aria-label={`Add batch to ${event.title}`} onClick={() => setAdding(true)}>
                Add batch
              </button>
              {may(role, 'EDITOR') && (
                <DeleteButton
                  what={`event “${event.title}”${withBatches}`} caseId={caseId} id={event.id} remove={remove}
                />
              )}
            </div>
          )}
        </>
      )}
      {(batches.kept.length > 0 || isAdding) && (
        <ul className="batches">
          {batches.kept.map((batch) => (
            <BatchItem
              key={batch.id} caseId={caseId} eventId={event.id} role={isDeleted ? 'VIEWER' : role} batch={batch}
              isMissing={batches.missing.includes(batch)} hold={batches.hold}
            />
          ))}
          {totalCount > nodes.length && (
            <li className="hint">
              and {(totalCount - nodes.length).toLocaleString('en')} more{' '}
              {totalCount - nodes.length === 1 ? 'batch' : 'batches'}
            </li>
          )}
          {isAdding && (
            <li>
              <BatchForm caseId={caseId} eventId={event.id} place={place} onDone={() => setAdding(false)} />
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

interface BatchItemProps {
  caseId: string;
  eventId: string;
  role: CaseRole;
  batch: TimelineBatch;
  isMissing: boolean;
  hold: Hold<TimelineBatch>;
}

function BatchItem({ caseId, eventId, role, batch, isMissing, hold }: BatchItemProps) {
  const [isEditing, setEditing] = useState(false);
  const editButton = useReturnFocus(isEditing);
  const change = useChange(DeleteFileBatch, 'deleted');
  const remove = () => change({ input: { caseId, eventId, id: batch.id, expectedVersion: batch.version } });
  useHold(batch, isEditing, hold);
  const isDeleted = useIsDeleted(batch.id, isMissing);
  const hasFiles = batch.totalBytes !== null || batch.files.nodes.length > 0; // a finished list may be empty

  if (isEditing) {
    return (
      <li>
        {isMissing && (
          <p role="alert" className="missing">
            {explainMissing('batch', isDeleted)}
          </p>
        )}
        <BatchForm {...{ caseId, eventId, batch, isDeleted }} onDone={() => setEditing(false)} />
      </li>
    );
  }
  return (
    <li id={batch.id} tabIndex={-1} className="batch">
      <Stack count={batch.fileCount} />
      <span className="count">{filesIn(batch.fileCount)}</span>
      <span className="label">
        {hasFiles ? <a href={`#/cases/${caseId}/batches/${batch.id}`}>{batch.label}</a> : batch.label}{' '}
        <span className="hint">{batch.fileTypes}</span>
        {hasFiles && (
          <span className="hint list">
            {batch.totalBytes === null ? 'list not finished' : <Size bytes={batch.totalBytes} />}
          </span>
        )}
        {batch.description && <span className="prose hint">{batch.description}</span>}
      </span>
      {may(role, 'CONTRIBUTOR') && (
        <div className="buttons quiet">
          <button ref={editButton} aria-label={`Edit ${batch.label}`} onClick={() => setEditing(true)}>
            Edit
          </button>
          {may(role, 'EDITOR') && (
            <DeleteButton
              what={`file batch “${batch.label}” of ${counted(batch.fileCount, 'file')}`} caseId={caseId} id={batch.id}
              remove={remove}
            />
          )}
        </div>
      )}
    </li>
  );
}
