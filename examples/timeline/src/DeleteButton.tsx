import { type FormEvent, useId, useState } from 'react';
import { type Outcome, useReturnFocus } from './change';
import { useSession } from './session';

interface DeleteButtonProps {
  what: string;
  remove: () => Promise<Outcome>;
  /** Finds out what goes with it, when somebody wants to delete it; nothing when that can't be found out. */
  count?: () => Promise<string | undefined>;
  /** What has to be typed before it is deleted. */
  typed?: string;
}

/** A button that says what will be gone, and asks once more, before it deletes. */
export function DeleteButton({ what, remove, count, typed }: DeleteButtonProps) {
  const [question, setQuestion] = useState('');
  const [fault, setFault] = useState('');
  const button = useReturnFocus(question !== '');
  const { say } = useSession();

  const ask = async () => {
    setFault('');
    const counted = count ? await count() : '';
    if (counted === undefined) setFault('Not deleted: what goes with it can’t be counted at present.');
    else setQuestion(`Delete ${what}${counted}?`);
  };
  const go = async () => {
    const { refusals, failure } = await remove();
    setQuestion('');
    const reason = failure ?? reasonOf(refusals);
    setFault(reason);
    if (reason) {
      // The button goes as well if what it deletes turns out to be gone.
      if (refusals.some((refusal) => refusal.__typename === 'NotFoundError')) say(`${what}: ${reason}`);
      return;
    }
    say(`Deleted ${what}.`);
    // The button goes with what it deleted; the keyboard goes on from the top of the page.
    document.querySelector('h1')?.focus({ preventScroll: true });
  };
  if (question) return <Confirm question={question} typed={typed} onYes={go} onNo={() => setQuestion('')} />;
  return (
    <>
      <button ref={button} aria-label={`Delete ${what}`} onClick={() => void ask()}>
        Delete
      </button>
      {fault && <span role="alert" className="fault">{fault}</span>}
    </>
  );
}

function reasonOf([refusal]: Outcome['refusals']): string {
  if (!refusal) return '';
  const isConflict = refusal.__typename === 'ConflictError';
  return `Not deleted: ${isConflict ? 'changed meanwhile; look again' : refusal.message}.`;
}

interface ConfirmProps {
  question: string;
  typed?: string;
  onYes: () => Promise<void>;
  onNo: () => void;
}

function Confirm({ question, typed, onYes, onNo }: ConfirmProps) {
  const [text, setText] = useState('');
  const [isSending, setSending] = useState(false);
  const about = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    void onYes();
  };
  return (
    <div role="group" aria-label="Confirm">
      <form className="confirm" onSubmit={submit}>
        <span id={about}>{question}</span>
        {typed && (
          <label>
            Type {typed} to delete it:{' '}
            <input
              className="typed" autoFocus inputMode="numeric" autoComplete="off" aria-describedby={about}
              value={text} onChange={(event) => setText(event.target.value)}
            />
          </label>
        )}
        <button className="danger" disabled={isSending || (typed !== undefined && text.trim() !== typed)}>
          Delete
        </button>
        <button type="button" autoFocus={!typed} onClick={onNo}>
          Keep
        </button>
      </form>
    </div>
  );
}
