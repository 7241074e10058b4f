import './styles.js';
import './page.css';
import { lazy, Suspense, useCallback, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { SignIn } from './SignIn.jsx';

// The editor is large. It is loaded at once, but nobody waits for it to sign in.
const loading = import('./Explorer.jsx');
const Explorer = lazy(() => loading);

/** The whole page. The token is in this component's state and nowhere else: it is gone when the page is. */
function Page() {
  const [session, setSession] = useState(null);
  const [notice, setNotice] = useState('');

  const signIn = useCallback((newSession) => {
    setNotice('');
    setSession(newSession);
  }, []);
  const signOut = useCallback((reason = '') => {
    setNotice(reason);
    setSession(null);
  }, []);

  return (
    <>
      <header className="bar">
        <h1>Dossier explorer</h1>
        {session && (
          <>
            <p className="keys">Ctrl-Enter runs the document; Ctrl-M lets Tab leave the editor.</p>
            <span className="viewer">
              Signed in as <b>{session.viewer.name ?? session.viewer.subject}</b>
            </span>
            <button type="button" onClick={() => signOut()}>
              Sign out
            </button>
          </>
        )}
      </header>
      {session ? (
        <Suspense fallback={<p className="loading">Loading the editor…</p>}>
          <Explorer token={session.token} onRefused={signOut} />
        </Suspense>
      ) : (
        <SignIn notice={notice} onSignIn={signIn} />
      )}
    </>
  );
}

createRoot(document.getElementById('page')).render(<Page />);
