// Cases that every backend must compute like the reference: each operation at awkward shapes (length 1, odd sizes, no multiple of
// a tile) and with every combination of its options. The gradient checks use the small ones too.

import { applyOperation, applySingle } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { adamW } from '../ops/adam-w.ts';
import { causalAttentionGradientOperation, causalAttentionOperation } from '../ops/causal-attention.ts';
import { crossEntropyGradientOperation, crossEntropyOperation } from '../ops/cross-entropy.ts';
import { elementwiseTable } from '../ops/elementwise.ts';
import { scatterAddRowsOperation } from '../ops/embedding.ts';
import * as ops from '../ops/index.ts';
import { layerNormGradientOperation, layerNormOperation } from '../ops/layer-norm.ts';
import { linearCrossEntropyGradientOperation } from '../ops/linear-cross-entropy.ts';
import { matmulEpilogueOperation, packedMatmul } from '../ops/matmul-epilogue.ts';
import { packColumns } from '../ops/pack-columns.ts';
import { quantizedMatmulOperation } from '../ops/quantized.ts';
import { softmaxGradientOperation } from '../ops/softmax.ts';
import { type QuantizedMatrix, quantizeRows, rowWords } from '../tensor/quantization.ts';
import type { Shape } from '../tensor/shape.ts';
import { type CaseInput, type ConformanceCase, caseTensor } from './conformance.ts';
import { sequenceCases } from './conformance-sequences.ts';

type V = Value;

const f = (shape: Shape, from = -1, to = 1): CaseInput => ({ shape, from, to });
const ids = (shape: Shape, to: number): CaseInput => ({ shape, dtype: 'i32', from: 0, to });
const wild = [
  0,
  -0,
  1,
  -1,
  0.5,
  3.7,
  -12.25,
  88.9,
  -104,
  1e-30,
  1e20,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];

/** Where the numbers of an operation must lie to be in its domain. */
const domains: Readonly<Record<string, readonly [number, number]>> = {
  log: [0.01, 5],
  log1p: [-0.9, 5],
  sqrt: [0.01, 5],
  rsqrt: [0.1, 5],
  reciprocal: [0.2, 4],
  div: [0.3, 4],
  pow: [0.2, 3],
  exp: [-20, 5],
  tanh: [-8, 8],
  sigmoid: [-20, 20],
  gelu: [-8, 8],
  geluDerivative: [-8, 8],
  sin: [-300, 300],
  cos: [-300, 300],
};

const binaryNames = new Set([
  'add',
  'sub',
  'mul',
  'div',
  'maximum',
  'minimum',
  'pow',
  'atan2',
  'less',
  'lessEqual',
  'equal',
  'addI32',
]);
/** Their f64 and f32 results differ for good reason at extreme arguments. */
const tameOnly = new Set(['pow', 'atan2', 'castToI32', 'castToF32', 'addI32', 'sin', 'cos']);

function elementwiseCases(): ConformanceCase[] {
  return Object.values(elementwiseTable).flatMap((operation): ConformanceCase[] => {
    const { name } = operation;
    const arity = name === 'select' ? 3 : binaryNames.has(name) ? 2 : 1;
    const [from, to] = domains[name] ?? [-3, 3];
    const integer = name === 'castToF32' || name === 'addI32';
    const input = (shape: Shape): CaseInput =>
      integer ? { shape, dtype: 'i32', from: -1000, to: 1000 } : { shape, from, to };
    const build = (...values: readonly V[]) => ({ y: applySingle(operation, values, {}) });
    const shapes: readonly Shape[] = [[], [1], [7], [3, 1, 5], [64, 33], [2, 257]];
    const cases: ConformanceCase[] = shapes.map((shape) => ({
      operation: name,
      name: `[${shape}]`,
      inputs: Array.from({ length: arity }, () => input(shape)),
      build,
    }));
    if (arity === 2) {
      cases.push({ operation: name, name: 'broadcast row', inputs: [input([9, 5]), input([5])], build });
      cases.push({
        operation: name,
        name: 'broadcast column and middle',
        inputs: [input([4, 1, 6]), input([3, 1])],
        build,
      });
    }
    if (!tameOnly.has(name)) {
      const numbers = [wild, [...wild].reverse(), wild].slice(0, arity);
      cases.push({
        operation: name,
        name: 'zeros, infinities, NaN',
        inputs: numbers.map((list) => ({ shape: [wild.length], numbers: list })),
        build,
      });
    }
    return cases;
  });
}

