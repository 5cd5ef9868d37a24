// What conformance cannot see of the elementwise shader: merged axes, the choice of lanes, ranges of a space too large for a binding.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ElementwiseProgram } from '../../../plan/program.ts';
import { contiguousStrides, elementCount } from '../../../tensor/shape.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import type { ByteRange } from './dispatch.ts';
import { elementwiseChoice } from './elementwise.ts';
import { type Box, boxesWithin, reachOf } from './iteration-boxes.ts';
import { mergeAxes } from './iteration-space.ts';
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

it('knows which part of a memory a box of the space reaches', () => {
  expect(
    reachOf(view([10, 1]), [
      [1, 2],
      [0, 10],
    ]),
  ).toEqual([10, 19]);
  expect(
    reachOf(view([0, 1]), [
      [1, 2],
      [0, 10],
    ]),
  ).toEqual([0, 9]);
  expect(
    reachOf(view([-10, 1], 30), [
      [0, 2],
      [0, 10],
    ]),
  ).toEqual([20, 39]);
  expect(
    reachOf(view([1, 4]), [
      [0, 1],
      [0, 10],
    ]),
  ).toEqual([0, 36]);
});

describe('boxesWithin', () => {
  const result = (shape: readonly number[]) => view(contiguousStrides(shape));
  const countOf = (box: Box): number => box.reduce((count, [from, to]) => count * (to - from), 1);
  const sizesOf = ({ windows }: { readonly windows: readonly ByteRange[] }) => windows.map(({ from, to }) => to - from);

  it('leaves whole what fits', () => {
    expect(boxesWithin([6, 64], [view([0, 1], 7), result([6, 64])], 1536)).toEqual([
      {
        box: [
          [0, 6],
          [0, 64],
        ],
        windows: [
          { from: 0, to: 284 },
          { from: 0, to: 1536 },
        ],
      },
    ]);
  });

  it('cuts a transposition along the rows of both sides', () => {
    // The embedding of issue size on a device with base limits.
    const shape = [2560, 50_264];
    const boxes = boxesWithin(shape, [view([1, 2560]), result(shape)], 2 ** 27);
    expect(boxes).toHaveLength(16);
    expect(boxes.reduce((sum, { box }) => sum + countOf(box), 0)).toBe(elementCount(shape));
    for (const part of boxes) for (const bytes of sizesOf(part)) expect(bytes).toBeLessThanOrEqual(2 ** 27);
  });

  it('binds views of one memory once where they overlap, and side by side where they are far apart', () => {
    const of = (strides: readonly number[], offset = 0) => ({ ...view(strides, offset), storage: 3 });
    // Two columns of a matrix, and two halves of it.
    const near = boxesWithin([64, 100], [of([200, 1]), of([200, 1], 100)], 8192);
    for (const {
      windows: [left, right],
    } of near)
      expect(left).toEqual(right);
    const far = boxesWithin([100, 64], [of([64, 1]), of([64, 1], 6400)], 8192);
    for (const {
      windows: [first, second],
    } of far)
      expect(first?.to).toBeLessThanOrEqual(second?.from ?? 0);
    for (const part of [...near, ...far]) for (const bytes of sizesOf(part)) expect(bytes).toBeLessThanOrEqual(8192);
  });
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
      'two transposed inputs',
      [2, 16, 64],
      [
        [1024, 64, 1],
        [1024, 1, 16],
        [1, 128, 2],
      ],
    ],
    [
      'one lane, transposed',
      [50, 33],
      [
        [1, 50],
        [33, 1],
        [0, 0],
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
  ] as const)('%s: boxes give the same bits', async (_, shape, strides) => {
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
    const run = async (maxBindingBytes: number, inPlace = {}) => {
      const choice = elementwiseChoice(program, { maxBindingBytes });
      const outputs = [{ count }, { count }];
      return { results: await harness.run(choice, { inputs: data, outputs, maxBindingBytes, inPlace }), choice };
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
    // Nothing reads the first input after its product is written.
    const contiguous = strides[0].every((stride, axis) => stride === contiguousStrides(shape)[axis]);
    if (contiguous) expect((await run(2560, { 1: 0 })).results[1]?.subarray(0, count)).toEqual(whole.results[1]);
  });
});
