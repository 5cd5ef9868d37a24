// Every way a golden model can come in gives the official logits and greedy tokens; what a file cannot tell is asked for, and what is
// said against it is refused.
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TensorToWrite } from '../checkpoint/safetensors-writer.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { generate } from '../generate/generate.ts';
import type { ConfigOverrides } from '../models/complete-config.ts';
import { openGolden } from '../nn/golden.test-support.ts';
import { relativeError, tolerances } from '../nn/layer.test-support.ts';
import { compile } from '../session/compile.ts';
import { type Device, openDevice } from '../session/device.ts';
import { tensor } from '../tensor/host-tensor.ts';
import { convertModel } from './convert-model.ts';
import { writeDurably } from './files.ts';
import { type LoadedModel, loadModel } from './load-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const golden = (file: string): string => fileURLToPath(new URL(`../../testdata/golden/${file}`, import.meta.url));
let root: string;
let device: Device;
beforeAll(async () => {
  device = await openDevice({ backend: 'wasm', threads: 1 });
});
afterAll(() => device.dispose());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hippo-open-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

/** What each file cannot tell by itself. */
const models: Readonly<Record<string, ConfigOverrides>> = {
  'h3-lm-tiny': { num_heads: 4, vocab_size: 97 },
  'h3-lm-tiny-rotary': { num_heads: 2, rotary_emb_dim: 8, vocab_size: 50 },
  'h3-lm-pure': {},
};

/** Largest relative error of the logits, and greedy tokens that differ from the official ones. */
async function compareWithGolden(name: string, loaded: LoadedModel) {
  const { model, store } = loaded;
  const io = await openGolden(`${name}.io`);
  const ids = io.get('input_ids');
  const [batch = 1, columns = 1] = ids.shape;
  using run = await compile(({ tokens }) => ({ logits: model.apply(tokens).logits }), {
    store,
    inputs: { tokens: { shape: [batch, columns - 1], dtype: 'i32' } },
  });
  const tokens = Int32Array.from(ids.data).filter((_, i) => i % columns < columns - 1);
  const { logits } = await run({ tokens: tensor(tokens, [batch, columns - 1]) });
  const [prompt, expected] = [io.get('greedy_prompt'), io.get('greedy_tokens')];
  const [length = 1, steps = 1] = [prompt.shape[1], expected.shape[1]];
  const greedy: number[] = [];
  for (let row = 0; row < batch; row++) {
    const ids = Int32Array.from(prompt.data.slice(row * length, (row + 1) * length));
    for await (const { token } of generate(model, { store, prompt: ids, maxTokens: steps, greedy: true }))
      greedy.push(token);
  }
  return { error: relativeError(logits.data, io.get('logits').data), greedy, expected: [...expected.data] };
}

async function expectGolden(name: string, loaded: LoadedModel, tolerance: number = tolerances.goldenLogits) {
  const { error, greedy, expected } = await compareWithGolden(name, loaded);
  loaded.store.dispose();
  expect(error).toBeLessThan(tolerance);
  expect(greedy).toEqual(expected);
}

