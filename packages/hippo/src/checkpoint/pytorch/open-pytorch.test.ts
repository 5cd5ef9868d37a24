// Checkpoints of PyTorch from end to end: files that torch.save wrote, archives made here with one thing wrong, and what is the weights.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { HostTensor } from '../../tensor/host-tensor.ts';
import { type ByteSource, memorySource, openSafetensors, type TensorSource } from '../safetensors.ts';
import { openPytorch } from './open-pytorch.ts';
import * as write from './pickle-writer.test-support.ts';
import { joined, type ZipPart, zip } from './zip-writer.test-support.ts';

const testdata = new URL('../../../testdata/', import.meta.url);
const open = async (path: string) => openPytorch(memorySource(await readFile(new URL(path, testdata)), path));
const openBytes = (bytes: Uint8Array) => openPytorch(memorySource(bytes, 'model.pt'));
const openValue = (value: write.Opcodes, storages: write.Storages = {}) => openBytes(write.checkpoint(value, storages));
const failureOf = (opened: Promise<unknown>): Promise<{ name?: string; code?: string; message?: string }> =>
  opened.then(
    () => ({}),
    (error: { name: string; code: string; message: string }) => error,
  );

/** Shape and a digest of the bytes, which says in a short line whether two tensors have the same bits. */
const bitsOf = ({ shape, data }: HostTensor) => `${shape.join('×')} ${createHash('sha256').update(data).digest('hex')}`;

async function bitsByName({ tensors, read }: TensorSource): Promise<Map<string, string>> {
  return new Map(await Promise.all([...tensors.keys()].map(async (name) => [name, bitsOf(await read(name))] as const)));
}

async function goldenBits(name: string) {
  const bytes = await readFile(new URL(`golden/${name}.safetensors`, testdata));
  return bitsByName(await openSafetensors(memorySource(bytes, name)));
}

describe('checkpoints of the official implementation', () => {
  it.each(['h3-lm-tiny', 'h3-lm-tiny-rotary', 'h3-lm-pure'])(
    '%s.pt has the bits of the safetensors file',
    async (name) => {
      const found = await bitsByName(await open(`golden/${name}.pt`));
      const expected = await goldenBits(name);
      expect(found.size).toBe(expected.size + 1);
      expect(found.get('lm_head.weight')).toBe(expected.get('backbone.embeddings.word_embeddings.weight'));
      found.delete('lm_head.weight');
      expect(found).toEqual(expected);
    },
  );

  it('h3-lm-tiny.legacy.ckpt has the same bits under older names, and tells what Lightning wrote', async () => {
    const file = await open('golden/h3-lm-tiny.legacy.ckpt');
    const found = await bitsByName(file);
    const expected = await goldenBits('h3-lm-tiny');
    // Only norms have moved to other places; which place is the business of whoever knows the model.
    const norm = /\.(norm\d|ln_f|norm)\.(weight|bias)$/;
    const renamed = [...found].map(([name, bits]) => {
      const inner = name.replace(/^model\.s4seq\.encoder\./, 'backbone.');
      return [inner.replace(/^model\.embedding\./, 'backbone.embeddings.word_embeddings.'), bits] as const;
    });
    const tied = expected.get('backbone.embeddings.word_embeddings.weight') ?? '';
    expected.set('model.lm_head.weight', tied);
    expect(new Map(renamed.filter(([name]) => !norm.test(name)))).toEqual(
      new Map([...expected].filter(([name]) => !norm.test(name))),
    );
    expect([...found.values()].sort()).toEqual([...expected.values()].sort());
    expect(file.metadata).toEqual({ 'pytorch-lightning_version': '1.8.6', epoch: '0', global_step: '0' });
  });
});

