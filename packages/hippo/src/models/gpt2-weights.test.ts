// GPT-2 in the common library's names and layouts against a float64 evaluation written from its formulas (Radford et al. 2019;
// Vaswani et al. 2017): h = wte[t] + wpe[i]; h += proj(attention(ln_1 h)); h += c_proj(gelu(c_fc(ln_2 h))); logits = wte·ln_f h.
import { describe, expect, it } from 'vitest';
import { memorySource, openSafetensors, type TensorSource } from '../checkpoint/safetensors.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  randomData,
  relativeError,
} from '../nn/layer.test-support.ts';
import { tensor } from '../tensor/host-tensor.ts';
import type { Shape } from '../tensor/shape.ts';
import { adaptCheckpoint } from './adapt-checkpoint.ts';
import { gpt2Config } from './gpt2-weights.ts';
import { parseModelConfig } from './parse-config.ts';

const [width, heads, layers, vocabulary, positions, length] = [12, 3, 2, 17, 9, 7];
const settings = {
  model_type: 'gpt2',
  n_embd: width,
  n_head: heads,
  n_layer: layers,
  vocab_size: vocabulary,
  n_positions: positions,
  layer_norm_epsilon: 1e-5,
  activation_function: 'gelu_new',
};

/** Parameters in the library's layout: projections [inputs, outputs]. */
const shapes: Readonly<Record<string, Shape>> = {
  'wte.weight': [vocabulary, width],
  'wpe.weight': [positions, width],
  'ln_f.weight': [width],
  'ln_f.bias': [width],
  ...Object.fromEntries(
    Array.from({ length: layers }, (_, layer) => [
      ...['ln_1', 'ln_2'].flatMap((norm) => [
        [`h.${layer}.${norm}.weight`, [width]],
        [`h.${layer}.${norm}.bias`, [width]],
      ]),
      ...(
        [
          ['attn.c_attn', width, 3 * width],
          ['attn.c_proj', width, width],
          ['mlp.c_fc', width, 4 * width],
          ['mlp.c_proj', 4 * width, width],
        ] as const
      ).flatMap(([name, inputs, outputs]) => [
        [`h.${layer}.${name}.weight`, [inputs, outputs]],
        [`h.${layer}.${name}.bias`, [outputs]],
      ]),
    ]).flat() as [string, Shape][],
  ),
};
const parameters = new Map(
  Object.entries(shapes).map(([name, shape]) => [name, { shape, data: randomData(shape, name).map((x) => 0.4 * x) }]),
);

type Row = readonly number[];
const parameter = (name: string, index: number): number => parameters.get(name)?.data[index] ?? Number.NaN;

function norm(x: Row, name: string): number[] {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map(
    (value, i) =>
      ((value - mean) / Math.sqrt(variance + 1e-5)) * parameter(`${name}.weight`, i) + parameter(`${name}.bias`, i),
  );
}

function project(x: Row, name: string): number[] {
  const [, outputs = 0] = shapes[`${name}.weight`] ?? [];
  return Array.from({ length: outputs }, (_, out) =>
    x.reduce(
      (sum, value, i) => sum + value * parameter(`${name}.weight`, i * outputs + out),
      parameter(`${name}.bias`, out),
    ),
  );
}

function attend(rows: readonly Row[], name: string): number[][] {
  const size = width / heads;
  const projected = rows.map((row) => project(row, `${name}.c_attn`));
  const part = (row: number, which: number, head: number, i: number): number =>
    projected[row]?.[which * width + head * size + i] ?? Number.NaN;
  return rows.map((_, row) => {
    const mixed: number[] = [];
    for (let head = 0; head < heads; head++) {
      const scores = Array.from({ length: row + 1 }, (__, key) => {
        let dot = 0;
        for (let i = 0; i < size; i++) dot += part(row, 0, head, i) * part(key, 1, head, i);
        return Math.exp(dot / Math.sqrt(size));
      });
      const total = scores.reduce((a, b) => a + b, 0);
      for (let i = 0; i < size; i++)
        mixed.push(scores.reduce((sum, score, key) => sum + (score / total) * part(key, 2, head, i), 0));
    }
    return project(mixed, `${name}.c_proj`);
  });
}

const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const sum = (a: readonly Row[], b: readonly Row[]): number[][] =>
  a.map((row, r) => row.map((x, i) => x + (b[r]?.[i] ?? 0)));

/** Logits of every position, one row after another. */
function evaluateGpt2(tokens: Row): number[] {
  let rows = tokens.map((token, position) =>
    Array.from(
      { length: width },
      (_, i) => parameter('wte.weight', token * width + i) + parameter('wpe.weight', position * width + i),
    ),
  );
  for (let layer = 0; layer < layers; layer++) {
    const name = `h.${layer}`;
    rows = sum(
      rows,
      attend(
        rows.map((row) => norm(row, `${name}.ln_1`)),
        `${name}.attn`,
      ),
    );
    rows = sum(
      rows,
      rows.map((row) =>
        project(project(norm(row, `${name}.ln_2`), `${name}.mlp.c_fc`).map(gelu), `${name}.mlp.c_proj`),
      ),
    );
  }
  return rows.flatMap((row) => {
    const last = norm(row, 'ln_f');
    return Array.from({ length: vocabulary }, (_, token) =>
      last.reduce((dot, x, i) => dot + x * parameter('wte.weight', token * width + i), 0),
    );
  });
}