const one = (
  operation: string,
  name: string,
  inputs: readonly CaseInput[],
  build: (...values: V[]) => V,
): ConformanceCase => ({
  operation,
  name,
  inputs,
  build: (...values) => ({ y: build(...values) }),
});

function movementCases(): ConformanceCase[] {
  const x = (shape: Shape) => [f(shape)];
  return [
    one('constant', 'table and fill', x([3]), (a) =>
      ops.add(ops.mul(a as V, ops.constant([1, 2, 3], [3])), ops.full([3], 0.25)),
    ),
    one('constant', 'i32', [ids([3], 9)], (a) => ops.addI32(a as V, ops.iota(3, 'i32'))),
    one('reshape', 'between arithmetic', x([4, 6]), (a) => ops.neg(ops.reshape(ops.mul(a as V, 2), [3, 8]))),
    one('reshape', 'of an input', x([4, 6]), (a) => ops.reshape(a as V, [24])),
    one('stopGradient', '', x([5]), (a) => ops.stopGradient(a as V)),
    one('after', '', [f([5]), f([3])], (a, b) => ops.neg(ops.after(ops.mul(a as V, 2), [ops.tanh(b as V)]))),
    one('transpose', 'matrix', x([33, 65]), (a) => ops.transpose(a as V, [1, 0])),
    one('transpose', 'heads', x([2, 5, 3, 4]), (a) => ops.transpose(a as V, [0, 2, 1, 3])),
    one('transpose', 'read by arithmetic', [f([6, 5]), f([5, 6])], (a, b) =>
      ops.add(ops.transpose(a as V, [1, 0]), b as V),
    ),
    one('transpose', 'of arithmetic, read twice', x([6, 6]), (a) => {
      const twice = ops.mul(a as V, 2);
      return ops.add(ops.transpose(twice, [1, 0]), twice);
    }),
    one('slice', 'middle', x([5, 9]), (a) => ops.slice(a as V, [1, 2], [3, 5])),
    one('slice', 'three ways of one tensor', x([4, 6]), (a) =>
      ops.mul(ops.add(ops.sliceAxis(a as V, 1, 0, 2), ops.sliceAxis(a as V, 1, 2, 4)), ops.sliceAxis(a as V, -1, 4, 6)),
    ),
    one('broadcastTo', '', x([3, 1]), (a) => ops.broadcastTo(a as V, [2, 3, 4])),
    one('pad', 'both sides', x([3, 5]), (a) => ops.pad(a as V, [1, 0], [0, 2])),
    one('pad', 'rank 3', x([2, 3, 1]), (a) => ops.pad(a as V, [0, 2, 3], [1, 0, 0])),
    one('concat', 'rows', [f([2, 3]), f([1, 3]), f([4, 3])], (...values) => ops.concat(values, 0)),
    one('concat', 'columns', [f([3, 1]), f([3, 4])], (...values) => ops.concat(values, -1)),
    ...[0, 2, 9].map((position) =>
      one(
        'updateSlice',
        `at ${position}`,
        [f([2, 5, 3]), f([2, 2, 3]), { shape: [], dtype: 'i32', numbers: [position] }],
        (base, update, at) => ops.updateSlice(base as V, update as V, { axis: 1, position: at as V }),
      ),
    ),
    one(
      'updateSlice',
      'at a position for each row',
      [f([3, 2, 5, 3]), f([3, 2, 2, 3]), { shape: [3], dtype: 'i32', numbers: [3, 0, 9] }],
      (base, update, at) => ops.updateSlice(base as V, update as V, { axis: 2, position: at as V }),
    ),
  ];
}

