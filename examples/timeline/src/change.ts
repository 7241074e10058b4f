/** Changes: who may make them, how they are sent, and what comes of them. */
import { useEffect, useRef } from 'react';
import { type AnyVariables, type TypedDocumentNode, useMutation } from 'urql';
import type { CaseRole, CaseStatus, RefusalFragment } from './gql/graphql';
import { describeChange, useSession } from './session';

export const STATUSES: CaseStatus[] = ['OPEN', 'ACTIVE', 'CLOSED'];
const ROLES: CaseRole[] = ['VIEWER', 'CONTRIBUTOR', 'EDITOR', 'OWNER'];

/** An enum's value as a word. */
export const word = (value: string) => value.toLowerCase();

/** Whether a role is enough for what takes the role `needed`. The server decides; this only hides what it refuses. */
export const may = (role: CaseRole, needed: CaseRole) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

export interface Outcome<Data = unknown> {
  data?: Data;
  /** Why the server refused the change; empty when it was made. */
  refusals: RefusalFragment[];
  /** What is known of the change when there is no answer to it. */
  failure?: string;
  /** Resolves when what is on the screen has been read again. */
  isShown?: Promise<void>;
}

type Payloads = Record<string, { errors: RefusalFragment[] } | null>;

/**
 * Returns a function that makes a change. Whatever is on the screen is then read again, made or not: a refusal, and an
 * answer that was lost, mean that it is not as the user saw it. What an earlier change was said to have done is gone.
 */
export function useChange<Data extends Payloads, Variables extends AnyVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
  done: 'saved' | 'deleted' = 'saved',
): (variables: Variables) => Promise<Outcome<Data>> {
  const [, execute] = useMutation(mutation);
  const { say, countChange } = useSession();
  return async (variables) => {
    say('');
    const { data, error } = await execute(variables);
    const isShown = error?.response?.status === 401 ? undefined : countChange();
    if (error) return { refusals: [], failure: describeChange(error, done) };
    return { data, isShown, refusals: Object.values(data!).flatMap((payload) => payload?.errors ?? []) };
  };
}

/** Only what the user changed is sent, so that nothing else is overwritten, or cut to what a form can show. */
export function difference<Input extends object>(input: Input, from: Input): Partial<Input> {
  const names = Object.keys(input) as (keyof Input)[];
  const changed = names.filter((name) => input[name] !== from[name]);
  return Object.fromEntries(changed.map((name) => [name, input[name]])) as Partial<Input>;
}

/** Returns a ref for the button that opened something: it gets the focus back when that closes. */
export function useReturnFocus(isOpen: boolean) {
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    if (wasOpen.current && !isOpen) button.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return button;
}