describe.each(Object.entries(models))('%s', (name, overrides) => {
  it('is loaded from a bare safetensors file', async () => {
    const loaded = await loadModel(golden(`${name}.safetensors`), { device, overrides });
    expect(loaded.origin).toMatchObject({ format: 'safetensors', naming: 'H3', config: 'tensors', folder: undefined });
    await expectGolden(name, loaded);
  });

  it('is loaded from a PyTorch file', async () => {
    const loaded = await loadModel(golden(`${name}.pt`), { device, overrides });
    expect(loaded.origin).toMatchObject({ format: 'PyTorch', naming: 'H3', config: 'tensors' });
    expect(loaded.origin.ignored).toEqual([
      { name: 'lm_head.weight', reason: 'the same numbers as the embedding table' },
    ]);
    await expectGolden(name, loaded);
  });

  it('converted to f32 is loaded without being told anything, in one file, in shards, and as a file without its folder', async () => {
    await convertModel(golden(`${name}.safetensors`), at('one'), { overrides });
    await expectGolden(name, await loadModel(at('one'), { device }));
    await copyFile(at('one/model.safetensors'), at('alone.safetensors'));
    await expectGolden(name, await loadModel(at('alone.safetensors'), { device }));
    await convertModel(at('one'), at('shards'), { shardBytes: 40_000 });
    expect((await readdir(at('shards'))).filter((file) => /^model-.*-of-/.test(file)).length).toBeGreaterThan(3);
    await expectGolden(name, await loadModel(at('shards'), { device }));
    await expectGolden(name, await loadModel(at('shards/model.safetensors.index.json'), { device }));
  });

  it.each([
    // Rounding of 2⁻¹¹ and 2⁻⁸ of each weight, a few times that after the layers.
    ['f16', 2e-3],
    ['bf16', 1.6e-2],
  ] as const)('converted to %s is near', async (floats, tolerance) => {
    await convertModel(golden(`${name}.safetensors`), at('half'), { overrides, floats });
    const json: unknown = JSON.parse(await readFile(at('half/config.json'), 'utf8'));
    expect(json).toMatchObject({ torch_dtype: floats === 'f16' ? 'float16' : 'bfloat16' });
    await using checkpoint = await openCheckpoint(at('half'));
    const dtypes = new Map([...checkpoint.weights.tensors].map(([tensorName, { dtype }]) => [tensorName, dtype]));
    expect(dtypes.get('backbone.layers.0.mlp.fc1.weight')).toBe(floats);
    expect(dtypes.get('backbone.layers.0.mixer.kernel.kernel.A_imag')).toBe('f32');
    await expectGolden(name, await loadModel(at('half'), { device }), tolerance);
  });
});

describe('a Lightning checkpoint with older names and the older order of norms', () => {
  const file = golden('h3-lm-tiny.legacy.ckpt');
  const overrides = models['h3-lm-tiny'];

  it('is loaded', async () => {
    const loaded = await loadModel(file, { device, overrides });
    expect(loaded.origin).toMatchObject({ format: 'PyTorch', naming: 'H3, older order of norms' });
    await expectGolden('h3-lm-tiny', loaded);
  });

  it('is converted to the bytes that the current file gives', async () => {
    await convertModel(file, at('legacy'), { overrides });
    await convertModel(golden('h3-lm-tiny.pt'), at('current'), { overrides });
    const [legacy, current] = [
      await readFile(at('legacy/model.safetensors')),
      await readFile(at('current/model.safetensors')),
    ];
    expect(legacy.equals(current)).toBe(true);
    await expectGolden('h3-lm-tiny', await loadModel(at('legacy'), { device }));
  });
});

/** Writes tensors of a golden file under other names. */
async function rename(name: string, to: string, rules: (name: string) => string | undefined): Promise<void> {
  const file = await openGolden(name);
  const tensors = file.names.flatMap((old): TensorToWrite[] => {
    const renamed = rules(old);
    const { shape, dtype } = file.get(old);
    return renamed === undefined ? [] : [{ name: renamed, shape, dtype, read: async () => file.get(old) }];
  });
  await writeDurably(to, safetensorsPieces(tensors));
}

