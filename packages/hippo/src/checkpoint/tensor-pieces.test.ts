// Parts of tensors, from both file formats and through adapted sources: in order they are the whole, and damage is still noticed.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { tensor } from '../tensor/host-tensor.ts';
import { adaptSource } from './adapted-source.ts';
import { openPytorch } from './pytorch/open-pytorch.ts';
import * as write from './pytorch/pickle-writer.test-support.ts';
import { memorySource, openSafetensors, type TensorSource } from './safetensors.ts';
import { type FloatStorage, safetensorsPieces, type TensorToWrite } from './safetensors-writer.ts';
import { readElements, sameNumbers, tensorPieces } from './tensor-pieces.ts';

const testdata = new URL('../../testdata/', import.meta.url);
const pytorch = async (path: string) => openPytorch(memorySource(await readFile(new URL(path, testdata)), path));

async function bytesOf(tensors: readonly TensorToWrite[], floats: FloatStorage = 'f32'): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of safetensorsPieces(tensors, { floats })) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
const values = Float32Array.from({ length: 30 }, (_, i) => (i - 14) / 7);
const matrix: TensorToWrite = { name: 'w', shape: [5, 6], dtype: 'f32', read: async () => tensor(values, [5, 6]) };
const safetensors = async (floats: FloatStorage = 'f32') =>
  openSafetensors(memorySource(await bytesOf([matrix], floats), 'w.safetensors'));

async function inPieces(source: TensorSource, name: string, most: number): Promise<number[]> {
  const parts: number[] = [];
  for await (const piece of tensorPieces(source, name, most)) {
    expect(piece.length).toBeLessThanOrEqual(most);
    parts.push(...piece);
  }
  return parts;
}

describe('pieces in order are the tensor', () => {
  it.each(['f32', 'f16', 'bf16'] as const)('of a safetensors file in %s', async (floats) => {
    const source = await safetensors(floats);
    const whole = [...(await source.read('w')).data];
    for (const most of [1, 7, 30]) expect(await inPieces(source, 'w', most)).toEqual(whole);
  });

  it('of every view and element type that torch.save writes', async () => {
    const source = await pytorch('pytorch/views.pt');
    for (const name of source.tensors.keys())
      expect([name, await inPieces(source, name, 4)]).toEqual([name, [...(await source.read(name)).data]]);
    (await readElements(source, 'transposed', [0, 7])).fill(9);
    expect(await inPieces(source, 'transposed', 7)).toEqual([...(await source.read('transposed')).data]);
  });

  it('of a view with other strides are gathered once', async () => {
    const bytes = await readFile(new URL('pytorch/views.pt', testdata));
    let reads = 0;
    const counted = memorySource(bytes, 'views.pt');
    const read: typeof counted.read = (...range) => {
      reads++;
      return counted.read(...range);
    };
    const source = await openPytorch({ ...counted, read });
    reads = 0;
    await source.read('transposed');
    const once = reads;
    reads = 0;
    await inPieces(source, 'transposed', 2);
    expect(reads).toBe(once);
  });

  it('of a transposed matrix under another name', async () => {
    const adapted = adaptSource(await safetensors(), new Map([['turned', { stored: 'w', transposed: true }]]));
    expect(adapted.tensors.get('turned')).toMatchObject({ name: 'turned', shape: [6, 5], bytes: 120 });
    const expected = Array.from(values, (_, i) => values[(i % 5) * 6 + Math.floor(i / 5)]);
    expect([...(await adapted.read('turned')).data]).toEqual(expected);
    expect(await inPieces(adapted, 'turned', 7)).toEqual(expected);
    (await readElements(adapted, 'turned', [0, 7])).fill(9);
    expect(await inPieces(adapted, 'turned', 7)).toEqual(expected);
    await expect(adapted.read('w')).rejects.toMatchObject({ code: 'missing-tensor' });
  });

  it('of a source that only reads whole tensors are one piece', async () => {
    const { tensors, metadata, read } = await safetensors();
    const whole: TensorSource = { tensors, metadata, read };
    const sizes: number[] = [];
    for await (const piece of tensorPieces(whole, 'w', 7)) sizes.push(piece.length);
    expect(sizes).toEqual([30]);
    expect([...(await readElements(whole, 'w', [3, 5]))]).toEqual([...values.subarray(3, 5)]);
  });
});

