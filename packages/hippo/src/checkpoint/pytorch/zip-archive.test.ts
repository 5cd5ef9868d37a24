// The zip reader against archives with one field wrong each, and in every form that is legal.
import { describe, expect, it } from 'vitest';
import { memorySource } from '../safetensors.ts';
import { readZipEntries, readZipEntry } from './zip-archive.ts';
import { fields, joined, type ZipOptions, type ZipPart, zip } from './zip-writer.test-support.ts';

const parts: readonly ZipPart[] = [
  { name: 'a/first', data: Uint8Array.of(1, 2, 3) },
  { name: 'a/zweite', data: new Uint8Array(300).map((_, i) => i) },
  { name: 'a/leer', data: new Uint8Array(0) },
];

async function readAll(bytes: Uint8Array): Promise<Record<string, Uint8Array>> {
  const source = memorySource(bytes, 'model.pt');
  const entries = await readZipEntries(source);
  const read = [...entries].map(async ([name, entry]) => [name, await readZipEntry(source, entry)] as const);
  return Object.fromEntries(await Promise.all(read));
}

const codeOf = (bytes: Uint8Array): Promise<string> =>
  readAll(bytes).then(
    () => 'read',
    (error: { code?: string }) => error.code ?? String(error),
  );

/** The archive of one entry with these fields changed. */
const changed = (directory: ZipPart['directory'], local: ZipPart['local'] = {}, options: ZipOptions = {}) =>
  codeOf(zip([{ name: 'a/first', data: Uint8Array.of(1, 2, 3), directory: directory ?? {}, local }], options));

