import { useEffect, useRef } from 'react';

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
