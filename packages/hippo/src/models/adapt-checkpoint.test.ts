// Headers with things wrong: any change to the names and shapes of a real file is either a model or a typed refusal, never a crash,
// and never takes memory for what a name or a size pretends.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { memorySource, openSafetensors, type TensorSource } from '../checkpoint/safetensors.ts';
import { HippoError } from '../errors.ts';
import type { Shape } from '../tensor/shape.ts';
import { adaptCheckpoint } from './adapt-checkpoint.ts';

let entries: readonly (readonly [string, Shape])[] = [];
beforeAll(async () => {
  const path = new URL('../../testdata/golden/h3-lm-tiny.safetensors', import.meta.url);
  const { tensors } = await openSafetensors(memorySource(await readFile(path)));
  entries = [...tensors].map(([name, { shape }]) => [name, shape]);
});

const sourceOf = (some: Iterable<readonly [string, Shape]>): TensorSource => ({
  tensors: new Map([...some].map(([name, shape]) => [name, { name, shape, dtype: 'f32', bytes: 0 }])),
  metadata: {},
  read: async () => {
    throw new Error('a number was read');
  },
});
const open = (some: Iterable<readonly [string, Shape]>) =>
  adaptCheckpoint(sourceOf(some), { file: 'model.pt', overrides: { num_heads: 4 }, headersOnly: true });

describe('changed headers', () => {
  it('are a model or refused with a reason', async () => {
    const name = fc.oneof(
      fc.constantFrom('lm_head.weight', 'model.x', 'embedding.weight', 'backbone.norm.weight', '__proto__', ''),
      fc.constantFrom(
        'h.0.attn.c_attn.weight',
        'backbone.layers.4.mixer.D',
        'backbone.layers.9999999999999.norm1.bias',
      ),
      fc.string(),
    );
    const shape = fc.array(fc.oneof(fc.nat(200), fc.constantFrom(2 ** 40, 0, 1)), { maxLength: 4 });
    const change = fc.record({ at: fc.nat(), name: fc.option(name), shape: fc.option(shape), remove: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const changed = new Map(entries);
        for (const { at, name: newName, shape: newShape, remove } of changes) {
          const [old = '', size = []] = entries[at % entries.length] ?? [];
          if (remove) changed.delete(old);
          if (newName !== null || newShape !== null) changed.set(newName ?? old, newShape ?? size);
        }
        try {
          const { model, weights } = await open(changed);
          expect([...weights.tensors.keys()].sort()).toEqual(model.variables.map((variable) => variable.name).sort());
        } catch (error) {
          if (!(error instanceof HippoError)) throw error;
          expect(error.message).toMatch(/^(model\.pt|config|scope): .*[.?]$/s);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it.each<[string, readonly (readonly [string, Shape])[], string]>([
    ['no tensor at all', [], 'no-embedding'],
    ['no layer', [['backbone.embeddings.word_embeddings.weight', [104, 32]]], 'no-layers'],
    ['an embedding of another rank', [['backbone.embeddings.word_embeddings.weight', [104]]], 'no-embedding'],
  ])('%s', async (_, some, code) => {
    await expect(open(some)).rejects.toMatchObject({ name: 'CheckpointError', code });
  });

  it('a layer number that is larger than the file', async () => {
    const far: [string, Shape] = ['backbone.layers.99999999999999999999999.norm1.bias', [32]];
    await expect(open([...entries, far])).rejects.toMatchObject({ code: 'layer-gap' });
  });

  it('a layer that is missing between others', async () => {
    const without = entries.filter(([name]) => !name.startsWith('backbone.layers.2.'));
    await expect(open(without)).rejects.toThrow('layer 2 must have one of mixer.Wqkv.weight, ');
    await expect(open(without)).rejects.toThrow('got no tensor');
  });
});

describe('H3 layers without an SSM', () => {
  const without = (pattern: RegExp) => entries.filter(([name]) => !pattern.test(name));
  const shift = /\.mixer\.ssm_k_/;
  const diagonal = /\.mixer\.(D$|kernel\.)/;

  it('are told by the tensors that are not there', async () => {
    expect((await open(entries)).config.h3_without).toBe('none');
    const { config, model } = await open(without(shift));
    expect(config).toMatchObject({ h3_without: 'shift', d_state: 64, head_dim: 1 });
    expect(model.variables.some(({ name }) => shift.test(name))).toBe(false);
  });

  it('say nothing of the head dimension where they have no diagonal SSM', async () => {
    const given = (overrides: object) =>
      adaptCheckpoint(sourceOf(without(diagonal)), {
        file: 'x',
        overrides: { num_heads: 4, ...overrides },
        headersOnly: true,
      });
    await expect(given({})).rejects.toMatchObject({ name: 'CheckpointError', code: 'unknown-head-dim' });
    expect((await given({ head_dim: 2 })).config).toMatchObject({ h3_without: 'diagonal', head_dim: 2, d_state: 64 });
    await expect(given({ head_dim: 2, h3_without: 'shift' })).rejects.toMatchObject({ code: 'override-contradicts' });
  });

  it('are no damaged layers, which are refused', async () => {
    await expect(open(without(/ssm_k_D$/))).rejects.toMatchObject({ code: 'weights-disagree' });
    await expect(open(without(/layers\.0\.mixer\.ssm_k_/))).rejects.toMatchObject({ name: 'CheckpointError' });
  });
});
