// The plans of a decoder, compiled when first used: one for each chunk size with the scores of the last token, one with the scores
// of all, and one that moves rows of the batch. All of them work on the same state variables.
import { assign, read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { addI32, constant, gatherRows, reshape, type SsmForm, sampleTokens, type TokenCuts } from '../ops/index.ts';
import type { Plan } from '../plan/plan.ts';
import { type CompiledFunction, compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';
import { elementCount } from '../tensor/shape.ts';
import type { StateEntry } from './state-layout.ts';

/** What decoding needs of a model. */
export type RecurrentModel = Pick<LanguageModel, 'config' | 'variables' | 'stateShapes' | 'apply'>;

/** A state array and the variable that holds it. */
export interface StateVariable {
  readonly entry: StateEntry;
  readonly variable: Variable;
}

export type StepPlan = CompiledFunction<'tokens', 'scores'>;
export type DrawPlan = CompiledFunction<'tokens' | 'random', 'token' | 'logProbability'>;
export type ReorderPlan = CompiledFunction<'rows', never>;

export interface DecoderPlansOptions {
  readonly model: RecurrentModel;
  readonly store: Store;
  readonly batch: number;
  readonly form: SsmForm | undefined;
  readonly states: readonly StateVariable[];
  /** i32 [batch] */
  readonly position: Variable;
}

export class DecoderPlans {
  readonly #options: DecoderPlansOptions;
  readonly #made = new Map<string, Promise<CompiledFunction<string, string>>>();
  readonly #ready: Plan[] = [];

  constructor(options: DecoderPlansOptions) {
    this.#options = options;
  }

  /** Plans compiled so far. */
  get ready(): readonly Plan[] {
    return this.#ready;
  }

  /** Reads `chunk` tokens a row. `last`: scores [batch, columns]; `all`: scores [batch, chunk, columns]. */
  step(chunk: number, logits: 'last' | 'all' = 'last'): Promise<StepPlan> {
    const { model, store, batch } = this.#options;
    return this.#once(`${logits} ${chunk}`, () =>
      compile(({ tokens }) => ({ scores: this.#read(tokens, chunk, logits) }), {
        store,
        frozen: model.variables,
        inputs: { tokens: { shape: [batch, chunk], dtype: 'i32' } },
      }),
    );
  }

  /** Reads `chunk` tokens a row and draws the next one, from random words [batch, 2]. */
  draw(chunk: number, cuts: TokenCuts): Promise<DrawPlan> {
    const { model, store, batch } = this.#options;
    const classes = model.config.vocab_size;
    return this.#once(`draw ${chunk} ${JSON.stringify(cuts)}`, () =>
      compile(
        ({ tokens, random }) => ({ ...sampleTokens(this.#read(tokens, chunk, 'last'), random, { ...cuts, classes }) }),
        {
          store,
          frozen: model.variables,
          inputs: { tokens: { shape: [batch, chunk], dtype: 'i32' }, random: { shape: [batch, 2], dtype: 'u32' } },
        },
      ),
    );
  }

  /** Traces the model on the states; the scores of the last token [batch, columns] or of all [batch, chunk, columns]. */
  #read(tokens: Value, chunk: number, logits: 'last' | 'all'): Value {
    const { model, batch, form, states, position } = this.#options;
    const state = Object.fromEntries(states.map(({ entry, variable }) => [entry.name, read(variable)]));
    const result = model.apply(tokens, { state, position: read(position), form, logits });
    for (const { entry, variable } of states) assign(variable, result.state[entry.name] as Value); // the names of stateShapes
    assign(position, addI32(read(position), chunk));
    return reshape(result.logits, logits === 'last' ? [batch, -1] : [batch, chunk, -1]);
  }

  /** Row i takes over what row `rows[i]` has read. */
  reorder(): Promise<ReorderPlan> {
    const { store, batch, states } = this.#options;
    return this.#once('reorder', () =>
      compile<'rows', never>(
        ({ rows }) => {
          for (const { entry, variable } of states) assign(variable, reordered(read(variable), entry, rows));
          return undefined;
        },
        { store, inputs: { rows: { shape: [batch], dtype: 'i32' } } },
      ),
    );
  }

  async dispose(): Promise<void> {
    for (const plan of await Promise.allSettled(this.#made.values()))
      if (plan.status === 'fulfilled') plan.value.dispose();
  }

  #once<I extends string, O extends string>(
    key: string,
    make: () => Promise<CompiledFunction<I, O>>,
  ): Promise<CompiledFunction<I, O>> {
    const known = this.#made.get(key) as Promise<CompiledFunction<I, O>> | undefined; // a key belongs to one kind of plan
    if (known) return known;
    const made = make();
    this.#made.set(key, made as Promise<CompiledFunction<string, string>>);
    made.then(
      ({ plan }) => this.#ready.push(plan),
      () => {}, // whoever asked for the plan gets the error
    );
    return made;
  }
}

/** [outer, batch, …] with the rows of the batch picked anew. */
function reordered(state: Value, { outer, batch, shape }: StateEntry, rows: Value): Value {
  const table = reshape(state, [outer * batch, elementCount(shape) / (outer * batch)]);
  const first = constant(
    Array.from({ length: outer }, (_, o) => o * batch),
    [outer, 1],
    'i32',
  );
  return reshape(gatherRows(table, addI32(first, rows)), shape);
}
