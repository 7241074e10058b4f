import { useState } from 'react';
import { difference, useChange } from './change';
import { ChangeForm, Field, useForm } from './form';
import type { EventRowFragment, EventType, RefusalFragment, TimePrecision } from './gql/graphql';
import { CreateEvent, UpdateEvent } from './operations';
import { useSession } from './session';
import { PATTERNS, type Zone, nameOf, toClock, toUtc } from './time';

export const TYPES: EventType[] = ['FINDING', 'ACTION', 'NOTE'];
const PRECISIONS: TimePrecision[] = ['EXACT', 'MINUTE', 'DAY', 'MONTH', 'YEAR'];
const TIMES = ['occurredAt', 'occurredUntil'] as const;
const LABELS = {
  type: 'Type',
  title: 'Title',
  timePrecision: 'Known to the',
  occurredAt: 'From',
  occurredUntil: 'Until, if it lasted',
  description: 'Description',
};
type EventDraft = typeof LABELS;

const draftOf = (zone: Zone, event?: EventRowFragment): EventDraft => ({
  type: event?.type ?? 'NOTE',
  title: event?.title ?? '',
  timePrecision: event?.timePrecision ?? 'MINUTE',
  occurredAt: event ? toClock(event.occurredAt, event.timePrecision, zone) : '',
  occurredUntil: event?.occurredUntil ? toClock(event.occurredUntil, event.timePrecision, zone) : '',
  description: event?.description ?? '',
});

/** Reads a time of a draft. As long as nobody touched it, it is the server's own text. */
function readTime(draft: EventDraft, name: (typeof TIMES)[number], zone: Zone, opened?: EventRowFragment) {
  const before = draftOf(zone, opened);
  const isTouched = draft[name] !== before[name] || draft.timePrecision !== before.timePrecision;
  if (opened && !isTouched) return opened[name];
  return draft[name] ? toUtc(draft[name], draft.timePrecision as TimePrecision, zone) : null;
}

const inputOf = (draft: EventDraft, zone: Zone, opened?: EventRowFragment) => ({
  type: draft.type as EventType,
  title: draft.title,
  timePrecision: draft.timePrecision as TimePrecision,
  occurredAt: readTime(draft, 'occurredAt', zone, opened)!,
  occurredUntil: readTime(draft, 'occurredUntil', zone, opened),
  description: draft.description || null,
});

interface EventFormProps {
  caseId: string;
  event?: EventRowFragment;
  /** Whether the event was deleted while the form was open: the draft can become a new one. */
  isDeleted?: boolean;
  onDone: () => void;
}

/** Changes an event, or puts a new one on the timeline. */
export function EventForm({ caseId, event, isDeleted = false, onDone }: EventFormProps) {
  const [opened] = useState(event);
  const session = useSession();
  const [zone] = useState(session.zone); // what was typed must not come to mean something else
  const create = useChange(CreateEvent);
  const update = useChange(UpdateEvent);
  const isNew = !opened || isDeleted;

  const form = useForm<EventDraft>({
    labels: LABELS,
    initial: draftOf(zone, opened),
    version: opened?.version,
    draftOf: (current) => (current.__typename === 'Event' ? draftOf(zone, current) : undefined),
    onDone,
    said: isNew ? 'Event added.' : 'Event saved.',
    async send(draft, expectedVersion) {
      const refusals = TIMES.flatMap((name) => refusalOf(draft, name));
      if (refusals.length > 0) return { refusals };
      const input = inputOf(draft, zone, opened);
      if (isNew) return create({ input: { caseId, ...input } });
      const changes = difference(input, inputOf(draftOf(zone, opened), zone, opened));
      return update({ input: { caseId, id: opened.id, expectedVersion, ...changes } });
    },
  });

  /** What is sent for a time as it stands in its field, or what is wrong with it. */
  const meaningOf = (draft: EventDraft, name: (typeof TIMES)[number]) => {
    try {
      return { utc: readTime(draft, name, zone, opened) };
    } catch (fault) {
      return { fault: (fault as RangeError).message };
    }
  };
  const refusalOf = (draft: EventDraft, name: (typeof TIMES)[number]): RefusalFragment[] => {
    const { fault } = meaningOf(draft, name);
    return fault ? [{ __typename: 'InvalidInputError', message: fault, path: ['input', name] }] : [];
  };
  const precision = form.draft.timePrecision as TimePrecision;
  const time = (name: (typeof TIMES)[number]) => {
    const { utc, fault } = meaningOf(form.draft, name);
    const [hint, placeholder] = [utc ? `= ${utc}` : `in ${nameOf(zone)}`, PATTERNS[precision]];
    return <Field {...{ form, name, placeholder }} hint={fault ?? hint} required={name === 'occurredAt'} />;
  };
  return (
    <ChangeForm
      form={form} title={opened ? 'Edit event' : 'New event'} action={isDeleted ? 'Add as a new event' : 'Save'}
    >
      <Field form={form} name="title" className="full" />
      <Field form={form} name="type" choices={TYPES} />
      <Field form={form} name="timePrecision" choices={PRECISIONS} />
      {time('occurredAt')}
      {time('occurredUntil')}
      <Field form={form} name="description" type="lines" className="full" />
    </ChangeForm>
  );
}
