// AdamW (Loshchilov and Hutter, arXiv 1711.05101) as part of the step's graph, with global-norm clipping before it:
//   m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − rate·(m̂/(√v̂ + ε) + decay·p).
// Each parameter's group may switch decay off and cap the rate (paper.md 1.4).
import { assign, read, within } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import { adamW, add, div, minimum, sqrt, sumSquares } from '../ops/index.ts';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Which parameters decay, besides what their group says: all of them, or matrices only (rank two and more). */
  readonly decay: 'all' | 'matrices';
}

export const adamWDefaults: AdamWOptions = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.1,
  decay: 'matrices',
};

/** The two moments of each parameter, named after it. */
export interface Moments {
  readonly first: Variable;
  readonly second: Variable;
}

export function momentsOf(parameters: readonly Variable[]): ReadonlyMap<Variable, Moments> {
  return new Map(
    parameters.map((parameter) => [
      parameter,
      {
        first: stateVariable(`optimizer.first.${parameter.name}`, parameter.shape),
        second: stateVariable(`optimizer.second.${parameter.name}`, parameter.shape),
      },
    ]),
  );
}

/** √Σ‖g‖² over all gradients. */
export function globalNorm(gradients: readonly Value[]): Value {
  return sqrt(sumSquares(gradients));
}

/** The factor that brings a norm above `limit` down to it. */
export function clipFactor(norm: Value, limit: number): Value {
  return minimum(1, div(limit, add(norm, 1e-6)));
}

/** Scalars that change with every step; the host computes the corrections in float64. */
export interface AdamWScalars {
  readonly rate: Value;
  /** 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ), t counted from 1. */
  readonly correction1: Value;
  readonly correction2: Value;
}

export function biasCorrections(
  { beta1, beta2 }: AdamWOptions,
  step: number,
): { correction1: number; correction2: number } {
  return { correction1: 1 / (1 - beta1 ** (step + 1)), correction2: 1 / (1 - beta2 ** (step + 1)) };
}

/** Whether weight decay applies to a parameter. */
export function decays(parameter: Variable, options: AdamWOptions): boolean {
  if (parameter.group?.decay !== undefined && !parameter.group.decay) return false;
  return options.decay === 'all' || parameter.shape.length >= 2;
}

/**
 * Assigns the new moments and parameters. Where `healthy` is 0 (a gradient was not finite) everything keeps its old content.
 * @param update.scale multiplies every gradient first (clipping).
 */
export function applyAdamW(
  gradients: ReadonlyMap<Variable, Value>,
  moments: ReadonlyMap<Variable, Moments>,
  update: {
    readonly scalars: AdamWScalars;
    readonly scale: Value;
    readonly healthy: Value;
    readonly options: AdamWOptions;
  },
): void {
  const { scalars, scale, healthy, options } = update;
  const updated = [...gradients].flatMap(([parameter, gradient]) => {
    const moment = moments.get(parameter);
    return moment ? [{ parameter, gradient, ...moment }] : [];
  });
  if (updated.length === 0) return;
  const segments = updated.map(({ parameter, gradient, first, second }) => ({
    content: read(parameter),
    first: read(first),
    second: read(second),
    gradient,
    decay: decays(parameter, options) ? options.weightDecay : 0,
    cap: parameter.group?.maxLearningRate,
  }));
  const results = within('optimizer', () => adamW(segments, { healthy, scale, ...scalars }, options));
  for (const [i, result] of results.entries()) {
    const { parameter, first, second } = updated[i] as (typeof updated)[number]; // one result a segment
    assign(parameter, result.content);
    assign(first, result.first);
    assign(second, result.second);
  }
}
