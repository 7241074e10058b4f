/** What the three forms share: a draft, its sending, refusals beside their fields, and the way out of a conflict. */
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { type AnyVariables, type TypedDocumentNode, useMutation } from 'urql';
import type { CaseRole, CaseStatus, RefusalFragment } from './gql/graphql';
import { describe, useSay } from './session';
import { showMoment } from './time';

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
  /** Why there is no answer at all. */
  failure?: string;
}

type Payloads = Record<string, { errors: RefusalFragment[] }>;

/** Returns a function that makes a change. Whatever is on the screen is then read again. */
export function useChange<Data extends Payloads, Variables extends AnyVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
): (variables: Variables) => Promise<Outcome<Data>> {
  const [, execute] = useMutation(mutation);
  return async (variables) => {
    const { data, error } = await execute(variables, { additionalTypenames: ['Case', 'Event', 'FileBatch'] });
    if (error || !data) return { refusals: [], failure: error && describe(error) };
    return { data, refusals: Object.values(data).flatMap((payload) => payload.errors ?? []) };
  };
}

/** What stands in a form's fields, by the name that the field has in the mutation's input. */
export type Draft = Record<string, string>;
type Conflict = Extract<RefusalFragment, { __typename: 'ConflictError' }>;

interface FormOptions<Fields extends Draft> {
  initial: Fields;
  /** The version of the row that the draft was made from; none for a new row. */
  version?: number;
  send: (draft: Fields, expectedVersion?: number) => Promise<Outcome>;
  /** Makes a draft of the row that was in the way. */
  draftOf: (row: Conflict['current']) => Fields | undefined;
  onDone: () => void;
  said: string;
}

export function useForm<Fields extends Draft>(options: FormOptions<Fields>) {
  const { send, draftOf, onDone } = options;
  const [initial] = useState(options.initial); // the row may be read again meanwhile; the draft was made from this one
  const [version] = useState(options.version);
  const [draft, setDraft] = useState(initial);
  const [outcome, setOutcome] = useState<Outcome>({ refusals: [] });
  const [isSending, setSending] = useState(false);
  const say = useSay();
  const conflict = outcome.refusals.find((refusal) => refusal.__typename === 'ConflictError');

  const submit = async (expectedVersion = version) => {
    setSending(true);
    const answer = await send(draft, expectedVersion);
    setSending(false);
    setOutcome(answer);
    if (answer.failure || answer.refusals.length > 0) return;
    say(options.said);
    onDone();
  };
  return {
    initial,
    draft,
    set: (name: keyof Fields, value: string) => setDraft((now) => ({ ...now, [name]: value })),
    submit,
    isSending,
    cancel: onDone,
    failure: outcome.failure,
    refusals: outcome.refusals.filter((refusal) => refusal !== conflict),
    conflict,
    theirs: conflict && draftOf(conflict.current),
  };
}

export type Form<Fields extends Draft> = ReturnType<typeof useForm<Fields>>;

/** Only what the user changed is sent, so that nothing else is overwritten, or cut to what a form can show. */
export function difference<Input extends object>(input: Input, from: Input): Partial<Input> {
  const names = Object.keys(input) as (keyof Input)[];
  return Object.fromEntries(names.filter((name) => input[name] !== from[name]).map((name) => [name, input[name]])) as Partial<Input>;
}

interface FieldProps<Fields extends Draft> {
  form: Form<Fields>;
  name: keyof Fields & string;
  label: string;
  hint?: ReactNode;
  type?: 'text' | 'lines' | 'number' | 'date' | 'datetime-local';
  choices?: readonly string[];
  required?: boolean;
  className?: string;
}

/** A labelled field with what the server said about it. The rules are the server's; the form repeats none of them. */
export function Field<Fields extends Draft>(props: FieldProps<Fields>) {
  const { form, name, label, hint, type = 'text', choices, required, className } = props;
  const id = useId();
  const faults = form.refusals.filter((refusal) => refusal.path[1] === name);
  const control = {
    id,
    value: type === 'date' ? form.draft[name]?.slice(0, 10) : form.draft[name],
    required,
    'aria-invalid': faults.length > 0,
    'aria-describedby': `${id}-about`,
    onChange: ({ target: { value } }: { target: { value: string } }) =>
      form.set(name, type === 'date' && value ? `${value}T00:00:00` : value),
  };
  const max = { date: '9999-12-31', 'datetime-local': '9999-12-31T23:59:59' }[type as string];
  return (
    <div className={`field ${className ?? ''}`}>
      <label htmlFor={id}>{label}</label>
      {choices && (
        <select {...control}>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {word(choice)}
            </option>
          ))}
        </select>
      )}
      {!choices && type === 'lines' && <textarea rows={2} {...control} />}
      {!choices && type !== 'lines' && <input type={type} step="1" max={max} autoComplete="off" {...control} />}
      <div id={`${id}-about`}>
        {faults.map((fault) => (
          <p key={fault.message} className="fault">
            {fault.message.replace(/^`\w+` /, '')}
          </p>
        ))}
        {hint && <p className="hint">{hint}</p>}
      </div>
    </div>
  );
}

