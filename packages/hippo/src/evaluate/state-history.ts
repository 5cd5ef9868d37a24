// What a model's state holds after each token of a sequence, and two short views of it: how strongly the shift SSM holds what it read
// so many tokens ago, and how full the diagonal SSM's state of each head is (paper.md 1.6). A model that recalls shows it here: the
// states of some heads jump where a pair is read, and stay.
import { assign, read } from '../graph/trace.ts';
import { stateVariable } from '../graph/variable.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';
import type { Shape } from '../tensor/shape.ts';

/** One array of the state over time. */
export interface StateSeries {
  /** As in `stateShapes`: `layers.0.diagonal`. */
  readonly name: string;
  readonly shape: Shape;
  /** Its content after each token. */
  readonly after: readonly Float32Array[];
}

export interface StateHistory {
  readonly states: readonly StateSeries[];
  /** The scores after each token, [columns] each. */
  readonly scores: readonly Float32Array[];
}

/** Reads tokens one at a time and keeps every state on the way. */
export async function stateHistory(
  model: Pick<LanguageModel, 'apply' | 'stateShapes'>,
  { store, tokens }: { readonly store: Store; readonly tokens: readonly number[] },
): Promise<StateHistory> {
  const states = model.stateShapes(1, Math.max(1, tokens.length)).map(({ name, shape, dtype }) => ({
    name,
    variable: stateVariable(`history.${name}`, shape, dtype),
  }));
  const variables = states.map(({ variable }) => variable);
  store.initialize(variables);
  try {
    using step = await compile(
      ({ token, position }) => {
        const state = Object.fromEntries(states.map(({ name, variable }) => [name, read(variable)]));
        const result = model.apply(token, { state, position, logits: 'last' });
        for (const { name, variable } of states) assign(variable, result.state[name] ?? read(variable));
        return { scores: result.logits };
      },
      { store, inputs: { token: { shape: [1, 1], dtype: 'i32' }, position: { shape: [], dtype: 'i32' } } },
    );
    const scores: Float32Array[] = [];
    const after: Float32Array[][] = states.map(() => []);
    for (const [at, token] of tokens.entries()) {
      const result = await step({ token: [token], position: [at] });
      scores.push(Float32Array.from(result.scores.data));
      for (const [i, variable] of variables.entries())
        after[i]?.push(Float32Array.from((await store.read(variable)).data));
    }
    return {
      states: states.map(({ name, variable: { shape } }, i) => ({ name, shape, after: after[i] ?? [] })),
      scores,
    };
  } finally {
    store.drop(variables);
  }
}

/**
 * ‖x‖ of each head's diagonal state after each token, [tokens][heads].
 * @param series of a state [heads, sequences, 2, states]
 */
export function diagonalMagnitudes({ shape, after }: StateSeries): readonly (readonly number[])[] {
  const heads = shape[0] ?? 0;
  return after.map((content) => {
    const size = content.length / heads;
    return Array.from({ length: heads }, (_, head) => norm(content.subarray(head * size, (head + 1) * size)));
  });
}

/**
 * ‖·‖ over the channels of what the shift state holds at each place, the newest token first, [tokens][places].
 * @param series of a state [channels, 1, places]
 */
export function shiftMagnitudes({ shape, after }: StateSeries): readonly (readonly number[])[] {
  const places = shape.at(-1) ?? 0;
  return after.map((content) =>
    Array.from({ length: places }, (_, place) =>
      norm(content.filter((_value, at) => at % places === places - 1 - place)),
    ),
  );
}

function norm(numbers: Float32Array): number {
  return Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0));
}
