// Support for the tests of the filter and state-space kernels: runs a twin's calls on the kernel harness, with one, two and
// three parts, insists that all give the same bits, and compares with float64 results.
import { setFlagsFromString } from 'node:v8';
import { expect } from 'vitest';
import { type KernelHarness, kernelHarness } from '../kernel-harness.test-support.ts';
import { hasRelaxedSimd } from '../module.ts';
import type { KernelCalls } from './call.ts';

setFlagsFromString('--experimental-wasm-relaxed-simd'); // Node 20 has it behind this flag

/** The builds this engine can run. */
export const builds: readonly ('plain' | 'relaxed')[] = hasRelaxedSimd() ? ['plain', 'relaxed'] : ['plain'];

export type Probe = (
  calls: KernelCalls,
  inputs: readonly (Float32Array | undefined)[],
  outputs: readonly (number | undefined)[],
) => readonly Float32Array[];

/** A function that runs calls in the given build; outputs are given by their sizes (undefined = not wanted, empty result). */
export async function probe(build: 'plain' | 'relaxed'): Promise<Probe> {
  const harness = await kernelHarness({ relaxed: build === 'relaxed' });
  return (calls, inputs, outputs) => {
    const results = [1, 2, 3].map((parts) => runOnce(harness, calls, inputs, outputs, parts));
    const [one = [], two = [], three = []] = results;
    expect(sameBits(one, two) && sameBits(one, three), 'the number of parts changed the result').toBe(true);
    return one;
  };
}

function runOnce(
  harness: KernelHarness,
  calls: KernelCalls,
  inputs: readonly (Float32Array | undefined)[],
  outputs: readonly (number | undefined)[],
  parts: number,
): readonly Float32Array[] {
  const table = calls.table && harness.reserve(calls.table.bytes / 4);
  if (calls.table && table !== undefined) {
    const { entry, words } = calls.table.fill(table);
    harness.call(entry, words, parts);
  }
  const at = {
    ...(table !== undefined && { table }),
    inputs: inputs.map((data) => (data === undefined ? 0 : harness.put(data))),
    outputs: outputs.map((size) => (size === undefined ? 0 : harness.reserve(size + 1))),
    workspace: harness.reserve(calls.workspaceBytes(parts) / 4),
  };
  const guard = harness.reserve(4); // lies right after the workspace
  for (const { entry, words, parts: own } of calls.calls(at, parts)) harness.call(entry, words, own ?? parts);
  expect([...harness.floats(guard, 4)]).toEqual([NaN, NaN, NaN, NaN]);
  return outputs.map((size, i) => {
    if (size === undefined) return new Float32Array(0);
    const values = harness.floats(at.outputs[i] ?? 0, size + 1);
    expect(values[size]).toBeNaN(); // nothing is written past an output's end
    return values.slice(0, size);
  });
}

const bytes = (x: Float32Array): Buffer => Buffer.from(x.buffer, x.byteOffset, x.byteLength);
const sameBits = (a: readonly Float32Array[], b: readonly Float32Array[]): boolean =>
  a.length === b.length && a.every((x, i) => bytes(x).equals(bytes(b[i]!)));

/** Deterministic numbers in (−1, 1). */
export function noise(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 374761393) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 31 - 1;
  });
}

/** Expects |got − want| ≤ tolerance · max(|want|, 1e-3) for every element. */
export function expectClose(got: Float32Array, want: ArrayLike<number>, tolerance: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  let scale = 1e-3;
  let worst = 0;
  for (let i = 0; i < want.length; i++) scale = Math.max(scale, Math.abs(want[i]!));
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!) / scale;
    if (!(error <= worst)) worst = error; // a NaN stays
  }
  expect(worst, `${what}: relative error`).toBeLessThanOrEqual(tolerance);
}
