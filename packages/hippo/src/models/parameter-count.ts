// How many numbers a model has: sums over its declared variables, so that even the largest preset is counted without memory.
import type { Variable } from '../graph/variable.ts';
import { elementCount } from '../tensor/shape.ts';

export interface ParameterCount {
  readonly total: number;
  /** Word and position embeddings. */
  readonly embeddings: number;
  readonly mixers: number;
  readonly mlps: number;
  /** Norms and an untied head. */
  readonly rest: number;
}

/** Numbers in these variables. */
export function countParameters(variables: readonly Pick<Variable, 'shape'>[]): number {
  return variables.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** The same by part of the model, from the variables' names. */
export function parameterCount({ variables }: { readonly variables: readonly Variable[] }): ParameterCount {
  const part = (pattern: RegExp): number => countParameters(variables.filter(({ name }) => pattern.test(name)));
  const [total, embeddings, mixers, mlps] = [
    countParameters(variables),
    part(/\.embeddings\./),
    part(/\.mixer\./),
    part(/\.mlp\./),
  ];
  return { total, embeddings, mixers, mlps, rest: total - embeddings - mixers - mlps };
}
