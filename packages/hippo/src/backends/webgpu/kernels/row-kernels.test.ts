// What conformance cannot see of the row kernels: operands larger than a binding, rows too long to keep, reductions in two passes, results
// in place of operands, more tensors than bindings. Against the operations' own definitions.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attributes, Node, NumbersWithShape, Operation, ValueType } from '../../../graph/value.ts';
import { adamWOperation } from '../../../ops/adam-w.ts';
import { concatOperation } from '../../../ops/concat.ts';
import { crossEntropyGradientOperation, crossEntropyOperation } from '../../../ops/cross-entropy.ts';
import { gatherRowsOperation, scatterAddRowsOperation } from '../../../ops/embedding.ts';
import { layerNormGradientOperation, layerNormOperation } from '../../../ops/layer-norm.ts';
import { maxOperation } from '../../../ops/max.ts';
import { quantizedGatherRowsOperation } from '../../../ops/quantized.ts';
import { randomUniformOperation } from '../../../ops/random.ts';
import { padOperation } from '../../../ops/slice.ts';
import { softmaxGradientOperation, softmaxOperation } from '../../../ops/softmax.ts';
import { sumOperation } from '../../../ops/sum.ts';
import { sumSquaresOperation } from '../../../ops/sum-squares.ts';
import { updateSliceOperation } from '../../../ops/update-slice.ts';
import { allocateArray, type DType } from '../../../tensor/dtype.ts';
import { uniforms } from '../../../tensor/philox.ts';
import { quantizeRows, rowWords } from '../../../tensor/quantization.ts';
import { elementCount, type Shape } from '../../../tensor/shape.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { scatterAddRowsChoice } from './embedding.ts';
import { type KernelHarness, openKernelHarness } from './kernel-harness.test-support.ts';
import { rowChoosers } from './row-choosers.ts';

interface Input extends ValueType {
  readonly numbers: ArrayLike<number>;
}

let stream = 0;
const f = (shape: Shape, from = -1, to = 1): Input => {
  const count = elementCount(shape);
  const draw = uniforms(count, { key: [3, 5], stream: stream++, counter: 0 });
  return { shape, dtype: 'f32', numbers: draw.map((u) => from + u * (to - from)) };
};
const i = (shape: Shape, from: number, to: number): Input => ({ ...f(shape, from, to), dtype: 'i32' });
const list = (dtype: DType, shape: Shape, numbers: ArrayLike<number>): Input => ({ shape, dtype, numbers });

interface Case {
  readonly name: string;
  // Any operation's attributes fit its own cases below.
  // biome-ignore lint/suspicious/noExplicitAny: one table for operations of all kinds
  readonly operation: Operation<any>;
  readonly attributes?: Attributes;
  readonly inputs: readonly Input[];
  readonly most?: number;
  /** No operand is bound whole. */
  readonly strict?: boolean;
  readonly inPlace?: Readonly<Record<number, number>>;
  readonly tolerance?: number;
}

const quantized = { bits: 4, inputs: 64 } as const;
const scalars = [1, 0.7, 0.01, 1.9, 3.1].map((value) => list('f32', [], [value]));
const parameter = (shape: Shape): Input[] => [f(shape), f(shape), f(shape, 0, 1), f(shape, -2, 2)];

