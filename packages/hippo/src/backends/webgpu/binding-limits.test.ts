// Training steps of the released models' width whose activations, logits and weights exceed what a kernel of a base device may see at
// once: every kernel is cut. Planned only: on no device of these tests would they run in reasonable time.
import { expect, it } from 'vitest';
import { makePlan } from '../../plan/make-plan.ts';
import { webGpuKernels } from './kernel-table.ts';
import { planBindings } from './kernels/plan-bindings.test-support.ts';
import { baseTraits } from './kernels/shader-snapshot.test-support.ts';
import { trainingStep } from './training-step.test-support.ts';

it.each([
  ['H3 and attention', { d_model: 2560, mixer: ['h3', 'attention'], num_heads: 20, rotary_emb_dim: 64 }, 8],
  ['heads of several channels', { d_model: 2048, mixer: ['h3'], num_heads: 16, head_dim: 2 }, 16],
  ['heads of many channels', { d_model: 1024, mixer: ['h3'], num_heads: 16, head_dim: 8 }, 16],
  ['S4D and gated SSM', { d_model: 512, mixer: ['s4d', 'gss'], tie_embeddings: false }, 32],
] as const)('%s: no binding exceeds the base limit', (_, { mixer, ...config }, batch) => {
  const settings = { ...config, vocab_size: 50_257, mixer: [...mixer], n_layer: mixer.length, resid_dropout: 0.1 };
  const plan = makePlan(trainingStep(settings, batch, 2048), webGpuKernels(baseTraits, 2 ** 40));
  const dispatches = planBindings(plan);
  const { maxBindingBytes, maxStorageBuffers } = baseTraits;
  expect(dispatches.flat().filter(({ from, to }) => to - from > maxBindingBytes || from % 256 !== 0)).toEqual([]);
  expect(dispatches.filter(({ length }) => length > maxStorageBuffers)).toEqual([]);
  // Some storages do exceed it.
  expect(dispatches.flat().some(({ from }) => from >= maxBindingBytes)).toBe(true);
});
