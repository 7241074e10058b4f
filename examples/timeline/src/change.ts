/** Changes: who may make them, how they are sent, and what comes of them. */
import { useEffect, useRef } from 'react';
import { type TypedDocumentNode, useMutation } from 'urql';
import type { CaseRole, CaseStatus, RefusalFragment } from './gql/graphql';
import { type Done, describeChange, isUnknown, useSession } from './session';

const PAUSE = 1000; // milliseconds before what got no answer is sent once more

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

/** What keeps a case from being changed, for people: the server's sentence says it in the words of its API. */
const KEPT: Partial<Record<string, string>> = {
  CLOSED: 'the case is closed, so nothing in it changes until it is reopened',
  SEALED: 'the case is sealed, so nothing in it changes until an owner breaks the seal',
  HELD: 'a hold stands on the case, so nothing of it is deleted until that is released',
};

/** Why a change was refused. */
export function explain(refusal: RefusalFragment): string {
  const kept = refusal.__typename === 'StateError' && refusal.message.includes('`') && KEPT[refusal.state];
  return kept || refusal.message;
}

/** Why nothing came of a change, in a sentence that begins with `not`; nothing when it was made. */
export function reasonOf({ refusals: [refusal], failure }: Outcome, not: string): string {
  if (failure || !refusal) return failure ?? '';
  return `${not}: ${refusal.__typename === 'ConflictError' ? 'changed meanwhile; look again' : explain(refusal)}.`;
}

type Payloads = Record<string, { errors: RefusalFragment[] } | null>;

/** What was sent last and got no answer, and the id by which the server knows it when it is sent again. */
interface Sent {
  content: string;
  requestId: string;
  /** Whether it may have been made, although no answer says so. */
  isUnknown: boolean;
}

/**
 * Returns a function that makes a change. Where nobody knows whether it was made, it is sent once more by itself, and
 * again when the user wants so; as long as its content stays the same, it has the same `requestId`, and is made once.
 * Whatever is on the screen is then read again, made or not: a refusal, and an answer that was lost, mean that it is
 * not as the user saw it. What an earlier change was said to have done is gone.
 */
export function useChange<Data extends Payloads, Input extends object>(
  mutation: TypedDocumentNode<Data, { input: Input }>,
  done: Done = 'saved',
): (variables: { input: Input }) => Promise<Outcome<Data>> {
  const [, execute] = useMutation(mutation);
  const { say, countChange } = useSession();
  const last = useRef<Sent>(undefined);
  return async ({ input }) => {
    say('');
    const content = JSON.stringify(input);
    if (last.current?.content !== content) last.current = { content, requestId: newRequestId(), isUnknown: false };
    const sent = last.current;
    const send = async () => {
      const answer = await execute({ input: { ...input, requestId: sent.requestId } });
      sent.isUnknown ||= answer.error !== undefined && isUnknown(answer.error);
      return answer;
    };
    let { data, error } = await send();
    if (error && isUnknown(error)) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      ({ data, error } = await send());
    }
    const isShown = error?.response?.status === 401 ? undefined : countChange();
    if (error) return { refusals: [], failure: describeChange(error, done, sent.isUnknown) };
    last.current = undefined;
    return { data, isShown, refusals: Object.values(data!).flatMap((payload) => payload?.errors ?? []) };
  };
}

/** 128 random bits. Browsers keep `crypto.randomUUID` from pages that came without TLS. */
const newRequestId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A number of things. */
export const counted = (count: number, one: string, many = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

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
