import type { Conflict, Draft, Form } from './form';
import { showMoment } from './time';

interface ConflictProps<Fields extends Draft> {
  form: Form<Fields>;
  labels: Record<keyof Fields, string>;
  conflict: Conflict;
  theirs: Fields;
}

/** Someone else was faster: their row against this draft, field by field where the two differ. */
export function ConflictChoice<Fields extends Draft>({ form, labels, conflict, theirs }: ConflictProps<Fields>) {
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
