// Hippo's causal attention, and the matrix products it is made of alone, over all pairs of a query and a key.
import { ops, type Value } from 'hippo';
import { type Contestant, rate } from '../harness/contest.ts';
import {
  type AttentionSize,
  type AttentionWork,
  type attentionCheck,
  elementCount,
  lastHead,
  operand,
} from './attention.ts';
import type { OpenedDevice } from './devices.ts';
import { hippoPlan, type Operand } from './hippo-plan.ts';

export function hippoAttention(
  size: AttentionSize,
  work: AttentionWork,
  check: ReturnType<typeof attentionCheck>,
  { device, threads }: OpenedDevice,
): Contestant {
  const shape = [size.batch, size.heads, size.length, size.headDim];
  const shapes = work === 'forward' ? [shape] : [shape, shape, shape, shape];
  return {
    name: 'Hippo',
    threads,
    prepare: async () => {
      const plan = await hippoPlan(device, operands(size, ['q', 'k', 'v', 'g']), shapes, ({ q, k, v, g }) => {
        const y = ops.causalAttention(q, k, v);
        return work === 'forward' ? [y] : [y, ...ops.gradient(ops.sum(ops.mul(y, g)), [q, k, v])];
      });
      return {
        ...plan,
        check: async () => {
          await plan.run();
          return check((await plan.results()).map((result) => lastHead(size, result)));
        },
      };
    },
  };
}

function operands<Name extends 'q' | 'k' | 'v' | 'g'>(size: AttentionSize, names: readonly Name[]) {
  const shape = [size.batch, size.heads, size.length, size.headDim];
  const entries = names.map((name) => [name, { shape, data: operand(size, name) }]);
  return Object.fromEntries(entries) as Record<Name, Operand>; // of `names`
}

/** q·kᵀ and (q·kᵀ)·v as two batched products: the rate that attention is compared with. */
export function hippoProductsOfAttention(size: AttentionSize, { device, threads }: OpenedDevice): Contestant {
  const { batch, heads, length, headDim } = size;
  return {
    name: 'Hippo, matrix products alone',
    threads,
    unit: rate('GFLOP/s', 2 * 2 * batch * heads * length * length * headDim, 1e9),
    prepare: async () => {
      const shapes = [[batch, heads, length, headDim]];
      const build = ({ q, k, v }: Readonly<Record<'q' | 'k' | 'v', Value>>): readonly Value[] => [
        ops.matmul(ops.matmul(q, k, { transposeB: true }), v),
      ];
      const plan = await hippoPlan(device, operands(size, ['q', 'k', 'v']), shapes, build);
      return {
        ...plan,
        check: async () => {
          await plan.run();
          const [result = []] = await plan.results();
          return productsError(size, result);
        },
      };
    },
  };
}

/** Of some elements of the last row: Σ_j (q·k_j) v_j, relative to the sum of absolute terms. */
function productsError(size: AttentionSize, result: ArrayLike<number>): number {
  const { length, headDim } = size;
  const [q, k, v] = [operand(size, 'q'), operand(size, 'k'), operand(size, 'v')];
  const [end, head] = [elementCount(size), elementCount(size) - length * headDim];
  let worst = 0;
  for (let c = 0; c < headDim; c++) {
    let [sum, scale] = [0, 0];
    for (let j = 0; j < length; j++) {
      let [score, scoreScale] = [0, 0];
      for (let d = 0; d < headDim; d++) {
        const term = (q[end - headDim + d] ?? Number.NaN) * (k[head + j * headDim + d] ?? Number.NaN);
        score += term;
        scoreScale += Math.abs(term);
      }
      const value = v[head + j * headDim + c] ?? Number.NaN;
      sum += score * value;
      scale += scoreScale * Math.abs(value);
    }
    const error = Math.abs((result[end - headDim + c] ?? Number.NaN) - sum) / scale;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}
