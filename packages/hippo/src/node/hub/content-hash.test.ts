// Hashes against values that git and sha256sum give.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileHash } from './content-hash.ts';

it("is git's blob id for 40 digits, and SHA-256 for 64", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hippo-hash-'));
  const path = join(folder, 'file');
  await writeFile(path, '{}');
  expect(await fileHash(path, { like: '0'.repeat(40), size: 2 })).toBe('9e26dfeeb6e641a33dae4961196235bdb965b21b');
  expect(await fileHash(path, { like: '0'.repeat(64), size: 2 })).toBe(
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  );
  await rm(folder, { recursive: true });
});
