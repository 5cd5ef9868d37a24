// Calls of softmax and its gradient along the rows of [rows, width]. The twin of softmax.as.ts.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

interface RowSizes {
  readonly rows: number;
  readonly width: number;
}

/** Element operations of an element: an exponential and three passes. */
const cost = 8;

/** Inputs [x], outputs [y = e^x/Σe^x], which may be x. */
export function softmaxCalls({ rows, width }: RowSizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [x = 0], outputs: [y = 0] }) => [
      { entry: 'softmax', words: [x, y, rows, width], ...sharing(rows * width * cost) },
    ],
  };
}

/** Inputs [y, dy], outputs [dx = y ⊙ (dy − Σ dy ⊙ y)], which may be one of them. */
export function softmaxGradientCalls({ rows, width }: RowSizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [y = 0, dy = 0], outputs: [dx = 0] }) => [
      { entry: 'softmaxGradient', words: [y, dy, dx, rows, width], ...sharing(rows * width * 2) },
    ],
  };
}
