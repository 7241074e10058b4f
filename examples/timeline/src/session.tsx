import { createContext, useContext, useEffect, useMemo } from 'react';
import { CombinedError, useQuery } from 'urql';
import type { AnyVariables, TypedDocumentNode } from 'urql';
import type { Zone } from './time';

/** What was deleted: the ids that restore it, and what it was. */
export interface Deleted {
  caseId: string;
  id: string;
  what: string;
}

/** What becomes of things by a change. */
export type Done = 'saved' | 'deleted' | 'restored';

/** What all parts of the app share. */
export const Session = createContext({
  /** Writes a sentence into the page's status line, which screen readers read out; an empty one clears it. */
  say: (_sentence: string): void => undefined,
  /** Counts the changes that were made here; resolves when the page has been read again, or could not be. */
  revision: 0,
  countChange: (): Promise<void> => Promise.resolve(),
  /** Says that what is on the page was read after the last change. */
  noteRead: (): void => undefined,
  /** Offers to take back a deletion. */
  offerUndo: (_deleted: Deleted): void => undefined,
  /** Sends a request with the user's token; one that has ended is waited for to be renewed. */
  send: fetch,
  /** The zone that times are shown in. */
  zone: 'utc' as Zone,
});
export const useSession = () => useContext(Session);

/**
 * Asks the server, and asks again after every change that was made here. A paused question isn't asked; one that is
 * aside is not what makes the page count as read.
 */
export function useRead<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pause = false,
  isAside = false,
) {
  const { revision, noteRead } = useSession();
  const context = useMemo(() => ({ revision }), [revision]);
  const answer = useQuery<Data, AnyVariables>({ query, variables, context, pause });
  const { fetching, stale, operation } = answer[0];
  const isCurrent = !pause && !isAside && !fetching && !stale && operation?.context['revision'] === revision;
  useEffect(() => {
    if (isCurrent) noteRead();
  }, [isCurrent, revision, noteRead]);
  return answer;
}

/** The error that a refusal is where it answers another request than one of GraphQL. */
export async function errorIn(response: Response): Promise<CombinedError> {
  const { errors = [] } = (await response.json().catch(() => ({}))) as { errors?: { message: string }[] };
  return new CombinedError({ graphQLErrors: errors, response });
}

/** What to tell a user about a request that got no answer. A refused change is not that: it comes as data. */
export function describe(error: CombinedError): string {
  const status = statusOf(error);
  if (!status) return 'The server can’t be reached. Check the network, then try again.';
  const reasons = error.graphQLErrors.length > 0 ? `: ${reasonsOf(error)}` : '';
  if (status >= 500) return `The server can’t answer at present (${status})${reasons}. Try again in a moment.`;
  return `The server refused the request: ${reasonsOf(error)}.`;
}

/**
 * Whether a change may have been made. Nothing was written where the request was refused, or where the change has an
 * answer that says why not. Of all else nobody knows: a server that was stopped, an answer that was lost, an outcome
 * that the server doesn't know itself.
 */
export function isUnknown(error: CombinedError): boolean {
  const codes = codesOf(error);
  const status = statusOf(error);
  const isAnswered = codes.length > 0 && !codes.includes('INTERNAL_ERROR') && !codes.includes('UNKNOWN_OUTCOME');
  return !(status && status < 500 && (status >= 400 || isAnswered));
}

/** The same about a change; `mayBeMade` says whether it may have been, now or when it was sent before. */
export function describeChange(error: CombinedError, done: Done, mayBeMade: boolean): string {
  if (!mayBeMade) return `Nothing was ${done}. ${describe(error)}`;
  const again = {
    saved: 'Send it again as it is, and it is saved only once; before you change it, look whether it was saved.',
    deleted: 'If it is still there, delete it again.',
    restored: 'If it is not there, restore it again.',
  };
  return `${causeOf(error)} It is not known whether this was ${done}. ${again[done]}`;
}

function causeOf(error: CombinedError): string {
  if (!isUnknown(error)) return describe(error); // it was sent before
  const [status, codes] = [statusOf(error), codesOf(error)];
  if (!status) return 'The server can’t be reached.';
  if (codes.includes('UNKNOWN_OUTCOME')) return 'The server got no answer from its database.';
  if (codes.length > 0) return `The server can’t answer (${status}): ${reasonsOf(error)}.`;
  return `The server’s answer was lost (${status}).`;
}

const codesOf = (error: CombinedError) => error.graphQLErrors.map((each) => each.extensions.code);

const statusOf = (error: CombinedError) => error.response?.status as number | undefined;

export function reasonsOf(error: CombinedError): string {
  const reasons = error.graphQLErrors.map((each) => each.message.replace(/\.$/, ''));
  return reasons.join('; ') || `HTTP ${statusOf(error)}`;
}

/** An error in place of what could not be read, with a way to try again. */
export function Failure({ error, retry }: { error: CombinedError; retry: () => void }) {
  return (
    <p role="alert" className="failure">
      {describe(error)} <button onClick={retry}>Try again</button>
    </p>
  );
}
