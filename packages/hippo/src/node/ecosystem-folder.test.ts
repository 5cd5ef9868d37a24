// Folders of the common library: GPT-2's configuration beside safetensors or PyTorch files, whole or in shards, with and without a
// tokenizer. The weights are checked tensor by tensor; that they compute what GPT-2 computes is the business of models/gpt2-weights.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as torch from '../checkpoint/pytorch/pickle-writer.test-support.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { randomData } from '../nn/layer.test-support.ts';
import { type Device, openDevice } from '../session/device.ts';
import { tensor } from '../tensor/host-tensor.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { convertModel } from './convert-model.ts';
import { writeDurably } from './files.ts';
import { loadModel } from './load-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const [width, vocabulary, positions] = [8, 11, 6];
const config = {
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  n_embd: width,
  n_head: 2,
  n_layer: 1,
  vocab_size: vocabulary,
  n_positions: positions,
  activation_function: 'gelu_new',
  transformers_version: '4.40.0',
};
const linear = (name: string, inputs: number, outputs: number): [string, Shape][] => [
  [`${name}.weight`, [inputs, outputs]],
  [`${name}.bias`, [outputs]],
];
const norm = (name: string): [string, Shape][] => [
  [`${name}.weight`, [width]],
  [`${name}.bias`, [width]],
];
const shapes: readonly [string, Shape][] = [
  ['transformer.wte.weight', [vocabulary, width]],
  ['transformer.wpe.weight', [positions, width]],
  ...norm('transformer.h.0.ln_1'),
  ...linear('transformer.h.0.attn.c_attn', width, 3 * width),
  ...linear('transformer.h.0.attn.c_proj', width, width),
  ...norm('transformer.h.0.ln_2'),
  ...linear('transformer.h.0.mlp.c_fc', width, 4 * width),
  ...linear('transformer.h.0.mlp.c_proj', 4 * width, width),
  ...norm('transformer.ln_f'),
];
const data = new Map(shapes.map(([name, shape]) => [name, randomData(shape, name)]));
const dataOf = (name: string): Float32Array => data.get(name) ?? new Float32Array(0);

let root: string;
let device: Device;
beforeAll(async () => {
  device = await openDevice({ backend: 'reference' });
});
afterAll(() => device.dispose());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hippo-ecosystem-'));
  await mkdir(at());
  await writeFile(at('config.json'), JSON.stringify(config));
});
afterEach(() => rm(root, { recursive: true, force: true }));
const at = (...names: readonly string[]): string => join(root, 'model', ...names);

const writeTorch = (file: string, some = shapes): Promise<void> => {
  const entries = some.map(([name, shape], key) => {
    return [name, torch.tensorOf({ key: String(key), elements: elementCount(shape) }, { shape })] as const;
  });
  const storages = Object.fromEntries(some.map(([name], key) => [String(key), dataOf(name)]));
  return writeFile(at(file), torch.checkpoint(torch.orderedDict(...entries), storages));
};
const writeSafetensors = (file: string, some = shapes): Promise<void> =>
  writeDurably(
    at(file),
    safetensorsPieces(
      some.map(([name, shape]) => ({ name, shape, dtype: 'f32', read: async () => tensor(dataOf(name), shape) })),
    ),
  );
const writeShards = async (extension: 'bin' | 'safetensors', write: typeof writeTorch): Promise<void> => {
  const stem = extension === 'bin' ? 'pytorch_model' : 'model';
  const halves = [shapes.slice(0, 6), shapes.slice(6)];
  const map: [string, string][] = [];
  for (const [index, half] of halves.entries()) {
    const file = `${stem}-0000${index + 1}-of-00002.${extension}`;
    await write(file, half);
    map.push(...half.map(([name]): [string, string] => [name, file]));
  }
  await writeFile(at(`${stem}.${extension}.index.json`), JSON.stringify({ weight_map: Object.fromEntries(map) }));
};