function reductionCases(): ConformanceCase[] {
  const sizes: readonly { shape: Shape; axes?: readonly number[] }[] = [
    { shape: [1] },
    { shape: [5000] },
    ...(
      [
        [[70, 33], [0]],
        [[70, 33], [1]],
        [[3, 65, 7], [1]],
        [
          [4, 3, 5],
          [0, 2],
        ],
        [[1024, 96], [0]],
      ] as const
    ).map(([shape, axes]) => ({ shape, axes })),
  ];
  return (['sum', 'max'] as const).flatMap((name) =>
    sizes.map(({ shape, axes }) =>
      one(name, `[${shape}] over ${axes ? `[${axes}]` : 'all'}`, [f(shape)], (a) =>
        (name === 'sum' ? ops.sum : ops.max)(a as V, axes),
      ),
    ),
  );
}

function matmulCases(): ConformanceCase[] {
  const sizes = [
    [1, 1, 1],
    [1, 64, 7],
    [3, 5, 2],
    [17, 33, 9],
    [64, 64, 64],
    [5, 130, 1],
    [70, 1, 33],
    [129, 67, 101],
    [1, 96, 1000],
  ] as const;
  const flags = [false, true];
  return flags.flatMap((transposeA) =>
    flags.flatMap((transposeB) => {
      const product = (batchA: Shape, batchB: Shape, [m, k, n]: readonly [number, number, number]): ConformanceCase => {
        const a = f([...batchA, ...(transposeA ? [k, m] : [m, k])]);
        const b = f([...batchB, ...(transposeB ? [n, k] : [k, n])]);
        return one(
          'matmul',
          `[${batchA}] [${batchB}] ${m}×${k}×${n}${transposeA ? ' Aᵀ' : ''}${transposeB ? ' Bᵀ' : ''}`,
          [a, b],
          (x, y) => ops.matmul(x as V, y as V, { transposeA, transposeB }),
        );
      };
      return [
        ...sizes.map((size) => product([], [], size)),
        product([2, 3], [2, 3], [5, 7, 3]),
        product([], [4], [3, 6, 5]),
        product([4], [], [3, 6, 5]),
      ];
    }),
  );
}

