import { expect, it } from 'vitest';
import { parseByteSize } from './byte-size.ts';

it.each([
  ['5GB', 5e9],
  ['500 mb', 5e8],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['40000', 40_000],
  ['64KiB', 65_536],
])('%s is %d bytes', (text, bytes) => {
  expect(parseByteSize(text, 'convert, --shard-size')).toBe(bytes);
});

it.each(['', '0', '-5GB', '5 gigabytes', '1e9', '0.1'])('refuses %j', (text) => {
  expect(() => parseByteSize(text, 'convert, --shard-size')).toThrow(
    `convert, --shard-size: must be a size above 0 in bytes, KB, MB, GB, KiB, MiB or GiB; got ${JSON.stringify(text)}.`,
  );
});