describe('a GPT-2 folder', () => {
  it.each<[string, 'PyTorch' | 'safetensors', () => Promise<void>]>([
    ['pytorch_model.bin', 'PyTorch', () => writeTorch('pytorch_model.bin')],
    ['model.safetensors', 'safetensors', () => writeSafetensors('model.safetensors')],
    ['shards of PyTorch', 'PyTorch', () => writeShards('bin', writeTorch)],
    ['shards of safetensors', 'safetensors', () => writeShards('safetensors', writeSafetensors)],
    ['a file of another name', 'PyTorch', () => writeTorch('weights.pth')],
  ])('with %s is opened, its projections transposed', async (_, format, write) => {
    await write();
    await using checkpoint = await openCheckpoint(at());
    expect(checkpoint.origin).toMatchObject({ format, naming: 'GPT-2', config: 'config.json', folder: at() });
    expect(checkpoint.config).toMatchObject({ mixer: 'attention', num_heads: 2, max_position_embeddings: positions });
    const { data: fc1, shape } = await checkpoint.weights.read('backbone.layers.0.mlp.fc1.weight');
    const stored = dataOf('transformer.h.0.mlp.c_fc.weight');
    expect(shape).toEqual([4 * width, width]);
    expect([...fc1]).toEqual(Array.from(stored, (__, i) => stored[(i % width) * 4 * width + Math.floor(i / width)]));
    const words = await checkpoint.weights.read('backbone.embeddings.word_embeddings.weight');
    expect([...words.data]).toEqual([...dataOf('transformer.wte.weight')]);
  });

  it('converted is the same model in our layout', async () => {
    await writeTorch('pytorch_model.bin');
    await convertModel(at(), join(root, 'converted'));
    await using before = await openCheckpoint(at());
    await using after = await openCheckpoint(join(root, 'converted'));
    expect(after.config).toEqual(before.config);
    expect(after.origin).toMatchObject({ naming: 'H3', config: 'config.json', ignored: [] });
    for (const name of before.weights.tensors.keys())
      expect(await after.weights.read(name)).toEqual(await before.weights.read(name));
  });

  it('takes token ids without a tokenizer of its own, and says so when text comes', async () => {
    await writeSafetensors('model.safetensors');
    const { tokenizer, model } = await loadModel(at(), { device });
    expect(tokenizer.kind).toBe('none');
    expect(() => tokenizer.encode('text')).toThrow(/tokenizer_config\.json/);
    expect(model.config.vocab_size).toBe(vocabulary);
  });

  it('with a tokenizer that cannot be read is the same', async () => {
    await writeSafetensors('model.safetensors');
    await writeFile(at('tokenizer_config.json'), '{"tokenizer_class": "LlamaTokenizer"}');
    const { tokenizer } = await loadModel(at(), { device });
    expect(() => tokenizer.encode('text')).toThrow('got "LlamaTokenizer"');
  });

  it('of another size than its weights is refused', async () => {
    await writeSafetensors('model.safetensors');
    await writeFile(at('config.json'), JSON.stringify({ ...config, n_layer: 2 }));
    await expect(openCheckpoint(at())).rejects.toThrow('"backbone.layers.1.');
    await writeFile(at('config.json'), JSON.stringify({ ...config, activation_function: 'relu' }));
    await expect(openCheckpoint(at())).rejects.toMatchObject({ code: 'gpt2-config' });
  });

  it('without config.json asks for the heads', async () => {
    await writeSafetensors('model.safetensors');
    await rm(at('config.json'));
    await expect(openCheckpoint(at())).rejects.toMatchObject({ code: 'unknown-heads' });
    await using checkpoint = await openCheckpoint(at(), { overrides: { num_heads: 2 } });
    expect(checkpoint.config).toMatchObject({ num_heads: 2, mixer: 'attention' });
  });
});

describe('damaged weights', () => {
  it.each(['pt', 'ckpt', 'bin'])('called .%s are judged as PyTorch', async (extension) => {
    await writeFile(at(`weights.${extension}`), 'not a checkpoint');
    await expect(openCheckpoint(at(`weights.${extension}`))).rejects.toMatchObject({ code: 'not-zip' });
  });

  it('called anything else as safetensors', async () => {
    await writeFile(at('weights'), 'not a checkpoint');
    await expect(openCheckpoint(at('weights'))).rejects.toMatchObject({ code: 'header-length' });
  });
});

describe('GPT-2’s 50,257 tokens', () => {
  const write = (path: string): Promise<void> => {
    const tensors = shapes.map(([name, shape]) => {
      const large = name === 'transformer.wte.weight';
      const size = large ? [50_257, width] : shape;
      const read = async () => tensor(large ? new Float32Array(50_257 * width) : dataOf(name), size);
      return { name, shape: size, dtype: 'f32' as const, read };
    });
    return writeDurably(path, safetensorsPieces(tensors));
  };

  it('bring GPT-2’s tokenizer with them', async () => {
    await write(join(root, 'alone.safetensors'));
    const { tokenizer } = await loadModel(join(root, 'alone.safetensors'), { device, overrides: { num_heads: 2 } });
    expect(tokenizer.kind).toBe('gpt2');
    expect([...tokenizer.encode('Hello world')]).toEqual([15496, 995]);
  });

  it('of a folder whose tokenizer_config.json names no class are GPT-2’s, unless vocab.json is another', async () => {
    await write(at('model.safetensors'));
    await writeFile(at('config.json'), JSON.stringify({ ...config, vocab_size: 50_257 }));
    await writeFile(at('tokenizer_config.json'), '{"model_max_length": 1024}');
    expect((await loadModel(at(), { device })).tokenizer.kind).toBe('gpt2');
    await writeFile(at('vocab.json'), '{"a": 0}');
    await expect(loadModel(at(), { device })).rejects.toMatchObject({ code: 'tokenizer-vocabulary' });
  });
});