/** Written as users write them: the wasm backend makes one kernel of each, the reference runs them one by one. */
function epilogueCases(): ConformanceCase[] {
  const layer = (x: V, w: V, b: V): V => ops.add(ops.matmul(x, w, { transposeB: true }), b);
  const direct = (bias: 'none' | 'columns' | 'rows', gelu: boolean, residual: boolean, inputs: readonly Shape[]) =>
    one(
      'matmulEpilogue',
      `bias ${bias}${gelu ? ' gelu' : ''}${residual ? ' residual' : ''} ${JSON.stringify(inputs)}`,
      inputs.map((shape) => f(shape)),
      (...values) => {
        const attributes = { transposeA: false, transposeB: true, bias, gelu, residual };
        return applySingle(matmulEpilogueOperation, values as V[], attributes);
      },
    );
  const x = f([2, 5, 6]);
  return [
    direct('columns', true, true, [[5, 6], [7, 6], [7], [5, 7]]),
    direct('rows', false, true, [[2, 5, 6], [7, 6], [5], [2, 5, 7]]),
    direct('none', true, false, [
      [1, 6],
      [33, 6],
    ]),
    ...[false, true].map((transposed) =>
      one('packColumns', transposed ? 'transposed' : 'as it lies', [f(transposed ? [21, 7] : [7, 21])], (b) =>
        packColumns(b as V, { transposed, width: 8 }),
      ),
    ),
    ...[false, true].map((transposeA) =>
      one(
        'matmulEpilogue',
        transposeA ? 'packed, Aᵀ' : 'packed, A',
        [f(transposeA ? [7, 30] : [30, 7]), f([21, 7])],
        (a, b) =>
          packedMatmul(a as V, packColumns(b as V, { transposed: true, width: 8 }), { transposeA, columns: 21 }),
      ),
    ),
    ...[12, 16].map((width) =>
      one('matmulEpilogue', `packed, panels of ${width}`, [f([30, 7]), f([7, 21])], (a, b) =>
        packedMatmul(a as V, packColumns(b as V, { transposed: false, width }), { transposeA: false, columns: 21 }),
      ),
    ),
    one('matmul', 'bias of columns', [x, f([7, 6]), f([7])], (a, w, b) => layer(a as V, w as V, b as V)),
    one('matmul', 'bias of rows', [f([9, 6]), f([20, 6]), f([9, 1])], (a, w, b) => layer(a as V, w as V, b as V)),
    one('matmul', 'square, bias of rows', [f([9, 6]), f([9, 6]), f([9, 1])], (a, w, b) =>
      layer(a as V, w as V, b as V),
    ),
    one('matmul', 'a number added to all', [f([9, 6]), f([7, 6]), f([])], (a, w, b) => layer(a as V, w as V, b as V)),
    one('matmul', 'bias, GELU, residual', [x, f([7, 6]), f([7]), f([2, 5, 7])], (a, w, b, r) =>
      ops.add(r as V, ops.gelu(layer(a as V, w as V, b as V))),
    ),
    one('matmul', 'residual, then GELU', [x, f([7, 6]), f([2, 5, 7])], (a, w, r) =>
      ops.gelu(ops.add(ops.matmul(a as V, w as V, { transposeB: true }), r as V)),
    ),
    one('matmul', 'two products', [x, f([7, 6]), f([7, 6])], (a, w, v) =>
      ops.add(ops.matmul(a as V, w as V, { transposeB: true }), ops.matmul(a as V, v as V, { transposeB: true })),
    ),
    one('matmul', 'a product used twice', [f([5, 6]), f([6, 6])], (a, w) => {
      const y = ops.matmul(a as V, w as V);
      return ops.add(ops.gelu(y), y);
    }),
  ];
}

/** A quantised matrix of numbers in [−1, 1). */
function words(rows: number, matrix: QuantizedMatrix): CaseInput {
  const { data } = caseTensor(f([rows, matrix.inputs]), 99);
  const numbers = [...quantizeRows(Float32Array.from(data), matrix, 'case')];
  return { shape: [rows, rowWords(matrix)], dtype: 'i32', numbers };
}

/** Up to 64 rows may be rounded to integers first: to 1/127 of a group at 4 bits, to 1/32767 of a row at 8; more are not. */
function quantizedCases(): ConformanceCase[] {
  const sizes = [
    [1, 1, 1],
    [1, 40, 33],
    [3, 7, 130],
    [33, 20, 96],
    [70, 129, 67],
  ] as const;
  return ([8, 4] as const).flatMap((bits) => [
    ...sizes.map(
      ([m, n, inputs]): ConformanceCase => ({
        ...one(
          'quantizedMatmul',
          `${bits} bits, ${m}×${inputs}×${n}`,
          [f([m, inputs]), words(n, { bits, inputs })],
          (x, w) => ops.quantizedMatmul(x as V, w as V, { bits, inputs }),
        ),
        tolerance: m > 64 ? 5e-6 : bits === 8 ? 1e-4 : 1e-2,
      }),
    ),
    ...[2, 70].map((m): ConformanceCase => {
      const inputs = [f([m, 40]), words(24, { bits, inputs: 40 }), f([24]), f([m, 24])];
      const attributes = { bits, inputs: 40, bias: 'columns', gelu: true, residual: true } as const;
      return {
        ...one('quantizedMatmul', `${bits} bits, bias, GELU, residual of ${m} rows`, inputs, (...values) =>
          applySingle(quantizedMatmulOperation, values as V[], attributes),
        ),
        tolerance: m > 64 ? 5e-6 : bits === 8 ? 1e-4 : 1e-2,
      };
    }),
    one('quantizedGatherRows', `${bits} bits`, [words(11, { bits, inputs: 37 }), ids([3, 4], 11)], (w, i) =>
      ops.quantizedGatherRows(w as V, i as V, { bits, inputs: 37 }),
    ),
    {
      ...one(
        'quantizedMatmul',
        `${bits} bits, written as a layer of one row`,
        [f([1, 1, 40]), words(24, { bits, inputs: 40 }), f([24]), f([1, 1, 24])],
        (x, w, b, r) =>
          ops.add(ops.gelu(ops.add(ops.quantizedMatmul(x as V, w as V, { bits, inputs: 40 }), b as V)), r as V),
      ),
      tolerance: bits === 8 ? 1e-4 : 1e-2,
    },
  ]);
}

