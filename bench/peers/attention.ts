// The work of an attention contest: y = softmax(q·kᵀ/√d, causal)·v for all heads of a batch, and the gradients of ⟨y, g⟩. Its check
// is the whole of the last head, in float64.
import { numbers } from '../harness/numbers.ts';

export interface AttentionSize {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
}

export type AttentionWork = 'forward' | 'forward and backward';

const headSize = ({ length, headDim }: AttentionSize): number => length * headDim;
export const elementCount = (size: AttentionSize): number => size.batch * size.heads * headSize(size);

/** q, k, v and g: f32 [batch, heads, length, headDim]. */
export const operandNames = ['q', 'k', 'v', 'g'] as const;
export const operand = (size: AttentionSize, name: (typeof operandNames)[number]): Float32Array<ArrayBuffer> =>
  numbers(elementCount(size), 1 + operandNames.indexOf(name));

/** Of its matrix products over pairs of a query and an earlier key: two forward, five more backward (the scores again). */
export function productOperations({ batch, heads, length, headDim }: AttentionSize, work: AttentionWork): number {
  const pairs = (batch * heads * length * (length + 1)) / 2;
  return (work === 'forward' ? 2 : 7) * 2 * headDim * pairs;
}

/** The last head's y, and with `work` also its gradients of q, k and v. */
function reference(size: AttentionSize, work: AttentionWork): readonly Float64Array[] {
  const { length, headDim } = size;
  const start = elementCount(size) - headSize(size);
  const [q, k, v, g] = operandNames.map((name) => Float64Array.from(operand(size, name).subarray(start)));
  const [y, dq, dk, dv] = operandNames.map(() => new Float64Array(headSize(size)));
  if (!q || !k || !v || !g || !y || !dq || !dk || !dv) return []; // they are four and four
  const scale = 1 / Math.sqrt(headDim);
  for (let i = 0; i < length; i++) {
    const scores = Array.from({ length: i + 1 }, (_, j) => scale * dot(q, i, k, j, headDim));
    const largest = scores.reduce((a, b) => Math.max(a, b));
    const powers = scores.map((score) => Math.exp(score - largest));
    const total = powers.reduce((a, b) => a + b);
    const weights = powers.map((power) => power / total);
    for (const [j, weight] of weights.entries()) addRow(y, i, weight, v, j, headDim);
    if (work === 'forward') continue;
    const mean = dot(g, i, y, i, headDim);
    for (const [j, weight] of weights.entries()) {
      const slope = scale * weight * (dot(g, i, v, j, headDim) - mean);
      addRow(dq, i, slope, k, j, headDim);
      addRow(dk, j, slope, q, i, headDim);
      addRow(dv, j, weight, g, i, headDim);
    }
  }
  return work === 'forward' ? [y] : [y, dq, dk, dv];
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number, width: number): number {
  let sum = 0;
  for (let c = 0; c < width; c++) sum += (a[i * width + c] ?? 0) * (b[j * width + c] ?? 0);
  return sum;
}

function addRow(a: Float64Array, i: number, factor: number, b: Float64Array, j: number, width: number): void {
  for (let c = 0; c < width; c++) a[i * width + c] = (a[i * width + c] ?? 0) + factor * (b[j * width + c] ?? 0);
}

/** A function that compares the last head of y, dq, dk and dv, each relative to its largest element. Remembers the reference. */
export function attentionCheck(size: AttentionSize, work: AttentionWork) {
  let expected: readonly Float64Array[] | undefined;
  return (lastHeads: readonly ArrayLike<number>[]): number => {
    expected ??= reference(size, work);
    const errors = expected.map((exact, at) => {
      const scale = exact.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      return (
        exact.reduce((worst, x, i) => Math.max(worst, Math.abs((lastHeads[at]?.[i] ?? Number.NaN) - x)), 0) / scale
      );
    });
    return Math.max(...errors);
  };
}

/** The part of a whole result that is compared. */
export const lastHead = (size: AttentionSize, result: ArrayLike<number>): ArrayLike<number> =>
  Array.from({ length: headSize(size) }, (_, i) => result[elementCount(size) - headSize(size) + i] ?? Number.NaN);
