import './styles.js';
import './page.css';
import { lazy, Suspense, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { SignIn } from './SignIn.jsx';

// The editor is large. It is loaded at once, but nobody waits for it to sign in.
const loading = import('./Explorer.jsx');
const Explorer = lazy(() => loading);

/** The whole page. The token is in this component's state and nowhere else: it is gone when the page is. */
function Page() {
  const [session, setSession] = useState(null);
  const [refusal, setRefusal] = useState('');

  return (
    <>
      <header className="bar">
        <h1>Dossier explorer</h1>
        {session && (
          <>
            <p className="keys">Ctrl-Enter runs the document; Ctrl-M lets Tab leave the editor.</p>
            <p className="viewer">
              Signed in as <b>{session.viewer.name ?? session.viewer.subject}</b>
            </p>
            <p className="fault" role="alert">
              {refusal}
            </p>
            {/* A new page: of this one's token and answers nothing is left. */}
            <button type="button" onClick={() => location.reload()}>
              {refusal ? 'Sign in again' : 'Sign out'}
            </button>
          </>
        )}
      </header>
      {session ? (
        <Suspense fallback={<p className="loading">Loading the editor…</p>}>
          <Explorer token={session.token} onRefused={setRefusal} />
        </Suspense>
      ) : (
        <SignIn onSignIn={setSession} />
      )}
    </>
  );
}

// As chosen in GraphiQL's settings on an earlier visit; it sets the same class itself, but only when it is there.
const theme = localStorage.getItem('graphiql:theme');
if (theme === 'light' || theme === 'dark') document.body.classList.add(`graphiql-${theme}`);

createRoot(document.getElementById('page')).render(<Page />);