describe('what torch.save writes', () => {
  const values = Array.from({ length: 24 }, (_, i) => i);

  it('of views: transposed, sliced, expanded, and every element type', async () => {
    const file = await open('pytorch/views.pt');
    const expected: Readonly<Record<string, readonly [dtype: string, shape: number[], data: number[]]>> = {
      rows: ['f32', [2, 3, 4], values],
      transposed: ['f32', [4, 2, 3], values.map((_, i) => (i % 6) * 4 + Math.floor(i / 6))],
      column: ['f32', [2], [6, 18]],
      steps: ['f32', [5], [3, 8, 13, 18, 23]],
      expanded: ['f32', [3, 2], [12, 13, 12, 13, 12, 13]],
      scalar: ['f32', [], [23]],
      empty: ['f32', [0, 3], []],
      half: ['f16', [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]],
      bf16: ['bf16', [3], [1, -2.5, 3.00405527047391e38]],
      double: ['f64', [1], [Math.fround(Math.fround(0.1))]],
      long: ['i64', [3], [-2, 0, 2]],
      int: ['i32', [6], [-3, -2, -1, 0, 1, 2]],
      short: ['i16', [6], [-3, -2, -1, 0, 1, 2]],
      char: ['i8', [6], [-3, -2, -1, 0, 1, 2]],
      byte: ['u8', [2], [0, 255]],
      bool: ['bool', [2], [1, 0]],
      parameter: ['f32', [3], [0.5, 0.5, 0.5]],
    };
    expect([...file.tensors.keys()]).toEqual(Object.keys(expected));
    for (const [name, [dtype, shape, data]] of Object.entries(expected)) {
      expect(file.tensors.get(name)).toMatchObject({ name, dtype, shape });
      const tensor = await file.read(name);
      expect([name, tensor.shape, [...tensor.data]]).toEqual([name, shape, data.map(Math.fround)]);
    }
    expect(file.tensors.get('half')?.bytes).toBe(24);
  });

  it('with Lightning: the state dict, tied weights under both names, and scalars by path', async () => {
    const file = await open('pytorch/lightning.ckpt');
    expect([...file.tensors.keys()]).toEqual(['first.weight', 'first.bias', 'second.weight', 'second.bias']);
    for (const name of ['first.weight', 'second.weight'])
      expect([...(await file.read(name)).data]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...(await file.read('second.bias')).data]).toEqual([-0.5, -0.5, -0.5]);
    expect(file.metadata).toEqual({
      epoch: '3',
      global_step: '1200',
      'pytorch-lightning_version': '1.8.6',
      'callbacks.ModelCheckpoint.best_model_path': 'runs/best.ckpt',
      hparams_name: 'config',
      'hyper_parameters.lr': '0.001',
      'hyper_parameters.use_bias': 'true',
      'hyper_parameters.optimizer.name': 'adamw',
      'hyper_parameters.optimizer."weight.decay"': '0.1',
      'args.width': '32',
      'args.name': 'tiny',
      device: 'cuda:0',
      seed: '1099511627776',
    });
  });

  it('with protocol 4', async () => {
    const [four, two] = [await open('pytorch/protocol-4.pt'), await open('pytorch/lightning.ckpt')];
    expect(await bitsByName(four)).toEqual(await bitsByName(two));
    expect(four.metadata).toEqual({});
  });

  it('before 1.6, and the tar files before that, are refused, saying how to save them again', async () => {
    expect(await failureOf(open('pytorch/before-1.6.pt'))).toMatchObject({
      name: 'CheckpointError',
      code: 'old-format',
      message:
        'pytorch/before-1.6.pt: the file must be a zip archive; got the format of PyTorch before 1.6. In Python, save it again in the format of PyTorch 1.6 and later: torch.save(torch.load(path, map_location="cpu"), path).',
    });
    const tar = new Uint8Array(1024);
    tar.set(new TextEncoder().encode('ustar'), 257);
    expect(await failureOf(openBytes(tar))).toMatchObject({ code: 'tar-format' });
    expect(await failureOf(openBytes(new Uint8Array(1024)))).toMatchObject({ code: 'not-zip' });
  });
});

const four = Float32Array.of(1, 2, 3, 4);
const weight = write.tensorOf({ key: '0', elements: 4 }, { shape: [2, 2] });
const other = write.tensorOf({ key: '0', elements: 4 }, { shape: [4] });
const names = async (value: write.Opcodes) => [...(await openValue(value, { 0: four })).tensors.keys()];