interface ChangeFormProps<Fields extends Draft> {
  form: Form<Fields>;
  title: string;
  labels: Record<keyof Fields, string>;
  children: ReactNode;
}

/** The form around the fields: its first field has the focus, and so has the first one at fault. */
export function ChangeForm<Fields extends Draft>({ form, title, labels, children }: ChangeFormProps<Fields>) {
  const element = useRef<HTMLFormElement>(null);
  const { refusals, conflict, theirs } = form;
  useEffect(() => {
    const field = element.current?.querySelector<HTMLElement>('[aria-invalid=true], .conflict button');
    (field ?? element.current?.querySelector<HTMLElement>('input, select'))?.focus();
  }, [refusals.length, conflict]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void form.submit();
  };
  return (
    <form ref={element} className="change" aria-label={title} onSubmit={submit}>
      <h3>{title}</h3>
      <div className="fields">{children}</div>
      <div role="alert">
        {form.failure && <p className="fault">{form.failure}</p>}
        {refusals
          .filter((refusal) => !(refusal.path[1]! in labels))
          .map((refusal) => (
            <p key={refusal.message} className="fault">
              Refused: {refusal.message}.
            </p>
          ))}
        {refusals.length > 0 && <p>Nothing was saved.</p>}
      </div>
      {conflict && theirs ? (
        <ConflictChoice form={form} labels={labels} conflict={conflict} theirs={theirs} />
      ) : (
        <div className="buttons">
          <button className="primary" disabled={form.isSending}>
            Save
          </button>
          <button type="button" onClick={form.cancel}>
            Cancel
          </button>
        </div>
      )}
    </form>
  );
}

interface ConflictProps<Fields extends Draft> {
  form: Form<Fields>;
  labels: Record<keyof Fields, string>;
  conflict: Conflict;
  theirs: Fields;
}

/** Someone else was faster: their row against this draft, field by field where the two differ. */
function ConflictChoice<Fields extends Draft>({ form, labels, conflict, theirs }: ConflictProps<Fields>) {
  const { current } = conflict;
  const differing = Object.keys(labels).filter((name) => theirs[name] !== form.draft[name]);
  const isMine = (name: string) => form.draft[name] !== form.initial[name];
  return (
    <section className="conflict" role="alert" aria-label="Conflict">
      <h4>Someone else was faster</h4>
      {'updatedBy' in current && (
        <p>
          {current.updatedBy.name ?? current.updatedBy.subject} saved version {conflict.currentVersion} at{' '}
          {showMoment(current.updatedAt)}. Nothing of yours is saved yet.
        </p>
      )}
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Theirs</th>
            <th scope="col">Yours</th>
          </tr>
        </thead>
        <tbody>
          {differing.map((name) => (
            <tr key={name}>
              <th scope="row">{labels[name]}</th>
              <td>{theirs[name] || '(empty)'}</td>
              <td>{isMine(name) ? form.draft[name] || '(empty)' : <i>not changed by you; theirs stays</i>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="buttons">
        <button type="button" onClick={form.cancel}>
          Take theirs
        </button>
        <button type="button" disabled={form.isSending} onClick={() => void form.submit(conflict.currentVersion)}>
          Write mine over it
        </button>
      </div>
    </section>
  );
}

/** A button that asks once more before it deletes. */
export function DeleteButton({ what, remove }: { what: string; remove: () => Promise<Outcome> }) {
  const [isAsking, setAsking] = useState(false);
  const [fault, setFault] = useState('');
  const button = useReturnFocus(isAsking);
  const say = useSay();

  const go = async () => {
    const { refusals, failure } = await remove();
    const isConflict = refusals.some((refusal) => refusal.__typename === 'ConflictError');
    setAsking(false);
    setFault(isConflict ? 'changed by someone else meanwhile; look again' : (failure ?? refusals[0]?.message ?? ''));
    if (!failure && refusals.length === 0) say(`Deleted ${what}.`);
  };
  if (!isAsking) {
    return (
      <>
        <button ref={button} aria-label={`Delete ${what}`} onClick={() => setAsking(true)}>
          Delete
        </button>
        {fault && <span role="alert" className="fault">Not deleted: {fault}.</span>}
      </>
    );
  }
  return (
    <span role="group" aria-label="Confirm" className="confirm">
      Delete {what}?
      <button className="danger" onClick={() => void go()}>
        Delete
      </button>
      <button autoFocus onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  );
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