describe('what a file cannot tell', () => {
  const file = golden('h3-lm-tiny.safetensors');
  const failure = (overrides: ConfigOverrides = {}, path = file): Promise<unknown> =>
    openCheckpoint(path, { overrides }).then(
      () => 'opened',
      (error: unknown) => error,
    );

  it('is asked for: the heads of attention layers', async () => {
    const error = await failure();
    expect(error).toMatchObject({ name: 'CheckpointError', code: 'unknown-heads' });
    expect(String(error)).toMatch(/how many heads do the attention layers \(1\) have\?.*--nheads/);
  });

  it('is not asked for where there is no attention', async () => {
    await using checkpoint = await openCheckpoint(golden('h3-lm-pure.safetensors'));
    expect(checkpoint.config).toMatchObject({
      n_layer: 3,
      mixer: 'h3',
      attn_layer_idx: [],
      vocab_size: 64,
      d_state: 64,
    });
  });

  it('keeps where it is from', async () => {
    await using checkpoint = await openCheckpoint(file, { overrides: { num_heads: 4 } });
    expect(checkpoint.origin.settings).toEqual([
      { key: 'vocab_size', value: 104, from: 'every row of the embedding table, of which some may be padding' },
      { key: 'num_heads', value: 4, from: 'given' },
      { key: 'rotary_emb_dim', value: 0, from: 'none unless it is given, as in the official script' },
    ]);
    expect(checkpoint.origin.dtypes).toEqual({
      f32: checkpoint.model.variables.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    });
  });

  it.each([
    [
      { d_model: 64 },
      /d_model \(--dmodel\) is 32 by "backbone\.embeddings\.word_embeddings\.weight" \[104, 32\]; got 64\./,
    ],
    [
      { n_layer: 3 },
      /n_layer \(--nlayer\) is 4 by the layers from backbone\.layers\.0 to backbone\.layers\.3; got 3\./,
    ],
    [
      { attn_layer_idx: [2] },
      /attn_layer_idx \(--attn-layer-idx\) is \[1\] by "mixer\.Wqkv\.weight" in layers 1; got \[2\]\./,
    ],
    [{ d_state: 32 }, /d_state is 64 by "backbone\.layers\.0\.mixer\.kernel\.kernel\.inv_A_real" \[32, 32\]; got 32/],
    [{ vocab_size: 105 }, /vocab_size \(--vocab-size\) is at most the 104 rows of the embedding table; got 105/],
    [{ mixer: 's4d' as const }, /mixer is \[h3, attention, h3, h3\] by .*; got \[s4d, s4d, s4d, s4d\]/],
  ])('%j contradicts the tensors', async (overrides, sentence) => {
    const error = await failure({ num_heads: 4, ...overrides });
    expect(error).toMatchObject({ name: 'UsageError', code: 'override-contradicts' });
    expect(String(error)).toMatch(sentence);
  });

  it('is taken from config.json, which the user may correct where tensors do not tell', async () => {
    await convertModel(file, at('folder'), { overrides: models['h3-lm-tiny'] });
    await using same = await openCheckpoint(at('folder'), { overrides: { d_model: 32, num_heads: 8, vocab_size: 98 } });
    expect(same.config).toMatchObject({ num_heads: 8, vocab_size: 98, pad_vocab_size_multiple: 8 });
    const error = await failure({ n_layer: 3 }, at('folder'));
    expect(error).toMatchObject({ code: 'override-contradicts' });
    expect(String(error)).toMatch(/n_layer \(--nlayer\) is 4 by config\.json; got 3/);
  });

  it('heads that do not divide the width are refused', async () => {
    expect(await failure({ num_heads: 5 })).toMatchObject({ code: 'config-contradiction' });
  });
});

describe('names', () => {
  it('are found under the wrappers of trainers, whose own numbers are left out', async () => {
    await rename('h3-lm-pure', at('wrapped.safetensors'), (name) => `model._orig_mod.${name}`);
    await expectGolden('h3-lm-pure', await loadModel(at('wrapped.safetensors'), { device }));
    await rename('h3-lm-pure', at('beside.safetensors'), (name) =>
      name === 'backbone.ln_f.bias' ? 'val_loss.total' : `module.model.${name}`,
    );
    await expect(openCheckpoint(at('beside.safetensors'))).rejects.toThrow('"backbone.ln_f.bias" is missing');
  });

  it('of another kind of model are refused by what is there', async () => {
    await rename('h3-lm-pure', at('other.safetensors'), (name) => `encoder.${name}`);
    const error = await openCheckpoint(at('other.safetensors')).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'no-embedding' });
    expect(String(error)).toContain('"encoder.backbone.');
    await rename('h3-lm-pure', at('mamba.safetensors'), (name) => name.replace('layers.1.mixer.', 'layers.1.mamba.'));
    await expect(openCheckpoint(at('mamba.safetensors'))).rejects.toMatchObject({ code: 'unknown-layer' });
  });
});

