import { nameOf } from './account';
import { word } from './change';
import type { Conflict, Draft, Form } from './form';
import { useSession } from './session';
import { showClock } from './time';

interface ConflictProps<Fields extends Draft> {
  form: Form<Fields>;
  conflict: Conflict;
  theirs: Fields;
}

/** The row was changed meanwhile: as it is now against this draft, field by field where the two differ. */
export function ConflictChoice<Fields extends Draft>({ form, conflict, theirs }: ConflictProps<Fields>) {
  const { zone } = useSession();
  const { current } = conflict;
  const differing = Object.keys(form.labels).filter((name) => theirs[name] !== form.draft[name]);
  const isMine = (name: string) => form.draft[name] !== form.initial[name];
  return (
    <section className="conflict" role="alert" aria-label="Conflict">
      <p className="title">It was changed meanwhile</p>
      {'updatedBy' in current && (
        <p>
          {nameOf(current.updatedBy)} saved version {conflict.currentVersion} at{' '}
          {showClock(Date.parse(current.updatedAt), zone)}.{' '}
          {differing.length > 0 ? 'What you see as yours is not saved.' : 'It is as you wrote it.'}
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
  return value || '(empty)';
}