describe('the weights of a checkpoint', () => {
  it.each<[string, write.Opcodes, string[]]>([
    ['the top', write.orderedDict(['a.weight', weight], ['a.bias', other]), ['a.weight', 'a.bias']],
    ['state_dict', write.dict(['state_dict', write.dict(['a', weight])], ['epoch', write.int(1)]), ['a']],
    ['model', write.dict(['model', write.dict(['a', weight])], ['optimizer', write.list(other)]), ['a']],
    ['the only dict of tensors', write.dict(['weights', write.dict(['a', weight])], ['step', write.int(1)]), ['a']],
    ['state_dict beside a tensor', write.dict(['best', other], ['state_dict', write.dict(['a', weight])]), ['a']],
    [
      'model beside another dict',
      write.dict(['ema', write.dict(['b', other])], ['model', write.dict(['a', weight])]),
      ['a'],
    ],
    [
      'model beside an empty state_dict',
      write.dict(['state_dict', write.dict()], ['model', write.dict(['a', weight])]),
      ['a'],
    ],
    [
      'dicts and lists inside',
      write.dict([
        'model',
        write.dict(['a', write.dict(['w', weight])], ['b', write.list(other, write.tuple(weight))], ['n', write.none]),
      ]),
      ['a.w', 'b.0', 'b.1.0'],
    ],
  ])('%s', async (_, value, expected) => {
    expect(await names(value)).toEqual(expected);
  });

  it.each<[string, write.Opcodes, string]>([
    ['a tensor alone', weight, 'no-weights'],
    ['a list', write.list(weight), 'no-weights'],
    ['no tensors', write.dict(['epoch', write.int(1)], ['state_dict', write.dict()]), 'no-weights'],
    ['tensors in a list only', write.dict(['optimizer', write.list(weight)]), 'no-weights'],
    [
      'one name twice',
      write.dict(['model', write.dict(['a.b', weight], ['a', write.dict(['b', other])])]),
      'duplicate-name',
    ],
  ])('refused: %s', async (_, value, code) => {
    expect(await failureOf(openValue(value, { 0: four }))).toMatchObject({ name: 'CheckpointError', code });
  });

  it.each<[string, write.Opcodes, string]>([
    [
      'state_dict and model',
      write.dict(['state_dict', write.dict(['a', weight])], ['model', write.dict(['a', weight], ['b', other])]),
      '"state_dict" of 1 and "model" of 2',
    ],
    [
      'the top and an entry',
      write.dict(['a', weight], ['ema', write.dict(['a', weight])]),
      '"ema" of 1 and "(the top)" of 2',
    ],
    [
      'two entries',
      write.dict(['generator', write.dict(['a', weight])], ['critic', write.dict(['a', weight])]),
      '"generator" of 1 and "critic" of 1',
    ],
  ])('refused, naming the candidates: %s', async (_, value, candidates) => {
    expect(await failureOf(openValue(value, { 0: four }))).toMatchObject({
      code: 'ambiguous-weights',
      message: `model.pt: one dict must be the weights; got ${candidates}. In Python, save the one that you mean: torch.save(torch.load(path)["NAME"], path).`,
    });
  });

  it('refused: a dict that holds itself, and lists that hold each other without end', async () => {
    // } BINPUT 0, its item "model" is BINGET 0.
    const itself = Uint8Array.of(0x7d, 0x71, 0, ...write.text('model'), 0x68, 0, 0x73);
    expect(await failureOf(openValue(itself))).toMatchObject({ code: 'too-deep' });
    // Each list holds the one before it (BINGET 0) twice and is remembered in its place.
    const before = Uint8Array.of(0x68, 0);
    const remembered = (list: write.Opcodes) => joined(list, Uint8Array.of(0x71, 0));
    const doubled = Array.from({ length: 40 }, (_, i) => {
      return [write.int(i), remembered(i === 0 ? write.list() : write.list(before, before))] as const;
    });
    const lists = write.dict(['model', write.dict(...doubled)]);
    expect(await failureOf(openValue(lists))).toMatchObject({ code: 'too-many-values' });
  });

  it('refused: names that grow without end, and one dict under many names', async () => {
    const key = joined(write.text('k'.repeat(10_000)), Uint8Array.of(0x71, 0));
    const before = Uint8Array.of(0x68, 1);
    const remembered = (dict: write.Opcodes) => joined(dict, Uint8Array.of(0x71, 1));
    const deep = Array.from({ length: 40 }, (_, i) => {
      const [one, two] = [Uint8Array.of(0x68, 0), write.int(i)];
      return [
        write.int(i),
        remembered(i === 0 ? write.dict([key, write.int(1)]) : write.dict([one, before], [two, before])),
      ] as const;
    });
    const paths = write.dict(['state_dict', write.dict(['w', weight])], ['args', write.dict(...deep)]);
    expect(await failureOf(openValue(paths, { 0: four }))).toMatchObject({ code: 'too-many-values' });
    const numbers = Array.from({ length: 30_000 }, (_, i) => [write.int(i), write.none] as const);
    const shared = write.dict(
      ['0', remembered(write.dict(...numbers, ['w', weight]))],
      ...numbers.map((_, i) => [`${i + 1}`, before] as const),
    );
    expect(await failureOf(openValue(shared, { 0: four }))).toMatchObject({
      code: 'ambiguous-weights',
      message: expect.stringMatching(/^.{200,600}$/),
    });
  });

  it('has names and metadata of any text', async () => {
    const file = await openValue(write.dict(['__proto__', weight], ['constructor', write.text('x')]), { 0: four });
    expect([...file.tensors.keys()]).toEqual(['__proto__']);
    expect(Object.entries(file.metadata)).toEqual([['constructor', 'x']]);
    expect([...(await file.read('__proto__')).data]).toEqual([1, 2, 3, 4]);
    expect(await failureOf(file.read('toString'))).toMatchObject({ code: 'missing-tensor' });
  });
});

