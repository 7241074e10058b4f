import { useState } from 'react';
import { difference, useChange } from './change';
import { ChangeForm, Field, useForm } from './form';
import type { FileBatchRowFragment } from './gql/graphql';
import { CreateFileBatch, UpdateFileBatch } from './operations';

const LABELS = {
  label: 'Label',
  fileCount: 'Number of files',
  fileTypes: 'File types',
  sortOrder: 'Place in the list',
  description: 'Description',
};
type BatchDraft = typeof LABELS;

const draftOf = (batch?: FileBatchRowFragment, place = 0): BatchDraft => ({
  label: batch?.label ?? '',
  fileCount: String(batch?.fileCount ?? ''),
  fileTypes: batch?.fileTypes ?? '',
  sortOrder: String(batch?.sortOrder ?? place),
  description: batch?.description ?? '',
});

const inputOf = (draft: BatchDraft) => ({
  label: draft.label,
  fileCount: Number(draft.fileCount),
  fileTypes: draft.fileTypes || null,
  sortOrder: Number(draft.sortOrder),
  description: draft.description || null,
});

interface BatchFormProps {
  caseId: string;
  eventId: string;
  batch?: FileBatchRowFragment;
  /** Where a new one goes. */
  place?: number;
  /** Whether the batch was deleted while the form was open: the draft can become a new one. */
  isDeleted?: boolean;
  onDone: () => void;
}

/** Changes a file batch, or adds one to an event. */
export function BatchForm({ caseId, eventId, batch, place, isDeleted = false, onDone }: BatchFormProps) {
  const [opened] = useState(batch);
  const create = useChange(CreateFileBatch);
  const update = useChange(UpdateFileBatch);
  const isNew = !opened || isDeleted;

  const form = useForm<BatchDraft>({
    labels: LABELS,
    initial: draftOf(opened, place),
    version: opened?.version,
    draftOf: (current) => (current.__typename === 'FileBatch' ? draftOf(current) : undefined),
    onDone,
    said: isNew ? 'Batch added.' : 'Batch saved.',
    send(draft, expectedVersion) {
      if (isNew) return create({ input: { caseId, eventId, ...inputOf(draft) } });
      const changes = difference(inputOf(draft), inputOf(draftOf(opened)));
      return update({ input: { caseId, eventId, id: opened.id, expectedVersion, ...changes } });
    },
  });
  return (
    <ChangeForm
      form={form} title={opened ? 'Edit batch' : 'New batch'} action={isDeleted ? 'Add as a new batch' : 'Save'}
    >
      <Field form={form} name="label" className="full" />
      <Field form={form} name="fileCount" type="number" required />
      <Field form={form} name="sortOrder" type="number" required />
      <Field form={form} name="fileTypes" hint="Separated by commas, as in .pdf, .docx" />
      <Field form={form} name="description" type="lines" className="full" />
    </ChangeForm>
  );
}