describe('ranges', () => {
  it.each([
    [-1, 2],
    [2, 1],
    [0, 31],
    [Number.NaN, 3],
  ])('from %d to %d are not inside', async (begin, end) => {
    const torch = await pytorch('pytorch/views.pt');
    for (const [source, name] of [
      [await safetensors(), 'w'],
      [torch, 'rows'],
    ] as const)
      await expect(source.readRange?.(name, begin, end)).rejects.toMatchObject({ code: 'element-range' });
  });

  it('of a damaged storage fail with the last one when they are read in order', async () => {
    const storages = { 0: values };
    const bytes = write.checkpoint(
      write.dict(['w', write.tensorOf({ key: '0', elements: 30 }, { shape: [30] })]),
      storages,
    );
    const at = Buffer.from(bytes).indexOf(Buffer.from(values.buffer));
    bytes[at + 50] = (bytes[at + 50] ?? 0) ^ 1;
    const source = await openPytorch(memorySource(bytes, 'model.pt'));
    await expect(inPieces(source, 'w', 8)).rejects.toMatchObject({ code: 'checksum' });
    // From the middle on nothing can be said.
    expect((await readElements(source, 'w', [20, 30])).length).toBe(10);
    await expect(inPieces(source, 'w', 8)).rejects.toMatchObject({ code: 'checksum' });
  });
});

describe('writing in pieces', () => {
  const inParts = (lengths: readonly number[], change: Partial<TensorToWrite> = {}): TensorToWrite => ({
    ...matrix,
    async *pieces() {
      let at = 0;
      for (const length of lengths) {
        yield values.slice(at, at + length);
        at += length;
      }
    },
    ...change,
  });

  it.each(['f32', 'f16', 'bf16'] as const)('gives the bytes of the whole in %s', async (floats) => {
    expect(await bytesOf([inParts([1, 20, 9])], floats)).toEqual(await bytesOf([matrix], floats));
  });

  it('keeps a tensor in its own type', async () => {
    const source = await openSafetensors(memorySource(await bytesOf([inParts([30], { floats: 'f32' })], 'bf16')));
    expect(source.tensors.get('w')?.dtype).toBe('f32');
  });

  it.each([
    ['too few', [29]],
    ['too many', [30, 1]],
  ])('refuses %s numbers', async (_, lengths) => {
    const long = Float32Array.from({ length: 40 });
    const source = inParts(lengths);
    const pieces = async function* () {
      for (const length of lengths) yield long.subarray(0, length);
    };
    await expect(bytesOf([{ ...source, pieces }])).rejects.toMatchObject({ code: 'tensor-changed' });
  });

  it('names the element beyond f16 by its place in the tensor', async () => {
    const pieces = async function* () {
      yield values.subarray(0, 20);
      yield Float32Array.from({ length: 10 }, (_, i) => (i === 3 ? 1e6 : 0));
    };
    await expect(bytesOf([{ ...matrix, pieces }], 'f16')).rejects.toThrow('got 1000000 at element 23');
  });
});

describe('sameNumbers', () => {
  const source = async (last: number) =>
    openSafetensors(
      memorySource(
        await bytesOf([
          { ...matrix, name: 'a' },
          { ...matrix, name: 'b', read: async () => tensor([...values.subarray(0, 29), last], [5, 6]) },
          {
            ...matrix,
            name: 'c',
            shape: [30],
            read: async () => tensor([...values.subarray(0, 29), Number.NaN], [30]),
          },
        ]),
      ),
    );

  it('sees one number that differs, and takes NaN for itself', async () => {
    expect(await sameNumbers(await source(values[29] ?? 0), 'a', 'b')).toBe(true);
    expect(await sameNumbers(await source(7), 'a', 'b')).toBe(false);
    expect(await sameNumbers(await source(Number.NaN), 'b', 'c')).toBe(true);
    expect(await sameNumbers(await source(0), 'a', 'missing')).toBe(false);
  });
});
