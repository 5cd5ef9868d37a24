// Language models against the official implementation: logits, loss, every gradient, and greedy decoding by prefill and steps with
// states and caches that live in variables, position known only at run time.
import { describe, expect, it } from 'vitest';
import { assign, read } from '../graph/trace.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import { type GoldenFile, openGolden } from '../nn/golden.test-support.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  relativeError,
  tolerances,
} from '../nn/layer.test-support.ts';
import { addI32, gradient } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { scalarOf, tensor } from '../tensor/host-tensor.ts';
import type { ModelConfigInput } from './config.ts';
import { type LanguageModel, languageModel } from './language-model.ts';

interface Sizes {
  readonly d_model: number;
  readonly n_layer: number;
  readonly d_inner: number;
  readonly vocab_size: number;
  readonly pad_vocab_size_multiple: number;
  readonly attn_layer_idx: readonly number[];
  readonly num_heads: number;
  readonly rotary_emb_dim: number;
  readonly d_state: number;
  readonly head_dim: number;
}

function configOf({ config }: GoldenFile): ModelConfigInput {
  const {
    d_model,
    n_layer,
    d_inner,
    vocab_size,
    pad_vocab_size_multiple,
    attn_layer_idx,
    num_heads,
    rotary_emb_dim,
    d_state,
    head_dim,
  } = config as unknown as Sizes;
  return {
    d_model,
    n_layer,
    d_inner,
    vocab_size,
    pad_vocab_size_multiple,
    attn_layer_idx,
    num_heads,
    rotary_emb_dim,
    d_state,
    head_dim,
  };
}

const isSsmParameter = (name: string): boolean => /kernel\.kernel\.|mixer\.D$|mixer\.ssm_k_D$/.test(name);

/** The largest of the first `vocabulary` logits of each row of [batch, 1, columns]. */
function greedy(logits: ArrayLike<number>, sizes: { batch: number; columns: number; vocabulary: number }): Int32Array {
  const { batch, columns, vocabulary } = sizes;
  return Int32Array.from({ length: batch }, (_, row) => {
    let best = 0;
    for (let c = 1; c < vocabulary; c++)
      if ((logits[row * columns + c] ?? 0) > (logits[row * columns + best] ?? 0)) best = c;
    return best;
  });
}

function stateVariables(model: LanguageModel, batch: number, capacity: number): readonly Variable[] {
  return model
    .stateShapes(batch, capacity)
    .map(({ name, shape, dtype }) => stateVariable(`state.${name}`, shape, dtype));
}

describe.each(backends)('language model against the official implementation on %s', (backend) => {
  describe.each(['h3-lm-tiny', 'h3-lm-tiny-rotary', 'h3-lm-pure'])('%s', (name) => {
    const open = async () => {
      const [io, parameters] = [await openGolden(`${name}.io`), await openGolden(name)];
      const model = languageModel(configOf(io));
      const store = await openStore(backend, model.variables);
      for (const variable of model.variables) store.write(variable, parameters.get(variable.name));
      return { io, parameters, model, store };
    };

    it('declares exactly the parameters of the checkpoint', async () => {
      const { parameters, model } = await open();
      expect(model.variables.map((variable) => variable.name).sort()).toEqual([...parameters.names].sort());
    });

    it('gives its logits, loss and every gradient', async () => {
      const { io, model, store } = await open();
      const { variables } = model;
      const outputs = await evaluate(store, { tokens: io.get('input_ids') }, (values) => {
        const loss = model.loss(inputOf(values, 'tokens'));
        const gradients = gradient(loss, variables.map(read));
        return { loss, ...Object.fromEntries(gradients.map((value, i) => [variables[i]?.name ?? '', value])) };
      });
      const ids = io.get('input_ids');
      const [batch = 1, columns = 1] = ids.shape;
      const inputs = tensor(
        Int32Array.from(ids.data).filter((_, i) => i % columns < columns - 1),
        [batch, columns - 1],
      );
      const { logits } = await evaluate(store, { inputs }, (values) => ({
        logits: model.apply(inputOf(values, 'inputs')).logits,
      }));
      expect(relativeError(logits?.data, io.get('logits').data)).toBeLessThan(tolerances.goldenLogits);
      expect(scalarOf(outputOf(outputs, 'loss'))).toBeCloseTo(scalarOf(io.get('loss')), 5);
      for (const variable of variables) {
        const tolerance = isSsmParameter(variable.name) ? tolerances.goldenSsmGradient : tolerances.goldenGradient;
        const error = relativeError(outputs[variable.name]?.data, io.get(`grad.${variable.name}`).data);
        expect(error, variable.name).toBeLessThan(tolerance);
      }
    });

    it('decodes greedily by a prefill and single steps', async () => {
      const { io, model, store } = await open();
      const [prompt, expectedTokens, expectedLogits] = [
        io.get('greedy_prompt'),
        io.get('greedy_tokens'),
        io.get('greedy_logits'),
      ];
      const [batch = 1, promptLength = 1] = prompt.shape;
      const steps = expectedTokens.shape[1] ?? 1;
      const sizes = { batch, columns: model.paddedVocabularySize, vocabulary: model.config.vocab_size };
      const states = stateVariables(model, batch, promptLength + steps);
      const position = stateVariable('position', [], 'i32');
      store.initialize([...states, position]);
      const plan = (length: number) =>
        compile(
          ({ tokens }) => {
            const state = Object.fromEntries(
              states.map((variable) => [variable.name.slice('state.'.length), read(variable)]),
            );
            const result = model.apply(tokens, { state, position: read(position), logits: 'last' });
            for (const variable of states) {
              const next = result.state[variable.name.slice('state.'.length)];
              if (next) assign(variable, next);
            }
            assign(position, addI32(read(position), length));
            return { logits: result.logits };
          },
          { store, inputs: { tokens: { shape: [batch, length], dtype: 'i32' } }, verify: true },
        );
      const step = await plan(1);
      const prefill = await plan(promptLength);
      let { logits } = await prefill({ tokens: prompt });
      for (let at = 0; at < steps; at++) {
        const row = Array.from({ length: batch }, (_, b) =>
          Array.from(expectedLogits.data.slice((b * steps + at) * sizes.columns, (b * steps + at + 1) * sizes.columns)),
        );
        expect(relativeError(logits.data, row.flat()), `step ${at}`).toBeLessThan(tolerances.goldenLogits);
        const tokens = greedy(logits.data, sizes);
        expect([...tokens]).toEqual(Array.from({ length: batch }, (_, b) => expectedTokens.data[b * steps + at]));
        ({ logits } = await step({ tokens }));
      }
      expect(scalarOf(await store.read(position))).toBe(promptLength + steps);
      for (const run of [prefill, step]) run.dispose();
    });
  });
});
