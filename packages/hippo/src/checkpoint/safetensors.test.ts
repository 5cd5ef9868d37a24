// Reading tensor files: every rule of the format that a damaged file can break, by hand and by chance.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../errors.ts';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';
import { checkAgainst } from './check-against.ts';
import { type ByteSource, memorySource, openSafetensors } from './safetensors.ts';
import { type FloatStorage, safetensorsPieces, type TensorToWrite } from './safetensors-writer.ts';

const toWrite = (name: string, value: HostTensor): TensorToWrite => ({ name, ...value, read: async () => value });

async function bytesOf(tensors: readonly TensorToWrite[], floats: FloatStorage = 'f32'): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of safetensorsPieces(tensors, { floats, metadata: { note: 'für später' } }))
    pieces.push(piece);
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** A file with this header over these bytes of data. */
function fileOf(header: string | object, data: readonly number[] = []): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const open = (bytes: Uint8Array) => openSafetensors(memorySource(bytes, 'model.safetensors'));
const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const failureOf = async (bytes: Uint8Array): Promise<unknown> => open(bytes).catch((error: unknown) => error);

/** Reads everything, and notes the longest range that was asked for. */
async function readAll(bytes: Uint8Array): Promise<{ longest: number; values: HostTensor[] }> {
  let longest = 0;
  const memory = memorySource(bytes);
  const source: ByteSource = {
    ...memory,
    read: (offset, length) => {
      longest = Math.max(longest, length);
      return memory.read(offset, length);
    },
  };
  const file = await openSafetensors(source);
  const values: HostTensor[] = [];
  for (const name of file.tensors.keys()) values.push(await file.read(name));
  return { longest, values };
}

const samples: readonly TensorToWrite[] = [
  toWrite('scalar', tensor([1.5], [])),
  toWrite('nothing', tensor([], [0, 3])),
  toWrite('odd', tensor([1, -2, 0.5], [3])),
  toWrite('whole', tensor(Int32Array.of(-1, 2 ** 31 - 1), [2, 1])),
  toWrite('keys', tensor(Uint32Array.of(0, 2 ** 32 - 1), [2])),
  toWrite('__proto__', tensor([Number.NaN, Number.NEGATIVE_INFINITY], [1, 2])),
];

