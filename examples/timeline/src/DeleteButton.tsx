import { type FormEvent, useId, useState } from 'react';
import { type Outcome, reasonOf, useReturnFocus } from './change';
import { useSession } from './session';

interface DeleteButtonProps {
  what: string;
  caseId: string;
  id: string;
  remove: () => Promise<Outcome>;
  /** Finds out what goes with it, when somebody wants to delete it; nothing when that can't be found out. */
  count?: () => Promise<string | undefined>;
  /** What has to be typed before it is deleted. */
  typed?: string;
}

/** A button that says what will be gone, and asks once more, before it deletes; and then offers to take it back. */
export function DeleteButton({ what, caseId, id, remove, count, typed }: DeleteButtonProps) {
  const [asked, setAsked] = useState(''); // what is to be deleted, while that is the question
  const [fault, setFault] = useState('');
  const button = useReturnFocus(asked !== '');
  const { say, offerUndo } = useSession();

  const ask = async () => {
    setFault('');
    const counted = count ? await count() : '';
    if (counted === undefined) setFault('Not deleted: what goes with it can’t be counted at present.');
    else setAsked(what + counted);
  };
  const go = async () => {
    const outcome = await remove();
    const reason = reasonOf(outcome, 'Not deleted');
    // Until then the question stays: the button would take the focus, and lose it when it goes.
    if (!reason) await outcome.isShown;
    setAsked('');
    setFault(reason);
    if (reason) {
      // The button goes as well if what it deletes turns out to be gone, or to be kept.
      const hides = ['NotFoundError', 'StateError'];
      if (outcome.refusals.some((refusal) => hides.includes(refusal.__typename))) say(`${what}: ${reason}`);
      return;
    }
    offerUndo({ caseId, id, what: asked });
    // The button goes with what it deleted; the keyboard goes on from the top of the page.
    document.querySelector('h1')?.focus({ preventScroll: true });
  };
  if (asked) return <Confirm question={`Delete ${asked}?`} typed={typed} onYes={go} onNo={() => setAsked('')} />;
  return (
    <>
      <button ref={button} aria-label={`Delete ${what}`} onClick={() => void ask()}>
        Delete
      </button>
      {fault && <span role="alert" className="fault">{fault}</span>}
    </>
  );
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
    <div
      role="group" aria-label="Confirm" aria-describedby={about}
      onKeyDown={({ key }) => key === 'Escape' && !isSending && onNo()}
    >
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
