/** Taking a case out as a file: what it may be, fetching it, and handing it to the browser to save. */
import { CombinedError } from 'urql';
import { counted } from './change';
import type { EventFilter } from './gql/graphql';
import { describe, errorIn, reasonsOf } from './session';
import { showSize } from './Size';

/** The formats, by the name that the server has for each. */
export const FORMATS = {
  xlsx: { name: 'Workbook', about: 'for people: a sheet each for case, events, batches, comments' },
  csv: { name: 'CSV', about: 'for programs: a row for each event, batch and comment' },
  jsonl: { name: 'JSON lines', about: 'for programs: an object a line, the case first' },
  report: { name: 'Report to print (HTML)', about: 'one page that holds all it needs' },
  markdown: { name: 'Report as Markdown', about: 'the report as text' },
  'timesketch-csv': { name: 'Timesketch CSV', about: 'the events, as Timesketch imports them' },
  'timesketch-jsonl': { name: 'Timesketch JSON lines', about: 'the same, an object a line' },
};
export type Format = keyof typeof FORMATS;

export const isReport = (format: Format) => format === 'report' || format === 'markdown';

/** What is asked for. */
export interface Wanted {
  format: Format;
  /** Which events; all without it. */
  where?: EventFilter;
  /** Whether a report lists all changes. */
  history: boolean;
}

/** A file that is to be saved, or why there is none. */
export type Fetched = { name: string; content: Blob; fault?: undefined } | { fault: string };

/** Fetches a case as a file, and says how many bytes there are while they come. */
export async function fetchExport(
  send: typeof fetch,
  caseId: string,
  wanted: Wanted,
  onReceived: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Fetched> {
  const address = `/cases/${encodeURIComponent(caseId)}/export?${parametersOf(wanted)}`;
  let response;
  try {
    response = await send(address, { signal });
  } catch (error) {
    return { fault: describe(new CombinedError({ networkError: error as Error })) };
  }
  if (!response.ok) return { fault: await explain(response) };
  let received = 0;
  const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      onReceived((received += piece.byteLength));
      controller.enqueue(piece);
    },
  });
  try {
    // Without a type that a browser shows: a report opened from here would have this page's origin.
    const headers = { 'Content-Type': 'application/octet-stream' };
    const content = await new Response(response.body!.pipeThrough(count), { headers }).blob();
    return { name: nameIn(response) ?? `case.${wanted.format}`, content };
  } catch {
    return { fault: `The download broke off after ${showSize(received)}. Nothing was saved; download it again.` };
  }
}

function parametersOf({ format, where, history }: Wanted): URLSearchParams {
  const parameters = new URLSearchParams({ format });
  if (where) parameters.set('where', JSON.stringify(where));
  if (history) parameters.set('history', 'true');
  return parameters;
}

async function explain(response: Response): Promise<string> {
  const { status, headers } = response;
  const error = await errorIn(response);
  const reasons = reasonsOf(error).replace(/; try again$/, '');
  const seconds = Number(headers.get('Retry-After') ?? 0);
  if (status === 401) return `Please sign in again: ${reasons}.`;
  if (status === 404) return 'There is no such case, at least not for you.';
  if (status !== 503 || !(seconds > 0)) return describe(error);
  return `The server can’t answer at present (503): ${reasons}. Try again in ${counted(seconds, 'second')}.`;
}

const nameIn = (response: Response) =>
  /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1];

/** Hands a file to the browser, which saves it where it saves files. */
export function save(name: string, content: Blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may ask first where to
}
