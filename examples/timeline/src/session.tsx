import { createContext, useContext } from 'react';
import { Client, type CombinedError, cacheExchange, fetchExchange, mapExchange } from 'urql';

/** Says one sentence to everyone, those who listen included: it is written into the page's status line. */
export const Say = createContext<(sentence: string) => void>(() => undefined);
export const useSay = () => useContext(Say);

/**
 * The way to the server for one signed-in user. urql keeps answers by the types in them, and asks again when a
 * change touched one of these types. `onSignedOut` is called when the server no longer takes the token.
 */
export function createClient(token: string, onSignedOut: (reason: string) => void): Client {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
    exchanges: [
      mapExchange({
        onError(error) {
          if (error.response?.status === 401) onSignedOut(`Please sign in again: ${reasonsOf(error)}.`);
        },
      }),
      cacheExchange,
      fetchExchange,
    ],
  });
}

/** What to tell a user about a request that got no answer. A refused change is not that: it comes as data. */
export function describe(error: CombinedError): string {
  const status = error.response?.status as number | undefined;
  if (!status) return 'The server can’t be reached. Check the network, then try again.';
  if (status >= 500) return `The server can’t answer at present (${status}). Try again in a moment.`;
  return `The server refused the request: ${reasonsOf(error)}.`;
}

function reasonsOf(error: CombinedError): string {
  return error.graphQLErrors.map((each) => each.message).join('; ') || `HTTP ${error.response?.status}`;
}

/** An error in place of what could not be read, with a way to try again. */
export function Failure({ error, retry }: { error: CombinedError; retry: () => void }) {
  return (
    <p role="alert" className="failure">
      {describe(error)} <button onClick={retry}>Try again</button>
    </p>
  );
}
