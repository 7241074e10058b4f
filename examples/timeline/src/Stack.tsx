const MOST_SHEETS = 20; // for more than half a million files

/** A batch as a stack of sheets, seen from the side. One sheet more is twice the files: the size is logarithmic. */
export function Stack({ count }: { count: number }) {
  const sheets = count === 0 ? 0 : Math.min(1 + Math.round(Math.log2(count)), MOST_SHEETS);
  return (
    <svg className="stack" width={2 * MOST_SHEETS} height="9" aria-hidden="true">
      {sheets === 0 && <rect className="none" x="0.5" y="0.5" width="5" height="8" />}
      {Array.from({ length: sheets }, (_, index) => (
        <rect key={index} x={2 * index} width="1" height="9" />
      ))}
    </svg>
  );
}

export const filesIn = (count: number) => count.toLocaleString('en');
