/** Rows that stay in a list while a form is open on them, even when the server has them there no longer. */
import { useCallback, useEffect, useState } from 'react';
import { Whereabouts } from './operations';
import { useRead } from './session';

export type Hold<Row> = (row: Row) => () => void;

/** Returns the rows with those that are held and missing in their places, and a function that holds one. */
export function useKept<Row extends { id: string }>(rows: Row[], compare: (one: Row, other: Row) => number) {
  const [held, setHeld] = useState<Row[]>([]);
  const hold: Hold<Row> = useCallback((row) => {
    setHeld((now) => [...now, row]);
    return () => setHeld((now) => now.filter((each) => each !== row));
  }, []);
  const missing = held.filter((row) => !rows.some((each) => each.id === row.id));
  return { kept: [...rows, ...missing].sort(compare), missing, hold, isHolding: held.length > 0 };
}

/** Holds a row while a form is open on it. */
export function useHold<Row>(row: Row, isOpen: boolean, hold: Hold<Row>) {
  useEffect(() => (isOpen ? hold(row) : undefined), [row, isOpen, hold]);
}

/** Whether a row that is missing was deleted, or has but moved to another page. */
export function useIsDeleted(id: string, isMissing: boolean): boolean {
  const [{ data }] = useRead(Whereabouts, { id }, !isMissing);
  return isMissing && data?.node === null;
}

/** What to say of a row whose form is open, and which is missing. */
export const explainMissing = (what: string, isDeleted: boolean) =>
  isDeleted
    ? `This ${what} was deleted meanwhile, or is hidden from you now. What you typed is kept here until you cancel.`
    : `This ${what} is not among those shown here any more. What you typed is kept; it can still be saved.`;
