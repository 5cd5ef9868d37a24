// Hippo's long convolution, and its gradients with respect to the rows and to the kernels.
import { ops } from 'hippo';
import type { Contestant } from '../harness/contest.ts';
import { numbers } from '../harness/numbers.ts';
import { type ConvolutionSize, kernelsOf, resultError, rowCount, rowsOf } from './convolution.ts';
import type { OpenedDevice } from './devices.ts';
import { hippoPlan } from './hippo-plan.ts';

export function hippoConvolution(size: ConvolutionSize, { device, threads }: OpenedDevice): Contestant {
  const { channels, batch, length } = size;
  const shape = [channels, batch, length];
  return {
    name: 'Hippo',
    threads,
    prepare: async () => {
      const operands = {
        u: { shape, data: rowsOf(size) },
        k: { shape: [channels, length], data: kernelsOf(size) },
      };
      const plan = await hippoPlan(device, operands, [shape], ({ u, k }) => [ops.fftConv(u, k)]);
      return {
        ...plan,
        check: async () => {
          await plan.run();
          const [y = []] = await plan.results();
          return resultError(size, y);
        },
      };
    },
  };
}

/** Of ⟨fftConv(u, k), g⟩ with respect to rows and kernels: what a backward pass computes. */
export function hippoConvolutionGradient(size: ConvolutionSize, { device, threads }: OpenedDevice): Contestant {
  const { channels, batch, length } = size;
  const shapes = { u: [channels, batch, length], k: [channels, length] };
  return {
    name: 'Hippo, gradients',
    threads,
    prepare: async () => {
      const [u, k, g] = [rowsOf(size), kernelsOf(size), numbers(rowCount(size) * length, 3)];
      const operands = {
        u: { shape: shapes.u, data: u },
        k: { shape: shapes.k, data: k },
        g: { shape: shapes.u, data: g },
      };
      const plan = await hippoPlan(device, operands, [shapes.u, shapes.k], (values) => {
        const loss = ops.sum(ops.mul(ops.fftConv(values.u, values.k), values.g));
        return ops.gradient(loss, [values.u, values.k]);
      });
      return {
        ...plan,
        check: async () => {
          await plan.run();
          const [ofRows = [], ofKernels = []] = await plan.results();
          return Math.max(
            gradientError(size, { u, k, g }, 'u', ofRows),
            gradientError(size, { u, k, g }, 'k', ofKernels),
          );
        },
      };
    },
  };
}

/** du[t] = Σ_{s≥t} g[s]·k[s−t]; dk[j] = Σ_b Σ_{t≥j} g[t]·u[t−j]. Relative to the root of the products of the sums of squares. */
function gradientError(
  { batch, length }: ConvolutionSize,
  { u, k, g }: { readonly u: Float32Array; readonly k: Float32Array; readonly g: Float32Array },
  target: 'u' | 'k',
  result: ArrayLike<number>,
): number {
  let worst = 0;
  for (let check = 0; check < 100; check++) {
    const place = (check * 7919 * 31) % result.length;
    const [row, at] = [Math.floor(place / length), place % length];
    // For k, a row of the result is a channel, and all rows of its batch add up.
    const rows = target === 'u' ? [row] : Array.from({ length: batch }, (_, b) => row * batch + b);
    let [sum, ofGradient, ofOther] = [0, 0, 0];
    for (const each of rows) {
      const other = target === 'u' ? k.subarray(Math.floor(row / batch) * length) : u.subarray(each * length);
      for (let t = 0; t < length; t++) {
        const [dy, x] = [g[each * length + t] ?? Number.NaN, other[t] ?? Number.NaN];
        ofGradient += dy * dy;
        ofOther += x * x;
        if (t >= at) sum += dy * (other[t - at] ?? Number.NaN);
      }
    }
    const error = Math.abs((result[place] ?? Number.NaN) - sum) / Math.sqrt(ofGradient * ofOther);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}
