// Products for tests of the WebGPU kernels: whole operands, numbers, and what the results must be.
import { matmulEpilogueOperation } from '../../../ops/matmul-epilogue.ts';
import { floatToFloat16 } from '../../../tensor/half-floats.ts';
import { uniforms } from '../../../tensor/philox.ts';
import { input, output } from './dispatch.ts';
import type { Product } from './matmul-product.ts';

export interface TestProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly batch?: number;
  /** With a bias of columns, GELU and a residual. */
  readonly epilogue?: boolean;
  /** Factors that are f16 in memory; sizes of their rows are multiples of eight. */
  readonly halves?: boolean;
}

export function testProduct(options: TestProduct): Product {
  const { m, n, k, batch = 1, transposeA = false, transposeB = false, epilogue = false, halves = false } = options;
  const matrix = (memory: Product['a']['memory'], rows: number, columns: number) => ({
    memory,
    bytes: rows * columns * batch * 4,
    first: 0,
    lead: columns,
    batch: batch > 1 ? rows * columns : 0,
  });
  const factor = (index: number, rows: number, columns: number) => {
    const whole = matrix(input(index), rows, columns);
    return halves ? ({ ...whole, bytes: whole.bytes / 2, halves: true } as const) : whole;
  };
  return {
    m,
    n,
    k,
    batch,
    transposeA,
    transposeB,
    a: transposeA ? factor(0, k, m) : factor(0, m, k),
    b: transposeB ? factor(1, n, k) : factor(1, k, n),
    c: { ...matrix(output(0), m, n), batch: m * n },
    accumulate: false,
    gelu: epilogue,
    ...(epilogue && {
      bias: { kind: 'columns', memory: input(2), first: 0 },
      residual: { ...matrix(input(3), m, n), batch: m * n },
    }),
    shared: false,
  };
}

export function testNumbers(count: number, stream: number): Float32Array {
  return Float32Array.from(uniforms(count, { key: [3, 4], stream, counter: count }), (u) => 2 * u - 1);
}

export function productInputs({ m, n, k, batch = 1, epilogue }: TestProduct): readonly Float32Array[] {
  const counts = [batch * m * k, batch * k * n, ...(epilogue ? [n, batch * m * n] : [])];
  return counts.map((count, stream) => testNumbers(count, stream));
}

/** What is bound: two halves lie in a word. */
export function boundInputs(
  options: TestProduct,
  inputs: readonly Float32Array[],
): readonly (Float32Array | Uint32Array)[] {
  return inputs.map((numbers, at) =>
    options.halves && at < 2 ? new Uint32Array(Uint16Array.from(numbers, floatToFloat16).buffer) : numbers,
  );
}

export function expectedProduct(options: TestProduct, inputs: readonly Float32Array[]): Float64Array {
  const { m, n, k, batch = 1, transposeA = false, transposeB = false, epilogue = false } = options;
  const lead = batch > 1 ? [batch] : [];
  const shapes = [
    [...lead, ...(transposeA ? [k, m] : [m, k])],
    [...lead, ...(transposeB ? [n, k] : [k, n])],
    [n],
    [...lead, m, n],
  ];
  const numbers = inputs.map((data, i) => ({ shape: shapes[i] ?? [], data: Float64Array.from(data) }));
  const attributes = {
    transposeA,
    transposeB,
    bias: epilogue ? 'columns' : 'none',
    gelu: epilogue,
    residual: epilogue,
  } as const;
  const [result] =
    matmulEpilogueOperation.reference?.(numbers, attributes, [{ shape: [...lead, m, n], dtype: 'f32' }]) ?? [];
  return result as Float64Array;
}

export function largestDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.NaN;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((got[i] ?? Number.NaN) - (expected[i] ?? 0));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/** What the least WebGPU device has. */
export const baseTraits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 134_217_728,
  maxWorkgroupBytes: 16_384,
  maxThreads: 256,
  f16: false,
  subgroups: undefined,
  subgroupMatrices: [],
  precision: 'f32',
} as const;

/** What an H100 offers that matters here. */
export const largeTraits = {
  ...baseTraits,
  maxBindingBytes: 2_147_483_644,
  maxWorkgroupBytes: 49_152,
  maxThreads: 1024,
  f16: true,
  subgroups: { min: 32, max: 32 },
  subgroupMatrices: [{ m: 16, n: 16, k: 16, component: 'f16', result: 'f32' }],
} as const;
