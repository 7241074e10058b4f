/** Pages of a list that is read by cursors. */

/** A page: the cursor behind which it begins, and what was known when it was turned to. */
export interface Page {
  after?: string;
  /** How many rows come before it, out of how many. */
  before?: number;
  total: number;
}
export const FIRST: Page = { before: 0, total: 0 };

interface Rows {
  nodes: unknown[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

/** How many rows come before a page. Once there are more or fewer than when it was turned to, nobody knows. */
export function countBefore({ after, before, total }: Page, { nodes, totalCount, pageInfo }: Rows) {
  if (!after) return 0;
  if (!pageInfo.hasNextPage) return totalCount - nodes.length;
  return total === totalCount ? before : undefined;
}

/** The page behind a page. */
export function nextOf(page: Page, rows: Rows): Page {
  const before = countBefore(page, rows);
  return {
    after: rows.pageInfo.endCursor ?? undefined,
    before: before === undefined ? undefined : before + rows.nodes.length,
    total: rows.totalCount,
  };
}

/** Which rows a page has, such as `events 101 to 200 of `; nothing where it has them all, or none. */
export function numbersOf(page: Page, rows: Rows, many: string): string {
  const [before, count] = [countBefore(page, rows), rows.nodes.length];
  if (count === 0 || count === rows.totalCount) return '';
  const numbers = (number: number) => number.toLocaleString('en');
  return before === undefined
    ? `${numbers(count)} of `
    : `${many} ${numbers(before + 1)} to ${numbers(before + count)} of `;
}
