import { useCallback, useMemo, useReducer, useState, useSyncExternalStore } from 'react';
import { Provider } from 'urql';
import { CaseList } from './CaseList';
import { CasePage } from './CasePage';
import { Session, createClient } from './session';
import { SignIn } from './SignIn';

/** The frame of the app: signed in or not, and which page. The token lives here, in memory, and nowhere else. */
export function App() {
  const [token, setToken] = useState('');
  const [said, say] = useState('');
  const [revision, countChange] = useReducer((count: number) => count + 1, 0);
  const hash = useHash();

  const signOut = useCallback((reason: string) => {
    setToken('');
    say(reason);
  }, []);
  const client = useMemo(() => createClient(token, signOut), [token, signOut]);
  const signIn = (given: string) => {
    say('');
    setToken(given);
  };

  const session = useMemo(() => ({ say, revision, countChange }), [revision]);
  const caseId = /^#\/cases\/([^/]+)$/.exec(hash)?.[1];
  return (
    <Session value={session}>
      <header className="bar">
        <a href="#/" className="brand">
          Dossier
        </a>
        <p role="status" className="said">
          {token && said}
        </p>
        {token && <button onClick={() => signOut('You are signed out.')}>Sign out</button>}
      </header>
      <main>
        {!token && <SignIn notice={said} onToken={signIn} />}
        {token && <Provider value={client}>{caseId ? <CasePage key={caseId} id={caseId} /> : <CaseList />}</Provider>}
      </main>
    </Session>
  );
}

/** The page is named by the address behind `#`: `#/` or `#/cases/ID`. */
function useHash(): string {
  return useSyncExternalStore(
    (changed) => {
      window.addEventListener('hashchange', changed);
      return () => window.removeEventListener('hashchange', changed);
    },
    () => window.location.hash,
  );
}
