/** Which page is shown and how: what stands in the address, the title, and the heading that has the focus. */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Zone } from './time';
import { mayLeave } from './unsaved';

let shown = window.location.hash;

function watchAddress(changed: () => void) {
  const follow = () => {
    // The address has changed already, by a link, by hand or by Back; whoever stays gets the old one again.
    if (!isAround(window.location.hash) && !mayLeave()) return window.history.pushState(null, '', shown || '#/');
    shown = window.location.hash;
    changed();
  };
  window.addEventListener('hashchange', follow);
  return () => window.removeEventListener('hashchange', follow);
}

/** Whether drafts stay as they are at an address: a case does below the files of its batches. */
const isAround = (hash: string) =>
  hash === shown || (placeOf(shown).caseId !== undefined && placeOf(hash).caseId === placeOf(shown).caseId);

/** Which case an address names, and which of its file batches, if it names any. */
export function placeOf(hash: string): { caseId?: string; batchId?: string } {
  const [, caseId, batchId] = /^#\/cases\/([^/]+)(?:\/batches\/([^/]+))?$/.exec(hash) ?? [];
  return { caseId, batchId };
}

/**
 * The page is named by the address behind `#`: `#/`, `#/cases/ID` or `#/cases/ID/batches/ID`. It changes only if no
 * draft is lost by that.
 */
export const useHash = () => useSyncExternalStore(watchAddress, () => shown);

/** The zone that times are shown in. The address remembers it before `#`: `?times=local`; without that it is UTC. */
export function useZone(hash: string) {
  const [zone, setZone] = useState<Zone>(window.location.search === '?times=local' ? 'local' : 'utc');
  useEffect(() => {
    const { pathname, search, hash: page } = window.location;
    const wanted = zone === 'local' ? '?times=local' : '';
    if (search !== wanted) window.history.replaceState(null, '', pathname + wanted + page);
  }, [zone, hash]);
  return [zone, setZone] as const;
}

/** Names the page, once its name is known, and returns a ref for its heading: the keyboard begins there. */
export function usePageTitle(title: string | null | undefined) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (title) document.title = `${title} · Dossier`;
  }, [title]);
  const isKnown = Boolean(title);
  useEffect(() => {
    if (isKnown) heading.current?.focus();
  }, [isKnown]);
  return heading;
}
