// AdamW's update of many parameters in one pass (Loshchilov and Hutter, arXiv 1711.05101). With g = gradient·scale,
//   m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − min(rate, cap)·(m·correction₁/(√(v·correction₂) + ε) + decay·p),
// all three as they were where `healthy` is 0.

import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';
import { add, div, minimum, mul, select, sqrt, square, sub } from './elementwise.ts';

export type AdamWAttributes = {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** For each parameter: how strongly it decays. */
  readonly decays: readonly number[];
  /** For each parameter: the largest rate; infinity for none. */
  readonly caps: readonly number[];
};

/** Scalar operands, before the tensors: healthy, scale, rate, correction₁, correction₂. */
const SCALARS = 5;
/** Tensors of a parameter: content, first moment, second moment, gradient. */
const TENSORS = 4;
/** Results of a parameter: content and the two moments, each in its operand's place. */
const RESULTS = 3;

/** How many parameters an operation with this many operands updates. */
function segmentCount(operands: number): number {
  return (operands - SCALARS) / TENSORS;
}

/**
 * Inputs [healthy, scale, rate, correction₁, correction₂] (scalars), then [p, m, v, gradient] for each parameter, outputs [p, m, v]
 * for each.
 */
export const adamWOperation: Operation<AdamWAttributes> = {
  name: 'adamW',
  infer: (inputs, { decays, caps }) => {
    const segments = segmentCount(inputs.length);
    rule(
      Number.isInteger(segments) && segments > 0 && decays.length === segments && caps.length === segments,
      () =>
        `takes ${SCALARS} scalars and ${TENSORS} tensors a parameter, with a decay and a cap for each; got ${inputs.length} operands, ${decays.length} decays and ${caps.length} caps.`,
    );
    rule(
      inputs.every(({ dtype }) => dtype === 'f32') &&
        inputs.slice(0, SCALARS).every((v) => elementCount(v.shape) === 1),
      () => 'takes f32 tensors, the first five of them scalars.',
    );
    return Array.from({ length: segments }, (_, i) => {
      const tensors = Array.from({ length: TENSORS }, (__, k) => operand(inputs, SCALARS + i * TENSORS + k));
      const { shape } = operand(tensors, 0);
      rule(
        tensors.every((v) => sameShape(v.shape, shape)),
        () =>
          `a parameter, its moments and its gradient must have one shape; got ${tensors.map((v) => formatShape(v.shape)).join(', ')}.`,
      );
      return Array.from({ length: RESULTS }, () => ({ shape, dtype: 'f32' as const }));
    }).flat();
  },
  inPlace: (inputs) =>
    Array.from({ length: segmentCount(inputs.length) * RESULTS }, (_, result) => ({
      result,
      operand: SCALARS + Math.floor(result / RESULTS) * TENSORS + (result % RESULTS),
    })),
  reference: (inputs, attributes) => {
    const scalars = inputs.slice(0, SCALARS).map(({ data }) => data[0] ?? 0);
    return Array.from({ length: segmentCount(inputs.length) }, (_, i) =>
      updated(inputs.slice(SCALARS + i * TENSORS, SCALARS + (i + 1) * TENSORS), {
        ...attributes,
        scalars,
        decay: attributes.decays[i] ?? 0,
        cap: attributes.caps[i] ?? Number.POSITIVE_INFINITY,
      }),
    ).flat();
  },
  decompose: (inputs, attributes) => {
    const scalars = inputs.slice(0, SCALARS);
    return Array.from({ length: segmentCount(inputs.length) }, (_, i) =>
      decomposed(inputs.slice(SCALARS + i * TENSORS, SCALARS + (i + 1) * TENSORS), {
        ...attributes,
        scalars,
        decay: attributes.decays[i] ?? 0,
        cap: attributes.caps[i] ?? Number.POSITIVE_INFINITY,
      }),
    ).flat();
  },
  operations: (_, __, outputs) => outputs.reduce((total, { shape }) => total + 5 * elementCount(shape), 0),
};

