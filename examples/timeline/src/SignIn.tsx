import { type FormEvent, useEffect, useState } from 'react';

/** Asks for a token. A server in development has one for a demo user as well. */
export function SignIn({ notice, onToken }: { notice: string; onToken: (token: string) => void }) {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState(notice);
  const demoToken = useDemoToken();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const given = token.replace(/\s/g, ''); // copied from a terminal, it may be broken into lines
    if (/^[\w.~+/=-]+$/.test(given)) onToken(given);
    else setFault('That is no token: there are characters in it that no token has.');
  };
  return (
    <form className="sign-in" onSubmit={submit}>
      <h1>Sign in</h1>
      <p role="alert">{fault}</p>
      <label htmlFor="token">Token</label>
      <textarea
        id="token" rows={5} required autoFocus spellCheck={false} autoComplete="off" aria-describedby="token-hint"
        value={token} onChange={(event) => setToken(event.target.value)}
      />
      <p id="token-hint" className="hint">
        It is kept in memory only: closing or reloading this page forgets it. <code>dossier token --subject NAME</code>{' '}
        makes one.
      </p>
      <div className="buttons">
        <button className="primary">Sign in</button>
        {demoToken && (
          <button type="button" onClick={() => onToken(demoToken)}>
            Sign in as demo user
          </button>
        )}
      </div>
    </form>
  );
}

/** Returns a token for the demo user, or '' where the server has none: it answers 404 outside development. */
function useDemoToken(): string {
  const [token, setToken] = useState('');
  useEffect(() => {
    const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
    fetch('/demo-token', request)
      .then(async (response) => response.ok && setToken(((await response.json()) as { token: string }).token))
      .catch(() => undefined); // The sign-in itself will say that the server can't be reached.
  }, []);
  return token;
}
