// What conformance cannot see of the elementwise shader: merged axes, the choice of lanes, ranges of a space too large for a binding.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ElementwiseProgram } from '../../../plan/program.ts';
import { contiguousStrides, elementCount } from '../../../tensor/shape.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { elementwiseChoice } from './elementwise.ts';
import { mergeAxes, reachOf } from './iteration-space.ts';
import { type KernelHarness, openKernelHarness } from './kernel-harness.test-support.ts';

const view = (strides: readonly number[], offset = 0) => ({ strides, offset, dtype: 'f32' as const });

describe('mergeAxes', () => {
  it('makes one axis of those that all views walk as one', () => {
    expect(mergeAxes([2, 1, 3, 4], [view([12, 9, 4, 1])])).toEqual({ shape: [24], views: [view([1])] });
    expect(mergeAxes([2, 3, 4], [view([12, 4, 1]), view([0, 0, 1])])).toEqual({
      shape: [6, 4],
      views: [view([4, 1]), view([0, 1])],
    });
    expect(mergeAxes([1, 1], [view([0, 0])])).toEqual({ shape: [], views: [view([])] });
  });
});

it('knows which part of an input a range of the space reads', () => {
  expect(reachOf([4, 10], view([10, 1]), [10, 20])).toEqual([10, 19]);
  expect(reachOf([4, 10], view([0, 1]), [10, 20])).toEqual([0, 9]);
  expect(reachOf([4, 10], view([-10, 1], 30), [0, 20])).toEqual([20, 39]);
  expect(reachOf([4, 10], view([1, 4]), [0, 10])).toEqual([0, 36]);
});

/** a·b + c of three views of a shape. */
function sumOfProduct(shape: readonly number[], inputs: ElementwiseProgram['inputs']): ElementwiseProgram {
  return {
    shape,
    inputs,
    constants: [],
    instructions: [
      { op: 'mul', operands: [0, 1] },
      { op: 'add', operands: [3, 2] },
    ],
    outputs: [{ register: 4 }, { register: 3 }],
  };
}

describe.runIf(webGpuTested)('on a device', () => {
  let harness: KernelHarness;
  beforeAll(async () => {
    harness = await openKernelHarness();
  });
  afterAll(() => harness.dispose());

  it.each([
    [
      'four lanes',
      [6, 5, 64],
      [
        [320, 64, 1],
        [0, 64, 1],
        [0, 1, 0],
      ],
    ],
    [
      'four lanes, every second number of an input',
      [40, 32],
      [
        [32, 1],
        [64, 2],
        [0, 0],
      ],
    ],
    [
      'one lane',
      [6, 5, 33],
      [
        [165, 33, 1],
        [0, 33, 1],
        [1, 0, 0],
      ],
    ],
    [
      'backwards',
      [40, 32],
      [
        [32, 1],
        [-32, -1],
        [0, 1],
      ],
    ],
  ] as const)('%s: ranges give the same bits', async (_, shape, strides) => {
    const count = elementCount(shape);
    const program = sumOfProduct(
      shape,
      strides.map((list) => view(list, list.every((stride) => stride <= 0) ? count - 1 : 0)),
    );
    const data = strides.map((_, k) => Float32Array.from({ length: 2 * count }, (__, i) => Math.sin(i * (k + 1)) + k));
    const at = (k: number, i: number): number => {
      const own = contiguousStrides(shape);
      const place = own.reduce(
        (sum, step, axis) => sum + (Math.floor(i / step) % (shape[axis] ?? 1)) * (strides[k]?.[axis] ?? 0),
        program.inputs[k]?.offset ?? 0,
      );
      return data[k]?.[place] ?? Number.NaN;
    };
    const product = Float32Array.from({ length: count }, (_, i) => at(0, i) * at(1, i));
    const run = async (maxBindingBytes: number) => {
      const choice = elementwiseChoice(program, { maxBindingBytes });
      const outputs = [{ count }, { count }];
      return { results: await harness.run(choice, { inputs: data, outputs, maxBindingBytes }), choice };
    };
    const whole = await run(1 << 27);
    const split = await run(2560);
    expect(whole.choice.dispatches([true, true]).length).toBe(1);
    expect(split.choice.dispatches([true, true]).length).toBeGreaterThan(1);
    expect(whole.results[1]).toEqual(product);
    product.forEach((value, i) => {
      expect(whole.results[0]?.[i]).toBeCloseTo(value + at(2, i), 5);
    });
    expect(split.results).toEqual(whole.results);
  });
});
