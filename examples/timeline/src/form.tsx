/** What the three forms share: a draft, its sending, and refusals beside their fields. */
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { type Outcome, explain, word } from './change';
import { ConflictChoice } from './ConflictChoice';
import type { RefusalFragment } from './gql/graphql';
import { useSession } from './session';
import { useUnsaved } from './unsaved';

/** What stands in a form's fields, by the name that the field has in the mutation's input. */
export type Draft = Record<string, string>;
export type Conflict = Extract<RefusalFragment, { __typename: 'ConflictError' }>;

interface FormOptions<Fields extends Draft> {
  labels: Fields;
  initial: Fields;
  /** The version of the row that the draft was made from; none for a new row. */
  version?: number;
  send: (draft: Fields, expectedVersion?: number) => Promise<Outcome>;
  /** Makes a draft of the row that was in the way. */
  draftOf: (row: Conflict['current']) => Fields | undefined;
  onDone: () => void;
  said: string;
}

/** The state of a form, from the row as it was opened to the server's answer. */
export function useForm<Fields extends Draft>(options: FormOptions<Fields>) {
  const { send, draftOf, onDone } = options;
  const [initial] = useState(options.initial); // the row may be read again meanwhile; the draft was made from this one
  const [version] = useState(options.version);
  const [draft, setDraft] = useState(initial);
  const [outcome, setOutcome] = useState<Outcome>({ refusals: [] });
  const [isSending, setSending] = useState(false);
  const { say } = useSession();
  const forget = useUnsaved(Object.keys(initial).some((name) => draft[name] !== initial[name]));
  const conflict = outcome.refusals.find((refusal) => refusal.__typename === 'ConflictError');

  const submit = async (expectedVersion = version) => {
    setSending(true);
    const answer = await send(draft, expectedVersion);
    const isMade = !answer.failure && answer.refusals.length === 0;
    // Until then the row below is as it was: who edits it at once would be in conflict with their own change.
    if (isMade) await answer.isShown;
    setSending(false);
    setOutcome(answer);
    if (!isMade) return;
    forget();
    say(options.said);
    onDone();
  };
  return {
    labels: options.labels,
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

interface FieldProps<Fields extends Draft> {
  form: Form<Fields>;
  name: keyof Fields & string;
  hint?: ReactNode;
  type?: 'text' | 'lines' | 'number';
  placeholder?: string;
  choices?: readonly string[];
  required?: boolean;
  className?: string;
}

/** A labelled field with what the server said about it. The rules are the server's; the form repeats none of them. */
export function Field<Fields extends Draft>(props: FieldProps<Fields>) {
  const { form, name, hint, type = 'text', placeholder, choices, required, className } = props;
  const id = useId();
  const faults = form.refusals.filter((refusal) => refusal.path[1] === name);
  const control = {
    id,
    value: form.draft[name],
    required,
    'aria-invalid': faults.length > 0,
    'aria-describedby': `${id}-about`,
    onChange: ({ target: { value } }: { target: { value: string } }) => form.set(name, value),
  };
  return (
    <div className={`field ${className ?? ''}`}>
      <label htmlFor={id}>{form.labels[name]}</label>
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
      {!choices && type !== 'lines' && <input {...{ type, placeholder }} autoComplete="off" {...control} />}
      <div id={`${id}-about`}>
        {faults.map((fault) => (
          <p key={fault.message} className="fault">
            {inWords(fault.message, form.labels)}
          </p>
        ))}
        {hint && faults[0]?.message !== hint && <p className="hint">{hint}</p>}
      </div>
    </div>
  );
}

/** A message names fields as the API does; people know them by their labels. */
const inWords = (message: string, labels: Draft) =>
  message.replace(/`(\w+)`/g, (_, name: string) => `“${labels[name] ?? name}”`);

interface ChangeFormProps<Fields extends Draft> {
  form: Form<Fields>;
  title: string;
  /** What the button is called that sends the draft. */
  action?: string;
  children: ReactNode;
}

/** The form around the fields: its first field has the focus, and so has the first one at fault. */
export function ChangeForm<Fields extends Draft>({ form, title, action = 'Save', children }: ChangeFormProps<Fields>) {
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
      <p className="title">{title}</p>
      <div className="fields">{children}</div>
      <div role="alert">
        {form.failure && <p className="fault">{form.failure}</p>}
        {refusals
          .filter((refusal) => !(refusal.path[1]! in form.labels))
          .map((refusal) => (
            <p key={refusal.message} className="fault">
              Refused: {explain(refusal)}.
            </p>
          ))}
        {refusals.length > 0 && <p>Nothing was saved.</p>}
      </div>
      {conflict && theirs ? (
        <ConflictChoice form={form} conflict={conflict} theirs={theirs} />
      ) : (
        <div className="buttons">
          <button className="primary" disabled={form.isSending}>
            {action}
          </button>
          <button type="button" onClick={form.cancel}>
            Cancel
          </button>
        </div>
      )}
    </form>
  );
}
