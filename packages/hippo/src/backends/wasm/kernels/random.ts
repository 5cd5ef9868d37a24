// Calls of the counter-based random numbers. The twin of random.as.ts.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface RandomSizes {
  readonly count: number;
  /** The draw's place in the model, an unsigned word. */
  readonly stream: number;
}

function randomCalls(entry: string, { count, stream }: RandomSizes, cost: number): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [key = 0, counter = 0], outputs: [out = 0] }) => [
      { entry, words: [key, counter, out, count, stream], ...sharing(count * cost) },
    ],
  };
}

/** Inputs [key u32[2], counter i32], outputs [out [count]] uniform on [0, 1). */
export function randomUniformCalls(sizes: RandomSizes): KernelCalls {
  return randomCalls('randomUniform', sizes, 8);
}

/** Inputs [key u32[2], counter i32], outputs [out [count]] standard normal. */
export function randomNormalCalls(sizes: RandomSizes): KernelCalls {
  return randomCalls('randomNormal', sizes, 40);
}
