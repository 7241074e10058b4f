import { useState } from 'react';
import { counted, reasonOf, useChange } from './change';
import type { RestoreMutation } from './gql/graphql';
import { Restore } from './operations';
import { type Deleted, useSession } from './session';

/** Says what was deleted, and offers to take that back. */
export function Undo({ deleted, onDone }: { deleted: Deleted; onDone: () => void }) {
  const { caseId, id, what } = deleted;
  return (
    <p>
      <span>Deleted {what}.</span> <RestoreButton {...{ caseId, id, onDone }}>Undo</RestoreButton>{' '}
      <button onClick={onDone}>Dismiss</button>
    </p>
  );
}

interface RestoreButtonProps {
  caseId: string;
  id: string;
  /** What is restored, where the button alone doesn't tell. */
  label?: string;
  children: string;
  onDone?: () => void;
}

/** A button that brings back what was deleted, and shows it. */
export function RestoreButton({ caseId, id, label, children, onDone }: RestoreButtonProps) {
  const [fault, setFault] = useState('');
  const change = useChange(Restore, 'restored');
  const { say } = useSession();

  const restore = async () => {
    const outcome = await change({ input: { caseId, id } });
    setFault(reasonOf(outcome, 'Not restored'));
    const node = outcome.data?.restore.node;
    if (!node) return;
    await outcome.isShown;
    say(`Restored ${nameOf(node)}.`);
    onDone?.();
    const page = `#/cases/${caseId}`;
    if (window.location.hash !== page) window.location.hash = page;
    else (document.getElementById(id) ?? document.querySelector('h1'))?.focus();
  };
  return (
    <>
      <button aria-label={label} onClick={() => void restore()}>
        {children}
      </button>
      {fault && <span role="alert" className="fault">{fault}</span>}
    </>
  );
}

function nameOf(node: NonNullable<RestoreMutation['restore']['node']>): string {
  if (node.__typename === 'Case') {
    return `case ${node.number} “${node.title}” with ${counted(node.events.totalCount, 'event')}`;
  }
  if (node.__typename === 'Event') {
    return `event “${node.title}” with ${counted(node.fileBatches.totalCount, 'file batch', 'file batches')}`;
  }
  return node.__typename === 'FileBatch' ? `file batch “${node.label}”` : 'it';
}