describe('zip archives', () => {
  const expected = Object.fromEntries(parts.map(({ name, data }) => [name, data]));

  it.each<[string, ZipOptions]>([
    ['plain', {}],
    ['as torch.save writes', { alignment: 64, descriptors: true, zip64End: true }],
    ['with zip64 fields', { zip64: true }],
    ['with zip64 fields, descriptors and alignment', { zip64: true, descriptors: true, alignment: 64 }],
    ['with a comment', { comment: 'from a friend' }],
    [
      'with a comment that holds the mark of an end record',
      { comment: 'PK\x05\x06, and what follows it is no record' },
    ],
    ['with bytes before the first entry', { before: new Uint8Array(10) }],
  ])('are read %s', async (_, options) => {
    expect(await readAll(zip(parts, options))).toEqual(expected);
  });

  it('give ranges of an entry, whose checksum only the whole tells', async () => {
    const source = memorySource(zip([{ ...(parts[1] as ZipPart), directory: { crc32: 1 } }]));
    const entry = (await readZipEntries(source)).get('a/zweite');
    if (!entry) throw new Error('no entry');
    expect([...(await readZipEntry(source, entry, { begin: 7, length: 2 }))]).toEqual([7, 8]);
    await expect(readZipEntry(source, entry)).rejects.toMatchObject({ name: 'CheckpointError', code: 'checksum' });
  });

  it('align data to 64 bytes where torch.save does', async () => {
    const bytes = zip([{ name: 'a/first', data: Uint8Array.of(7, 7, 7, 7) }], { alignment: 64 });
    expect([...bytes.subarray(64, 68)]).toEqual([7, 7, 7, 7]);
  });

  it.each<[string, ZipPart['directory'], string]>([
    ['compressed', { method: 8 }, 'compressed-entry'],
    ['encrypted', { flags: 1 }, 'encrypted-entry'],
    ['with two sizes', { stored: 2 }, 'entry-size'],
    ['longer than the file', { stored: 500, bytes: 500 }, 'entry-outside'],
    ['that begins outside the file', { offset: 0xfffffffe }, 'entry-outside'],
    ['in another part of the archive', { disk: 1 }, 'entry-outside'],
    ['of another checksum', { crc32: 0 }, 'checksum'],
    ['of another name in its own header', { name: 'a/other' }, 'entry-header'],
    ['of a smaller size than its own header says', { stored: 2, bytes: 2 }, 'entry-header'],
    ['with a full size and no zip64 field', { bytes: 0xffffffff }, 'zip-directory'],
    [
      'with a zip64 field that is too short',
      { bytes: 0xffffffff, extra: fields([2, 1], [2, 4], [4, 3]) },
      'zip-directory',
    ],
    ['with a field that reaches out', { bytes: 0xffffffff, extra: fields([2, 1], [2, 90], [8, 3]) }, 'zip-directory'],
    ['with a size beyond all numbers', { bytes: 0xffffffff, stored: 0xffffffff, extra: huge() }, 'entry-outside'],
  ])('refuse an entry %s', async (_, directory, code) => {
    expect(await changed(directory)).toBe(code);
  });

  it.each<[string, ZipPart['local'], string]>([
    ['compressed', { method: 8 }, 'entry-header'],
    ['encrypted', { flags: 1 }, 'entry-header'],
    ['of another size', { stored: 4, bytes: 4 }, 'entry-header'],
    ['of size zero and no descriptor', { stored: 0, bytes: 0 }, 'entry-header'],
    ['with fields that push the data into the directory', { extra: new Uint8Array(8) }, 'read'],
  ])("an entry's own header: %s", async (_, local, code) => {
    expect(await changed({}, local)).toBe(code);
  });

  it('refuse an entry that its own header pushes into the directory', async () => {
    const bytes = zip([{ name: 'a/first', data: Uint8Array.of(1, 2, 3) }]);
    bytes[28] = 1;
    expect(await codeOf(bytes)).toBe('entry-overlap');
  });

  it('refuse two entries of one name, and entries that overlap', async () => {
    const [first, second] = [
      { name: 'a', data: new Uint8Array(40) },
      { name: 'b', data: new Uint8Array(8) },
    ];
    expect(await codeOf(zip([first, { ...second, directory: { name: 'a' } }]))).toBe('duplicate-entry');
    expect(await codeOf(zip([first, { ...second, directory: { offset: 0 } }]))).toBe('entry-overlap');
    expect(await codeOf(zip([first, { ...second, directory: { offset: 60 } }]))).toBe('entry-overlap');
  });

  it('refuse an entry that begins at no header', async () => {
    const part = { name: 'a/first', data: Uint8Array.of(1, 2, 3), directory: { offset: 3 } };
    expect(await codeOf(zip([part], { before: new Uint8Array(4) }))).toBe('entry-header');
  });

  it('refuse names that are not UTF-8', async () => {
    const bytes = zip([{ name: 'aaaa', data: new Uint8Array(0) }]);
    bytes[34 + 46] = 0xff;
    expect(await codeOf(bytes)).toBe('zip-directory');
  });

  /** The archive with a field of its end record, at so many bytes from the end, changed. */
  const withEnd = (fromEnd: number, value: Uint8Array, options: ZipOptions = {}) => {
    const bytes = zip(parts, options);
    bytes.set(value, bytes.length - fromEnd);
    return codeOf(bytes);
  };

  it.each<[string, number, Uint8Array, ZipOptions, string]>([
    ['no mark', 22, Uint8Array.of(0), {}, 'not-zip'],
    ['a comment longer than the file', 2, fields([2, 5]), {}, 'not-zip'],
    ['another part', 18, fields([2, 1]), {}, 'zip-end'],
    ['more entries than there are', 14, fields([2, 4], [2, 4]), {}, 'zip-directory'],
    ['fewer entries than there are', 14, fields([2, 2], [2, 2]), {}, 'zip-directory'],
    ['a directory that reaches past it', 10, fields([4, 0x7fffffff]), {}, 'zip-size'],
    ['a directory behind it', 6, fields([4, 0x7fffffff]), {}, 'zip-end'],
    ['full fields and no zip64 record', 14, fields([2, 0xffff], [2, 0xffff]), {}, 'zip-end'],
    ['another number of entries than the zip64 record', 14, fields([2, 2], [2, 2]), { zip64End: true }, 'zip-end'],
    ['a zip64 record elsewhere', 34, fields([8, 3]), { zip64End: true }, 'zip-end'],
    ['a zip64 record beyond all numbers', 34, new Uint8Array(8).fill(0xff), { zip64End: true }, 'zip-end'],
    ['a million entries and more', 74, fields([8, 1e7], [8, 1e7]), { zip64: true }, 'zip-size'],
    ['a zip64 record of another part', 82, fields([4, 1]), { zip64: true }, 'zip-end'],
  ])('refuse an end record with %s', async (_, fromEnd, value, options, code) => {
    expect(await withEnd(fromEnd, value, options)).toBe(code);
  });

  it('say where, what was got, and what to do', async () => {
    await expect(
      readAll(zip([{ name: 'a/first', data: new Uint8Array(0), directory: { method: 8 } }])),
    ).rejects.toThrow(
      'model.pt: entry "a/first" must be stored as it is, as torch.save does; it is compressed (method 8). Unpack the archive and pack it again without compression (zip -0), or save it again with torch.save.',
    );
  });

  it.each([0, 1, 21, 22, 40])('refuse %i bytes of nothing', async (length) => {
    expect(await codeOf(new Uint8Array(length))).toBe('not-zip');
  });
});

/** A zip64 field whose sizes are the largest number of 64 bits. */
function huge(): Uint8Array {
  return joined(fields([2, 1], [2, 16]), new Uint8Array(16).fill(0xff));
}