describe('safetensors', () => {
  it.each(['f32', 'f16', 'bf16'] as const)('are read as they were written, floats stored as %s', async (floats) => {
    const file = await open(await bytesOf(samples, floats));
    expect([...file.tensors.keys()]).toEqual(samples.map(({ name }) => name));
    expect(file.metadata).toEqual({ format: 'pt', note: 'für später' });
    for (const { name, read } of samples) expect(await file.read(name)).toEqual(pick(await read()));
    expect(file.tensors.get('odd')).toMatchObject({ dtype: floats, shape: [3] });
  });

  it('of another writer are read', async () => {
    const bytes = await readFile(new URL('../../testdata/golden/h3-layer.safetensors', import.meta.url));
    const file = await open(bytes);
    const { data } = await file.read('u');
    expect([file.tensors.get('u')?.shape, data.length]).toEqual([[2, 64, 8], 1024]);
    const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
    const { u } = JSON.parse(bytes.toString('utf8', 8, dataStart)) as { u: { data_offsets: [number] } };
    const start = dataStart + u.data_offsets[0];
    expect([data[0], data[1023]]).toEqual([bytes.readFloatLE(start), bytes.readFloatLE(start + 4 * 1023)]);
    expect(JSON.parse(file.metadata.config ?? '')).toMatchObject({ d_state: 16 });
  });

  it('are read at any alignment, and in every storage type', async () => {
    const data = [
      7,
      ...[0x80],
      ...[1, 0],
      ...[0xfe, 0xff],
      ...new Uint8Array(Float64Array.of(0.1).buffer),
      ...new Uint8Array(BigInt64Array.of(-5n).buffer),
      ...[0, 0, 0x20, 0xc0],
      ...[0x00, 0x3c],
      ...[0x80, 0x3f],
    ];
    const file = await open(
      fileOf(
        {
          byte: entry('U8', [1], 0, 1),
          small: entry('I8', [], 1, 2),
          flags: entry('BOOL', [2], 2, 4),
          short: entry('I16', [1], 4, 6),
          double: entry('F64', [1], 6, 14),
          long: entry('I64', [1, 1], 14, 22),
          single: entry('F32', [1], 22, 26),
          half: entry('F16', [1], 26, 28),
          brain: entry('BF16', [1], 28, 30),
        },
        data,
      ),
    );
    const values: Record<string, unknown> = {};
    for (const name of file.tensors.keys()) values[name] = [...(await file.read(name)).data];
    expect(values).toEqual({
      byte: [7],
      small: [-128],
      flags: [1, 0],
      short: [-2],
      double: [Math.fround(0.1)],
      long: [-5],
      single: [-2.5],
      half: [1],
      brain: [1],
    });
  });

  const four = [0, 0, 0, 0];
  it.each<[string, Uint8Array, string]>([
    ['truncated', new Uint8Array(0), 'begins with 8 bytes of header length; got 0'],
    ['truncated', Uint8Array.of(2, 0, 0), 'got 3 bytes'],
    ['header-length', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b), 'got a length of 9'],
    ['header-length', new Uint8Array(16).fill(0xff), 'at most 104857600'],
    ['header-json', fileOf(''), 'must be JSON'],
    ['header-json', fileOf('{"a":'), 'must be JSON'],
    ['header-json', fileOf('[]'), 'must be a JSON object'],
    ['header-json', fileOf('null'), 'must be a JSON object'],
    ['header-json', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff), 'JSON in UTF-8'],
    [
      'duplicate-key',
      fileOf(
        '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\\u0061":{"dtype":"I32","shape":[],"data_offsets":[0,4]}}',
        four,
      ),
      'twice; got "a"',
    ],
    [
      'duplicate-key',
      fileOf('{"a":{"dtype":"F32","dtype":"I32","shape":[],"data_offsets":[0,4]}}', four),
      'twice; got "dtype"',
    ],
    ['metadata', fileOf({ __metadata__: { a: 1 } }), 'must map names to texts'],
    ['metadata', fileOf({ __metadata__: [] }), 'must map names to texts'],
    ['dtype', fileOf({ a: entry('F8_E4M3', [], 0, 1) }, [0]), 'got "F8_E4M3"'],
    ['dtype', fileOf({ a: entry('constructor', [], 0, 1) }, [0]), 'got "constructor"'],
    ['dtype', fileOf({ a: 3 }), 'got undefined'],
    ['shape', fileOf({ a: entry('F32', [-1], 0, 4) }, four), 'got [-1]'],
    ['shape', fileOf({ a: entry('F32', [1.5], 0, 4) }, four), 'got [1.5]'],
    ['shape', fileOf({ a: entry('F32', 1, 0, 4) }, four), 'got 1'],
    ['offsets', fileOf({ a: entry('F32', [1], 0, 8) }, four), 'got [0, 8]'],
    ['offsets', fileOf({ a: entry('F32', [1], 4, 0) }, four), 'got [4, 0]'],
    ['offsets', fileOf({ a: entry('F32', [1], -4, 0) }, four), 'got [-4,0]'],
    ['offsets', fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, four), 'two whole numbers'],
    ['size', fileOf({ a: entry('F32', [2], 0, 4) }, four), 'takes 8 bytes; its data_offsets hold 4'],
    ['size', fileOf({ a: entry('F32', [2 ** 50, 2 ** 50], 0, 4) }, four), 'its data_offsets hold 4'],
    ['overlap', fileOf({ a: entry('U8', [3], 0, 3), b: entry('U8', [2], 2, 4) }, four), '"b" overlaps "a"'],
    ['hole', fileOf({ a: entry('U8', [1], 0, 1), b: entry('U8', [2], 2, 4) }, four), '1 bytes between "a" and "b"'],
    ['hole', fileOf({ a: entry('U8', [1], 1, 2) }, [0, 0]), '1 bytes between "the header" and "a"'],
    ['hole', fileOf({ a: entry('U8', [1], 0, 1) }, four), 'end at byte'],
  ])('refuse a file that breaks the rule %s', async (code, bytes, sentence) => {
    const failure = await failureOf(bytes);
    expect(failure).toMatchObject({ name: 'CheckpointError', code });
    expect(String(failure)).toMatch(/^CheckpointError: model\.safetensors: /);
    expect(String(failure)).toContain(sentence);
  });

  it('refuse numbers that 32 bits cannot hold, and names that are not there', async () => {
    const big = await open(
      fileOf({ a: entry('I64', [1], 0, 8) }, [...new Uint8Array(BigInt64Array.of(2n ** 31n).buffer)]),
    );
    await expect(big.read('a')).rejects.toMatchObject({ code: 'integer-range' });
    const double = await open(
      fileOf({ a: entry('F64', [1], 0, 8) }, [...new Uint8Array(Float64Array.of(1e39).buffer)]),
    );
    await expect(double.read('a')).rejects.toMatchObject({ code: 'float-range' });
    await expect(double.read('b')).rejects.toMatchObject({ code: 'missing-tensor' });
    await expect(double.read('constructor')).rejects.toMatchObject({ code: 'missing-tensor' });
  });

  it('notice a source that ends early', async () => {
    const bytes = await bytesOf(samples);
    const file = await openSafetensors({
      name: 'shrinking',
      size: bytes.length,
      read: async (offset, length) => bytes.subarray(offset, Math.min(offset + length, bytes.length - 4)),
    });
    await expect(file.read('__proto__')).rejects.toMatchObject({ code: 'truncated' });
  });

  it('are read by range: the longest read is the header or a tensor, whatever was damaged', async () => {
    const bytes = await bytesOf(samples);
    const whole = await readAll(bytes);
    expect(whole.longest).toBeLessThan(bytes.length - 24);
    const damage = fc.tuple(
      fc.nat(bytes.length),
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(damage, async ([length, changes]) => {
        const damaged = bytes.slice(0, length);
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        try {
          const { longest, values } = await readAll(damaged);
          expect(longest).toBeLessThanOrEqual(length);
          for (const { data } of values) expect(data.length).toBeLessThanOrEqual(length);
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('writing', () => {
  it('begins the data at a multiple of eight bytes', async () => {
    const bytes = await bytesOf(samples);
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
  });

  it('refuses numbers that f16 cannot hold', async () => {
    const write = (value: number) => bytesOf([toWrite('a', tensor([value], [1]))], 'f16');
    await expect(write(65_520)).rejects.toMatchObject({ name: 'CheckpointError', code: 'float-range' });
    expect((await write(Number.POSITIVE_INFINITY)).slice(-2)).toEqual(Uint8Array.of(0, 0x7c));
    expect((await write(65_519)).slice(-2)).toEqual(Uint8Array.of(0xff, 0x7b));
  });

  it('refuses a tensor that is not as long as it said', async () => {
    const liar: TensorToWrite = { name: 'a', shape: [3], dtype: 'f32', read: async () => tensor([1, 2], [2]) };
    await expect(bytesOf([liar])).rejects.toMatchObject({ code: 'tensor-changed' });
  });

  it('refuses two tensors of one name', async () => {
    const [first = toWrite('a', tensor([1], [1]))] = samples;
    await expect(bytesOf([first, first])).rejects.toMatchObject({ code: 'duplicate-name' });
  });
});

describe('checkAgainst', () => {
  const source = {
    tensors: new Map([
      ['a.weight', { name: 'a.weight', dtype: 'f32', shape: [2, 3], bytes: 24 }],
      ['b.wieght', { name: 'b.wieght', dtype: 'f32', shape: [2], bytes: 8 }],
    ] as const),
  };
  const check = (expected: Record<string, readonly number[]>) => () =>
    checkAgainst(source, new Map(Object.entries(expected)), 'm.safetensors');

  it('accepts the same names and shapes', () => {
    expect(check({ 'b.wieght': [2], 'a.weight': [2, 3] })).not.toThrow();
  });

  it('lists what is missing, of another shape and unexpected, with near names', () => {
    expect(check({ 'a.weight': [3, 2], 'b.weight': [2] })).toThrow(
      'm.safetensors: the weights must be those of the config; "a.weight" is [2, 3] where the config makes it [3, 2]; "b.weight" is missing (the file has "b.wieght"); "b.wieght" is in no layer of the config.',
    );
    expect(check({})).toThrow(expect.objectContaining({ name: 'CheckpointError', code: 'weights-disagree' }));
  });

  it('lists at most eight', () => {
    const expected = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`layers.${i}.norm.weight`, [1]]));
    expect(check(expected)).toThrow(/"layers\.7\.norm\.weight" is missing; and 14 more\./);
  });
});

/** A tensor without the rest of what writing it takes. */
function pick({ shape, dtype, data }: HostTensor): HostTensor {
  return { shape, dtype, data };
}

it('gives numbers of their own, whatever place in its buffer a source reads into', async () => {
  const bytes = await bytesOf([toWrite('w', tensor([1, 2, 3], [3]))]);
  const memory = memorySource(bytes);
  const shifted: ByteSource = {
    ...memory,
    read: async (offset, length) => {
      const room = new Uint8Array(length + 1);
      room.set(await memory.read(offset, length), 1);
      return room.subarray(1);
    },
  };
  // `slice` of a Node buffer makes no copy.
  const view = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length);
  const views: ByteSource = { ...memory, read: async (offset, length) => view(await shifted.read(offset, length)) };
  for (const source of [memory, shifted, memorySource(view(bytes.slice())), views]) {
    const file = await openSafetensors(source);
    const first = await file.read('w');
    expect([...first.data]).toEqual([1, 2, 3]);
    first.data.fill(9);
    expect([...(await file.read('w')).data]).toEqual([1, 2, 3]);
  }
});