function rowCases(): ConformanceCase[] {
  const named = (names: readonly string[], values: readonly V[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i] as V]));
  const rows: ConformanceCase[] = [];
  for (const shape of [
    [1, 1],
    [3, 7],
    [65, 33],
    [2, 3, 64],
  ]) {
    rows.push({ ...one('softmax', `[${shape}]`, [f(shape, -20, 20)], (x) => ops.softmax(x as V)), tolerance: 5e-6 });
    rows.push(
      one('softmaxGradient', `[${shape}]`, [f(shape), f(shape)], (y, dy) =>
        applySingle(softmaxGradientOperation, [y as V, dy as V], {}),
      ),
    );
  }
  const [low, x] = [Number.NEGATIVE_INFINITY, 1];
  rows.push(
    one('softmax', 'masked', [{ shape: [2, 4], numbers: [x, low, 2, low, 0, 0, low, 5] }], (a) => ops.softmax(a as V)),
  );
  for (const shape of [
    [1, 1],
    [5, 7],
    [67, 96],
    [2, 3, 130],
  ]) {
    const width = shape[shape.length - 1] ?? 1;
    const build = (...values: readonly V[]) =>
      named(['y', 'mean', 'deviation'], applyOperation(layerNormOperation, values, { epsilon: 1e-5 }));
    rows.push({
      operation: 'layerNorm',
      name: `[${shape}]`,
      inputs: [f(shape, -2, 3), f([width]), f([width])],
      build,
      tolerance: 1e-5,
    });
  }
  for (const [count, width] of [
    [3, 7],
    [67, 96],
  ] as const) {
    const inputs = [f([count, width]), f([count, width], -2, 3), f([width]), f([count]), f([count], 0.5, 2)];
    const build = (...values: readonly V[]) =>
      named(['dx', 'dWeight', 'dBias'], applyOperation(layerNormGradientOperation, values, {}));
    rows.push({ operation: 'layerNormGradient', name: `[${count}, ${width}]`, inputs, build, tolerance: 1e-5 });
  }
  for (const [count, columns, classes] of [
    [1, 2, 2],
    [9, 65, 65],
    [40, 72, 65],
    [3, 1000, 997],
  ] as const) {
    const options = { classes, ignoreIndex: 1 };
    const name = `${count}×${columns}, ${classes} classes`;
    const build = (...values: readonly V[]) =>
      named(['loss', 'lse'], applyOperation(crossEntropyOperation, values, options));
    rows.push({
      operation: 'crossEntropy',
      name,
      inputs: [f([count, columns], -8, 8), ids([count], classes)],
      build,
      tolerance: 5e-6,
    });
    const inputs = [f([count]), f([count, columns], -8, 2), ids([count], classes), f([count], 3, 5)];
    rows.push({
      ...one('crossEntropyGradient', name, inputs, (...values) =>
        applySingle(crossEntropyGradientOperation, values, options),
      ),
      tolerance: 5e-6,
    });
  }
  for (const [count, width, columns, classes] of [
    [1, 1, 2, 2],
    [9, 5, 17, 17],
    [40, 24, 72, 65],
  ] as const) {
    const options = { classes, ignoreIndex: 1 };
    const name = `${count}×${width}, ${columns} columns, ${classes} classes`;
    const inputs = [f([count, width], -3, 3), f([columns, width], -1, 1), ids([count], Math.min(classes, 50))];
    rows.push({
      ...one('linearCrossEntropy', name, inputs, (x, w, t) => ops.linearCrossEntropy(x as V, w as V, t as V, options)),
      tolerance: 5e-6,
    });
    rows.push({
      operation: 'linearCrossEntropyGradient',
      name,
      inputs: [...inputs, f([count])],
      build: (...values) =>
        named(['dx', 'dWeight', 'loss'], applyOperation(linearCrossEntropyGradientOperation, values, options)),
      tolerance: 1e-5,
    });
  }
  rows.push(one('gatherRows', '', [f([11, 5]), ids([3, 4], 11)], (t, i) => ops.gatherRows(t as V, i as V)));
  rows.push(
    one('scatterAddRows', 'repeated ids', [ids([50], 7), f([50, 13])], (i, v) =>
      applySingle(scatterAddRowsOperation, [i as V, v as V], { rows: 9 }),
    ),
  );
  rows.push(
    one('scatterAddRows', 'on a base', [ids([50], 9), f([50, 13]), f([9, 13])], (i, v, base) =>
      applySingle(scatterAddRowsOperation, [i as V, v as V, base as V], { rows: 9 }),
    ),
  );
  rows.push(
    one('scatterAddRows', 'on a base that is read again', [ids([5], 3), f([5, 4]), f([3, 4])], (i, v, base) => {
      const twice = ops.mul(base as V, 2);
      return ops.mul(applySingle(scatterAddRowsOperation, [i as V, v as V, twice], { rows: 3 }), twice);
    }),
  );
  for (const count of [1, 6, 1001]) {
    const inputs: CaseInput[] = [
      { shape: [2], dtype: 'u32', from: 0, to: 4e9 },
      { shape: [], dtype: 'i32', numbers: [12345] },
    ];
    rows.push(
      one('randomUniform', `${count}`, inputs, (key, counter) =>
        ops.randomUniform([count], { key: key as V, counter: counter as V }),
      ),
    );
    rows.push(
      one('randomNormal', `${count}`, inputs, (key, counter) =>
        ops.randomNormal([count], { key: key as V, counter: counter as V }),
      ),
    );
  }
  return rows;
}

