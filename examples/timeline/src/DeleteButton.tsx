import { useState } from 'react';
import { type Outcome, useReturnFocus } from './change';
import { useSession } from './session';

/** A button that asks once more before it deletes. */
export function DeleteButton({ what, remove }: { what: string; remove: () => Promise<Outcome> }) {
  const [isAsking, setAsking] = useState(false);
  const [fault, setFault] = useState('');
  const button = useReturnFocus(isAsking);
  const { say } = useSession();

  const go = async () => {
    const { refusals, failure } = await remove();
    const isConflict = refusals.some((refusal) => refusal.__typename === 'ConflictError');
    setAsking(false);
    setFault(isConflict ? 'changed by someone else meanwhile; look again' : (failure ?? refusals[0]?.message ?? ''));
    if (failure || refusals.length > 0) return;
    say(`Deleted ${what}.`);
    // The button goes with what it deleted; the keyboard goes on from the top of the page.
    document.querySelector('h1')?.focus({ preventScroll: true });
  };
  if (!isAsking) {
    return (
      <>
        <button ref={button} aria-label={`Delete ${what}`} onClick={() => setAsking(true)}>
          Delete
        </button>
        {fault && <span role="alert" className="fault">Not deleted: {fault}.</span>}
      </>
    );
  }
  return (
    <span role="group" aria-label="Confirm" className="confirm">
      Delete {what}?
      <button className="danger" onClick={() => void go()}>
        Delete
      </button>
      <button autoFocus onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  );
}