describe('tensors of a checkpoint', () => {
  const view = (shape: number[], strides: number[], offset = 0) =>
    openValue(write.dict(['w', write.tensorOf({ key: '0', elements: 4 }, { shape, strides, offset })]), { 0: four });

  it.each<[string, number[], number[], number, number[]]>([
    ['transposed', [2, 2], [1, 2], 0, [1, 3, 2, 4]],
    ['the end of the storage', [3], [1], 1, [2, 3, 4]],
    ['every second one', [2], [2], 1, [2, 4]],
    ['repeated', [2, 3], [1, 0], 2, [3, 3, 3, 4, 4, 4]],
    ['repeated as a whole', [2, 2], [0, 0], 3, [4, 4, 4, 4]],
    ['one, of any strides', [1, 1], [9, 7], 2, [3]],
    ['nothing, wherever it is', [0, 9], [99, 99], 4, []],
    ['without axes', [], [], 1, [2]],
    ['windows that overlap', [3, 2], [1, 1], 0, [1, 2, 2, 3, 3, 4]],
  ])('%s', async (_, shape, strides, offset, expected) => {
    const { shape: found, data } = await (await view(shape, strides, offset)).read('w');
    expect([found, [...data]]).toEqual([shape, expected]);
  });

  it.each<[string, number[], number[], number, string]>([
    ['that reach past the storage', [5], [1], 0, 'outside-storage'],
    ['that begin past it', [1], [1], 4, 'outside-storage'],
    ['whose last stride does', [2, 2], [3, 1], 0, 'outside-storage'],
    ['whose strides are beyond all numbers', [2 ** 30, 2 ** 30, 2], [2 ** 30, 2 ** 30, 1], 0, 'outside-storage'],
    ['repeated beyond all memory', [2 ** 30, 2 ** 30], [0, 0], 0, 'expanded-size'],
  ])('refused before anything is read: %s', async (_, shape, strides, offset, code) => {
    expect(await failureOf(view(shape, strides, offset))).toMatchObject({ name: 'CheckpointError', code });
  });

  it('are read by range: a view of a large storage takes its own bytes, and the checksum goes with the whole', async () => {
    const large = Float32Array.from({ length: 10_000 }, (_, i) => i);
    const of = { key: '0', elements: large.length };
    const value = write.dict(
      ['part', write.tensorOf(of, { shape: [3], offset: 5000 })],
      ['all', write.tensorOf(of, { shape: [100, 100] })],
    );
    const parts = write.checkpointParts(value, { 0: large });
    const spoilt = parts.map((part) => (part.name.endsWith('/0') ? { ...part, directory: { crc32: 1 } } : part));
    const memory = memorySource(zip(spoilt, write.asTorchWrites));
    const lengths: number[] = [];
    const source: ByteSource = {
      ...memory,
      read: (at, length) => {
        lengths.push(length);
        return memory.read(at, length);
      },
    };
    const file = await openPytorch(source);
    lengths.length = 0;
    expect([...(await file.read('part')).data]).toEqual([5000, 5001, 5002]);
    expect(Math.max(...lengths)).toBeLessThan(100);
    expect(await failureOf(file.read('all'))).toMatchObject({ code: 'checksum' });
  });

  it('are read from any place in a buffer, and are numbers of their own', async () => {
    const memory = memorySource(
      write.checkpoint(
        write.dict(['w', weight], ['t', write.tensorOf({ key: '0', elements: 4 }, { shape: [2, 2], strides: [1, 2] })]),
        { 0: four },
      ),
    );
    const shifted: ByteSource = {
      ...memory,
      read: async (at, length) => {
        const room = new Uint8Array(length + 1);
        room.set(await memory.read(at, length), 1);
        return room.subarray(1);
      },
    };
    const file = await openPytorch(shifted);
    (await file.read('w')).data.fill(9);
    expect([...(await file.read('w')).data, ...(await file.read('t')).data]).toEqual([1, 2, 3, 4, 1, 3, 2, 4]);
  });

  it('refused when the file has become shorter', async () => {
    const bytes = write.checkpoint(write.dict(['w', weight]), { 0: four });
    const file = await openPytorch({
      name: 'shrinking',
      size: bytes.length,
      read: async (at, length) => bytes.slice(at, at + length - 1 + (at < 64 ? 1 : 0)).slice(0, length),
    }).catch((error: unknown) => error);
    expect(file).toMatchObject({ name: 'CheckpointError', code: 'truncated' });
  });
});

