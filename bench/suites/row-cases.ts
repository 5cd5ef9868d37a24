// The memory-bound operations of a training step, each as kernel calls with the bytes that must move and a check against float64.
// Sizes are those of a step of 4 × 1024 tokens, width 256, 50,264 classes, and one width larger than the caches.
import type * as EngineModule from '../../packages/hippo/dist/backends/wasm/engine.js';
import type * as AdamWModule from '../../packages/hippo/dist/backends/wasm/kernels/adam-w.js';
import type { KernelCalls } from '../../packages/hippo/dist/backends/wasm/kernels/call.js';
import type * as ElementwiseModule from '../../packages/hippo/dist/backends/wasm/kernels/elementwise.js';
import type * as EmbeddingModule from '../../packages/hippo/dist/backends/wasm/kernels/embedding.js';
import type * as LayerNormModule from '../../packages/hippo/dist/backends/wasm/kernels/layer-norm.js';
import type * as LinearCrossEntropyModule from '../../packages/hippo/dist/backends/wasm/kernels/linear-cross-entropy.js';
import type * as MatmulModule from '../../packages/hippo/dist/backends/wasm/kernels/matmul.js';
import type * as MovementModule from '../../packages/hippo/dist/backends/wasm/kernels/movement.js';
import type * as RandomModule from '../../packages/hippo/dist/backends/wasm/kernels/random.js';
import type * as SumSquaresModule from '../../packages/hippo/dist/backends/wasm/kernels/sum-squares.js';
import type * as SpecialModule from '../../packages/hippo/dist/tensor/special.js';

// The kernels are internal, so they are loaded from the built package by path.
const built = new URL('../../../packages/hippo/dist/', import.meta.url);
const load = async <T>(path: string): Promise<T> => (await import(new URL(path, built).href)) as T;
const kernel = <T>(name: string): Promise<T> => load<T>(`backends/wasm/kernels/${name}.js`);

export const openEngine = async (threads: number) =>
  (await load<typeof EngineModule>('backends/wasm/engine.js')).openEngine({ threads });

/** Numbers before and after a run. */
type Arrays = readonly Float32Array[];

export interface RowCase {
  readonly name: string;
  readonly size: string;
  readonly inputs: readonly Float32Array[];
  /** Counts of numbers; an input's index where the result takes its place. */
  readonly outputs: readonly (number | { readonly inPlace: number })[];
  readonly calls: KernelCalls;
  /** What has to be read and written once, however the work is done. */
  readonly bytes: number;
  /** Of a matrix product's kind, to be compared with the product's own rate. */
  readonly operations?: number;
  /** What a number costs besides its bytes, where that is much. */
  readonly work?: string;
  /** The largest error relative to the largest magnitude; inputs are as they were before the run. */
  error(inputs: Arrays, outputs: Arrays): number;
  readonly tolerance: number;
}

/** Numbers in (−1, 1), the same every time. */
function noise(count: number, seed: number, scale = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
}

function integers(count: number, of: (i: number) => number): Float32Array {
  return new Float32Array(Int32Array.from({ length: count }, (_, i) => of(i)).buffer);
}

const at = (data: ArrayLike<number>, i: number): number => data[i] ?? Number.NaN;

/** The largest |got − want| of `samples` positions, relative to the largest |want|. */
function worst(samples: number, pair: (i: number) => readonly [got: number, want: number]): number {
  let [gap, scale] = [0, 1e-30];
  for (let i = 0; i < samples; i++) {
    const [got, want] = pair(i);
    const difference = Math.abs(got - want);
    if (!(difference <= gap)) gap = difference;
    scale = Math.max(scale, Math.abs(want));
  }
  return gap / scale;
}

const spread = (i: number, count: number): number => (i * 7919 * 31) % count;

export async function copyCalls(bytes: number): Promise<KernelCalls> {
  const { concatCalls } = await kernel<typeof MovementModule>('movement');
  return concatCalls({ shapes: [[bytes / 4]], axis: 0 });
}

export async function productCalls(size: { rows: number; width: number; columns: number }): Promise<KernelCalls> {
  const { matmulCalls } = await kernel<typeof MatmulModule>('matmul');
  const { rows: m, columns: n, width: k } = size;
  const strides = { batch: 1, strideA: 0, strideB: 0, strideC: 0 };
  return matmulCalls({ m, n, k, ...strides, transposeA: false, transposeB: true });
}

