// States as bytes: the same state back, and a sentence for every file that is not this model's state.
import { describe, expect, it } from 'vitest';
import { memorySource, openSafetensors } from '../checkpoint/safetensors.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { CheckpointError, UsageError } from '../errors.ts';
import { languageModel } from '../models/language-model.ts';
import { preset, presetNames } from '../models/presets.ts';
import { createDecoder } from './decoder.ts';
import { stateBytes, stateBytesPerSequence } from './decoder-state.ts';
import { modelFingerprint } from './model-fingerprint.ts';
import { hybrid, kinds, openModel, text } from './models.test-support.ts';
import { stateFromBytes, stateToBytes } from './state-file.ts';

const capacity = 40;

async function pieces(options: Parameters<typeof safetensorsPieces>[1]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of safetensorsPieces([], options)) parts.push(part);
  return Buffer.concat(parts);
}

describe('stateToBytes', () => {
  it.each(Object.entries(kinds))('comes back whole: %s', async (_, config) => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity });
    for (const length of [0, 1, 17]) {
      decoder.reset();
      if (length > 0) await decoder.feed(text(length));
      const state = await decoder.state();
      expect(await stateFromBytes(await stateToBytes(state), decoder)).toEqual(state);
    }
  });

  it('is a safetensors file that says what it is', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity });
    await decoder.feed(text(5));
    const { metadata, tensors } = await openSafetensors(memorySource(await stateToBytes(await decoder.state())));
    expect(metadata).toMatchObject({
      hippo_state: '1',
      position: '5',
      dtype: 'f32',
      model: await decoder.fingerprint(),
    });
    expect(tensors.get('state.layers.0.k')?.shape).toEqual([1, 2, 5, 8]);
    expect(tensors.get('scores')?.shape).toEqual([24]);
  });
});

describe('stateFromBytes refuses', () => {
  it('another model, naming both', async () => {
    const [one, other] = [await openModel(hybrid), await openModel(hybrid, 'wasm', 2)];
    await using decoder = createDecoder(one.model, { store: one.store, capacity });
    await using stranger = createDecoder(other.model, { store: other.store, capacity });
    await decoder.feed([1]);
    const bytes = await stateToBytes(await decoder.state());
    const [expected, given] = [await stranger.fingerprint(), await decoder.fingerprint()];
    const error = await stateFromBytes(bytes, stranger, 'chat.state').catch((caught) => caught);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ code: 'other-model', facts: { expected, given } });
    for (const part of ['chat.state', expected, given]) expect(error.message).toContain(part);
  });

  it('another version, other files, and files cut short', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity });
    await decoder.feed(text(3));
    const bytes = await stateToBytes(await decoder.state());
    for (const length of [0, 7, 100, bytes.length - 1])
      await expect(stateFromBytes(bytes.slice(0, length), decoder)).rejects.toThrow(CheckpointError);
    const attempt = async (metadata: Record<string, string>) => stateFromBytes(await pieces({ metadata }), decoder);
    await expect(attempt({})).rejects.toThrow(/must name the version/);
    await expect(attempt({ hippo_state: '2', dtype: 'f32' })).rejects.toThrow(/version 1 in f32; got version 2 in f32/);
    await expect(attempt({ hippo_state: '1', dtype: 'f32', position: '-1' })).rejects.toThrow(/and is "-1"/);
    // The header is whole but arrays are missing: found when it is restored.
    const own = { hippo_state: '1', dtype: 'f32', position: '3', model: await decoder.fingerprint() };
    await expect(decoder.restore(await attempt(own))).rejects.toThrow(/must be f32\[.*\] after 3 tokens; got none/);
  });
});

describe('modelFingerprint', () => {
  it('is the same on every backend, and differs with weights and configuration', async () => {
    const name = async (...args: Parameters<typeof openModel>): Promise<string> => {
      const { model, store } = await openModel(...args);
      return modelFingerprint(model, store);
    };
    const own = await name(hybrid);
    expect(own).toMatch(/^[0-9a-f]{16}$/);
    expect(await name(hybrid, 'reference')).toBe(own);
    const others = [await name(hybrid, 'wasm', 2), await name({ ...hybrid, rotary_emb_dim: 2 })];
    expect(new Set([own, ...others]).size).toBe(3);
  });

  it('sees a change of any one parameter', async () => {
    const { model, store } = await openModel(hybrid);
    const own = await modelFingerprint(model, store);
    for (const variable of model.variables) {
      const before = await store.read(variable);
      store.write(variable, { ...before, data: before.data.map((x) => x * 1.0001 + 1e-6) });
      expect(await modelFingerprint(model, store), variable.name).not.toBe(own);
      store.write(variable, before);
    }
    expect(await modelFingerprint(model, store)).toBe(own);
  });
});

describe('stateBytesPerSequence', () => {
  it.each(Object.entries(kinds))('is what a state takes, %s', async (_, config) => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity });
    await decoder.feed(text(13));
    const { scores, ...state } = await decoder.state();
    expect(stateBytesPerSequence(config, 13).bytes).toBe(stateBytes({ ...state, scores: undefined }));
    expect(scores).toHaveLength(model.paddedVocabularySize);
  });

  it.each(presetNames)('adds up for %s', (name) => {
    const { constantBytes, bytesPerToken, bytes } = stateBytesPerSequence(preset(name), 1000);
    expect(bytes).toBe(constantBytes + 1000 * bytesPerToken);
    const { d_model, n_layer, attn_layer_idx, mixer, d_state } = languageModel(preset(name)).config;
    const attention = mixer === 'attention' ? n_layer : attn_layer_idx.length;
    expect(bytesPerToken).toBe(attention * 2 * 4 * d_model);
    expect(constantBytes).toBe((n_layer - attention) * 4 * d_model * (d_state - 1 + d_state));
  });

  it('takes a length', () => {
    expect(() => stateBytesPerSequence(hybrid, -1)).toThrow(UsageError);
  });
});
