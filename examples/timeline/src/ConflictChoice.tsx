import { word } from './change';
import type { Conflict, Draft, Form } from './form';
import { showMoment } from './time';

interface ConflictProps<Fields extends Draft> {
  form: Form<Fields>;
  conflict: Conflict;
  theirs: Fields;
}

/** Someone else was faster: their row against this draft, field by field where the two differ. */
export function ConflictChoice<Fields extends Draft>({ form, conflict, theirs }: ConflictProps<Fields>) {
  const { current } = conflict;
  const differing = Object.keys(form.labels).filter((name) => theirs[name] !== form.draft[name]);
  const isMine = (name: string) => form.draft[name] !== form.initial[name];
  return (
    <section className="conflict" role="alert" aria-label="Conflict">
      <p className="title">Someone else was faster</p>
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
              <th scope="row">{form.labels[name]}</th>
              <td>{show(name, theirs[name]!)}</td>
              <td>{isMine(name) ? show(name, form.draft[name]!) : <i>not changed by you; theirs stays</i>}</td>
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

/** What stands in a field, as the form shows it. */
function show(name: string, value: string): string {
  if (['type', 'status', 'timePrecision'].includes(name)) return word(value);
  if (['occurredAt', 'occurredUntil'].includes(name)) return value.replace('T', ' ') || '(empty)';
  return value || '(empty)';
}