async function layerNormCases(rows: number, width: number): Promise<RowCase[]> {
  const { layerNormCalls, layerNormGradientCalls } = await kernel<typeof LayerNormModule>('layer-norm');
  const epsilon = 1e-5;
  const [x, dy, weight, bias] = [noise(rows * width, 1), noise(rows * width, 2), noise(width, 3), noise(width, 4)];
  const statistics = (row: number) => {
    const values = Float64Array.from(x.subarray(row * width, (row + 1) * width));
    const mean = values.reduce((sum, value) => sum + value, 0) / width;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    return { mean, deviation: 1 / Math.sqrt(variance + epsilon) };
  };
  const all = Array.from({ length: rows }, (_, row) => statistics(row));
  const normal = (i: number): number => {
    const { mean = 0, deviation = 0 } = all[Math.floor(i / width)] ?? {};
    return (at(x, i) - mean) * deviation;
  };
  const slopeOf = (i: number): number => at(dy, i) * at(weight, i % width);
  const gradientAt = (i: number): number => {
    const begin = i - (i % width);
    let [sum, product] = [0, 0];
    for (let j = begin; j < begin + width; j++) {
      sum += slopeOf(j) / width;
      product += (slopeOf(j) * normal(j)) / width;
    }
    return (all[begin / width]?.deviation ?? 0) * (slopeOf(i) - sum - normal(i) * product);
  };
  const size = `${rows} × ${width}`;
  const count = rows * width;
  return [
    {
      name: 'layer norm',
      size,
      inputs: [x, weight, bias],
      outputs: [count, rows, rows],
      calls: layerNormCalls({ rows, width, epsilon }),
      bytes: 8 * count,
      error: (_, [y = x]) =>
        worst(2000, (i) => {
          const j = spread(i, count);
          return [at(y, j), normal(j) * at(weight, j % width) + at(bias, j % width)];
        }),
      tolerance: 1e-6,
    },
    {
      name: 'layer norm gradient',
      size,
      inputs: [
        dy,
        x,
        weight,
        Float32Array.from(all, ({ mean }) => mean),
        Float32Array.from(all, ({ deviation }) => deviation),
      ],
      outputs: [count, width, width],
      calls: layerNormGradientCalls({ rows, width }),
      bytes: 12 * count,
      error: (_, [dx = x]) =>
        worst(500, (i) => {
          const j = spread(i, count);
          return [at(dx, j), gradientAt(j)];
        }),
      tolerance: 1e-6,
    },
  ];
}

const ignoreIndex = -100;

async function lossCase(rows: number, width: number, vocabulary: number): Promise<RowCase> {
  const { linearCrossEntropyGradientCalls } = await kernel<typeof LinearCrossEntropyModule>('linear-cross-entropy');
  const [x, weight] = [noise(rows * width, 1), noise(vocabulary * width, 2, 0.2)];
  const target = (row: number): number => (row * 7919) % vocabulary;
  const lossOf = (row: number): number => {
    const logits = Float64Array.from({ length: vocabulary }, (_, c) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += at(x, row * width + i) * at(weight, c * width + i);
      return sum;
    });
    const largest = logits.reduce((a, b) => Math.max(a, b));
    return (
      Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)) + largest - at(logits, target(row))
    );
  };
  return {
    name: 'linear cross-entropy with gradient',
    size: `${rows} × ${width}, ${vocabulary} classes`,
    inputs: [x, weight, integers(rows, target), new Float32Array(rows).fill(1 / rows)],
    outputs: [x.length, weight.length, rows],
    calls: linearCrossEntropyGradientCalls({ rows, width, vocabulary, classes: vocabulary, ignoreIndex }),
    bytes: 8 * (x.length + weight.length),
    operations: 6 * rows * width * vocabulary,
    error: (_, [, , losses = x]) => worst(8, (i) => [at(losses, i * 61), lossOf(i * 61)]),
    tolerance: 1e-6,
  };
}

