import { type FormEvent, type ReactNode, useState } from 'react';

/** What Dossier wrote into the page. Vite's own server writes nothing: then the demo user is tried, if there is a code. */
const written = document.querySelector<HTMLMetaElement>('meta[name=dossier]')?.content ?? '{}';
const facts = JSON.parse(written) as { demo?: boolean };

/** What `dossier serve` prints behind `#demo=`. It leaves the address, and the tab keeps it for the next loading. */
const demoCode = (() => {
  const given = /^#demo=([\w-]+)$/.exec(location.hash)?.[1];
  if (given) history.replaceState(null, '', '#/');
  try {
    if (given) sessionStorage.setItem('demo', given);
    return given ?? sessionStorage.getItem('demo');
  } catch {
    return given; // a browser that keeps nothing
  }
})();

// Opened in a tab that shows the app already, the address only changes its fragment.
window.addEventListener('hashchange', () => location.hash.startsWith('#demo=') && location.reload());

interface SignInProps {
  notice: string;
  /** Takes a token; returns why not. */
  onToken: (token: string) => Promise<string | undefined>;
  children?: ReactNode;
}

/** Asks for a token. A server in development has one for a demo user as well. */
export function SignIn({ notice, onToken, children }: SignInProps) {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState(notice);
  const [hasDemo, setHasDemo] = useState(facts.demo ?? true);

  const take = async (given: string) => setFault((await onToken(given)) ?? '');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const given = token.replace(/\s/g, ''); // copied from a terminal, it may be broken into lines
    if (/^[\w.~+/=-]+$/.test(given)) void take(given);
    else setFault('That is no token: there are characters in it that no token has.');
  };
  const signInAsDemo = async () => {
    const given = await fetchDemoToken();
    if (given) return take(given);
    setHasDemo(false);
    setFault('The server knows no such demo user; open the address that it printed when it started.');
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
        It is kept in memory only: closing or reloading this page forgets it.{' '}
        <code>dossier token --subject NAME</code> makes one.
      </p>
      {facts.demo && !demoCode && (
        <p className="hint">For the demo user, open the address that the server printed when it started.</p>
      )}
      <div className="buttons">
        <button className="primary">Sign in</button>
        {hasDemo && demoCode && (
          <button type="button" onClick={() => void signInAsDemo()}>
            Sign in as demo user
          </button>
        )}
        {children}
      </div>
    </form>
  );
}

/** Returns a token for the demo user, or nothing where the server has no such user. */
async function fetchDemoToken(): Promise<string | undefined> {
  const headers = { Authorization: `Demo ${demoCode}`, 'Content-Type': 'application/json' };
  const request = { method: 'POST', headers, body: '{}' };
  const response = await fetch('/demo-token', request).catch(() => undefined);
  return response?.ok ? ((await response.json()) as { token: string }).token : undefined;
}
