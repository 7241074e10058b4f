import { useRef, useState } from 'react';
import { nameOf } from './account';
import { useSettled } from './CaseList';
import { counted } from './change';
import type { FileFilter, FilesQuery } from './gql/graphql';
import { Files as FilesOf } from './operations';
import { usePageTitle } from './page';
import { FIRST, type Page, nextOf, numbersOf } from './pages';
import { Failure, useRead, useSession } from './session';
import { Size } from './Size';
import { nameOf as nameOfZone, showClock, showMoment } from './time';

type Batch = Extract<FilesQuery['node'], { __typename: 'FileBatch' }>;
type FileRow = Batch['files']['nodes'][number];

const HASH = /^(?:[\da-f]{64}|[\da-f]{40}|[\da-f]{32})$/i; // a SHA-256, a SHA-1 or an MD5
// And what turns other characters around. Joiners and variation selectors are part of what can be seen.
const NOT_SEEN = /([\p{Cc}\p{Bidi_C}\u2028\u2029]|(?![\u200c\u200d\ufe00-\ufe0f])\p{DI})/u;

interface Shown {
  batch?: Batch | null;
  where: FileFilter;
  page: Page;
  /** What it was made of. */
  of?: FilesQuery['node'];
}

/** The files of a batch, a page at a time, with a search, and the manifest that vouches for them. */
export function Files({ caseId, id }: { caseId: string; id: string }) {
  const [text, setText] = useState('');
  const sought = useSettled(text.trim(), 250);
  const [turned, setTurned] = useState({ sought, pages: [FIRST] });
  const pages = turned.sought === sought ? turned.pages : [FIRST]; // those of another search are of no use
  const page = pages.at(-1)!;
  const where: FileFilter = HASH.test(sought) ? { hash: sought } : sought ? { text: sought } : {};
  const variables = { batch: id, where, after: page.after };
  const [{ data, error, fetching, operation }, ask] = useRead(FilesOf, variables, false, true);
  // What was read last stays, with what it is, until the next arrives.
  const [shown, setShown] = useState<Shown>({ where, page });
  if (data && data.node !== shown.of && JSON.stringify(operation?.variables) === JSON.stringify(variables)) {
    const isHere = data.node?.__typename === 'FileBatch' && data.node.event.case.id === caseId;
    setShown({ batch: isHere ? (data.node as Batch) : null, where, page, of: data.node });
  }
  const { batch } = shown;
  const heading = usePageTitle(batch && `Files: ${batch.label}`);
  const listHeading = useRef<HTMLHeadingElement>(null);
  const { zone } = useSession();

  const turnTo = (next: Page[]) => {
    setTurned({ sought, pages: next });
    listHeading.current?.focus(); // the button may be gone with the next page
    if (error) ask(); // for the same page as before, nothing else would
  };
  const failure = error && <Failure error={error} retry={ask} />;
  const back = (
    <a href={`#/cases/${caseId}`}>
      {batch ? `Case ${batch.event.case.number}: ${batch.event.case.title}` : 'The case'}
    </a>
  );
  if (!batch) {
    return (
      <>
        <nav>{back}</nav>
        {batch === undefined
          ? (failure ?? <p>Loading…</p>)
          : <p role="alert">There is no such file batch in this case, at least not for you.</p>}
      </>
    );
  }
  const { files, manifest } = batch;
  const found = shown.where.hash ? ' with this hash' : shown.where.text ? ' with this in the path' : '';
  return (
    <>
      <nav>{back}</nav>
      <h1 ref={heading} tabIndex={-1}>
        {batch.label}
      </h1>
      <p className="facts">File batch of the event “{batch.event.title}”</p>
      {manifest ? <Finished id={id} manifest={manifest} /> : (
        <p>
          <span className="state">not finished</span> The list of these files is not finished: more may be added, and
          nothing vouches for it yet.
        </p>
      )}
      <section aria-label="Files" className="page">
        <div className="heading">
          <h2 ref={listHeading} tabIndex={-1}>
            Files
          </h2>
          <p role="status" className="facts">
            <span>
              {fetching
                ? 'Reading…'
                : `${numbersOf(shown.page, files, 'files')}${counted(files.totalCount, 'file')}${found}`}
            </span>
            <span>times in {nameOfZone(zone)}</span>
          </p>
        </div>
        <search className="filters">
          <label className="long">
            Search: a part of the path, or a whole SHA-256, SHA-1 or MD5
            <input type="search" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
        </search>
        {failure}
        {files.nodes.length > 0 && <FileTable files={files.nodes} />}
        {files.nodes.length === 0 && !fetching && <p className="empty">{explainNone(shown, Boolean(found))}</p>}
        {(pages.length > 1 || files.pageInfo.hasNextPage) && (
          <div className="buttons">
            {pages.length > 1 && <button onClick={() => turnTo(pages.slice(0, -1))}>Previous files</button>}
            {files.pageInfo.hasNextPage && shown.page === page && (
              <button onClick={() => turnTo([...pages, nextOf(page, files)])}>More files</button>
            )}
          </div>
        )}
      </section>
    </>
  );
}