function attentionCases(): ConformanceCase[] {
  const named = (names: readonly string[], values: readonly V[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i] as V]));
  const sizes = [
    [1, 1, 1, 1],
    [1, 2, 3, 2],
    [2, 1, 7, 3],
    [2, 3, 33, 8],
    [1, 4, 65, 24],
  ] as const;
  return sizes.flatMap((shape): ConformanceCase[] => {
    const options = { scale: 0.7 };
    const x = f(shape, -2, 2);
    return [
      {
        operation: 'causalAttention',
        name: `[${shape}]`,
        inputs: [x, x, x],
        build: (...values) => named(['y', 'lse'], applyOperation(causalAttentionOperation, values, options)),
        tolerance: 5e-6,
      },
      {
        operation: 'causalAttentionGradient',
        name: `[${shape}]`,
        inputs: [x, x, x, x],
        // The gradient's other operands are the forward results of the same q, k and v.
        build: (...values) => {
          const forward = applyOperation(causalAttentionOperation, values.slice(1), options);
          return named(
            ['dq', 'dk', 'dv'],
            applyOperation(causalAttentionGradientOperation, [...values, ...forward], options),
          );
        },
        tolerance: 1e-5,
      },
    ];
  });
}

/** Rows of scores with equal ones among them. Tokens must be the same ones, so the numbers stay away from every limit. */
function samplingCases(): ConformanceCase[] {
  const all = { temperature: 1, topK: 1e9, topP: 1, minP: 0 };
  const many = { temperature: 1.3, topK: 40, topP: 0.9, minP: 0.05 };
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const ties: CaseInput = { shape: [50, 8], numbers: [2, 1, 2, 0.5, 2, 1, -3] };
  const wildRows = [1, high, 3, low, low, low, Number.NaN, 2, 0, low, 5, low, -0, 0, 0, -1e20, low, -1e20];
  const extremes: CaseInput = { shape: [6, 3], numbers: wildRows };
  const choose = (scores: CaseInput, cuts: ops.TokenCuts, classes = scores.shape[1] ?? 1): ConformanceCase => ({
    operation: 'sampleTokens',
    name: `[${scores.shape}], ${classes} classes ${JSON.stringify(cuts)}`,
    inputs: [scores, { shape: [scores.shape[0] ?? 0, 2], dtype: 'u32', from: 0, to: 2 ** 32 }],
    build: (x, random) => ({ ...ops.sampleTokens(x as V, random as V, { ...cuts, classes }) }),
    tolerance: 5e-6,
  });
  return [
    choose(f([1, 1]), all),
    choose(f([3, 7], -6, 6), { ...all, topK: 1 }, 5),
    choose(extremes, { ...all, temperature: 0 }),
    choose(extremes, many),
    choose(ties, { ...all, temperature: 0.7, topK: 5 }),
    choose(ties, { ...all, topP: 0.6 }),
    choose(f([40, 72], -6, 6), { ...all, minP: 0.3 }, 65),
    choose(f([2, 5003], -6, 6), many, 5000),
  ];
}

