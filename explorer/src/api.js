// What the server says of itself, in an element that it writes into the page: whether it knows a demo user, whether
// its schema can be asked for, and whether it runs registered documents alone.
export const server = JSON.parse(document.querySelector('meta[name="dossier"]')?.content ?? '{}');

// What `dossier serve` prints behind `#demo=`: whoever opens that address may sign in as the demo user. It leaves the
// address, and this tab keeps it for when the page is loaded again.
export const demoCode = (() => {
  const given = /^#demo=([\w-]+)$/.exec(location.hash)?.[1];
  if (given) history.replaceState(null, '', location.pathname);
  try {
    if (given) sessionStorage.setItem('demo', given);
    return given ?? sessionStorage.getItem('demo');
  } catch {
    return given ?? null; // a browser that keeps nothing
  }
})();

// Opened in a tab that shows the page already, the address only changes its fragment.
addEventListener('hashchange', () => location.hash.startsWith('#demo=') && location.reload());

/** The token was refused. The message says why. */
export class RefusedToken extends Error {}

/** Send a GraphQL request and return the response. Throws RefusedToken, or an Error with what went wrong. */
export async function send(token, request) {
  const response = await post('/graphql', request, { Authorization: `Bearer ${token}` });
  const answer = await response.json().catch(() => {
    throw new Error(`The server’s answer, with status ${response.status}, is no JSON.`);
  });
  if (response.status === 401) throw new RefusedToken(answer.errors[0].message);
  return answer;
}

/** Return a token for the demo user. Throws an Error when the server gives none. */
export async function demoToken() {
  const response = await post('/demo-token', {}, { Authorization: `Demo ${demoCode}` });
  if (!response.ok) throw new Error('The server was started anew; open the address that it printed.');
  return (await response.json()).token;
}

async function post(path, body, headers) {
  const response = fetch(path, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
  });
  return response.catch(() => {
    throw new Error('The server can’t be reached.');
  });
}
