// Small models of every kind that keeps a state, for the tests of this folder, and prompts for them.

import { afterAll } from 'vitest';
import type { ModelConfigInput } from '../models/config.ts';
import { type LanguageModel, languageModel } from '../models/language-model.ts';
import { drawFor } from '../nn/initialize.ts';
import type { BackendName, Device } from '../session/device.ts';
import { openDevice } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { uniforms } from '../tensor/philox.ts';

const base = { vocab_size: 23, d_model: 16, n_layer: 2, d_state: 8 } as const;

export const kinds: Readonly<Record<string, ModelConfigInput>> = {
  'H3 and attention': { ...base, attn_layer_idx: [1], num_heads: 2 },
  'H3 and rotary attention': { ...base, attn_layer_idx: [0], num_heads: 2, rotary_emb_dim: 4 },
  'H3 of head dimension 2': { ...base, head_dim: 2 },
  Transformer: { ...base, mixer: 'attention', num_heads: 4, max_position_embeddings: 200 },
  S4D: { ...base, mixer: 's4d' },
  GSS: { ...base, mixer: 'gss', gss_states: 12 },
};

export const hybrid = kinds['H3 and rotary attention'] as ModelConfigInput;

const devices = new Map<BackendName, Promise<Device>>();

afterAll(async () => {
  for (const device of devices.values()) await (await device).dispose();
  devices.clear();
});

export interface OpenedModel {
  readonly model: LanguageModel;
  readonly store: Store;
}

/** A model with random weights on a device that a file's tests share. */
export async function openModel(
  config: ModelConfigInput,
  backend: BackendName = 'wasm',
  seed = 1,
): Promise<OpenedModel> {
  const device = devices.get(backend) ?? openDevice({ backend, threads: 2 });
  devices.set(backend, device);
  const model = languageModel(config);
  const store = createStore(await device);
  store.initialize(model.variables, { seed });
  return { model, store };
}

/** Token ids that depend on the name alone. */
export function text(length: number, name = 'text'): number[] {
  return Array.from(uniforms(length, drawFor(name, 1)), (u) => Math.floor(u * 23));
}

/** Largest difference relative to the largest score. */
export function scoreError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, scale] = [actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
    scale = Math.max(scale, Math.abs(expected[i] ?? 0));
  }
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference / scale;
}

/** Two ways of reading the same tokens: the same sums in another order. */
export const roundingTolerance = 2e-5;
