// Run folders: a run that is stopped and resumed is the run that never stopped, and nothing of it is lost or mixed up.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { batchAt } from '../text/batches.ts';
import { characterTokenizer } from '../text/character-tokenizer.ts';
import { type TrainOptions, train } from '../train/trainer.ts';
import { openRunFolder } from './run-folder.ts';

const text = 'the hippopotamus sat on the bank of the river and looked at the other hippopotamus. ';
const tokenizer = characterTokenizer(text);
const tokens = tokenizer.encode(text.repeat(3));
const config = {
  vocab_size: tokenizer.vocabularySize,
  d_model: 8,
  n_layer: 2,
  attn_layer_idx: [1],
  num_heads: 2,
  d_state: 4,
  embed_dropout: 0.1,
};
const options: TrainOptions = {
  steps: 6,
  batch: 2,
  length: 5,
  schedule: { kind: 'cosine', peak: 0.01, warmupSteps: 1, decaySteps: 6, floor: 0.1 },
  saveEvery: 2,
};

let root: string;
let device: Device;
beforeAll(async () => {
  // Not the reference backend: it keeps float64 variables, which a checkpoint rounds.
  device = await openDevice({ backend: 'wasm', threads: 1 });
});
afterAll(() => device.dispose());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hippo-run-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Trains in this folder, and gives the losses of its metrics by step. */
async function runIn(
  folder: string,
  {
    resume = false,
    stopAfter,
    record = { seed: 0 },
  }: { resume?: boolean; stopAfter?: number; record?: Record<string, unknown> } = {},
): Promise<Map<number, number>> {
  const model = languageModel(config);
  using store = createStore(device);
  store.initialize(model.variables, { seed: 9 });
  const run = await openRunFolder(folder, { record, model, store, tokenizer, resume });
  const stop = new AbortController();
  let validations = 0;
  const events = train(
    {
      model,
      store,
      signal: stop.signal,
      batchAt: (at) => batchAt({ tokens, batch: options.batch, length: options.length, seed: 0 }, at),
      validate: async () => [3, 2, 2.5][validations++] ?? 4,
      save: run.save,
      resume: run.resume,
    },
    { ...options, validateEvery: 2 },
  );
  for await (const event of events) {
    if (event.kind !== 'step') continue;
    await run.log({ ...event });
    if (event.step === stopAfter) stop.abort();
  }
  return new Map((await run.metrics()).map(({ step, loss }) => [Number(step), Number(loss)]));
}

const checkpoints = async (folder = root): Promise<string[]> => (await readdir(join(folder, 'checkpoints'))).sort();

describe('a run folder', () => {
  it('keeps the last two checkpoints and the best', async () => {
    const losses = await runIn(root);
    expect([...losses.keys()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await checkpoints()).toEqual(['best', 'step-00000004', 'step-00000006']);
    const [best, fourth] = await Promise.all(
      ['best', 'step-00000004'].map((name) => readFile(join(root, 'checkpoints', name, 'model.safetensors'))),
    );
    expect(best?.equals(fourth ?? Buffer.alloc(0))).toBe(true);
    expect(await readdir(join(root, 'checkpoints', 'best'))).not.toContain('optimizer.safetensors');
  });

  it('resumes to the same losses and the same bytes, also after a kill that left half a line', async () => {
    const [whole, broken] = [join(root, 'whole'), join(root, 'broken')];
    const expected = await runIn(whole);
    await runIn(broken, { stopAfter: 3 });
    expect(await checkpoints(broken)).toContain('step-00000003');
    // As a kill would leave it: a step beyond the checkpoint, and half of the next one.
    const metrics = join(broken, 'metrics.jsonl');
    await writeFile(metrics, `${await readFile(metrics, 'utf8')}{"kind":"step","step":4,"loss":99}\n{"kind":"st`);
    expect(await runIn(broken, { resume: true })).toEqual(expected);
    const files = ['model.safetensors', 'optimizer.safetensors'];
    for (const name of files) {
      const [a, b] = await Promise.all(
        [whole, broken].map((folder) => readFile(join(folder, 'checkpoints', 'step-00000006', name))),
      );
      expect(a?.equals(b ?? Buffer.alloc(0)), name).toBe(true);
    }
  });

  it('refuses to begin over another run, to resume nothing, and to resume with other settings', async () => {
    await expect(runIn(root, { resume: true })).rejects.toMatchObject({ code: 'no-checkpoint' });
    await runIn(root, { stopAfter: 1, record: { seed: 0, training: { steps: 6 } } });
    await expect(runIn(root)).rejects.toMatchObject({ code: 'run-exists' });
    const other = runIn(root, { resume: true, record: { seed: 1, training: { steps: 7 } } });
    await expect(other).rejects.toThrow('different now: seed was 0, is 1; training.steps was 6, is 7.');
    await expect(other).rejects.toMatchObject({ name: 'CheckpointError', code: 'run-differs' });
  });

  it('refuses a damaged checkpoint and says which file', async () => {
    await runIn(root, { stopAfter: 1 });
    const damages = [
      ['trainer_state.json', '{', 'config-json'],
      ['trainer_state.json', '{"step":"1"}', 'trainer-state'],
      ['trainer_state.json', 'null', 'trainer-state'],
      ['optimizer.safetensors', '', 'truncated'],
      ['model.safetensors', 'not a tensor file', 'header-length'],
    ] as const;
    for (const [name, content, code] of damages) {
      const path = join(root, 'checkpoints', 'step-00000001', name);
      const good = await readFile(path);
      await writeFile(path, content);
      const failure: unknown = await runIn(root, { resume: true }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'CheckpointError', code });
      expect(String(failure)).toContain(path);
      await writeFile(path, good);
    }
  });
});
