import { useRef, useState } from 'react';
import { STATUSES, difference, useChange } from './change';
import { ChangeForm, Field, useForm } from './form';
import type { CaseRowFragment, CaseStatus } from './gql/graphql';
import { CreateCase, UpdateCase } from './operations';

const LABELS = { title: 'Title', reference: 'Reference', status: 'Status', description: 'Description' };
type CaseDraft = typeof LABELS;

const draftOf = (row?: CaseRowFragment): CaseDraft => ({
  title: row?.title ?? '',
  reference: row?.reference ?? '',
  status: row?.status ?? 'OPEN',
  description: row?.description ?? '',
});

const inputOf = (draft: CaseDraft) => ({
  title: draft.title,
  reference: draft.reference || null,
  status: draft.status as CaseStatus,
  description: draft.description || null,
});

/** Changes a case, or creates one and goes to it. */
export function CaseForm({ row, onDone }: { row?: CaseRowFragment; onDone: () => void }) {
  const [opened] = useState(row);
  const create = useChange(CreateCase);
  const update = useChange(UpdateCase);
  const createdId = useRef<string>(undefined);

  const form = useForm<CaseDraft>({
    labels: LABELS,
    initial: draftOf(opened),
    version: opened?.version,
    draftOf: (current) => (current.__typename === 'Case' ? draftOf(current) : undefined),
    onDone() {
      onDone();
      if (createdId.current) window.location.hash = `#/cases/${createdId.current}`;
    },
    said: opened ? 'Case saved.' : 'Case created.',
    async send(draft, expectedVersion) {
      if (opened) {
        const changes = difference(inputOf(draft), inputOf(draftOf(opened)));
        return update({ input: { id: opened.id, expectedVersion, ...changes } });
      }
      const outcome = await create({ input: inputOf(draft) });
      createdId.current = outcome.data?.createCase.case?.id;
      return outcome;
    },
  });
  return (
    <ChangeForm form={form} title={opened ? 'Edit case' : 'New case'}>
      <Field form={form} name="title" className="full" />
      <Field form={form} name="reference" hint="What others call it, such as a docket number." />
      <Field form={form} name="status" choices={STATUSES} />
      <Field form={form} name="description" type="lines" className="full" />
    </ChangeForm>
  );
}
