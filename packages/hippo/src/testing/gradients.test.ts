// Every differentiable operation against central differences in float64; and the gradients, which are graphs like any other, the same
// on every backend.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applySingle } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { scatterAddRowsOperation } from '../ops/embedding.ts';
import * as ops from '../ops/index.ts';
import { operations } from '../ops/index.ts';
import { type Device, openDevice } from '../session/device.ts';
import { elementCount } from '../tensor/shape.ts';
import { type ConformanceCase, disagreement } from './conformance.ts';
import { conformanceCases } from './conformance-cases.ts';
import { checkGradient } from './gradient-check.ts';
import { webGpuTested } from './webgpu.test-support.ts';

const tolerance = 2e-6;
type V = Value;

// Small cases whose inputs are all f32; kinks and integer operands have their own tests below.
const kinked = new Set([
  'stopGradient',
  'abs',
  'relu',
  'maximum',
  'minimum',
  'sign',
  'floor',
  'less',
  'lessEqual',
  'equal',
  'select',
  'max',
  'castToI32',
]);
const differentiable = new Set(operations.filter(({ gradient }) => gradient).map(({ name }) => name));
const small = conformanceCases.filter(({ operation, inputs }) => {
  const size = inputs.reduce((total, { shape }) => total + elementCount(shape), 0);
  return (
    differentiable.has(operation) &&
    !kinked.has(operation) &&
    size <= 60 &&
    inputs.every(({ dtype = 'f32', numbers }) => dtype === 'f32' && !numbers)
  );
});
/** Results without a gradient: statistics that layer norm and cross-entropy give besides. */
const byProducts = new Set(['mean', 'deviation', 'lse']);

/** The results of a case that have gradients. */
const resultsOf = ({ build }: ConformanceCase, values: readonly V[]): readonly V[] =>
  Object.entries(build(...values))
    .filter(([name, value]) => !byProducts.has(name) && elementCount(value.shape) > 0)
    .map(([, value]) => value);

describe('gradients', () => {
  it.each([...new Set(small.map(({ operation }) => operation))])('%s', async (operation) => {
    for (const test of small.filter((candidate) => candidate.operation === operation)) {
      const at = test.inputs.map(({ shape, from = -1, to = 1 }) =>
        Array.from(
          { length: elementCount(shape) },
          (_, i) => from + (to - from) * (0.1 + (0.8 * ((i * 7 + 3) % 11)) / 11),
        ),
      );
      const results = (...values: readonly V[]): readonly V[] => resultsOf(test, values);
      const { worst, input, element } = await checkGradient(results, {
        shapes: test.inputs.map(({ shape }) => shape),
        at,
      });
      expect(worst, `${test.name}: input ${input}, element ${element}`).toBeLessThan(tolerance);
    }
  });

  it('operations with kinks, away from them', async () => {
    const at = [
      [0.3, -0.7, 1.2, -2.1],
      [0.5, -0.2, -1.5, 2.2],
    ];
    const check = async (f: (a: V, b: V) => V) =>
      (await checkGradient((a, b) => f(a as V, b as V), { shapes: [[4], [4]], at })).worst;
    expect(await check(ops.maximum)).toBeLessThan(tolerance);
    expect(await check(ops.minimum)).toBeLessThan(tolerance);
    expect(await check((a, b) => ops.mul(ops.abs(a), ops.relu(b)))).toBeLessThan(tolerance);
    expect(await check((a, b) => ops.select(ops.less(a, 0), ops.mul(a, b), b))).toBeLessThan(tolerance);
    expect(await check((a, b) => ops.mul(ops.max(a), b))).toBeLessThan(tolerance);
  });

  it('operations with integer operands', async () => {
    const embed = await checkGradient((table) => ops.gatherRows(table as V, ops.constant([1, 0, 1, 2], [4], 'i32')), {
      shapes: [[3, 2]],
    });
    expect(embed.worst).toBeLessThan(tolerance);
    const ids = () => ops.constant([1, 0, 1, 2], [4], 'i32');
    const scatter = await checkGradient(
      (values, base) => applySingle(scatterAddRowsOperation, [ids(), values as V, base as V], { rows: 3 }),
      {
        shapes: [
          [4, 2],
          [3, 2],
        ],
      },
    );
    expect(scatter.worst).toBeLessThan(tolerance);
    const targets = () => ops.constant([1, -100, 3], [3], 'i32');
    const loss = await checkGradient((logits) => ops.crossEntropy(logits as V, targets(), { classes: 4 }), {
      shapes: [[3, 5]],
    });
    expect(loss.worst).toBeLessThan(tolerance);
    const head = await checkGradient(
      (x, weight) => ops.linearCrossEntropy(x as V, weight as V, targets(), { classes: 4 }),
      {
        shapes: [
          [3, 2],
          [5, 2],
        ],
      },
    );
    expect(head.worst).toBeLessThan(tolerance);
  });

  it('notices a wrong rule', async () => {
    const wrong = await checkGradient((x) => ops.add(ops.square(x as V), ops.stopGradient(ops.mul(x as V, 0.01))), {
      shapes: [[3]],
    });
    expect(wrong.worst).toBeGreaterThan(1e-3);
  });

  it('differentiates twice where the rules allow', async () => {
    const slope = (x?: V) => ops.gradient(ops.sum(ops.mul(ops.tanh(x as V), ops.exp(x as V))), [x as V]);
    expect((await checkGradient(slope, { shapes: [[4]] })).worst).toBeLessThan(tolerance);
  });
});

/** A case whose results are the gradients of Σ over its results of Σᵢ cos(i)·yᵢ, which no symmetry makes zero. */
function gradientCase(test: ConformanceCase): ConformanceCase {
  return {
    ...test,
    // 1 − tanh² loses digits in f32 where tanh is near one.
    tolerance: test.operation === 'tanh' ? 1e-3 : 1e-5,
    build(...values) {
      const weights = (y: V): V =>
        ops.constant(
          Array.from({ length: elementCount(y.shape) }, (_, i) => Math.cos(i)),
          y.shape,
        );
      const terms = resultsOf(test, values).map((y) => ops.sum(ops.mul(y, weights(y))));
      const loss = terms.reduce((sum, term) => ops.add(sum, term));
      return Object.fromEntries(ops.gradient(loss, values).map((value, input) => [`of input ${input}`, value]));
    },
  };
}

describe.each(['wasm', ...(webGpuTested ? (['webgpu'] as const) : [])] as const)('gradients on %s', (backend) => {
  let device: Device;
  let oracle: Device;
  beforeAll(async () => {
    device = await openDevice({ backend, threads: 1 });
    oracle = await openDevice({ backend: 'reference' });
  });
  afterAll(async () => {
    await device.dispose();
    await oracle.dispose();
  });
  it.each([...new Set(small.map(({ operation }) => operation))])('%s', async (operation) => {
    for (const test of small.filter((candidate) => candidate.operation === operation))
      expect(await disagreement(gradientCase(test), device, oracle), test.name).toBeUndefined();
  });
});
