// Support for the tests of the row, reduction and movement kernels: runs a twin's calls for one, two and three parts (also those
// marked too small to share), insists on equal bits and on intact memory around outputs and workspace.
import { expect } from 'vitest';
import { kernelHarness } from '../kernel-harness.test-support.ts';
import type { KernelCalls } from './call.ts';

type Data = Float32Array | Int32Array | Uint32Array;
/** How many words an output has, which input it takes the place of, or that it is not wanted. */
type Output = number | { readonly inPlace: number } | undefined;
export type CallProbe = (
  calls: KernelCalls,
  inputs: readonly Data[],
  outputs: readonly Output[],
) => readonly Float32Array[];

const guard = 0x7fc0beef; // a NaN that no kernel makes

/** A function that runs calls in the given build and returns the outputs. */
export async function callProbe(build: 'plain' | 'relaxed'): Promise<CallProbe> {
  const harness = await kernelHarness({ relaxed: build === 'relaxed' });
  const reserve = (words: number): number => harness.put(new Int32Array(words).fill(guard));
  const runOnce = (
    calls: KernelCalls,
    inputs: readonly Data[],
    outputs: readonly Output[],
    parts: number,
  ): readonly Float32Array[] => {
    const given = inputs.map((data) => harness.put(data));
    const workspaceWords = calls.workspaceBytes(parts) / 4;
    const places = outputs.map((output) => {
      if (output === undefined) return { address: 0, words: 0 };
      if (typeof output === 'number') return { address: reserve(output + 1), words: output };
      return { address: given[output.inPlace] ?? 0, words: inputs[output.inPlace]?.length ?? 0 };
    });
    const at = { inputs: given, outputs: places.map(({ address }) => address), workspace: reserve(workspaceWords + 4) };
    for (const { entry, words } of calls.calls(at, parts)) harness.call(entry, words, parts);
    expect([...harness.integers(at.workspace + workspaceWords * 4, 4)], 'past the workspace').toEqual(
      Array(4).fill(guard),
    );
    return places.map(({ address, words }, i) => {
      if (typeof outputs[i] === 'number') {
        const all = harness.integers(address, words + 1);
        expect(all[words], `past output ${i}`).toBe(guard);
        expect(all.subarray(0, words).includes(guard), `output ${i} is written whole`).toBe(false);
      }
      return harness.floats(address, words);
    });
  };
  return (calls, inputs, outputs) => {
    const [one = [], ...others] = [1, 2, 3].map((parts) => runOnce(calls, inputs, outputs, parts));
    for (const other of others) expect(sameBits(one, other), 'the number of parts changed the result').toBe(true);
    return one;
  };
}

const bits = (data: Float32Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const sameBits = (a: readonly Float32Array[], b: readonly Float32Array[]): boolean =>
  a.length === b.length && a.every((data, i) => bits(data).equals(bits(b[i] ?? new Float32Array(0))));

/** Expects the same NaN, ±∞, and |got − want| ≤ tolerance·max(|want|, floor) for every element. */
export function expectNear(
  got: Float32Array,
  want: ArrayLike<number>,
  options: { readonly tolerance: number; readonly floor?: number },
): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < got.length; i++) {
    const [a = 0, b = 0] = [got[i], want[i]];
    const near = Math.abs(a - b) <= options.tolerance * Math.max(Math.abs(b), options.floor ?? 0);
    if (!near && !Object.is(a, Math.fround(b))) expect.fail(`element ${i} is ${a}, not ${b}`);
  }
}
