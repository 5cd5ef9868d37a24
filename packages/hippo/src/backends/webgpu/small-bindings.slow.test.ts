// Whole models in pieces: kernels are told of bindings far smaller than most tensors (40 KB of up to 500), and a training step's loss and
// gradients are those of the same step in one piece.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { input, read, traceGraph } from '../../graph/trace.ts';
import { type LanguageModel, languageModel } from '../../models/language-model.ts';
import { gradient } from '../../ops/index.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { type Device, openDevice } from '../../session/device.ts';
import { createStore, type Store } from '../../session/store.ts';
import type { TypedArray } from '../../tensor/dtype.ts';
import { inBrowser } from '../../testing/test-file.test-support.ts';
import { webGpuTested } from '../../testing/webgpu.test-support.ts';
import { webGpuKernels } from './kernel-table.ts';
import { planBindings } from './kernels/plan-bindings.test-support.ts';
import { baseTraits } from './kernels/shader-snapshot.test-support.ts';

const [batch, length, vocabulary] = [4, 96, 320];

/** The results of a step, and how many pieces of memory its dispatches bind. */
async function stepOn(store: Store, model: LanguageModel, maxBindingBytes: number) {
  const graph = traceGraph(() => {
    const tokens = input('tokens', { shape: [batch, length + 1], dtype: 'i32' });
    const key = input('key', { shape: [2], dtype: 'u32' });
    const loss = model.loss(tokens, { random: { key, counter: input('counter', { shape: [], dtype: 'i32' }) } });
    const parameters = model.variables.map((variable) => read(variable));
    const gradients = gradient(loss, parameters).map((value, i) => [model.variables[i]?.name ?? '', value] as const);
    return { loss, ...Object.fromEntries(gradients) };
  });
  const plan = makePlan(graph, webGpuKernels({ ...baseTraits, maxBindingBytes }, 2 ** 28));
  const prepared = await store.device.backend.prepare(plan, (variable) => store.buffer(variable));
  prepared.writeInput(
    'tokens',
    Int32Array.from({ length: batch * (length + 1) }, (_, i) => (i * i * 7 + 3 * i) % vocabulary),
  );
  prepared.writeInput('key', Uint32Array.of(3, 4));
  prepared.writeInput('counter', Int32Array.of(1));
  const results = await prepared.run();
  prepared.dispose();
  return { results, bindings: planBindings(plan).flat().length };
}

/** Relative to the largest number. */
function largestError(found: TypedArray | undefined, wanted: TypedArray): number {
  let [error, size] = [0, 1e-12];
  wanted.forEach((value, i) => {
    error = Math.max(error, Math.abs((found?.[i] ?? Number.NaN) - value));
    size = Math.max(size, Math.abs(value));
  });
  return error / size;
}

describe.runIf(webGpuTested && !inBrowser)('a training step on small bindings', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ backend: 'webgpu', webgpu: { limits: 'default' } });
  });
  afterAll(() => device.dispose());

  it.each([
    ['H3 and attention', { mixer: ['h3', 'attention'], rotary_emb_dim: 8, head_dim: 2 }],
    ['S4D, gated SSM, positions', { mixer: ['s4d', 'gss'], max_position_embeddings: 128, tie_embeddings: false }],
  ] as const)('%s', async (_, { mixer, ...rest }) => {
    const settings = { vocab_size: vocabulary, d_model: 64, num_heads: 4, n_layer: 2, resid_dropout: 0.1 };
    const model = languageModel({ ...settings, ...rest, mixer: [...mixer] });
    using store = createStore(device);
    store.initialize(model.variables, { seed: 5 });
    const whole = await stepOn(store, model, baseTraits.maxBindingBytes);
    const cut = await stepOn(store, model, 40_000);
    expect(cut.bindings).toBeGreaterThan(3 * whole.bindings);
    expect([...cut.results.keys()]).toEqual([...whole.results.keys()]);
    for (const [name, numbers] of whole.results)
      expect.soft(largestError(cut.results.get(name), numbers), name).toBeLessThan(2e-5);
  });
});
