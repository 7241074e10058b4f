import { type FormEvent, type ReactNode, useState } from 'react';

/** What Dossier wrote into the page. Vite's own server writes nothing: then the demo user is tried. */
const written = document.querySelector<HTMLMetaElement>('meta[name=dossier]')?.content ?? '{}';
const facts = JSON.parse(written) as { demo?: boolean };

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
    setFault('This server has no demo user.');
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
      <div className="buttons">
        <button className="primary">Sign in</button>
        {hasDemo && (
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
  const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
  const response = await fetch('/demo-token', request).catch(() => undefined);
  return response?.ok ? ((await response.json()) as { token: string }).token : undefined;
}
