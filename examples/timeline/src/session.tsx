import { createContext, useContext, useMemo } from 'react';
import { Client, fetchExchange, mapExchange, useQuery } from 'urql';
import type { AnyVariables, CombinedError, TypedDocumentNode } from 'urql';

/** What all parts of the app share. */
export const Session = createContext({
  /** Writes a sentence into the page's status line, which screen readers read out. */
  say: (_sentence: string): void => undefined,
  /** Counts the changes that were made here. */
  revision: 0,
  countChange: (): void => undefined,
});
export const useSession = () => useContext(Session);

/** Asks the server, and asks again after every change that was made here. */
export function useRead<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) {
  const { revision } = useSession();
  const context = useMemo(() => ({ revision }), [revision]);
  return useQuery<Data, AnyVariables>({ query, variables, context });
}

/** The way to the server for one user. `onSignedOut` is called when the server doesn't take the token, or no longer. */
export function createClient(token: string, onSignedOut: (reason: string) => void): Client {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'network-only',
    fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
    exchanges: [
      mapExchange({
        onError(error) {
          if (error.response?.status === 401) onSignedOut(`Please sign in again: ${reasonsOf(error)}.`);
        },
      }),
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
