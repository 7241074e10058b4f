import { useState } from 'react';
import { difference, useChange } from './change';
import { ChangeForm, Field, useForm } from './form';
import type { EventRowFragment, EventType, TimePrecision } from './gql/graphql';
import { CreateEvent, UpdateEvent } from './operations';
import { isDate, toClock, toUtc, zone } from './time';

const TYPES: EventType[] = ['FINDING', 'ACTION', 'NOTE'];
const PRECISIONS: TimePrecision[] = ['EXACT', 'MINUTE', 'DAY', 'MONTH', 'YEAR'];
const LABELS = {
  type: 'Type',
  title: 'Title',
  timePrecision: 'Known to the',
  occurredAt: 'From',
  occurredUntil: 'Until, if it lasted',
  description: 'Description',
};
type EventDraft = typeof LABELS;

const draftOf = (event?: EventRowFragment): EventDraft => ({
  type: event?.type ?? 'NOTE',
  title: event?.title ?? '',
  timePrecision: event?.timePrecision ?? 'MINUTE',
  occurredAt: event ? toClock(event.occurredAt, event.timePrecision) : '',
  occurredUntil: event?.occurredUntil ? toClock(event.occurredUntil, event.timePrecision) : '',
  description: event?.description ?? '',
});

const inputOf = (draft: EventDraft) => {
  const timePrecision = draft.timePrecision as TimePrecision;
  return {
    type: draft.type as EventType,
    title: draft.title,
    timePrecision,
    occurredAt: toUtc(draft.occurredAt, timePrecision),
    occurredUntil: draft.occurredUntil ? toUtc(draft.occurredUntil, timePrecision) : null,
    description: draft.description || null,
  };
};

/** Changes an event, or puts a new one on the timeline. */
export function EventForm({ caseId, event, onDone }: { caseId: string; event?: EventRowFragment; onDone: () => void }) {
  const [opened] = useState(event);
  const create = useChange(CreateEvent);
  const update = useChange(UpdateEvent);

  const form = useForm<EventDraft>({
    labels: LABELS,
    initial: draftOf(opened),
    version: opened?.version,
    draftOf: (current) => (current.__typename === 'Event' ? draftOf(current) : undefined),
    onDone,
    said: opened ? 'Event saved.' : 'Event added.',
    send(draft, expectedVersion) {
      if (!opened) return create({ input: { caseId, ...inputOf(draft) } });
      const changes = difference(inputOf(draft), inputOf(draftOf(opened)));
      return update({ input: { caseId, id: opened.id, expectedVersion, ...changes } });
    },
  });

  const precision = form.draft.timePrecision as TimePrecision;
  const time = (name: 'occurredAt' | 'occurredUntil') => {
    const clock = form.draft[name];
    const hint = clock ? `= ${toUtc(clock, precision)}` : isDate(precision) ? 'a date of the calendar' : zone();
    const type = isDate(precision) ? 'date' : 'datetime-local';
    return <Field {...{ form, name, type, hint }} required={name === 'occurredAt'} />;
  };
  return (
    <ChangeForm form={form} title={opened ? 'Edit event' : 'New event'}>
      <Field form={form} name="title" className="full" />
      <Field form={form} name="type" choices={TYPES} />
      <Field form={form} name="timePrecision" choices={PRECISIONS} />
      {time('occurredAt')}
      {time('occurredUntil')}
      <Field form={form} name="description" type="lines" className="full" />
    </ChangeForm>
  );
}
