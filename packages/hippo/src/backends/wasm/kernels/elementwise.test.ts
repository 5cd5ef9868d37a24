import { describe, expect, it } from 'vitest';
import { elementwiseTable } from '../../../ops/elementwise.ts';
import type { ElementwiseProgram } from '../../../plan/program.ts';
import { callProbe } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { elementwiseCalls, elementwiseOpcodes } from './elementwise.ts';
import { scheduleElementwise } from './elementwise-schedule.ts';

const contiguous = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => shape.slice(axis + 1).reduce((p, s) => p * s, 1));
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const bitsOf = (values: ArrayLike<number>): number[] => [...new Int32Array(Float32Array.from(values).buffer)];

/** One unary or binary instruction over contiguous operands. */
function single(op: string, count: number, operands: number): ElementwiseProgram {
  const inputs = Array.from({ length: operands }, () => ({ strides: [1], offset: 0, dtype: 'f32' as const }));
  return {
    shape: [count],
    inputs,
    constants: [],
    instructions: [{ op, operands: [...inputs.keys()] }],
    outputs: [{ register: operands }],
  };
}

/** Where each element of an input is read, in iteration order. */
function reads(
  shape: readonly number[],
  { strides, offset }: { readonly strides: readonly number[]; readonly offset: number },
): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, flat) => {
    let at = offset;
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return at;
  });
}

const special = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  Infinity,
  -Infinity,
  NaN,
  1e-45,
  -1e-45,
  1e-38,
  3e38,
  -3e38,
  1e-8,
  16777216,
];

/** The distance to the exact result in units of the last place of its f32. */
function ulps(got: number, want: number): number {
  if (Number.isNaN(want)) return Number.isNaN(got) ? 0 : Infinity;
  const near = Math.fround(want);
  if (!Number.isFinite(near) || !Number.isFinite(got))
    return near === got || (Math.abs(want) > 3.4e38 === Math.abs(got) > 3.4e38 && Math.sign(want) === Math.sign(got))
      ? 0
      : Infinity;
  const unit = 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(near) || 1e-45)) - 23);
  return Math.abs(got - want) / unit;
}

/** x/(1 + e^−2u): the definition without its cancellation for negative x. */
const gelu = (x: number): number => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function sweep(low: number, high: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => low + ((high - low) * (i + 0.37)) / count);
}

