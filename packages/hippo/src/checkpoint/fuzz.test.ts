// Damaged files by the thousand: whatever happened to a file, it gives tensors that can be read or a CheckpointError that says why
// not; no other error, no endless loop, and no read or array beyond what the file itself could fill.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../errors.ts';
import { openPytorch } from './pytorch/open-pytorch.ts';
import { asTorchWrites } from './pytorch/pickle-writer.test-support.ts';
import { largestExpanded } from './pytorch/torch-tensors.ts';
import { readZipEntries, readZipEntry } from './pytorch/zip-archive.ts';
import { joined, zip } from './pytorch/zip-writer.test-support.ts';
import { type ByteSource, memorySource, openSafetensors, type TensorSource } from './safetensors.ts';

const testdata = new URL('../../testdata/', import.meta.url);
const bytesOf = async (path: string) => new Uint8Array(await readFile(new URL(path, testdata)));

type Damage =
  | { readonly kind: 'bit'; readonly at: number; readonly bit: number }
  | { readonly kind: 'byte'; readonly at: number; readonly value: number }
  | { readonly kind: 'number'; readonly at: number; readonly size: 2 | 4 | 8; readonly value: bigint }
  | { readonly kind: 'add'; readonly at: number; readonly change: number }
  | { readonly kind: 'cut'; readonly at: number }
  | {
      readonly kind: 'splice';
      readonly at: number;
      readonly from: number;
      readonly length: number;
      readonly removed: number;
    };

/** Numbers that a length or a place in a file could wrongly be. */
const badLengths = [0n, 1n, 0x7fn, 0xffn, 0xffffn, 0x7fffffffn, 0xffffffffn, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

function damages(length: number): fc.Arbitrary<readonly Damage[]> {
  const at = fc.nat(length - 1);
  return fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('bit' as const), at, bit: fc.nat(7) }),
      fc.record({ kind: fc.constant('byte' as const), at, value: fc.nat(255) }),
      fc.record({
        kind: fc.constant('number' as const),
        at,
        size: fc.constantFrom(2 as const, 4 as const, 8 as const),
        value: fc.oneof(fc.constantFrom(...badLengths), fc.bigInt({ min: 0n, max: BigInt(2 * length) })),
      }),
      fc.record({ kind: fc.constant('add' as const), at, change: fc.integer({ min: -9, max: 9 }) }),
      { arbitrary: fc.record({ kind: fc.constant('cut' as const), at }), weight: 1 },
      fc.record({
        kind: fc.constant('splice' as const),
        at,
        from: at,
        length: fc.nat(64),
        removed: fc.nat(64),
      }),
    ),
    { minLength: 1, maxLength: 3 },
  );
}

function damaged(whole: Uint8Array, changes: readonly Damage[]): Uint8Array {
  let bytes: Uint8Array = whole.slice();
  for (const change of changes) {
    const at = Math.min(change.at, Math.max(0, bytes.length - 8));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (change.kind === 'cut') bytes = bytes.slice(0, at);
    else if (change.kind === 'splice') {
      const piece = bytes.slice(change.from, change.from + change.length);
      bytes = joined(bytes.subarray(0, at), piece, bytes.subarray(at + change.removed));
    } else if (bytes.length < 8) continue;
    else if (change.kind === 'bit') view.setUint8(at, view.getUint8(at) ^ (1 << change.bit));
    else if (change.kind === 'byte') view.setUint8(at, change.value);
    else if (change.kind === 'add') view.setUint8(at, view.getUint8(at) + change.change);
    else if (change.size === 2) view.setUint16(at, Number(BigInt.asUintN(16, change.value)), true);
    else if (change.size === 4) view.setUint32(at, Number(BigInt.asUintN(32, change.value)), true);
    else view.setBigUint64(at, change.value, true);
  }
  return bytes;
}

interface Outcome {
  /** The code of the error, or `read`. */
  readonly outcome: string;
  /** Bytes. */
  readonly longestRead: number;
  readonly largestTensor: number;
}

