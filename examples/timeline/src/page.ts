/** Which page is shown and how: what stands in the address, the title, and the heading that has the focus. */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Zone } from './time';
import { mayLeave } from './unsaved';

let shown = window.location.hash;

function watchAddress(changed: () => void) {
  const follow = () => {
    // The address has changed already, by a link, by hand or by Back; whoever stays gets the old one again.
    if (window.location.hash !== shown && !mayLeave()) return window.history.pushState(null, '', shown || '#/');
    shown = window.location.hash;
    changed();
  };
  window.addEventListener('hashchange', follow);
  return () => window.removeEventListener('hashchange', follow);
}

/** The page is named by the address behind `#`: `#/` or `#/cases/ID`. It changes only if no draft is lost by that. */
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
