// Calls of layer normalisation and its gradient on the rows of [rows, width]. The twin of layer-norm.as.ts.
import type { KernelCalls } from './call.ts';
import { reduceCalls } from './reduce.ts';
import { sharing } from './sharing.ts';

/** Rows whose weight and bias gradients are added up by one unit of work. */
const block = 32;

/** Inputs [x, weight, bias], outputs [y, mean [rows], inverseDeviation [rows]]; the last two may be absent. */
export function layerNormCalls(sizes: {
  readonly rows: number;
  readonly width: number;
  readonly epsilon: number;
}): KernelCalls {
  const { rows, width, epsilon } = sizes;
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [x = 0, weight = 0, bias = 0], outputs: [y = 0, mean = 0, deviation = 0] }) => [
      {
        entry: 'layerNorm',
        words: [x, weight, bias, y, mean, deviation, rows, width, { real: epsilon }],
        ...sharing(rows * width * 3),
      },
    ],
  };
}

/** Inputs [dy, x, weight, mean, inverseDeviation], outputs [dx, dWeight, dBias]; dx may be dy or x. */
export function layerNormGradientCalls({
  rows,
  width,
}: {
  readonly rows: number;
  readonly width: number;
}): KernelCalls {
  const blocks = Math.max(1, Math.ceil(rows / block));
  const sumsBytes = Math.ceil((blocks * width) / 4) * 16;
  const total = reduceCalls({ outer: 1, reduced: blocks, inner: width, kind: 'sum' });
  return {
    workspaceBytes: (parts) => 2 * sumsBytes + total.workspaceBytes(parts),
    calls(
      {
        inputs: [dy = 0, x = 0, weight = 0, mean = 0, deviation = 0],
        outputs: [dx = 0, dWeight = 0, dBias = 0],
        workspace,
      },
      parts,
    ) {
      const direct = blocks === 1;
      const weightSums = direct ? dWeight : workspace;
      const biasSums = direct ? dBias : workspace + sumsBytes;
      const words = [dy, x, weight, mean, deviation, dx, weightSums, biasSums, rows, width, block];
      const first = { entry: 'layerNormGradient', words, ...sharing(rows * width * 4) };
      const addUp = (sums: number, out: number) =>
        total.calls({ inputs: [sums], outputs: [out], workspace: workspace + 2 * sumsBytes }, parts);
      return direct ? [first] : [first, ...addUp(weightSums, dWeight), ...addUp(biasSums, dBias)];
    },
  };
}