const cases: readonly Case[] = [
  { name: 'ranges of rows', operation: softmaxOperation, inputs: [f([40, 48], -9, 9)], most: 4096, inPlace: { 0: 0 } },
  { name: 'a row too long to keep', operation: softmaxOperation, inputs: [f([2, 9000], -9, 9)], inPlace: { 0: 0 } },
  { name: 'a long row of odd width', operation: softmaxOperation, inputs: [f([1, 2501], -9, 9)] },
  { name: 'many short rows', operation: softmaxOperation, inputs: [f([700, 2], -9, 9)] },
  {
    name: 'ranges of rows',
    operation: softmaxGradientOperation,
    inputs: [f([40, 48]), f([40, 48])],
    most: 4096,
    inPlace: { 0: 1 },
  },
  {
    name: 'ranges of rows, some kept in a slot after another',
    operation: layerNormGradientOperation,
    inputs: [f([2100, 16]), f([2100, 16], -2, 3), f([16]), f([2100]), f([2100], 0.5, 2)],
    most: 100_000,
    tolerance: 1e-5,
  },
  {
    name: 'a row too long to keep',
    operation: layerNormGradientOperation,
    inputs: [f([3, 9000]), f([3, 9000], -2, 3), f([9000]), f([3]), f([3], 0.5, 2)],
    tolerance: 1e-5,
  },
  {
    name: 'ranges of rows',
    operation: layerNormOperation,
    attributes: { epsilon: 1e-5 },
    inputs: [f([40, 48]), f([48]), f([48])],
    most: 4096,
    tolerance: 1e-5,
  },
  {
    name: 'ranges of rows',
    operation: crossEntropyOperation,
    attributes: { classes: 47, ignoreIndex: 3 },
    inputs: [f([40, 48], -9, 9), i([40], 0, 47)],
    most: 4096,
  },
  {
    name: 'ranges of rows',
    operation: crossEntropyGradientOperation,
    attributes: { classes: 47, ignoreIndex: 3 },
    inputs: [f([40]), f([40, 48], -9, 2), i([40], 0, 47), f([40], 3, 5)],
    most: 4096,
    inPlace: { 0: 1 },
  },
  {
    name: 'chunks of one result',
    operation: sumOperation,
    attributes: { axis: 0, count: 1 },
    inputs: [f([300_001])],
    tolerance: 5e-6,
  },
  {
    name: 'chunks of columns',
    operation: sumOperation,
    attributes: { axis: 0, count: 1 },
    inputs: [f([3000, 12])],
    tolerance: 5e-6,
  },
  {
    name: 'ranges of the reduced axis',
    operation: maxOperation,
    attributes: { axis: 0, count: 1 },
    inputs: [f([3000, 12])],
    most: 80_000,
  },
  {
    name: 'ranges of the outer axis, in chunks',
    operation: sumOperation,
    attributes: { axis: 1, count: 1 },
    inputs: [f([8, 20_000])],
    most: 200_000,
    tolerance: 5e-6,
  },
  {
    name: 'ranges of one result',
    operation: maxOperation,
    attributes: { axis: 0, count: 1 },
    inputs: [f([20_000])],
    most: 20_000,
  },
  {
    name: 'more tensors than bindings, in ranges',
    operation: sumSquaresOperation,
    inputs: [[5000], [3], [40, 7], [1], [2], [64], [65], [9], [10], [11]].map((shape) => f(shape)),
    most: 8192,
  },
  {
    name: 'ranges of the table and of ids',
    operation: gatherRowsOperation,
    inputs: [
      f([40, 48]),
      list(
        'i32',
        [50],
        Array.from({ length: 50 }, (_, k) => ((k * 7) % 43) - 1),
      ),
    ],
    most: 4096,
  },
  {
    name: 'ranges of the table and of values',
    operation: scatterAddRowsOperation,
    attributes: { rows: 40 },
    inputs: [i([50], 0, 40), f([50, 48]), f([40, 48])],
    most: 4096,
  },
  {
    name: 'on a base in place',
    operation: scatterAddRowsOperation,
    attributes: { rows: 40 },
    inputs: [i([50], 0, 20), f([50, 48]), f([40, 48])],
    inPlace: { 0: 2 },
  },
  {
    name: 'more columns than threads',
    operation: scatterAddRowsOperation,
    attributes: { rows: 5 },
    inputs: [i([20], 0, 5), f([20, 1100])],
  },
  {
    name: 'ranges of the result',
    operation: randomUniformOperation,
    attributes: { shape: [3000], stream: 4e9 },
    inputs: [list('u32', [2], [7, 4e9]), list('i32', [], [-5])],
    most: 4096,
    tolerance: 0,
  },
  {
    name: 'more parts than bindings',
    operation: concatOperation,
    attributes: { axis: 1 },
    inputs: [4, 8, 4, 12, 4, 8, 4, 16, 4, 4].map((width) => f([3, width])),
  },
  {
    name: 'ranges of rows, of integers',
    operation: concatOperation,
    attributes: { axis: 1 },
    inputs: [i([130, 3], -9, 9), i([130, 4], -9, 9)],
    most: 2048,
  },
  {
    name: 'one row, longer than a binding',
    operation: concatOperation,
    attributes: { axis: 0 },
    inputs: [f([7, 64]), f([3, 64]), f([20, 64])],
    most: 2048,
  },
  {
    name: 'rows longer than a binding, of odd parts',
    operation: concatOperation,
    attributes: { axis: 1 },
    inputs: [f([3, 701]), f([3, 9]), f([3, 1000])],
    most: 2048,
  },
  {
    name: 'ranges of the operand',
    operation: padOperation,
    attributes: { before: [40, 0, 1], after: [30, 3, 0] },
    inputs: [f([9, 11, 13])],
    most: 1024,
    strict: true,
  },
  {
    name: 'ranges of the operand, in fours',
    operation: padOperation,
    attributes: { before: [1, 0], after: [1, 0] },
    inputs: [f([50, 64])],
    most: 1024,
    strict: true,
  },
  {
    name: 'a result longer than a binding, each of two',
    operation: sumOperation,
    attributes: { axis: 1, count: 1 },
    inputs: [f([2, 501, 6])],
    most: 4096,
    tolerance: 5e-6,
    strict: true,
  },
  {
    name: 'ranges of results',
    operation: sumOperation,
    attributes: { axis: 1, count: 1 },
    inputs: [f([50, 2, 12])],
    most: 2048,
    strict: true,
  },
  {
    name: 'ranges of results, in rows',
    operation: maxOperation,
    attributes: { axis: 1, count: 1 },
    inputs: [f([1301, 3])],
    most: 2048,
    strict: true,
  },
  {
    name: 'rows longer than a binding',
    operation: maxOperation,
    attributes: { axis: 1, count: 1 },
    inputs: [f([3, 5001])],
    most: 4096,
    strict: true,
  },
  {
    name: 'ranges of the result',
    operation: padOperation,
    attributes: { before: [3, 0, 4], after: [0, 1, 8] },
    inputs: [f([5, 6, 4])],
    most: 1024,
  },
  {
    name: 'in place, a position for each row',
    operation: updateSliceOperation,
    attributes: { axis: 2 },
    inputs: [f([3, 2, 5, 4]), f([3, 2, 2, 4]), list('i32', [3], [3, 0, 9])],
    inPlace: { 0: 0 },
  },
  {
    name: 'ranges of rows of both',
    operation: updateSliceOperation,
    attributes: { axis: 1 },
    inputs: [f([90, 6, 3]), f([90, 5, 3]), list('i32', [], [1])],
    most: 4096,
    strict: true,
  },
  {
    name: 'ranges of rows',
    operation: updateSliceOperation,
    attributes: { axis: 1 },
    inputs: [f([40, 6, 8]), f([40, 2, 8]), list('i32', [], [3])],
    most: 4096,
  },
  {
    name: 'in place, in ranges',
    operation: adamWOperation,
    attributes: {
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      decays: [0.1, 0, 0.2],
      caps: [Number.POSITIVE_INFINITY, 0.004, 1],
    },
    inputs: [...scalars, ...parameter([3000]), ...parameter([7]), ...parameter([33, 4])],
    most: 4096,
    inPlace: { 0: 5, 1: 6, 2: 7, 3: 9, 4: 10, 5: 11 },
  },
  ...[11, 12].map(
    (rows): Case => ({
      name: `ranges of ${rows} rows`,
      operation: quantizedGatherRowsOperation,
      attributes: quantized,
      inputs: [
        list(
          'i32',
          [rows, rowWords(quantized)],
          quantizeRows(Float32Array.from(f([rows, 64]).numbers), quantized, 'w'),
        ),
        i([40], 0, 12),
      ],
      most: 64 * rowWords(quantized),
    }),
  ),
];