interface Segment<Scalar> extends Pick<AdamWAttributes, 'beta1' | 'beta2' | 'epsilon'> {
  readonly scalars: readonly Scalar[];
  readonly decay: number;
  readonly cap: number;
}

function updated(tensors: readonly NumbersWithShape[], segment: Segment<number>): Float64Array[] {
  const { beta1, beta2, epsilon, decay, cap } = segment;
  const [healthy = 0, scale = 0, rate = 0, correction1 = 0, correction2 = 0] = segment.scalars;
  const [content, first, second, gradient] = tensors;
  if (!content || !first || !second || !gradient) return [];
  const results = [content, first, second].map(({ data }) => Float64Array.from(data));
  const [p, m, v] = results;
  if (healthy === 0 || !p || !m || !v) return results;
  gradient.data.forEach((raw, i) => {
    const g = raw * scale;
    m[i] = (m[i] ?? 0) * beta1 + g * (1 - beta1);
    v[i] = (v[i] ?? 0) * beta2 + g * g * (1 - beta2);
    const direction = ((m[i] ?? 0) * correction1) / (Math.sqrt((v[i] ?? 0) * correction2) + epsilon);
    p[i] = (p[i] ?? 0) - Math.min(rate, cap) * (direction + decay * (p[i] ?? 0));
  });
  return results;
}

function decomposed(tensors: readonly Value[], segment: Segment<Value>): Value[] {
  const { beta1, beta2, epsilon, decay, cap } = segment;
  const [healthy, scale, rawRate, correction1, correction2] = segment.scalars;
  const [content, first, second, raw] = tensors;
  if (!healthy || !scale || !rawRate || !correction1 || !correction2 || !content || !first || !second || !raw)
    return [];
  const gradient = mul(raw, scale);
  const newFirst = add(mul(first, beta1), mul(gradient, 1 - beta1));
  const newSecond = add(mul(second, beta2), mul(square(gradient), 1 - beta2));
  const direction = div(mul(newFirst, correction1), add(sqrt(mul(newSecond, correction2)), epsilon));
  const rate = cap === Number.POSITIVE_INFINITY ? rawRate : minimum(rawRate, cap);
  const step = decay > 0 ? add(direction, mul(content, decay)) : direction;
  return [
    select(healthy, sub(content, mul(rate, step)), content),
    select(healthy, newFirst, first),
    select(healthy, newSecond, second),
  ];
}

/** A parameter to be updated; all four of one shape. */
export interface AdamWSegment {
  readonly content: Value;
  readonly first: Value;
  readonly second: Value;
  readonly gradient: Value;
  readonly decay: number;
  /** The largest rate; default: none. */
  readonly cap?: number | undefined;
}

export interface AdamWResult {
  readonly content: Value;
  readonly first: Value;
  readonly second: Value;
}

/**
 * The new content and moments of each segment, in one pass over all of them.
 * @param scalars `scale` multiplies every gradient first; where `healthy` is 0 all results are the old content.
 * @throws TraceError `rule` when shapes or dtypes do not fit.
 */
export function adamW(
  segments: readonly AdamWSegment[],
  scalars: {
    readonly healthy: Value;
    readonly scale: Value;
    readonly rate: Value;
    readonly correction1: Value;
    readonly correction2: Value;
  },
  options: { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
): readonly AdamWResult[] {
  const { healthy, scale, rate, correction1, correction2 } = scalars;
  const { beta1, beta2, epsilon } = options;
  const operands = segments.flatMap(({ content, first, second, gradient }) => [content, first, second, gradient]);
  const outputs = applyOperation(adamWOperation, [healthy, scale, rate, correction1, correction2, ...operands], {
    beta1,
    beta2,
    epsilon,
    decays: segments.map(({ decay }) => decay),
    caps: segments.map(({ cap }) => cap ?? Number.POSITIVE_INFINITY),
  });
  return segments.map((_, i) => {
    const [content, first, second] = outputs.slice(i * RESULTS, (i + 1) * RESULTS);
    return { content, first, second } as AdamWResult; // infer gives three results a segment
  });
}
