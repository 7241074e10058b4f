/** A batch as a stack of sheets seen from the side. Each sheet more is about twice the files: its size is logarithmic. */
export function Stack({ count }: { count: number }) {
  const sheets = count === 0 ? 0 : 1 + Math.round(Math.log2(count));
  return (
    <svg className="stack" width={2 * MOST_SHEETS} height="10" aria-hidden="true">
      {sheets === 0 && <rect className="none" x="0.5" y="0.5" width="5" height="9" />}
      {Array.from({ length: Math.min(sheets, MOST_SHEETS) }, (_, index) => (
        <rect key={index} x={2 * index} width="1.5" height="10" />
      ))}
    </svg>
  );
}

const MOST_SHEETS = 24; // some eight million files

export const filesIn = (count: number) => count.toLocaleString('en');
