import { type ReactNode, useEffect, useRef, useState } from 'react';

interface DialogProps {
  label: string;
  /** Says whether Escape closes it at this time; it does unless this says no. */
  mayClose?: () => boolean;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog over the page, which stays as it is below. */
export function Dialog({ label, mayClose, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [opener] = useState(document.activeElement);
  useEffect(() => {
    dialog.current?.showModal();
    return () => (opener as HTMLElement | null)?.focus();
  }, [opener]);
  return (
    <dialog
      ref={dialog} aria-label={label} onClose={onClose}
      onCancel={(event) => mayClose && !mayClose() && event.preventDefault()}
    >
      {children}
    </dialog>
  );
}