/** The largest difference relative to the largest magnitude; NaN and ±∞ must agree. */
function largestError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let [error, scale] = [0, 1e-30];
  for (let at = 0; at < wanted.length; at++) {
    const [a, b] = [found[at] ?? 0, wanted[at] ?? 0];
    if (Object.is(a, b)) continue;
    error = Math.max(error, Number.isFinite(a - b) ? Math.abs(a - b) : Number.POSITIVE_INFINITY);
    if (Number.isFinite(b)) scale = Math.max(scale, Math.abs(b));
  }
  return error / scale;
}

describe.runIf(webGpuTested)('row kernels', () => {
  let harness: KernelHarness;
  beforeAll(async () => {
    harness = await openKernelHarness();
  });
  afterAll(() => harness.dispose());

  it.each(cases.map((test) => [test.operation.name, test.name, test] as const))('%s: %s', async (_, __, test) => {
    const { operation, attributes = {}, inputs, most, inPlace = {}, tolerance = 3e-6, strict = false } = test;
    const outputs = operation.infer(inputs, attributes);
    // A kernel reads of a node no more than this.
    const node = { operation, inputs, outputs, attributes } as unknown as Node;
    const base = { ...harness.traits, maxStorageBuffers: 8 };
    const choice = rowChoosers[operation.name]?.(node, { ...base, maxBindingBytes: most ?? base.maxBindingBytes });
    if (!choice) throw new Error(`no kernel for ${operation.name}`);
    const data = inputs.map(({ shape, dtype, numbers }) => {
      const array = allocateArray(dtype, elementCount(shape));
      array.set(numbers);
      return array;
    });
    const exact = data.map(
      (array, at): NumbersWithShape => ({
        shape: inputs[at]?.shape ?? [],
        data: array instanceof Int32Array || array instanceof Uint32Array ? array : Float64Array.from(array),
      }),
    );
    const wanted = operation.reference?.(exact, attributes, outputs) ?? [];
    const found = await harness.run(choice, {
      inputs: data,
      outputs: outputs.map(({ shape, dtype }) => ({ count: elementCount(shape), dtype })),
      inPlace,
      // Workspaces, ids and what belongs to rows alone are bound whole.
      ...(most !== undefined && { maxBindingBytes: (strict ? 1 : 4) * most }),
    });
    if (most !== undefined) expect(choice.dispatches(outputs.map(() => true)).length).toBeGreaterThan(1);
    wanted.forEach((numbers, at) => {
      expect(largestError(found[at] ?? [], numbers), `result ${at}`).toBeLessThanOrEqual(tolerance);
    });
  });

  it('scatterAddRows: more ids than a round of the scan', async () => {
    const [count, rows, width] = [1100, 9, 5];
    const [ids, values] = [i([count], 0, rows), f([count, width])];
    const wanted = new Float64Array(rows * width);
    for (let at = 0; at < count * width; at++) {
      const place = Math.floor(ids.numbers[Math.floor(at / width)] ?? 0) * width + (at % width);
      wanted[place] = (wanted[place] ?? 0) + (values.numbers[at] ?? 0);
    }
    const choice = scatterAddRowsChoice({ rows, width, count, base: false, bitsOfWord: 4 }, harness.traits);
    const inputs = [Int32Array.from(ids.numbers, Math.floor), Float32Array.from(values.numbers)];
    const [found = []] = await harness.run(choice, { inputs, outputs: [{ count: rows * width }] });
    expect(largestError(found, wanted)).toBeLessThan(5e-6);
  });
});