function explainNone({ batch, page }: Shown, isSearch: boolean): string {
  if (page.after) return 'No files are left here.';
  if (isSearch) return 'No file matches the search.';
  return batch?.manifest ? 'The list has no files.' : 'No files are on the list yet.';
}

/** What a finished manifest says of the files, and how to see whether it is true of a folder. */
function Finished({ id, manifest }: { id: string; manifest: NonNullable<Batch['manifest']> }) {
  const { zone } = useSession();
  const command = `dossier verify-files FOLDER --batch ${id}`;
  return (
    <>
      <p className="facts">
        <span>{counted(manifest.fileCount, 'file')}</span>
        <Size bytes={manifest.totalBytes} />
        <span>
          list finished{' '}
          <time dateTime={manifest.finishedAt} title={manifest.finishedAt}>
            {showClock(Date.parse(manifest.finishedAt), zone)}
          </time>{' '}
          by {nameOf(manifest.finishedBy)}
        </span>
      </p>
      <section aria-label="Verify" className="verify">
        <h2>Verify</h2>
        <p>
          The digest of the list, <code className="whole">{manifest.sha256}</code>{' '}
          <CopyButton text={manifest.sha256} what="the digest" />
        </p>
        <p className="hint">
          It is the SHA-256 of the list as <code>sha256sum</code> writes it, a line for each file, sorted by the bytes of
          the paths. This tells whether the files in a folder are those of the list:
        </p>
        <p>
          <code className="whole">{command}</code> <CopyButton text={command} what="the command" />
        </p>
      </section>
    </>
  );
}

/** The roles are those that the elements have anyway: some browsers forget them where the rows are stacked. */
function FileTable({ files }: { files: FileRow[] }) {
  const { zone } = useSession();
  return (
    <table role="table" className="files" aria-label="Files">
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">Path</th>
          <th role="columnheader" scope="col" className="size">Size</th>
          <th role="columnheader" scope="col">Last modified</th>
          <th role="columnheader" scope="col">SHA-256</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {files.map((file) => (
          <tr role="row" key={file.id}>
            <td role="cell">
              <Path path={file.path} />
              {file.pathBytes !== null && (
                <span className="hint" title={`In base64: ${file.pathBytes}`}>
                  {' '}
                  not UTF-8: some bytes are shown as \xNN
                </span>
              )}
            </td>
            <td role="cell" className="size">
              <Size bytes={file.size} />
            </td>
            <td role="cell">
              {file.modifiedAt === null ? (
                <span className="hint">not known</span>
              ) : (
                <time dateTime={file.modifiedAt} title={file.modifiedAt}>
                  {showMoment(file.modifiedAt, 'EXACT', zone)}
                </time>
              )}
            </td>
            <td role="cell" className="quiet">
              <CopyButton
                text={file.sha256} what="the SHA-256" of={file.path.split(NOT_SEEN).map(nameUnseen).join('')}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A path as it is: what can't be seen in it, or turns it around, is named. */
function Path({ path }: { path: string }) {
  return (
    <bdi className="path">
      {path.split(NOT_SEEN).map((part, index) =>
        index % 2 === 0 ? part : <span key={index} className="unseen">{nameUnseen(part, index)}</span>,
      )}
    </bdi>
  );
}

/** A part of a text that was split by what can't be seen: every second is that, and gets its name. */
const nameUnseen = (part: string, index: number) =>
  index % 2 === 0 ? part : `U+${part.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;

interface CopyButtonProps {
  text: string;
  what: string;
  /** What the text is of, where many are; the button then shows how the text begins. */
  of?: string;
}

function CopyButton({ text, what, of }: CopyButtonProps) {
  const { say } = useSession();
  const copy = async () => say((await isCopied(text)) ? `Copied ${what}.` : `This browser did not copy ${what}.`);
  if (of === undefined) return <button aria-label={`Copy ${what}`} onClick={copy}>Copy</button>;
  const begin = `${text.slice(0, 12)}…`;
  return (
    <button title={text} aria-label={`${begin} Copy ${what} of ${of}`} onClick={copy}>
      <code>{begin}</code>
    </button>
  );
}

/** Copies a text. Browsers keep `navigator.clipboard` from pages that came without TLS. */
async function isCopied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const put = (event: ClipboardEvent) => {
      event.clipboardData?.setData('text/plain', text);
      event.preventDefault();
    };
    document.addEventListener('copy', put, { once: true });
    const isDone = document.execCommand('copy');
    document.removeEventListener('copy', put);
    return isDone;
  }
}