describe.each(builds)('elementwise, %s build', async (build) => {
  const run = await callProbe(build);
  const definition = (op: string): ((...values: number[]) => number) => {
    const row = (
      elementwiseTable as Record<string, { readonly evaluate: (a: number, b: number, c: number) => number }>
    )[op];
    if (!row) throw new Error(op);
    return (a = 0, b = 0, c = 0) => row.evaluate(a, b, c);
  };

  describe.each<[string, number, number, number]>([
    ['exp', -110, 95, 2],
    ['log', 0, 100, 1],
    ['log1p', -1, 4, 1],
    ['sqrt', 0, 100, 1],
    ['rsqrt', 0, 100, 2],
    ['reciprocal', -50, 50, 1],
    ['tanh', -12, 12, 4],
    ['tanh', -0.01, 0.01, 2],
    ['sigmoid', -110, 95, 4],
    ['erf', -5, 5, 2],
    ['erf', -0.01, 0.01, 2],
    ['gelu', -8, 8, 4],
    ['relu', -5, 5, 0],
    ['abs', -5, 5, 0],
    ['neg', -5, 5, 0],
    ['sign', -5, 5, 0],
    ['floor', -5, 5, 0],
  ])('%s on [%f, %f]', (op, low, high, limit) => {
    it(`is within ${limit} units in the last place`, () => {
      const x = Float32Array.from([...special, ...sweep(low, high, 20_000)]);
      const [y] = run(elementwiseCalls(single(op, x.length, 1)), [x], [x.length]);
      let worst = { units: 0, x: 0, got: 0, want: 0 };
      x.forEach((value, i) => {
        const want = op === 'gelu' ? gelu(value) : definition(op)(value);
        const units = ulps(y![i]!, want);
        if (units > worst.units) worst = { units, x: value, got: y![i]!, want };
      });
      expect(worst.units, JSON.stringify(worst)).toBeLessThanOrEqual(limit + 0.5);
    });
  });

  it.each(['sin', 'cos'] as const)('%s is within 2e-7 up to 1e5, and right beyond', (op) => {
    const x = Float32Array.from([...special, ...sweep(-10, 10, 5000), ...sweep(-1e5, 1e5, 50_000), 1e9, -3e30]);
    const [y] = run(elementwiseCalls(single(op, x.length, 1)), [x], [x.length]);
    x.forEach((value, i) => {
      const want = Math[op](value);
      if (Number.isNaN(want)) expect(y![i]).toBeNaN();
      else if (!(Math.abs(y![i]! - want) <= 2e-7)) expect.fail(`${op} ${value}: ${y![i]}, not ${want}`);
    });
  });

  it('geluDerivative is within 5e-7, at the ends too', () => {
    const x = Float32Array.from([0, -0, 100, -100, 1e30, -1e30, ...sweep(-12, 12, 20_000)]);
    const [y] = run(elementwiseCalls(single('geluDerivative', x.length, 1)), [x], [x.length]);
    x.forEach((value, i) => {
      const near = Math.max(-50, Math.min(50, value));
      if (!(Math.abs(y![i]! - definition('geluDerivative')(near)) <= 5e-7)) expect.fail(`${value}: ${y![i]}`);
    });
    expect(run(elementwiseCalls(single('geluDerivative', 1, 1)), [Float32Array.of(NaN)], [1])[0]).toEqual(
      Float32Array.of(NaN),
    );
  });

  describe('gelu and its derivative of one operand', () => {
    const x = Float32Array.from([...special, ...sweep(-12, 12, 2000)]);
    const [gelu] = run(elementwiseCalls(single('gelu', x.length, 1)), [x], [x.length]);
    const [slope] = run(elementwiseCalls(single('geluDerivative', x.length, 1)), [x], [x.length]);
    const program = (ops: readonly string[], extra: ElementwiseProgram['instructions'] = []): ElementwiseProgram => ({
      shape: [x.length],
      inputs: [{ strides: [1], offset: 0, dtype: 'f32' as const }],
      constants: [],
      instructions: [...ops.map((op) => ({ op, operands: [0] })), ...extra],
      outputs: [{ register: 1 }, { register: 2 }],
    });
    const pair = ['gelu', 'geluDerivative'];
    const count = (p: ElementwiseProgram): number =>
      scheduleElementwise(p, { shares: () => false, isScalar: () => false }).instructions.length;

    it('are one instruction, in either order, with the bits of the two', () => {
      expect(count(program(pair))).toBe(1);
      expect(run(elementwiseCalls(program(pair)), [x], [x.length, x.length])).toEqual([gelu, slope]);
      const turned = program([...pair].reverse());
      expect(count(turned)).toBe(1);
      expect(run(elementwiseCalls(turned), [x], [x.length, x.length])).toEqual([slope, gelu]);
    });
    it('may take the place of the operand, either of them', () => {
      const calls = elementwiseCalls(program(pair));
      expect(run(calls, [x], [{ inPlace: 0 }, x.length])).toEqual([gelu, slope]);
      expect(run(calls, [x], [x.length, { inPlace: 0 }])).toEqual([gelu, slope]);
      const steps = scheduleElementwise(program(pair), { shares: (_, o) => o === 1, isScalar: () => false });
      expect(steps.instructions).toHaveLength(1);
    });
    it('and what reads the operand after them', () => {
      const later = {
        ...program(pair, [{ op: 'neg', operands: [0] }]),
        outputs: [1, 2, 3].map((register) => ({ register })),
      };
      const results = run(elementwiseCalls(later), [x], [x.length, { inPlace: 0 }, x.length]);
      expect(results).toEqual([gelu, slope, x.map((value) => -value)]);
    });
    it('stay two where the operands differ', () => {
      const two = { ...program([]), inputs: [0, 1].map(() => ({ strides: [1], offset: 0, dtype: 'f32' as const })) };
      const apart = {
        ...two,
        instructions: pair.map((op, i) => ({ op, operands: [i] })),
        outputs: [{ register: 2 }, { register: 3 }],
      };
      expect(count(apart)).toBe(2);
      expect(run(elementwiseCalls(apart), [x, x], [x.length, x.length])).toEqual([gelu, slope]);
    });
  });

  it.each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow', 'atan2', 'less', 'lessEqual', 'equal'])(
    '%s, for every pair of special numbers',
    (op) => {
      const values = [...special, 3, -2.5];
      const a = Float32Array.from(values.flatMap((x) => values.map(() => x)));
      const b = Float32Array.from(values.flatMap(() => values));
      const [y] = run(elementwiseCalls(single(op, a.length, 2)), [a, b], [a.length]);
      a.forEach((x, i) => {
        const want = Math.fround(definition(op)(x, b[i]!));
        if (op === 'pow' || op === 'atan2')
          expect(ulps(y![i]!, definition(op)(x, b[i]!)), `${op} ${x} ${b[i]}`).toBeLessThanOrEqual(1);
        else expect(y![i], `${op} ${x} ${b[i]}`).toBe(want);
      });
    },
  );

  it('select keeps the NaN of the branch not taken away; NaN is a true condition', () => {
    const program: ElementwiseProgram = {
      shape: [6],
      inputs: [0, 1, 2].map(() => ({ strides: [1], offset: 0, dtype: 'f32' as const })),
      constants: [],
      instructions: [{ op: 'select', operands: [0, 1, 2] }],
      outputs: [{ register: 3 }],
    };
    const [y] = run(
      elementwiseCalls(program),
      [
        Float32Array.of(1, 0, -0, NaN, 2, 0),
        Float32Array.of(1, NaN, NaN, 4, 5, 6),
        Float32Array.of(NaN, 2, 3, NaN, NaN, 7),
      ],
      [6],
    );
    expect(y).toEqual(Float32Array.of(1, 2, 3, 4, 5, 7));
  });

  it('computes with integers', () => {
    const a = Int32Array.of(2147483647, -5, 0, 7);
    const b = Int32Array.of(1, -5, 3, -2);
    const binary = (op: string): number[] => bitsOf(run(elementwiseCalls(single(op, 4, 2)), [a, b], [4])[0]!);
    expect(binary('addI32')).toEqual([-2147483648, -10, 3, 5]);
    expect(binary('mulI32')).toEqual([2147483647, 25, 0, -14]);
    expect(run(elementwiseCalls(single('lessI32', 4, 2)), [a, b], [4])[0]).toEqual(Float32Array.of(0, 0, 1, 0));
    expect(run(elementwiseCalls(single('equalI32', 4, 2)), [a, b], [4])[0]).toEqual(Float32Array.of(0, 1, 0, 0));
    expect(run(elementwiseCalls(single('castToF32', 4, 1)), [a], [4])[0]).toEqual(
      Float32Array.of(2147483648, -5, 0, 7),
    );
    const casts = Float32Array.of(1.9, -1.9, NaN, 3e9);
    expect(bitsOf(run(elementwiseCalls(single('castToI32', 4, 1)), [casts], [4])[0]!)).toEqual([1, -1, 0, 2147483647]);
  });

  it('has every operation of the table', () => {
    for (const name of Object.keys(elementwiseTable)) expect(name in elementwiseOpcodes, name).toBe(true);
    expect(() => elementwiseCalls(single('cbrt', 1, 1))).toThrow(/got "cbrt"/);
  });

  it.each([1, 2, 7, 8, 9, 255, 256, 257, 1000, 10_000])('a chain over %i elements, in place too', (count) => {
    const program: ElementwiseProgram = {
      shape: [count],
      inputs: [
        { strides: [1], offset: 0, dtype: 'f32' as const },
        { strides: [1], offset: 0, dtype: 'f32' as const },
        { strides: [0], offset: 0, dtype: 'f32' as const },
      ],
      constants: [0.5],
      instructions: [
        { op: 'mul', operands: [0, 2] },
        { op: 'add', operands: [4, 1] },
        { op: 'mul', operands: [5, 3] },
        { op: 'sub', operands: [0, 6] }, // reads input 0 after the first output is ready
      ],
      outputs: [{ register: 6 }, { register: 7 }],
    };
    const [a, b, s] = [noise(count, 1), noise(count, 2), Float32Array.of(3)];
    const first = a.map((x, i) => Math.fround(Math.fround(Math.fround(x * 3) + b[i]!) * 0.5));
    const second = a.map((x, i) => Math.fround(x - first[i]!));
    const calls = elementwiseCalls(program);
    expect(run(calls, [a, b, s], [count, count])).toEqual([first, second]);
    expect(run(calls, [a, b, s], [{ inPlace: 0 }, count])).toEqual([first, second]);
    expect(run(calls, [a, b, s], [{ inPlace: 0 }, { inPlace: 1 }])).toEqual([first, second]);
    expect(run(calls, [a, b, s], [{ inPlace: 1 }, { inPlace: 0 }])).toEqual([first, second]);
  });

  it('swaps two operands in place', () => {
    const program: ElementwiseProgram = {
      ...single('add', 300, 2),
      outputs: [{ register: 1 }, { register: 0 }, { register: 2 }],
    };
    const [a, b] = [noise(300, 1), noise(300, 2)];
    const sum = a.map((x, i) => Math.fround(x + b[i]!));
    expect(run(elementwiseCalls(program), [a, b], [{ inPlace: 0 }, { inPlace: 1 }, 300])).toEqual([b, a, sum]);
    expect(run(elementwiseCalls(program), [a, b], [{ inPlace: 1 }, { inPlace: 0 }, 300])).toEqual([b, a, sum]);
  });

  it('gives one register to several outputs, and constants and scalars to outputs', () => {
    const program: ElementwiseProgram = {
      shape: [5],
      inputs: [
        { strides: [1], offset: 1, dtype: 'f32' as const },
        { strides: [0], offset: 2, dtype: 'f32' as const },
      ],
      constants: [-0, NaN],
      instructions: [
        { op: 'neg', operands: [0] },
        { op: 'copy', operands: [4] },
        { op: 'exp', operands: [3] },
      ],
      outputs: [
        { register: 4 },
        { register: 5 },
        { register: 2 },
        { register: 3 },
        { register: 1 },
        { register: 0 },
        { register: 0 },
      ],
    };
    const a = Float32Array.of(9, 1, 2, 3, 4, 5);
    const five = (value: number): Float32Array => new Float32Array(5).fill(value);
    const neg = Float32Array.of(-1, -2, -3, -4, -5);
    expect(run(elementwiseCalls(program), [a, a], Array(7).fill(5))).toEqual([
      neg,
      neg,
      five(-0),
      five(NaN),
      five(2),
      a.slice(1),
      a.slice(1),
    ]);
  });

  it('runs 200 instructions in few blocks', () => {
    const count = 1000;
    const instructions = Array.from({ length: 200 }, (_, i) => ({
      op: i % 2 ? 'add' : 'sub',
      operands: [i === 0 ? 0 : i + 1, 1],
    }));
    const program: ElementwiseProgram = {
      shape: [count],
      inputs: [
        { strides: [1], offset: 0, dtype: 'f32' as const },
        { strides: [1], offset: 0, dtype: 'f32' as const },
      ],
      constants: [],
      instructions,
      outputs: [{ register: 201 }],
    };
    const calls = elementwiseCalls(program);
    expect(calls.workspaceBytes(1)).toBeLessThan(8192);
    const [a, b] = [noise(count, 3), noise(count, 4)];
    const want = a.map((x, i) => {
      let value = x;
      for (let k = 0; k < 200; k++) value = Math.fround(k % 2 ? value + b[i]! : value - b[i]!);
      return value;
    });
    expect(run(calls, [a, b], [count])[0]).toEqual(want);
  });

  it('keeps many values alive at once', () => {
    const shape = [600];
    const inputs = [{ strides: [1], offset: 0, dtype: 'f32' as const }];
    const squares = Array.from({ length: 60 }, (_, i) => ({ op: 'mul', operands: [i === 0 ? 0 : i + 1, 1] }));
    const sums = Array.from({ length: 60 }, (_, i) => ({ op: 'add', operands: [i === 0 ? 0 : 61 + i, 2 + i] }));
    const program = {
      shape,
      inputs,
      constants: [0.5],
      instructions: [...squares, ...sums],
      outputs: [{ register: 121 }],
    };
    const a = noise(600, 5);
    const want = a.map((x) => {
      const terms = Array.from({ length: 60 }, (_, i) => x * 0.5 ** (i + 1));
      return terms.reduce((sum, term) => Math.fround(sum + Math.fround(term)), x);
    });
    expect(run(elementwiseCalls(program), [a], [600])[0]).toEqual(want);
  });

  const views: [string, number[], number[], number][] = [
    ['a single element of no axes', [], [], 3],
    ['axes of size 1', [1, 1, 1], [5, 0, -2], 1],
    ['a row broadcast', [7, 300], [0, 1], 0],
    ['a column broadcast', [300, 7], [1, 0], 0],
    ['a scalar broadcast', [30, 40], [0, 0], 5],
    ['a reversal', [1000], [-1], 999],
    ['rows reversed', [10, 50], [-50, 1], 450],
    ['every second element', [700], [2], 1],
    ['a slice of rows of one', [500, 1], [3, 1], 2],
    ['short rows', [300, 3], [5, 1], 1],
    ['pairs taken crosswise', [200, 2, 3], [6, 1, 2], 0],
    ['a small transpose', [3, 5], [1, 3], 0],
    ['a transpose', [64, 100], [1, 64], 0],
    ['an odd transpose', [37, 53], [1, 37], 7],
    ['a transpose of three axes', [33, 4, 17], [1, 33 * 17, 33], 0],
    ['heads taken apart', [3, 5, 20, 8], [800, 8, 40, 1], 0],
    ['heads put together', [3, 20, 5, 8], [800, 8, 160, 1], 0],
    ['a broadcast transpose', [6, 2, 40, 20], [0, 800, 1, 40], 0],
    ['a transposed strip', [40, 2, 12], [1, 0, 40], 3],
    ['a middle axis first', [24, 9, 31], [31, 24 * 31, 1], 0],
    ['windows that overlap', [100, 10], [1, 1], 0],
    ['a backward transpose', [32, 32], [1, -32], 31 * 32],
  ];
  it.each(views)('reads %s', (_, shape, strides, offset) => {
    const view = { strides, offset, dtype: 'f32' as const };
    const at = reads(shape, view);
    const data = noise(Math.max(...at) + 1, 6);
    const want = Float32Array.from(at, (index) => data[index]!);
    const copy: ElementwiseProgram = {
      shape,
      inputs: [view],
      constants: [],
      instructions: [],
      outputs: [{ register: 0 }],
    };
    expect(run(elementwiseCalls(copy), [data], [want.length])[0]).toEqual(want);
    const named: ElementwiseProgram = {
      ...copy,
      instructions: [{ op: 'copy', operands: [0] }],
      outputs: [{ register: 1 }],
    };
    expect(run(elementwiseCalls(named), [data], [want.length])[0]).toEqual(want);
    const other = noise(want.length, 7);
    const sum: ElementwiseProgram = {
      ...copy,
      inputs: [view, { strides: contiguous(shape), offset: 0, dtype: 'f32' as const }],
      instructions: [{ op: 'add', operands: [0, 1] }],
      outputs: [{ register: 2 }, { register: 0 }],
    };
    const wantSum = want.map((x, i) => Math.fround(x + other[i]!));
    expect(run(elementwiseCalls(sum), [data, other], [want.length, want.length])).toEqual([wantSum, want]);
    expect(run(elementwiseCalls(sum), [data, other], [{ inPlace: 1 }, want.length])).toEqual([wantSum, want]);
  });

  it('refuses a register that is not yet made', () => {
    expect(() => elementwiseCalls({ ...single('neg', 1, 1), instructions: [{ op: 'neg', operands: [1] }] })).toThrow(
      /instruction 0 \(neg\) reads 1/,
    );
  });
});