/** The parameters as a file, under names changed by `rename` and with more tensors. */
async function fileOf(
  rename: (name: string) => string,
  { extra = {}, linear = false }: { extra?: Readonly<Record<string, Shape>>; linear?: boolean } = {},
): Promise<TensorSource> {
  const all = [
    ...parameters,
    ...Object.entries(extra).map(([name, shape]) => [name, { shape, data: randomData(shape, name) }] as const),
  ];
  const tensors = all.map(([name, { shape, data }]) => {
    const turned = linear && shape.length === 2 && name.startsWith('h.');
    const [rows = 1, columns = 1] = shape;
    const written = turned ? data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)] ?? 0) : data;
    const size = turned ? [columns, rows] : shape;
    return { name: rename(name), shape: size, dtype: 'f32' as const, read: async () => tensor(written, size) };
  });
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of safetensorsPieces(tensors)) pieces.push(piece as Uint8Array<ArrayBuffer>);
  return openSafetensors(memorySource(new Uint8Array(await new Blob(pieces).arrayBuffer()), 'gpt2'));
}

const config = parseModelConfig(gpt2Config(settings, 'config.json'));
const ids = Array.from({ length }, (_, i) => (i * 5 + 2) % vocabulary);

describe.each(backends)('GPT-2 on %s', (backend) => {
  const logitsOf = async (source: TensorSource) => {
    const { model, weights, naming } = await adaptCheckpoint(source, { file: 'gpt2', config });
    expect(naming).toBe('GPT-2');
    const store = await openStore(backend, model.variables);
    for (const variable of model.variables) store.write(variable, await weights.read(variable.name));
    const outputs = await evaluate(store, { tokens: tensor(Int32Array.from(ids), [1, length]) }, (values) => ({
      logits: model.apply(inputOf(values, 'tokens')).logits,
    }));
    return outputOf(outputs, 'logits').data;
  };
  const mask = { 'h.0.attn.bias': [1, 1, positions, positions], 'h.1.attn.masked_bias': [] };

  it.each([
    ['bare names', () => fileOf((name) => name)],
    ['the prefix transformer. and masks', () => fileOf((name) => `transformer.${name}`, { extra: mask })],
    [
      'matrices as [outputs, inputs] and a compiled wrapper',
      () => fileOf((name) => `_orig_mod.transformer.${name}`, { linear: true }),
    ],
  ])('with %s gives the formulas’ logits', async (_, open) => {
    expect(relativeError(await logitsOf(await open()), evaluateGpt2(ids))).toBeLessThan(2e-6);
  });
});

describe('GPT-2 without config.json', () => {
  it('is inferred but for the heads, which are asked for', async () => {
    const source = await fileOf((name) => name);
    await expect(adaptCheckpoint(source, { file: 'gpt2' })).rejects.toMatchObject({ code: 'unknown-heads' });
    const { config: found } = await adaptCheckpoint(source, { file: 'gpt2', overrides: { num_heads: heads } });
    expect(found).toMatchObject({
      mixer: 'attention',
      d_model: width,
      max_position_embeddings: positions,
      num_heads: heads,
      vocab_size: 17,
    });
  });

  it('a tensor that is in no GPT-2 is named', async () => {
    const source = await fileOf((name) => name, { extra: { 'h.0.crossattention.c_attn.weight': [width, width] } });
    await expect(adaptCheckpoint(source, { file: 'gpt2', config })).rejects.toThrow(
      '"h.0.crossattention.c_attn.weight" is in no layer',
    );
  });
});

describe('gpt2Config', () => {
  it('reads the sizes and the dropout rates', () => {
    expect(config).toMatchObject({ d_inner: 48, tie_embeddings: true, pad_vocab_size_multiple: 1, embed_dropout: 0 });
    const other = gpt2Config({ ...settings, n_inner: 20, attn_pdrop: 0.1, tie_word_embeddings: false }, 'config.json');
    expect(parseModelConfig(other)).toMatchObject({ d_inner: 20, attn_dropout: 0.1, tie_embeddings: false });
  });

  it.each([
    ['activation_function', 'relu', /"activation_function" must be "gelu_new" or .*; got "relu"/],
    ['layer_norm_epsilon', 1e-6, /"layer_norm_epsilon" must be 0\.00001, .*; got 0\.000001/],
    ['scale_attn_by_inverse_layer_idx', true, /must be false/],
    ['n_head', undefined, /"n_head" must be a number; got undefined/],
  ])('refuses %s = %s', (key, value, sentence) => {
    expect(() => gpt2Config({ ...settings, [key]: value }, 'config.json')).toThrow(sentence);
  });
});
