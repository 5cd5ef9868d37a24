// Model folders: what is saved is loaded, in one file or in shards, and a damaged or foreign folder is refused with a reason.
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { byteTokenizer } from '../text/byte-tokenizer.ts';
import { characterTokenizer } from '../text/character-tokenizer.ts';
import { readGenerationDefaults } from './generation-config.ts';
import { loadModel } from './load-model.ts';
import { type ModelToSave, saveModel, tensorsOf } from './model-folder.ts';
import { readModelConfig, resolveModelFolder } from './resolve-model-folder.ts';
import { openWeights } from './weight-files.ts';

const model = languageModel({ vocab_size: 5, d_model: 8, n_layer: 2, attn_layer_idx: [1], num_heads: 2, d_state: 4 });
const tokenizer = characterTokenizer('abcde');
let root: string;
let folder: string;
let device: Device;
let store: Store;

beforeAll(async () => {
  device = await openDevice({ backend: 'reference' });
  store = createStore(device);
  store.initialize(model.variables, { seed: 1 });
});
afterAll(() => device.dispose());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hippo-model-'));
  folder = join(root, 'model');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const save = (change: Partial<ModelToSave> = {}, to = folder): Promise<void> =>
  saveModel(to, { config: model.config, tensors: tensorsOf(model.variables, store), tokenizer, ...change });
const edit = async (name: string, change: (json: Record<string, unknown>) => unknown): Promise<void> => {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>)));
};
const failure = (path = folder): Promise<unknown> =>
  loadModel(path, { device }).then(
    () => 'loaded',
    (error: unknown) => error,
  );
const refused = (code: string) => expect.objectContaining({ name: 'CheckpointError', code });

async function expectSameWeights(other: Awaited<ReturnType<typeof loadModel>>): Promise<void> {
  expect(other.model.config).toEqual(model.config);
  for (const variable of model.variables) {
    const twin = other.model.variables.find(({ name }) => name === variable.name);
    if (!twin) throw new Error(`no variable ${variable.name}`);
    expect(await other.store.read(twin)).toEqual(await store.read(variable));
  }
}

describe('saveModel and loadModel', () => {
  it("agree, and write the ecosystem's files", async () => {
    await save({ generation: { temperature: 0.5 } });
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer_config.json',
      'vocab.json',
    ]);
    expect(JSON.parse(await readFile(join(folder, 'generation_config.json'), 'utf8'))).toEqual({ temperature: 0.5 });
    const loaded = await loadModel(folder, { device });
    await expectSameWeights(loaded);
    expect([...loaded.tokenizer.encode('edc')]).toEqual([4, 3, 2]);
  });

  it('agree in shards', async () => {
    await save({ shardBytes: 1500 });
    const names = (await readdir(folder)).filter((name) => name.startsWith('model'));
    expect(names.length).toBeGreaterThan(3);
    expect(names).toContain(`model-00002-of-0000${names.length - 1}.safetensors`);
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8')) as {
      metadata: unknown;
    };
    expect(index.metadata).toEqual({
      total_size: model.variables.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0),
    });
    await expectSameWeights(await loadModel(folder, { device }));
  });

  it('replace an older model, shards and all', async () => {
    await save({ shardBytes: 1500 });
    await save();
    expect((await readdir(folder)).filter((name) => name.startsWith('model'))).toEqual(['model.safetensors']);
    await save({ shardBytes: 1500 });
    expect(await readdir(folder)).not.toContain('model.safetensors');
  });

  it('never replace a folder that holds anything else', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'thesis.md'), 'years of work');
    await expect(save()).rejects.toEqual(refused('not-a-model-folder'));
    await expect(save()).rejects.toThrow('"thesis.md"');
    expect(await readdir(folder)).toEqual(['thesis.md']);
    await expect(save({}, root)).rejects.toEqual(refused('not-a-model-folder'));
    await rm(join(folder, 'thesis.md'));
    await save();
  });
});

describe('a model without a tokenizer', () => {
  it('takes token ids, and says what is missing when text is needed', async () => {
    await save();
    await rm(join(folder, 'tokenizer_config.json'));
    const { tokenizer: none, origin } = await loadModel(folder, { device });
    expect(none.kind).toBe('none');
    expect(origin).toMatchObject({ config: 'config.json', format: 'safetensors', folder });
    for (const use of [() => none.encode('a'), () => none.decode([1]), () => none.decoder()])
      expect(use).toThrow(refused('tokenizer-missing'));
    expect(() => none.encode('a')).toThrow(/tokenizer_config\.json.*--tokenizer/);
  });

  it('takes the one that is named', async () => {
    await save();
    const other = join(root, 'other');
    await save({ tokenizer: characterTokenizer('vwxyz') }, other);
    const { tokenizer: named } = await loadModel(folder, { device, tokenizer: other });
    expect([...named.encode('zv')]).toEqual([4, 0]);
    await expect(loadModel(folder, { device, tokenizer: 'gpt2' })).rejects.toEqual(refused('vocabulary'));
    await expect(loadModel(folder, { device, tokenizer: 'gtp2' })).rejects.toThrow('must be gpt2, byte, or a folder');
  });
});

