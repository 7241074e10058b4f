import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { Dialog } from './Dialog';
import { FORMATS, type Format, type Wanted, fetchExport, isReport, save } from './export';
import type { EventFilter } from './gql/graphql';
import { useSession } from './session';
import { showSize } from './Size';

interface ExportProps {
  row: { id: string; number: number };
  /** Which events are shown; nothing where all are. */
  where?: EventFilter;
}

/** A button that opens the ways to take a case out as a file. */
export function ExportButton(props: ExportProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button onClick={() => setOpen(true)}>Export</button>
      {isOpen && <ExportDialog {...props} onDone={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ row, where, onDone }: ExportProps & { onDone: () => void }) {
  const [format, setFormat] = useState<Format>('xlsx');
  const [isOfShown, setOfShown] = useState(false);
  const [hasHistory, setHasHistory] = useState(false);
  const { received, told, download, cancel } = useDownload(row.id, onDone);
  const downloadButton = useRef<HTMLButtonElement>(null);
  const progress = useRef<HTMLParagraphElement>(null);
  const isComing = received !== undefined;

  // What had the focus is disabled meanwhile; from there, the next thing is to cancel it.
  const wasComing = useRef(false);
  useEffect(() => {
    if (isComing) progress.current?.focus();
    else if (wasComing.current) downloadButton.current?.focus();
    wasComing.current = isComing;
  }, [isComing]);
  // Below another page this would be seen no longer, and would keep the keyboard from that.
  useEffect(() => {
    window.addEventListener('hashchange', onDone);
    return () => window.removeEventListener('hashchange', onDone);
  }, [onDone]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void download({ format, where: isOfShown ? where : undefined, history: hasHistory && isReport(format) });
  };
  const mayClose = () => {
    if (isComing) cancel();
    return !isComing;
  };
  const title = `Export case ${row.number}`;
  return (
    <Dialog label={title} mayClose={mayClose} onClose={onDone}>
      <form className="export" onSubmit={submit}>
        <h2>{title}</h2>
        <fieldset disabled={isComing}>
          <legend>Format</legend>
          {(Object.keys(FORMATS) as Format[]).map((each) => (
            <Choice
              key={each} name={FORMATS[each].name} about={FORMATS[each].about}
              type="radio" group="format" isChosen={each === format} onChoose={() => setFormat(each)}
            />
          ))}
        </fieldset>
        <fieldset disabled={isComing}>
          <legend>What is in it</legend>
          <Choice
            name="Only the events that are shown"
            about={where ? 'those that the search finds, on all pages' : 'nothing is searched for, so these are all'}
            type="checkbox" isChosen={isOfShown && where !== undefined} onChoose={setOfShown} isDisabled={!where}
          />
          <Choice
            name="With all changes" about="who changed what and when, at the end of a report"
            type="checkbox" isChosen={hasHistory && isReport(format)} onChoose={setHasHistory}
            isDisabled={!isReport(format)}
          />
        </fieldset>
        <div role="alert">{told && <p className={told.isFault ? 'fault' : undefined}>{told.sentence}</p>}</div>
        {isComing && (
          <p ref={progress} tabIndex={-1}>
            {received === 0 ? 'Waiting for the server…' : `Received ${showSize(received)} so far…`}
          </p>
        )}
        <div className="buttons">
          <button ref={downloadButton} className="primary" disabled={isComing}>
            Download
          </button>
          <button type="button" onClick={isComing ? cancel : onDone}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A download: how much of it there is while it comes, and what to tell when nothing came of it. */
function useDownload(caseId: string, onDone: () => void) {
  const [received, setReceived] = useState<number>();
  const [told, setTold] = useState<{ sentence: string; isFault: boolean }>();
  const running = useRef<AbortController>(undefined);
  const { send, say } = useSession();
  useEffect(() => () => running.current?.abort(), []);

  const download = async (wanted: Wanted) => {
    const { signal } = (running.current = new AbortController());
    say('');
    setTold(undefined);
    setReceived(0);
    const fetched = await fetchExport(send, caseId, wanted, (bytes) => !signal.aborted && setReceived(bytes), signal);
    if (signal.aborted) return;
    setReceived(undefined);
    if (fetched.fault !== undefined) return setTold({ sentence: fetched.fault, isFault: true });
    save(fetched.name, fetched.content);
    say(`Downloaded ${fetched.name}, ${showSize(fetched.content.size)}.`);
    onDone();
  };
  const cancel = () => {
    running.current?.abort();
    setReceived(undefined);
    setTold({ sentence: 'Cancelled: nothing was saved.', isFault: false });
  };
  return { received, told, download, cancel };
}

interface ChoiceProps {
  name: string;
  about: string;
  type: 'radio' | 'checkbox';
  group?: string;
  isChosen: boolean;
  isDisabled?: boolean;
  onChoose: (isChosen: boolean) => void;
}

/** A choice with a line on what it is. */
function Choice({ name, about, type, group, isChosen, isDisabled, onChoose }: ChoiceProps) {
  const id = useId();
  return (
    <label className="choice">
      <input
        type={type} name={group} checked={isChosen} disabled={isDisabled}
        aria-labelledby={`${id}-name`} aria-describedby={`${id}-about`}
        onChange={({ target: { checked } }) => onChoose(checked)}
      />
      <span id={`${id}-name`}>{name}</span>
      <span id={`${id}-about`} className="hint">
        {about}
      </span>
    </label>
  );
}