/** Ids in the table's order show what their scatter costs: the kernel does the same work on a stream of memory. */
async function embeddingCase(
  count: number,
  width: number,
  { rows, inOrder = false }: { readonly rows: number; readonly inOrder?: boolean },
): Promise<RowCase> {
  const { scatterAddRowsCalls } = await kernel<typeof EmbeddingModule>('embedding');
  const idOf = (i: number): number => (inOrder ? i : i * 7919 * 13) % rows;
  const values = noise(count * width, 1);
  return {
    name: `embedding gradient, added to the head’s${inOrder ? ', ids in order' : ''}`,
    size: `${count} × ${width} into ${rows} rows`,
    inputs: [integers(count, idOf), values, noise(rows * width, 2)],
    outputs: [{ inPlace: 2 }],
    calls: scatterAddRowsCalls({ rows, width, count }),
    bytes: 12 * count * width,
    ...(!inOrder && { work: 'every row of the table is elsewhere in memory; compare ids in order' }),
    error: ([, , base = values], [sum = values]) =>
      worst(500, (i) => {
        const position = spread(i, count);
        const j = idOf(position) * width + (i % width);
        let want = at(base, j);
        for (let other = 0; other < count; other++)
          if (idOf(other) === idOf(position)) want += at(values, other * width + (i % width));
        return [at(sum, j), want];
      }),
    tolerance: 1e-6,
  };
}

/** The parameters of a model: one table, and layers of a few matrices and many vectors. */
function parameterCounts(vocabulary: number, width: number): number[] {
  const layer = [4 * width * width, 4 * width * width, width * width, width * width, width * width, width * width];
  const vectors = Array.from({ length: 12 }, () => width);
  return [vocabulary * width, ...Array.from({ length: 6 }, () => [...layer, ...vectors]).flat()];
}

async function optimizerCases(counts: readonly number[]): Promise<RowCase[]> {
  const { adamWCalls } = await kernel<typeof AdamWModule>('adam-w');
  const { sumSquaresCalls } = await kernel<typeof SumSquaresModule>('sum-squares');
  const total = counts.reduce((sum, count) => sum + count, 0);
  const [beta1, beta2, epsilon, decay] = [0.9, 0.999, 1e-8, 0.1];
  const scalars = [1, 0.5, 1e-3, 1.5, 2.5].map((value) => Float32Array.of(value));
  const [scale, rate, correction1, correction2] = [0.5, 1e-3, 1.5, 2.5];
  const tensors = counts.flatMap((count, i) =>
    [0, 1, 2, 3].map((k) => noise(count, 4 * i + k).map((value) => (k === 2 ? Math.abs(value) : value))),
  );
  const segments = counts.map((count) => ({ count, decay, cap: Number.POSITIVE_INFINITY }));
  const gradients = tensors.filter((_, i) => i % 4 === 3);
  const size = `${(total / 1e6).toFixed(1)} M numbers in ${counts.length} tensors`;
  return [
    {
      name: 'AdamW',
      size,
      inputs: [...scalars, ...tensors],
      outputs: counts.flatMap((_, i) => [0, 1, 2].map((k) => ({ inPlace: 5 + 4 * i + k }))),
      calls: adamWCalls({ beta1, beta2, epsilon, segments }),
      bytes: 28 * total,
      error: (inputs, outputs) =>
        worst(counts.length * 50, (i) => {
          const segment = i % counts.length;
          const j = spread(i, counts[segment] ?? 1);
          const [p = 0, m = 0, v = 0, g = 0] = [0, 1, 2, 3].map((k) => at(inputs[5 + 4 * segment + k] ?? [], j));
          const first = beta1 * m + (1 - beta1) * g * scale;
          const second = beta2 * v + (1 - beta2) * (g * scale) ** 2;
          const direction = (first * correction1) / (Math.sqrt(second * correction2) + epsilon);
          return [at(outputs[3 * segment] ?? [], j), p - rate * (direction + decay * p)];
        }),
      tolerance: 1e-6,
    },
    {
      name: 'global norm',
      size,
      inputs: gradients,
      outputs: [1],
      calls: sumSquaresCalls(counts),
      bytes: 4 * total,
      error: (inputs, [sum = new Float32Array(1)]) => {
        let want = 0;
        for (const data of inputs) for (const value of data) want += value * value;
        return worst(1, () => [at(sum, 0), want]);
      },
      tolerance: 1e-6,
    },
  ];
}