function optimizerCases(): ConformanceCase[] {
  const scalars = (healthy: number): CaseInput[] =>
    [healthy, 0.7, 0.01, 1.9, 3.1].map((value) => ({ shape: [], numbers: [value] }));
  const shapes: readonly Shape[] = [[1], [7], [33, 65], [2, 3, 4], [5000]];
  const tensors = shapes.flatMap((shape) => [f(shape), f(shape), f(shape, 0, 1), f(shape, -2, 2)]);
  const build = (...values: readonly V[]): Readonly<Record<string, V>> => {
    const [healthy, scale, rate, correction1, correction2] = values as [V, V, V, V, V];
    const segments = shapes.map((_, i) => {
      const [content, first, second, gradient] = values.slice(5 + 4 * i, 9 + 4 * i) as [V, V, V, V];
      return { content, first, second, gradient, decay: i % 2 ? 0.1 : 0, cap: i === 2 ? 0.004 : undefined };
    });
    const results = adamW(segments, { healthy, scale, rate, correction1, correction2 }, adamWOptions);
    return Object.fromEntries(
      results.flatMap(({ content, first, second }, i) => [
        [`content${i}`, content],
        [`first${i}`, first],
        [`second${i}`, second],
      ]),
    );
  };
  const adamWOptions = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
  return [
    { operation: 'adamW', name: 'healthy', inputs: [...scalars(1), ...tensors], build },
    { operation: 'adamW', name: 'not healthy', inputs: [...scalars(0), ...tensors], build },
    ...[[[1]], [[3, 4]], [[5], [2, 3], [9000], [1]]].map((list) =>
      one(
        'sumSquares',
        `of ${list.map((shape) => `[${shape}]`).join(' ')}`,
        list.map((shape) => f(shape)),
        (...values) => ops.sumSquares(values),
      ),
    ),
  ];
}

export const conformanceCases: readonly ConformanceCase[] = [
  ...elementwiseCases(),
  ...movementCases(),
  ...reductionCases(),
  ...matmulCases(),
  ...epilogueCases(),
  ...quantizedCases(),
  ...rowCases(),
  ...attentionCases(),
  ...samplingCases(),
  ...sequenceCases(),
  ...optimizerCases(),
];
