/** Drafts that are saved nowhere yet, and the question before one is lost. */
import { useLayoutEffect, useState } from 'react';

const unsaved = new Set<object>();

/** Counts a form among the unsaved while its draft differs from what it began with. Returns how to end that at once. */
export function useUnsaved(isChanged: boolean): () => void {
  const [draft] = useState({});
  const forget = () => void unsaved.delete(draft);
  useLayoutEffect(() => {
    if (isChanged) unsaved.add(draft);
    return () => void unsaved.delete(draft);
  }, [draft, isChanged]);
  return forget;
}

export const hasUnsaved = () => unsaved.size > 0;

/** Whether the page may be left: when there is nothing to lose, or the user says so. */
export const mayLeave = () => !hasUnsaved() || window.confirm('What you typed is not saved yet. Leave and lose it?');

// Reloading and closing, where browsers ask in their own words.
window.addEventListener('beforeunload', (event) => {
  if (hasUnsaved()) event.preventDefault();
});