/** The two kernels that dropout is: uniform numbers, then the fused comparison, scaling and choice. */
async function dropoutCase(count: number): Promise<RowCase> {
  const { randomUniformCalls } = await kernel<typeof RandomModule>('random');
  const { elementwiseCalls } = await kernel<typeof ElementwiseModule>('elementwise');
  const draw = randomUniformCalls({ count, stream: 7 });
  const rate = 0.1;
  const stream = { strides: [1], offset: 0, dtype: 'f32' } as const;
  const choose = elementwiseCalls({
    shape: [count],
    inputs: [stream, stream],
    constants: [rate, 0, 1 / (1 - rate)],
    instructions: [
      { op: 'less', operands: [0, 2] },
      { op: 'mul', operands: [1, 4] },
      { op: 'select', operands: [5, 3, 6] },
    ],
    outputs: [{ register: 7 }],
  });
  return {
    name: 'dropout',
    size: `${count} numbers`,
    inputs: [noise(count, 1), integers(2, (i) => i + 5), integers(1, () => 3)],
    outputs: [count, count],
    calls: {
      workspaceBytes: (parts) => choose.workspaceBytes(parts),
      calls: ({ inputs: [x = 0, key = 0, counter = 0], outputs: [y = 0, uniform = 0], workspace }, parts) => [
        ...draw.calls({ inputs: [key, counter], outputs: [uniform], workspace }, parts),
        ...choose.calls({ inputs: [uniform, x], outputs: [y], workspace }, parts),
      ],
    },
    bytes: 8 * count,
    work: 'ten rounds of Philox4x32 for every four numbers, and a pass for the mask',
    error: ([x = new Float32Array(0)], [y = x, uniform = x]) =>
      worst(2000, (i) => {
        const j = spread(i, count);
        return [at(y, j), at(uniform, j) < Math.fround(rate) ? 0 : at(x, j) / (1 - rate)];
      }),
    tolerance: 1e-6,
  };
}

/** GELU and its derivative of a biased product, as a training step computes them. */
async function geluCase(rows: number, width: number): Promise<RowCase> {
  const { elementwiseCalls } = await kernel<typeof ElementwiseModule>('elementwise');
  const { geluTanh, geluTanhDerivative } = await load<typeof SpecialModule>('tensor/special.js');
  const count = rows * width;
  return {
    name: 'bias, GELU and its derivative',
    size: `${rows} × ${width}`,
    inputs: [noise(count, 1, 4), noise(width, 2)],
    outputs: [count, count],
    calls: elementwiseCalls({
      shape: [rows, width],
      inputs: [
        { strides: [width, 1], offset: 0, dtype: 'f32' },
        { strides: [0, 1], offset: 0, dtype: 'f32' },
      ],
      constants: [],
      instructions: [
        { op: 'add', operands: [0, 1] },
        { op: 'gelu', operands: [2] },
        { op: 'geluDerivative', operands: [2] },
      ],
      outputs: [{ register: 3 }, { register: 4 }],
    }),
    bytes: 12 * count,
    work: 'an exponential whose argument is computed in double precision, and three divisions a number',
    error: ([x = new Float32Array(0), bias = x], [y = x, slope = x]) =>
      worst(2000, (i) => {
        const j = spread(i, count);
        const value = Math.fround(at(x, j) + at(bias, j % width));
        return i % 2 ? [at(y, j), geluTanh(value)] : [at(slope, j), geluTanhDerivative(value)];
      }),
    tolerance: 1e-6,
  };
}

export const head = { rows: 512, width: 256, columns: 50_264 };

export interface CaseGroup {
  make(): Promise<readonly RowCase[]>;
  /** The same kernels on arrays that fit the first cache, in the same order: what they take without memory. */
  small?(): Promise<readonly RowCase[]>;
}

/** Every case, made one group at a time so that only one holds its arrays. */
export const groups: readonly CaseGroup[] = [
  { make: () => layerNormCases(4096, 256), small: () => layerNormCases(8, 256) },
  { make: () => layerNormCases(8192, 768), small: () => layerNormCases(3, 768) },
  { make: async () => [await lossCase(head.rows, head.width, head.columns)] },
  {
    make: async () => [
      await embeddingCase(4096, 256, { rows: 50_264 }),
      await embeddingCase(4096, 256, { rows: 50_264, inOrder: true }),
    ],
    small: async () => [
      await embeddingCase(12, 256, { rows: 16 }),
      await embeddingCase(12, 256, { rows: 16, inOrder: true }),
    ],
  },
  { make: () => optimizerCases(parameterCounts(50_264, 256)), small: () => optimizerCases([1500]) },
  { make: async () => [await dropoutCase(4096 * 256)], small: async () => [await dropoutCase(2560)] },
  { make: async () => [await geluCase(4096, 1024)], small: async () => [await geluCase(2, 1024)] },
];