describe('rotary frequencies in the file', () => {
  const write = async (base: number): Promise<string> => {
    const file = await openGolden('h3-lm-tiny-rotary');
    const frequencies = tensor(
      Float32Array.from({ length: 4 }, (_, i) => base ** (-i / 4)),
      [4],
    );
    const name = 'backbone.layers.1.mixer.rotary_emb.inv_freq';
    const tensors = file.names.map(
      (one): TensorToWrite => ({ ...file.get(one), name: one, read: async () => file.get(one) }),
    );
    await writeDurably(
      at('rotary.safetensors'),
      safetensorsPieces([...tensors, { name, shape: [4], dtype: 'f32', read: async () => frequencies }]),
    );
    return at('rotary.safetensors');
  };

  it('tell the rotary dimension', async () => {
    const path = await write(10_000);
    const overrides = { num_heads: 2, vocab_size: 50 };
    await expectGolden('h3-lm-tiny-rotary', await loadModel(path, { device, overrides }));
    await expect(openCheckpoint(path, { overrides: { ...overrides, rotary_emb_dim: 16 } })).rejects.toThrow(
      /rotary_emb_dim \(--rotary-emb-dim\) is 8 by "backbone\.layers\.1\.mixer\.rotary_emb\.inv_freq" \[4\]; got 16/,
    );
  });

  it('of another base are refused', async () => {
    const path = await write(500);
    await expect(openCheckpoint(path, { overrides: { num_heads: 2 } })).rejects.toMatchObject({ code: 'rotary-base' });
  });
});

describe('a stored head', () => {
  const write = async (change: number): Promise<void> => {
    const file = await openGolden('h3-lm-pure');
    const words = file.get('backbone.embeddings.word_embeddings.weight');
    const head = Float32Array.from(words.data);
    head[head.length - 1] = (head[head.length - 1] ?? 0) + change;
    await writeDurably(
      at('head.safetensors'),
      safetensorsPieces([
        ...file.names.map((name) => ({
          ...file.get(name),
          dtype: 'f32' as const,
          name,
          read: async () => file.get(name),
        })),
        { name: 'lm_head.weight', shape: words.shape, dtype: 'f32', read: async () => tensor(head, words.shape) },
      ]),
    );
  };

  it('that is the embedding table is not kept twice', async () => {
    await write(0);
    await using checkpoint = await openCheckpoint(at('head.safetensors'));
    expect(checkpoint.config.tie_embeddings).toBe(true);
    expect(checkpoint.origin.ignored).toEqual([
      { name: 'lm_head.weight', reason: 'the same numbers as the embedding table' },
    ]);
    await expectGolden('h3-lm-pure', await loadModel(at('head.safetensors'), { device }));
  });

  it('that differs in one number is the head; headers alone cannot know', async () => {
    await write(0.5);
    await using checkpoint = await openCheckpoint(at('head.safetensors'));
    expect(checkpoint.config.tie_embeddings).toBe(false);
    expect(checkpoint.weights.tensors.has('lm_head.weight')).toBe(true);
    await using headers = await openCheckpoint(at('head.safetensors'), { headersOnly: true });
    expect(headers.origin.ignored[0]?.reason).toMatch(/compared when weights are read/);
  });
});

describe('a folder', () => {
  it('of weights without config.json is opened when there is one file', async () => {
    await mkdir(at('folder'));
    await copyFile(golden('h3-lm-pure.safetensors'), at('folder/weights.safetensors'));
    await writeFile(at('folder/README.md'), 'weights');
    await using checkpoint = await openCheckpoint(at('folder'));
    expect(checkpoint.config.n_layer).toBe(3);
    await copyFile(golden('h3-lm-pure.safetensors'), at('folder/other.safetensors'));
    await expect(openCheckpoint(at('folder'))).rejects.toMatchObject({ code: 'several-weights' });
    await expect(openCheckpoint(at('folder'))).rejects.toThrow('got other.safetensors, weights.safetensors');
  });

  it('of another kind of model is refused by its name', async () => {
    await mkdir(at('folder'));
    await writeFile(at('folder/config.json'), '{"model_type": "llama"}');
    await expect(openCheckpoint(at('folder'))).rejects.toThrow('"model_type" must be hippo or gpt2; got "llama"');
  });
});