/** Opens a file and reads everything in it. Errors that are no CheckpointError pass. */
async function outcomeOf(open: (source: ByteSource) => Promise<TensorSource>, bytes: Uint8Array): Promise<Outcome> {
  let [longestRead, largestTensor] = [0, 0];
  const memory = memorySource(bytes);
  const source: ByteSource = {
    ...memory,
    read: (offset, length) => {
      longestRead = Math.max(longestRead, length);
      if (!(offset >= 0 && length >= 0)) throw new RangeError(`read of ${length} at ${offset}`);
      return memory.read(offset, length);
    },
  };
  const result = (outcome: string) => ({ outcome, longestRead, largestTensor });
  try {
    const file = await open(source);
    for (const [name, { shape }] of file.tensors) {
      const { data } = await file.read(name);
      largestTensor = Math.max(largestTensor, data.byteLength);
      expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
    }
    return result('read');
  } catch (error) {
    if (error instanceof CheckpointError) return result(error.code);
    throw error;
  }
}

/** Runs `count` damaged files and gives how often each outcome came. */
async function fuzz(
  open: (source: ByteSource) => Promise<TensorSource>,
  {
    whole,
    make,
    count,
    most,
  }: { whole: Uint8Array; make?: (part: Uint8Array) => Uint8Array; count: number; most: number },
): Promise<ReadonlyMap<string, number>> {
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(damages(whole.length), async (changes) => {
      const part = damaged(whole, changes);
      const bytes = make ? make(part) : part;
      const { outcome, longestRead, largestTensor } = await outcomeOf(open, bytes);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      expect(longestRead).toBeLessThanOrEqual(bytes.length);
      // Elements of one byte become four bytes in memory.
      expect(largestTensor).toBeLessThanOrEqual(4 * Math.max(bytes.length, most));
    }),
    { numRuns: count },
  );
  return outcomes;
}

describe('damaged files are read or refused', () => {
  it.each([
    ['1,000 of a .pt', 'pytorch/views.pt', openPytorch, 1000, largestExpanded],
    ['1,000 of a .ckpt', 'pytorch/lightning.ckpt', openPytorch, 1000, largestExpanded],
    ['100 of a large .ckpt', 'golden/h3-lm-tiny.legacy.ckpt', openPytorch, 100, largestExpanded],
    ['1,000 of a .safetensors', 'golden/h3-layer-zoh-inv.safetensors', openSafetensors, 1000, 0],
  ] as const)('%s', async (_, path, open, count, most) => {
    const whole = await bytesOf(path);
    expect(await outcomeOf(open, whole)).toMatchObject({ outcome: 'read' });
    const outcomes = await fuzz(open, { whole, count, most });
    // The damage must not always hit the first rule.
    expect(outcomes.size).toBeGreaterThan(count < 1000 ? 1 : 5);
  });

  it.each([
    ['2,000 pickles of a .pt, under a checksum that fits', 'pytorch/views.pt'],
    ['2,000 pickles of a .ckpt, under a checksum that fits', 'pytorch/lightning.ckpt'],
    ['1,000 pickles of protocol 4, under a checksum that fits', 'pytorch/protocol-4.pt'],
  ])('%s', async (name, path) => {
    const source = memorySource(await bytesOf(path));
    const entries = await readZipEntries(source);
    const parts = await Promise.all(
      [...entries].map(async ([entry, place]) => ({ name: entry, data: await readZipEntry(source, place) })),
    );
    const whole = parts.find((part) => part.name.endsWith('data.pkl'))?.data ?? new Uint8Array(0);
    const make = (data: Uint8Array) =>
      zip(
        parts.map((part) => (part.name.endsWith('data.pkl') ? { ...part, data } : part)),
        asTorchWrites,
      );
    expect(await outcomeOf(openPytorch, make(whole))).toMatchObject({ outcome: 'read' });
    const count = name.startsWith('1') ? 1000 : 2000;
    const outcomes = await fuzz(openPytorch, { whole, make, count, most: largestExpanded });
    expect(outcomes.size).toBeGreaterThan(5);
    expect([...outcomes.keys()].some((code) => code.startsWith('pickle-'))).toBe(true);
  });
});
