// Sizes as people write them: 5GB, 500MB, 2GiB, 1000000.
import { UsageError } from 'hippo';

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** @param place the command and flag, for the sentence. @throws UsageError `option-value`. */
export function parseByteSize(text: string, place: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN));
  if (digits !== '' && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(
    'option-value',
    `${place}: must be a size above 0 in bytes, KB, MB, GB, KiB, MiB or GiB; got ${JSON.stringify(text)}. Write it like 5GB.`,
    { place, value: text },
  );
}
