/** The server under test, spoken to as a second client would, and a case to look at. */
import { execFileSync } from 'node:child_process';

/** Where the app is served; the API is beside it. */
export const APP = process.env.DOSSIER_APP ?? 'http://127.0.0.1:8000/app/';

/** A command that prints a token; `--subject NAME` is added to it. It runs in the root of the repository, or in DOSSIER_FOLDER. */
const TOKEN_COMMAND = process.env.DOSSIER_TOKEN ?? '.venv/bin/dossier token';
const FOLDER = process.env.DOSSIER_FOLDER ?? new URL('../../..', import.meta.url).pathname;

/** A token for somebody; `role` is one in the whole installation, such as `admin`; `expires` a time such as `1h`. */
export function token(name, { role, expires } = {}) {
  const [program, ...words] = TOKEN_COMMAND.split(' ');
  // Dossier refuses variables that begin with its prefix and that it doesn't know.
  const { DOSSIER_APP, DOSSIER_FOLDER, DOSSIER_TOKEN, ...env } = process.env;
  const options = { cwd: FOLDER, encoding: 'utf8', env };
  return execFileSync(
    program,
    [...words, '--subject', name.toLowerCase(), '--name', name, ...optionsOf({ role, expires })],
    options,
  ).trim();
}

const optionsOf = (values) => Object.entries(values).flatMap(([name, value]) => (value ? [`--${name}`, value] : []));

/** Runs a document for the bearer of a token. Throws unless everything in it worked. */
export async function run(bearer, query, variables = {}) {
  const response = await fetch(new URL('/graphql', APP), {
    method: 'POST',
    headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = await response.json();
  const refused = Object.values(data ?? {}).flatMap((payload) => payload?.errors ?? []);
  if (errors.length + refused.length > 0) throw new Error(JSON.stringify([...errors, ...refused]));
  return data;
}

const REFUSALS = 'errors { message path }';
const CREATE_CASE = `mutation ($input: CreateCaseInput!) { createCase(input: $input) { case { id } ${REFUSALS} } }`;
const CREATE_EVENT = `mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { id } ${REFUSALS} } }`;
const CREATE_BATCH = `mutation ($input: CreateFileBatchInput!) { createFileBatch(input: $input) { fileBatch { id } ${REFUSALS} } }`;

export async function createCase(bearer, input) {
  return (await run(bearer, CREATE_CASE, { input })).createCase.case.id;
}

/** Puts events on the timeline of a case; returns their ids by title. */
export async function fill(bearer, caseId, events = EVENTS) {
  const ids = {};
  for (const { batches = [], ...event } of events) {
    const { createEvent } = await run(bearer, CREATE_EVENT, { input: { caseId, ...event } });
    const eventId = (ids[event.title] = createEvent.event.id);
    for (const [sortOrder, [label, fileCount, fileTypes]] of batches.entries()) {
      await run(bearer, CREATE_BATCH, { input: { caseId, eventId, label, fileCount, fileTypes, sortOrder } });
    }
  }
  return ids;
}

const EVENTS = [
  {
    title: 'Supplier frame contract signed',
    type: 'NOTE',
    occurredAt: '2025-11-01T00:00:00Z',
    timePrecision: 'MONTH',
    batches: [['Contract and annexes', 4, '.pdf']],
  },
  {
    title: 'Notice from accounts payable',
    type: 'NOTE',
    occurredAt: '2026-01-12T08:40:00Z',
    timePrecision: 'MINUTE',
    description: 'Three invoices with the same number and different bank details.',
    batches: [['Invoices as received', 3, '.pdf']],
  },
  {
    title: 'Bank details changed in the vendor record',
    type: 'FINDING',
    occurredAt: '2026-01-14T16:02:11.250Z',
    description: 'Changed outside office hours, by a shared account.',
  },
  {
    title: 'Mailboxes of purchasing preserved',
    type: 'ACTION',
    occurredAt: '2026-01-19T07:00:00Z',
    occurredUntil: '2026-01-21T18:30:00Z',
    timePrecision: 'MINUTE',
    batches: [
      ['Mailbox exports', 12, '.pst'],
      ['Messages extracted', 48210, '.eml'],
      ['Attachments', 9377, '.pdf, .xlsx, .docx'],
    ],
  },
  {
    title: 'Laptop of the purchaser imaged',
    type: 'ACTION',
    occurredAt: '2026-01-20T09:15:00Z',
    timePrecision: 'MINUTE',
    batches: [
      ['Disk image segments', 118, '.e01'],
      ['Acquisition log', 1, '.txt'],
    ],
  },
  {
    title: '7,214 files copied to a USB stick',
    type: 'FINDING',
    occurredAt: '2026-01-20T21:47:33Z',
    batches: [
      ['Project drawings', 5120, '.dwg, .pdf'],
      ['Price lists', 1986, '.xlsx'],
      ['Photographs', 108, '.jpg'],
      ['Link files', 0, '.lnk'],
      ['Scripts', 2, '.ps1'],
    ],
  },
  { title: 'Remote session ended', type: 'FINDING', occurredAt: '2026-01-20T21:59:02Z' },
  {
    title: 'Interview with the head of purchasing',
    type: 'ACTION',
    occurredAt: '2026-02-03T00:00:00Z',
    timePrecision: 'DAY',
    batches: [['Minutes, signed', 2, '.pdf']],
  },
  {
    title: 'Interim report',
    type: 'NOTE',
    occurredAt: '2026-02-27T00:00:00Z',
    timePrecision: 'DAY',
    batches: [['Report and exhibits', 31, '.pdf']],
  },
];
