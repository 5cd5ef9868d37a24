// Recurrent decoding: a prompt is read in chunks of a few fixed sizes by convolution, then one token a step at constant memory.
// The state (SSM states, attention caches, position) lives in variables, so each chunk size is one plan, replayed.
import { UsageError } from '../errors.ts';
import { assign, read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { addI32, reshape, type SsmForm } from '../ops/index.ts';
import { heldBytes } from '../plan/explain.ts';
import { type CompiledFunction, compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';

/** What decoding needs of a model. */
export type RecurrentModel = Pick<LanguageModel, 'config' | 'variables' | 'stateShapes' | 'apply'>;

export interface DecoderOptions {
  readonly store: Store;
  /** Sequences decoded side by side. Default 1. */
  readonly batch?: number;
  /** Most tokens a sequence may reach when the model has attention; ignored by models without. */
  readonly capacity: number;
  /** Chunk sizes for reading prompts, any order; 1 is always there. Default 1, 16, 128, 1024. */
  readonly chunks?: readonly number[];
  /** How state-space layers read chunks. Default `auto`: by the backend's costs. */
  readonly form?: SsmForm;
}

export interface Decoder extends AsyncDisposable {
  /** Tokens read so far. */
  readonly position: number;
  /** Bytes of state for the whole batch. */
  readonly stateBytes: number;
  /**
   * Device memory held besides the model's weights: states, what the plans compiled so far hold, and what they computed once
   * from the weights. The same after a million tokens as after the first that used every chunk size it will meet.
   */
  readonly bytes: number;
  /** Reads tokens ([batch × count], row by row) and returns the scores after the last one, [batch × columns]. */
  feed(tokens: ArrayLike<number>): Promise<Float32Array>;
  /** Forgets everything read. */
  reset(): void;
  readonly columns: number;
  explain(chunk?: number): Promise<string>;
  /** Gives the state's memory and the plans back, after the calls that still run. Do it before the device is disposed of. */
  dispose(): Promise<void>;
}

/**
 * Makes the state variables and the plans (compiled when first used). The model's weights must not change while the decoder is
 * used: what depends on them alone is computed once.
 */
export function createDecoder(model: RecurrentModel, options: DecoderOptions): Decoder {
  const { store, batch = 1, capacity, form } = options;
  const shapes = model.stateShapes(batch, capacity);
  const hasCache = model
    .stateShapes(batch, capacity + 1)
    .some((type, index) => type.shape.some((size, axis) => size !== shapes[index]?.shape[axis]));
  const chunks = [...new Set([1, ...(options.chunks ?? [16, 128, 1024])])].sort((a, b) => b - a);
  decoders += 1;
  const prefix = `decoder${decoders}`;
  const states = shapes.map((type) => ({
    name: type.name,
    variable: stateVariable(`${prefix}.${type.name}`, type.shape, type.dtype),
  }));
  const position = stateVariable(`${prefix}.position`, [], 'i32');
  const variables: Variable[] = [...states.map(({ variable }) => variable), position];
  store.initialize(variables);
  const plans = new Map<number, Promise<CompiledFunction<'tokens', 'scores'>>>();
  const ready: CompiledFunction<'tokens', 'scores'>[] = [];
  let fed = 0;
  let columns = 0;

  const planFor = (chunk: number): Promise<CompiledFunction<'tokens', 'scores'>> => {
    const known = plans.get(chunk);
    if (known) return known;
    const made = compile(
      ({ tokens }) => {
        const state = Object.fromEntries(states.map(({ name, variable }) => [name, read(variable)]));
        const result = model.apply(tokens, { state, position: read(position), form, logits: 'last' });
        for (const { name, variable } of states) assign(variable, result.state[name] as Value);
        assign(position, addI32(read(position), chunk));
        return { scores: reshape(result.logits, [batch, -1]) };
      },
      { store, frozen: model.variables, inputs: { tokens: { shape: [batch, chunk], dtype: 'i32' } } },
    );
    plans.set(chunk, made);
    made.then(
      (plan) => ready.push(plan),
      () => {}, // whoever asked for the plan gets the error
    );
    return made;
  };

  // Calls run one after the other, and memory is given back only when the last one has ended.
  let last: Promise<unknown> = Promise.resolve();
  let disposed = false;
  const release = async (): Promise<void> => {
    for (const plan of await Promise.allSettled(plans.values())) if (plan.status === 'fulfilled') plan.value.dispose();
    store.drop(variables);
  };
  let released: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    disposed = true;
    released ??= last.then(release);
    return released;
  };
  const feed = async (tokens: ArrayLike<number>): Promise<Float32Array> => {
    if (disposed) throw new UsageError('disposed', 'decoder: it was disposed of. Make a new one.');
    const count = tokens.length / batch;
    checkCount(count, tokens.length);
    let scores: Float32Array = new Float32Array(0);
    for (let done = 0; done < count; ) {
      const chunk = chunks.find((size) => size <= count - done) ?? 1;
      const plan = await planFor(chunk);
      const from = done;
      const part = Int32Array.from(
        { length: batch * chunk },
        (_, i) => tokens[Math.floor(i / chunk) * count + from + (i % chunk)] ?? 0,
      );
      scores = (await plan({ tokens: part })).scores.data as Float32Array;
      done += chunk;
      fed += chunk;
    }
    columns = scores.length / batch;
    return scores;
  };
  const checkCount = (count: number, given: number): void => {
    if (!Number.isInteger(count) || count < 1) {
      throw new UsageError(
        'no-tokens',
        `decoder: needs at least one token for each of ${batch} sequences; got ${given}. An empty prompt cannot be continued: give at least one token.`,
        { tokens: given, batch },
      );
    }
    if (hasCache && fed + count > capacity) {
      throw new UsageError(
        'capacity',
        `decoder: the attention cache holds ${capacity} tokens; ${fed} are read and ${count} more were given. Make the decoder with a larger capacity.`,
        { capacity, position: fed, count },
      );
    }
  };
  return {
    get position() {
      return fed;
    },
    get columns() {
      return columns;
    },
    stateBytes: variables.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0),
    get bytes() {
      const weights = new Set(model.variables);
      const held = ready.map(({ plan }) => ({ ...plan, variables: plan.variables.filter((own) => !weights.has(own)) }));
      return heldBytes(held, variables);
    },
    feed(tokens) {
      const result = last.then(() => feed(tokens));
      // A call that fails is its caller's to handle; the next one starts all the same.
      last = result.catch(() => undefined);
      return result;
    },
    reset() {
      for (const { variable } of states) store.write(variable, zeros(variable));
      store.write(position, zeros(position));
      fed = 0;
    },
    explain: async (chunk = 1) => (await planFor(chunk)).explain(),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

let decoders = 0;

function zeros({ shape, dtype }: Variable) {
  const count = shape.reduce((a, b) => a * b, 1);
  return { shape, dtype, data: dtype === 'f32' ? new Float32Array(count) : new Int32Array(count) };
}
