import { useCallback, useMemo, useReducer, useState, useSyncExternalStore } from 'react';
import { Provider } from 'urql';
import { CaseList } from './CaseList';
import { CasePage } from './CasePage';
import { Viewer } from './operations';
import { Session, createClient, useRead } from './session';
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
  const page = caseId ? <CasePage key={caseId} id={caseId} /> : <CaseList />;
  return (
    <Session value={session}>
      <Provider value={client}>
        <header className="bar">
          <a href="#/" className="brand">
            Dossier
          </a>
          <p role="status" className="said">
            {token && said}
          </p>
          {token && <ViewerName />}
          {token && <button onClick={() => signOut('You are signed out.')}>Sign out</button>}
        </header>
        <main>{token ? page : <SignIn notice={said} onToken={signIn} />}</main>
      </Provider>
    </Session>
  );
}

function ViewerName() {
  const [{ data }] = useRead(Viewer, {});
  return <span>{data?.viewer.name ?? data?.viewer.subject}</span>;
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
