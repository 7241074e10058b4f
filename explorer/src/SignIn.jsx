import { useState } from 'react';
import { demoCode, demoToken, send, server } from './api.js';

/** The form that takes a token, and the button that fetches one for the demo user where there is one. */
export function SignIn({ onSignIn }) {
  const [token, setToken] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  async function attempt(obtain) {
    setBusy(true);
    setError('');
    try {
      const obtained = await obtain();
      const answer = await send(obtained, { query: '{ viewer { subject name } }' });
      if (!answer.data) throw new Error(answer.errors[0].message);
      onSignIn({ token: obtained, viewer: answer.data.viewer });
    } catch (problem) {
      setError(problem.message);
      setBusy(false);
    }
  }

  function submit(event) {
    event.preventDefault();
    const pasted = token.trim().replace(/^bearer\s+/i, '');
    if (/^[\x21-\x7e]+$/.test(pasted)) attempt(() => pasted);
    else setError('This is no token: paste the line that dossier token printed.');
  }

  return (
    <main className="sign-in">
      <form onSubmit={submit} aria-labelledby="sign-in">
        <h2 id="sign-in">Sign in</h2>
        {server.demo && !demoCode && (
          <p>For the demo user, open the address that the server printed when it started.</p>
        )}
        {server.demo && demoCode && (
          <>
            <button type="button" className="primary" autoFocus disabled={busy} onClick={() => attempt(demoToken)}>
              Sign in as the demo user
            </button>
            <p className="or">or with a token of your own</p>
          </>
        )}
        <label htmlFor="token">Token</label>
        <textarea
          id="token"
          rows={4}
          value={token}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          aria-describedby="token-help sign-in-error"
          onChange={(event) => setToken(event.target.value)}
        />
        <p id="token-help">
          Whoever runs the server makes one with <code>dossier token --subject NAME</code>. It stays in the memory of
          this page until you sign out or close it.
        </p>
        <button type="submit" disabled={busy || !token.trim()}>
          Sign in with the token
        </button>
        <p id="sign-in-error" className="fault" role="alert">
          {error}
        </p>
      </form>
    </main>
  );
}