describe('loadModel refuses', () => {
  beforeEach(() => save());

  it('a folder that is not there, or is no model', async () => {
    expect(await failure(join(root, 'nowhere'))).toEqual(refused('no-model'));
    expect(await failure(root)).toEqual(refused('no-model'));
  });

  it('a config with unknown keys, of the wrong type, or that is no JSON', async () => {
    await edit('config.json', (config) => ({ ...config, d_modle: 8 }));
    expect(String(await failure())).toContain('Did you mean "d_model"?');
    await edit('config.json', ({ d_modle: _, ...config }) => ({ ...config, d_model: '8' }));
    expect(await failure()).toEqual(refused('config-value'));
    await writeFile(join(folder, 'config.json'), '{');
    expect(await failure()).toEqual(refused('config-json'));
  });

  it('a config that disagrees with the weights', async () => {
    await edit('config.json', (config) => ({ ...config, n_layer: 3 }));
    expect(await failure()).toEqual(refused('weights-disagree'));
    expect(String(await failure())).toMatch(/"backbone\.layers\.2\.[^"]*" is missing/);
  });

  it('weights that are cut off, damaged or gone', async () => {
    const path = join(folder, 'model.safetensors');
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, -1));
    expect(await failure()).toEqual(refused('offsets'));
    await writeFile(path, bytes.subarray(0, 100));
    expect(await failure()).toEqual(refused('header-length'));
    await rm(path);
    expect(await failure()).toEqual(refused('unreadable'));
  });

  it('a tokenizer of another model', async () => {
    for (const [name, text] of Object.entries(byteTokenizer().files())) await writeFile(join(folder, name), text);
    expect(await failure()).toEqual(refused('vocabulary'));
  });
});

describe('shards', () => {
  const index = 'model.safetensors.index.json';
  beforeEach(() => save({ shardBytes: 1500 }));

  it('must be files inside the folder', async () => {
    for (const name of ['../model/x.safetensors', '..', '/etc/passwd', 'config.json', 3]) {
      await edit(index, (json) => ({ ...json, weight_map: { 'lm_head.weight': name } }));
      await expect(openWeights(folder)).rejects.toEqual(refused('shard-index'));
    }
  });

  it('must be there and hold what the index says', async () => {
    const [first = ''] = (await readdir(folder)).filter((name) => name.startsWith('model-'));
    await edit(index, ({ weight_map: map, ...json }) => ({
      ...json,
      weight_map: { ...(map as object), 'not.there': first },
    }));
    await expect(openWeights(folder)).rejects.toThrow('tensor "not.there" is not in model-00001');
    await rename(join(folder, first), join(folder, 'away'));
    await expect(openWeights(folder)).rejects.toEqual(refused('unreadable'));
    await edit(index, () => ({ weight_map: {} }));
    await expect(openWeights(folder)).rejects.toEqual(refused('shard-index'));
    await edit(index, () => [1]);
    await expect(openWeights(folder)).rejects.toEqual(refused('shard-index'));
  });
});

describe('resolveModelFolder', () => {
  it('finds a model that a kill left between two renames', async () => {
    await save();
    await rename(folder, `${folder}.old`);
    expect(await resolveModelFolder(folder)).toBe(folder);
    expect((await readModelConfig(folder)).d_model).toBe(8);
  });

  it('takes the best checkpoint of a run, else the newest', async () => {
    const at = (name: string): string => join(root, 'checkpoints', name);
    await save({}, at('step-00000100'));
    await save({}, at('step-00000020'));
    expect(await resolveModelFolder(root)).toBe(at('step-00000100'));
    await save({}, at('best'));
    expect(await resolveModelFolder(root)).toBe(at('best'));
  });
});

describe('generation_config.json', () => {
  it('gives sampling defaults, and refuses what is no number', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hippo-generation-'));
    try {
      expect((await readGenerationDefaults(folder)).sampling).toEqual({});
      await writeFile(
        join(folder, 'generation_config.json'),
        '{"temperature": 0.5, "top_k": 40, "top_p": null, "eos_token_id": 3}',
      );
      expect((await readGenerationDefaults(folder)).sampling).toEqual({ temperature: 0.5, topK: 40 });
      await writeFile(join(folder, 'generation_config.json'), '{"do_sample": false}');
      expect((await readGenerationDefaults(folder)).sampling).toEqual({ greedy: true });
      await writeFile(join(folder, 'generation_config.json'), '{"top_p": "high"}');
      await expect(readGenerationDefaults(folder)).rejects.toThrow('"top_p" must be a number; got "high"');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
