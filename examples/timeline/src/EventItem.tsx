import { useState } from 'react';
import { BatchForm } from './BatchForm';
import type { TimelineEvent } from './CasePage';
import { may, useChange, useReturnFocus, word } from './change';
import { DeleteButton } from './DeleteButton';
import { EventForm } from './EventForm';
import type { CaseRole, FileBatchRowFragment } from './gql/graphql';
import { DeleteEvent, DeleteFileBatch } from './operations';
import { Stack, filesIn } from './Stack';
import { showMoment, showWhen } from './time';

interface EventItemProps {
  caseId: string;
  role: CaseRole;
  event: TimelineEvent;
  isSelected: boolean;
  onSelect: () => void;
}

/** An event in the list, with its batches. Editing takes its place. */
export function EventItem({ caseId, role, event, isSelected, onSelect }: EventItemProps) {
  const [isEditing, setEditing] = useState(false);
  const [isAdding, setAdding] = useState(false);
  const editButton = useReturnFocus(isEditing);
  const addButton = useReturnFocus(isAdding);
  const change = useChange(DeleteEvent);
  const remove = () => change({ input: { caseId, id: event.id, expectedVersion: event.version } });

  const { nodes: batches, totalCount } = event.fileBatches;
  const place = Math.max(-1, ...batches.map((batch) => batch.sortOrder)) + 1;
  const author = event.updatedBy.name ?? event.updatedBy.subject;
  const withBatches = totalCount === 0 ? '' : totalCount === 1 ? ' and its batch' : ` and its ${totalCount} batches`;
  return (
    <li id={event.id} tabIndex={-1} className={isSelected ? 'event selected' : 'event'} onFocus={onSelect}>
      {isEditing ? (
        <EventForm caseId={caseId} event={event} onDone={() => setEditing(false)} />
      ) : (
        <>
          <time dateTime={event.occurredAt} title={event.occurredAt}>
            {showWhen(event)}
          </time>
          <div className="what">
            <h3>
              <span className={`type ${word(event.type)}`}>{word(event.type)}</span> {event.title}
            </h3>
            {event.description && <p className="prose">{event.description}</p>}
          </div>
          <p className="author">
            {event.version > 1 ? 'changed' : 'entered'} {showMoment(event.updatedAt)} by {author}
          </p>
          {may(role, 'CONTRIBUTOR') && (
            <div className="buttons quiet">
              <button ref={editButton} aria-label={`Edit ${event.title}`} onClick={() => setEditing(true)}>
                Edit
              </button>
              <button ref={addButton} aria-label={`Add batch to ${event.title}`} onClick={() => setAdding(true)}>
                Add batch
              </button>
              {may(role, 'EDITOR') && <DeleteButton what={`“${event.title}”${withBatches}`} remove={remove} />}
            </div>
          )}
        </>
      )}
      {(batches.length > 0 || isAdding) && (
        <ul className="batches">
          {batches.map((batch) => (
            <BatchItem key={batch.id} caseId={caseId} eventId={event.id} role={role} batch={batch} />
          ))}
          {totalCount > batches.length && (
            <li className="hint">
              and {(totalCount - batches.length).toLocaleString('en')} more batches
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
  batch: FileBatchRowFragment;
}

function BatchItem({ caseId, eventId, role, batch }: BatchItemProps) {
  const [isEditing, setEditing] = useState(false);
  const editButton = useReturnFocus(isEditing);
  const change = useChange(DeleteFileBatch);
  const remove = () => change({ input: { caseId, eventId, id: batch.id, expectedVersion: batch.version } });

  if (isEditing) {
    return (
      <li>
        <BatchForm caseId={caseId} eventId={eventId} batch={batch} onDone={() => setEditing(false)} />
      </li>
    );
  }
  return (
    <li className="batch">
      <Stack count={batch.fileCount} />
      <span className="count">{filesIn(batch.fileCount)}</span>
      <span className="label">
        {batch.label} <span className="hint">{batch.fileTypes}</span>
        {batch.description && <span className="prose hint">{batch.description}</span>}
      </span>
      {may(role, 'CONTRIBUTOR') && (
        <div className="buttons quiet">
          <button ref={editButton} aria-label={`Edit ${batch.label}`} onClick={() => setEditing(true)}>
            Edit
          </button>
          {may(role, 'EDITOR') && <DeleteButton what={`“${batch.label}”`} remove={remove} />}
        </div>
      )}
    </li>
  );
}
