/** What keeps a case as it is: to read, for owners to bring about and to end, and what follows for everybody. */
import { type ReactNode, useEffect, useState } from 'react';
import { nameOf } from './account';
import { type Outcome, may, reasonOf, useChange } from './change';
import { ChangeForm, type Draft, Field, useForm } from './form';
import type { CaseRole, KeepingFragment } from './gql/graphql';
import { PlaceHold, ReleaseHold, SealCase, UnsealCase, UpdateCase } from './operations';
import { useSession } from './session';
import { type Zone, showClock } from './time';

const holdsOn = (row: KeepingFragment) => row.holds.filter((hold) => hold.releasedAt === null);
const isRetained = ({ retainUntil }: KeepingFragment) => retainUntil !== null && Date.parse(retainUntil) > Date.now();

/** Whether nothing in a case can be changed. */
export const isFrozen = (row: KeepingFragment) => row.status === 'CLOSED' || row.seal !== null;

/** The role that the viewer's comes to in what a case holds, as the case is: the server refuses what takes more. */
export function roleIn(row: KeepingFragment): CaseRole {
  if (isFrozen(row)) return 'VIEWER';
  const isHeld = holdsOn(row).length > 0 || isRetained(row);
  return isHeld && may(row.viewerRole, 'EDITOR') ? 'CONTRIBUTOR' : row.viewerRole;
}

/** The states of a case beside its status, with what there is to know of each. */
export function statesOf(row: KeepingFragment, zone: Zone) {
  const clock = (time: string) => showClock(Date.parse(time), zone);
  const { seal, retainUntil } = row;
  const holds = holdsOn(row).map((hold) => `“${hold.name}”`);
  const states = [];
  if (seal) states.push({ state: 'sealed', facts: `since ${clock(seal.at)} by ${nameOf(seal.by)}: ${seal.reason}` });
  if (holds.length > 0) states.push({ state: 'held', facts: holds.join(', ') });
  if (isRetained(row)) states.push({ state: 'kept', facts: `until ${clock(retainUntil!)}` });
  return states;
}

/** What follows from each state, and how to go on. */
const SO: Record<string, string> = {
  closed: 'Nothing in it can be changed until it is reopened, by giving it another status.',
  sealed: 'Nothing in it can be changed until an owner breaks the seal.',
  held: 'Nothing of it can be deleted until an owner has released every hold.',
  kept: 'Nothing of it can be deleted before.',
};

/** The states of a case with what follows from them, and the ways in and out of them. */
export function Keeping({ row }: { row: KeepingFragment }) {
  const { id } = row;
  const { zone } = useSession();
  const [form, setForm] = useState<Omit<ReasonFormProps, 'onDone'>>();
  const seal = useChange(SealCase);
  const unseal = useChange(UnsealCase);
  const place = useChange(PlaceHold);
  const release = useChange(ReleaseHold);

  const reason = 'Reason';
  const isOwner = may(row.viewerRole, 'OWNER');
  const states = statesOf(row, zone);
  if (row.status === 'CLOSED') states.unshift({ state: 'closed', facts: '' });
  /** A button that opens a form. */
  const opening = (name: string, wanted: Omit<ReasonFormProps, 'onDone' | 'title'>) =>
    isOwner && (
      <button key={name} disabled={form !== undefined} onClick={() => setForm({ title: name, ...wanted })}>
        {name}
      </button>
    );
  const ways: Record<string, ReactNode> = {
    closed: !row.seal && may(row.viewerRole, 'CONTRIBUTOR') && <ReopenButton row={row} />,
    sealed: opening('Break seal', {
      labels: { reason },
      said: 'Seal broken.',
      send: (draft) => unseal({ input: { id, reason: draft.reason! } }),
    }),
    held: holdsOn(row).map((hold) =>
      opening(`Release “${hold.name}”`, {
        labels: { reason },
        said: 'Hold released.',
        send: (draft) => release({ input: { caseId: id, id: hold.id, reason: draft.reason! } }),
      }),
    ),
  };
  return (
    <>
      {states.length > 0 && (
        <ul className="states">
          {states.map(({ state, facts }) => (
            <li key={state} className="quiet">
              <span className="state">{state}</span> {facts} <span className="hint">{SO[state]}</span> {ways[state]}
            </li>
          ))}
        </ul>
      )}
      {isOwner && (
        <div className="buttons quiet keep">
          {!row.seal &&
            opening('Seal case', {
              labels: { reason },
              said: 'Case sealed.',
              send: (draft) => seal({ input: { id, reason: draft.reason! } }),
            })}
          {opening('Place hold', {
            labels: { name: 'Name', reason },
            said: 'Hold placed.',
            send: (draft) => place({ input: { caseId: id, name: draft.name!, reason: draft.reason! } }),
          })}
        </div>
      )}
      {form && <ReasonForm {...form} onDone={() => setForm(undefined)} />}
    </>
  );
}

function ReopenButton({ row: { id, version } }: { row: KeepingFragment }) {
  const [fault, setFault] = useState('');
  const change = useChange(UpdateCase);
  const { say } = useSession();
  const reopen = async () => {
    const outcome = await change({ input: { id, status: 'ACTIVE', expectedVersion: version } });
    const reason = reasonOf(outcome, 'Not reopened');
    setFault(reason);
    if (reason) return;
    say('Case reopened: it is active.');
    document.querySelector('h1')?.focus({ preventScroll: true }); // the button goes with what it ended
  };
  return (
    <>
      <button onClick={() => void reopen()}>Reopen</button>
      {fault && <span role="alert" className="fault">{fault}</span>}
    </>
  );
}

interface ReasonFormProps {
  title: string;
  labels: Draft;
  said: string;
  send: (draft: Draft) => Promise<Outcome>;
  onDone: () => void;
}

/** Asks for what the record has to say of a change, and makes it. */
function ReasonForm({ title, labels, said, send, onDone }: ReasonFormProps) {
  const [opener] = useState(document.activeElement as HTMLElement | null);
  useEffect(() => () => (opener?.isConnected ? opener : document.querySelector('h1'))?.focus(), [opener]);
  const initial = Object.fromEntries(Object.keys(labels).map((name) => [name, '']));
  const form = useForm<Draft>({ labels, initial, said, send, onDone, draftOf: () => undefined });
  return (
    <ChangeForm form={form} title={title} action={title}>
      {Object.keys(labels).map((name) => (
        <Field key={name} form={form} name={name} className="full" />
      ))}
    </ChangeForm>
  );
}