describe('archives refused', () => {
  const good = write.checkpointParts(write.dict(['w', weight]), { 0: four });
  const without = (end: string) => good.filter(({ name }) => !name.endsWith(end));
  const text = (value: string) => new TextEncoder().encode(value);
  const replaced = (end: string, data: Uint8Array) =>
    good.map((part) => (part.name.endsWith(end) ? { ...part, data } : part));

  it.each<[string, readonly ZipPart[], string]>([
    ['no pickle', without('data.pkl'), 'no-pickle'],
    ['two pickles', [...good, { name: 'b/data.pkl', data: text('') }], 'no-pickle'],
    ['a pickle without a folder', [{ name: 'data.pkl', data: text('') }], 'no-pickle'],
    ['a TorchScript program', [...good, { name: 'archive/constants.pkl', data: text('') }], 'torchscript'],
    ['big-endian numbers', replaced('byteorder', text('big')), 'byte-order'],
    ['no version', without('version'), 'version'],
    ['a version of the future', replaced('version', text('11\n')), 'version'],
    ['a version that is no number', replaced('version', text('three')), 'version'],
    ['a version of many bytes', replaced('version', new Uint8Array(65)), 'entry-size'],
    ['no storage', without('/0'), 'missing-storage'],
    ['a storage that is too short', replaced('/0', new Uint8Array(12)), 'storage-size'],
    ['a storage that is too long', replaced('/0', new Uint8Array(20)), 'storage-size'],
    ['a damaged pickle', good.map((part) => ({ ...part, directory: { crc32: 0 } })), 'checksum'],
  ])('%s', async (_, parts, code) => {
    expect(await failureOf(openBytes(zip(parts)))).toMatchObject({ name: 'CheckpointError', code });
  });

  it('a pickle above 64 MiB, before it is read', async () => {
    const parts = replaced('data.pkl', new Uint8Array(64 * 1024 * 1024 + 1));
    const memory = memorySource(zip(parts.map((part) => ({ ...part, directory: { crc32: 0 }, local: { crc32: 0 } }))));
    let longest = 0;
    const read = (at: number, length: number) => {
      longest = Math.max(longest, length);
      return memory.read(at, length);
    };
    expect(await failureOf(openPytorch({ ...memory, read }))).toMatchObject({ code: 'pickle-size' });
    expect(longest).toBeLessThan(100_000);
  });

  it('none without byte order, as before PyTorch 2.1, or under another folder', async () => {
    expect((await openBytes(zip(without('byteorder')))).tensors.size).toBe(1);
    const parts = write.checkpointParts(write.dict(['w', weight]), { 0: four }, 'mein Modell');
    expect([...(await (await openBytes(zip(parts, { zip64: true }))).read('w')).data]).toEqual([1, 2, 3, 4]);
  });
});
