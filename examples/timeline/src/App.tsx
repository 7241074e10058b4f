import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from 'react';
import { Provider } from 'urql';
import { nameOf, useAccount } from './account';
import { CaseList } from './CaseList';
import { CasePage } from './CasePage';
import { Dialog } from './Dialog';
import { Files } from './Files';
import { placeOf, useHash, useZone } from './page';
import { type Deleted, Session } from './session';
import { SignIn } from './SignIn';
import { type Zone, nameOf as nameOfZone, showClock } from './time';
import { Undo } from './Undo';
import { mayLeave } from './unsaved';

const SECONDS_SAID = 10; // how long a sentence stands in the status line
const SECONDS_UNDO = 60; // how long a deletion is offered to be taken back

/** The frame of the app: signed in or not, and which page. */
export function App() {
  const { account, ends, endedFor, signIn, renew, notNow, signOut } = useAccount();
  const [said = '', say] = useBriefly<string>(SECONDS_SAID);
  const [undo, offerUndo] = useBriefly<Deleted>(SECONDS_UNDO);
  const { revision, countChange, noteRead } = useRevision();
  const hash = useHash();
  const [zone, setZone] = useZone(hash);
  const session = useMemo(
    () => ({ say, offerUndo, revision, countChange, noteRead, zone, send: account?.send ?? fetch }),
    [say, offerUndo, revision, countChange, noteRead, zone, account],
  );

  if (!account) {
    return (
      <>
        <header className="bar">
          <a href="#/" className="brand">
            Dossier
          </a>
        </header>
        <main>
          <SignIn notice={said} onToken={signIn} />
        </main>
      </>
    );
  }
  const leave = () => {
    if (!mayLeave()) return;
    signOut();
    offerUndo(undefined);
    say('You are signed out.');
  };
  const { caseId, batchId } = placeOf(hash);
  return (
    <Session value={session}>
      <Provider value={account.client}>
        <header className="bar">
          <a href="#/" className="brand">
            Dossier
          </a>
          <p role="status" className="said">
            {said}
          </p>
          <label className="zone">
            Times{' '}
            <select value={zone} onChange={(event) => setZone(event.target.value as Zone)}>
              <option value="utc">UTC</option>
              <option value="local">{nameOfZone('local')}</option>
            </select>
          </label>
          <span>{nameOf(account.user)}</span>
          <button onClick={leave}>Sign out</button>
        </header>
        <div role="status">
          {ends !== undefined && (
            <p className="warning">
              Your token is good until {showClock(ends, zone).slice(11)}. <button onClick={renew}>Sign in again</button>
            </p>
          )}
        </div>
        <div role="status" className="undo">
          {undo && <Undo key={undo.id} deleted={undo} onDone={() => offerUndo(undefined)} />}
        </div>
        <main>
          <div className="page" hidden={batchId !== undefined}>
            {caseId ? <CasePage key={caseId} id={caseId} openBatch={batchId} /> : <CaseList />}
          </div>
          {caseId && batchId && <Files key={batchId} caseId={caseId} id={batchId} />}
        </main>
        {endedFor !== undefined && (
          <Dialog label="Sign in again" onClose={notNow}>
            <SignIn notice={`Please sign in again: ${endedFor}.`} onToken={signIn}>
              <button type="button" onClick={notNow}>
                Not now
              </button>
              <button type="button" onClick={leave}>
                Sign out
              </button>
            </SignIn>
          </Dialog>
        )}
      </Provider>
    </Session>
  );
}

/** Counts changes, and lets whoever made one wait until its page has been read again. */
function useRevision() {
  const [revision, count] = useReducer((before: number) => before + 1, 0);
  const waiting = useRef<(() => void)[]>([]);
  const countChange = useCallback(() => {
    count();
    return new Promise<void>((resolve) => waiting.current.push(resolve));
  }, []);
  const noteRead = useCallback(() => waiting.current.splice(0).forEach((goOn) => goOn()), []);
  return { revision, countChange, noteRead };
}

/** What is shown for some seconds, and then gone: it was true of one moment. */
function useBriefly<Value>(seconds: number) {
  const [shown, setShown] = useState<{ value?: Value }>({});
  useEffect(() => {
    const timer = setTimeout(() => setShown({}), seconds * 1000);
    return () => clearTimeout(timer);
  }, [shown, seconds]);
  const show = useCallback((value?: Value) => setShown({ value }), []);
  return [shown.value, show] as const;
}
