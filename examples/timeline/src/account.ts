/** Who is signed in. The token is in memory only; when it ends, requests wait for the next one of the same user. */
import { useEffect, useMemo, useState } from 'react';
import { Client, fetchExchange } from 'urql';
import type { ViewerQuery } from './gql/graphql';
import { Viewer } from './operations';
import { describe, errorIn, reasonsOf } from './session';

export type User = ViewerQuery['viewer'];
export const nameOf = (user: { subject: string; name: string | null }) => user.name ?? user.subject;

const WARNING = 5 * 60_000; // before a token ends

/** A user's way to the server. `onEnded` is called with the reason when the server takes the token no longer. */
class Account {
  readonly client: Client;
  /** Sends a request, and again with the next token when the one that there is has ended. */
  readonly send: typeof fetch;
  #isClosed = false;
  #waiting: ((isRenewed: boolean) => void)[] = [];

  constructor(
    readonly user: User,
    public token: string,
    onEnded: (reason: string) => void,
  ) {
    this.send = async (input, init) => {
      for (;;) {
        const token = this.token;
        const response = await fetch(input, bearing(token, init));
        // 401 means that nothing was done: the same may be sent again, by the same user.
        if (response.status !== 401 || this.#isClosed) return response;
        if (token !== this.token) continue;
        const [reason] = (await errorIn(response.clone())).graphQLErrors;
        onEnded(reason?.message ?? 'your token has ended');
        if (!(await new Promise<boolean>((resolve) => this.#waiting.push(resolve)))) return response;
      }
    };
    this.client = clientOf(this.send);
  }

  /** Sends what waits again, with the token that is there now; or gives it up. */
  settle(isRenewed: boolean) {
    for (const resolve of this.#waiting.splice(0)) resolve(isRenewed);
  }

  close() {
    this.#isClosed = true;
    this.settle(false);
  }
}

const clientOf = (send: typeof fetch) =>
  new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'network-only',
    fetch: send,
    exchanges: [fetchExchange],
  });

const bearing = (token: string, init?: RequestInit): RequestInit => ({
  ...init,
  headers: { ...(init?.headers as Record<string, string>), Authorization: `Bearer ${token}` },
});

/** Signing in, signing in again, and signing out. */
export function useAccount() {
  const [account, setAccount] = useState<Account>();
  const [token, setToken] = useState('');
  const [endedFor, setEndedFor] = useState<string>(); // why one has to sign in again, while that is so
  const ends = useMemo(() => endOf(token), [token]);
  const isEnding = useIsNear(ends);

  /** Takes a token; returns why not. Drafts are of the user who typed them: nobody else may go on with them. */
  const signIn = async (given: string): Promise<string | undefined> => {
    const asking = clientOf((input, init) => fetch(input, bearing(given, init)));
    const { data, error } = await asking.query(Viewer, {}).toPromise();
    if (error?.response?.status === 401) return `Please sign in again: ${reasonsOf(error)}.`;
    if (!data) return error && describe(error);
    if (account && data.viewer.id !== account.user.id) {
      const [theirs, mine] = [nameOf(data.viewer), nameOf(account.user)];
      return `That token is of ${theirs}. What is open here is of ${mine}, and is not sent as somebody else’s.`;
    }
    const signedIn = account ?? new Account(data.viewer, given, setEndedFor);
    signedIn.token = given;
    setAccount(signedIn);
    setToken(given);
    setEndedFor(undefined);
    signedIn.settle(true);
    return undefined;
  };
  return {
    account,
    /** When the token ends, once that is near. */
    ends: isEnding ? ends : undefined,
    endedFor,
    signIn,
    renew: () => setEndedFor('your token ends soon'),
    /** Goes on reading what is open; what waits for a token is told that there is none. */
    notNow: () => {
      setEndedFor(undefined);
      account?.settle(false);
    },
    signOut: () => {
      setEndedFor(undefined);
      setAccount(undefined);
      setToken('');
      account?.close();
    },
  };
}

/** When a token ends by its own word, in milliseconds since 1970; nothing when it doesn't say. */
function endOf(token: string): number | undefined {
  try {
    const claims = atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'));
    const { exp } = JSON.parse(claims) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined; // not a JSON Web Token
  }
}

/** Whether a moment is only minutes away, or past. */
function useIsNear(moment: number | undefined): boolean {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const look = () => setNear(moment !== undefined && moment - WARNING <= Date.now());
    look();
    const timer = setInterval(look, 5000);
    return () => clearInterval(timer);
  }, [moment]);
  return isNear;
}
