import { counted } from './change';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A number of bytes to read; the title has it to the byte. */
export function Size({ bytes }: { bytes: number }) {
  return (
    <data value={bytes} title={counted(bytes, 'byte')}>
      {showSize(bytes)}
    </data>
  );
}

export function showSize(bytes: number): string {
  if (bytes < 1024) return counted(bytes, 'byte');
  let [size, unit] = [bytes / 1024, 0];
  // What would be rounded to 1,024.0 is 1.0 of the next.
  for (; size >= 1023.95 && unit < UNITS.length - 1; unit++) size /= 1024;
  return `${size.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })} ${UNITS[unit]}`;
}
