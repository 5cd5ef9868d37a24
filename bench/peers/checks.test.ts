// The checks of the contests must find one wrong element.
import { ops } from 'hippo';
import { describe, expect, it } from 'vitest';
import { fillNumbers, numbers, PERIOD } from '../harness/numbers.ts';
import { type AttentionSize, attentionCheck, lastHead, operand } from './attention.ts';
import { convolutionError, resultError as convolutionResultError, kernelsOf, rowsOf } from './convolution.ts';
import { withDevices } from './devices.ts';
import { hippoPlan } from './hippo-plan.ts';
import { matmulModel } from './onnx-model.ts';
import { operandA, operandB, type ProductSize, resultError } from './product.ts';

describe('numbers', () => {
  it('lie in [−1, 1), differ, and repeat with their period', () => {
    const values = numbers(PERIOD + 5, 1);
    expect(Math.max(...values.slice(0, 1000).map(Math.abs))).toBeLessThanOrEqual(1);
    expect(new Set(values.slice(0, 1000)).size).toBeGreaterThan(990);
    expect([...values.slice(PERIOD)]).toEqual([...values.slice(0, 5)]);
    expect(values[0]).toBe(Math.fround((1664525 + 1013904223) / 2 ** 31 - 1));
    expect(fillNumbers(new Float32Array(3), 2)).not.toEqual(fillNumbers(new Float32Array(3), 1));
  });
});

describe('productError', () => {
  const layouts = ['NN', 'NT', 'TN', 'TT'] as const;
  it.each(layouts)('accepts the product and finds a wrong element, %s', (layout) => {
    const size: ProductSize = { m: 3, k: 5, n: 4, layout, batch: 2 };
    const [a, b] = [operandA(size), operandB(size)];
    const c = Float64Array.from({ length: 24 }, (_, at) => {
      const [p, i, j] = [Math.floor(at / 12), Math.floor(at / 4) % 3, at % 4];
      let sum = 0;
      for (let l = 0; l < 5; l++)
        sum +=
          a[p * 15 + (layout[0] === 'T' ? l * 3 + i : i * 5 + l)]! *
          b[p * 20 + (layout[1] === 'T' ? j * 5 + l : l * 4 + j)]!;
      return sum;
    });
    expect(resultError(size, c)).toBeLessThan(1e-15);
    for (const at of [0, 13, 23]) expect(resultError(size, c.with(at, c[at]! + 0.01))).toBeGreaterThan(1e-3);
    expect(resultError(size, c.with(7, Number.NaN))).toBeNaN();
  });
});

describe('convolutionError', () => {
  it('accepts the sum and finds a wrong element', () => {
    const size = { channels: 2, batch: 2, length: 9 };
    const [u, k] = [rowsOf(size), kernelsOf(size)];
    const y = Float64Array.from({ length: 36 }, (_, at) => {
      const [row, t] = [Math.floor(at / 9), at % 9];
      let sum = 0;
      for (let j = 0; j <= t; j++) sum += k[Math.floor(row / 2) * 9 + j]! * u[row * 9 + t - j]!;
      return sum;
    });
    expect(convolutionResultError(size, y)).toBeLessThan(1e-15);
    expect(convolutionResultError(size, y.with(20, y[20]! + 0.01))).toBeGreaterThan(1e-4);
    expect(convolutionError(size, [])).toBeNaN();
  });
});

describe('attentionCheck', () => {
  it('accepts what Hippo computes, forward and backward, and finds a wrong element in each result', async () => {
    const size: AttentionSize = { batch: 1, heads: 2, length: 12, headDim: 4 };
    const shape = [1, 2, 12, 4];
    const names = ['q', 'k', 'v', 'g'] as const;
    const operands = Object.fromEntries(names.map((name) => [name, { shape, data: operand(size, name) }]));
    const results = await withDevices([1], async ([opened]) => {
      const plan = await hippoPlan(opened!.device, operands, [shape, shape, shape, shape], ({ q, k, v, g }) => {
        const y = ops.causalAttention(q!, k!, v!);
        return [y, ...ops.gradient(ops.sum(ops.mul(y, g!)), [q!, k!, v!])];
      });
      await plan.run();
      return plan.results();
    });
    const check = attentionCheck(size, 'forward and backward');
    const heads = results.map((result) => Float64Array.from(lastHead(size, result)));
    expect(check(heads)).toBeLessThan(1e-5);
    expect(attentionCheck(size, 'forward')(heads.slice(0, 1))).toBeLessThan(1e-5);
    heads.forEach((head, at) => {
      expect(check(heads.with(at, head.with(17, head[17]! + 0.01)))).toBeGreaterThan(1e-3);
    });
  });
});

describe('matmulModel', () => {
  it('is the protobuf of one MatMul with a constant', () => {
    const bytes = matmulModel(2, 1, 1, new Float32Array([1]));
    const shaped = '120e 0a0c 0801 1208 0a020802 0a020801'; // tensor of f32, [2, 1]
    const expected = [
      '0808', // intermediate representation 8
      '3a57', // the graph
      '0a11 0a0141 0a0142 120143 2206 4d61744d756c', // inputs A and B, output C, "MatMul"
      '1207 70726f64756374', // "product"
      '2a0f 0801 0801 1001 420142 4a04 0000803f', // [1, 1], f32, "B", 1.0
      `5a13 0a0141 ${shaped}`, // input A
      `6213 0a0143 ${shaped}`, // output C
      '4202 1011', // operator set 17
    ];
    expect(Buffer.from(bytes).toString('hex')).toBe(expected.join('').replaceAll(' ', ''));
  });
});
