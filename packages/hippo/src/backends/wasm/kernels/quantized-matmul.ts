// Calls of products with quantised weights and of row lookup in them. The twin of quantized-dots.as.ts (few rows: integer dot
// products) and of quantized-rows.as.ts (many rows: a slab of columns at a time becomes f32 panels, which the tiles of the matrix
// product read, so that the f32 matrix never exists whole).
import { blockSize, blocksOf, type QuantizedMatrix, rowBytes, scaleAt } from '../../../tensor/quantization.ts';
import type { Addresses, KernelCall, KernelCalls } from './call.ts';
import { matmulCalls, panelWidth } from './matmul.ts';
import { sharing } from './sharing.ts';

export interface QuantizedMatmulOptions extends QuantizedMatrix {
  /** Rows of X. */
  readonly m: number;
  /** Rows of W. */
  readonly n: number;
  readonly bias?: boolean;
  readonly gelu?: boolean;
  readonly residual?: boolean;
  /** Tiles for 256-bit vectors, as in matmul.ts. */
  readonly wide?: boolean;
  /** Default: `slabNumbers`; tests cut smaller. */
  readonly slab?: number;
}

/**
 * Up to this many rows, integer dot products, by what they cost (one core): about 22 (8 bits) and 30 (4 bits) multiply-adds a nanosecond
 * whatever the rows, against 25 of the tiles and what it takes to make weights f32. At 4 bits they would win for any number of
 * rows; but many rows are a prompt or a text to be scored, which should not be rounded more than it need be.
 */
export const fewRows = { 8: 16, 4: 64 } as const;

/** Inputs [X [m, k], W words [n, …], bias?, residual?], outputs [C [m, n]]: C = gelu?(X·Wᵀ + bias?) + residual?. */
export function quantizedMatmulCalls(options: QuantizedMatmulOptions): KernelCalls {
  return options.m <= fewRows[options.bits] ? dotCalls(options) : panelCalls(options);
}

/** Where the operands of the epilogue lie; 0: none. */
function epilogueOf({ bias, residual }: QuantizedMatmulOptions, { inputs }: Addresses) {
  return {
    bias: bias ? (inputs[2] ?? 0) : 0,
    residual: residual ? (inputs[bias ? 3 : 2] ?? 0) : 0,
  };
}

/** What finds the scales: the bytes to a row's own at 8 bits, the number of blocks at 4. */
function placeOf({ bits, inputs }: QuantizedMatrix): number {
  return bits === 8 ? scaleAt(inputs) : blocksOf(inputs);
}

/** Bytes of a rounded row of X in either build, as in quantized-activations.as.ts. */
function roundedBytes({ bits, inputs: k }: QuantizedMatrix): number {
  if (bits === 8) return 16 + 2 * Math.ceil(k / 16) * 16;
  return 16 + blocksOf(k) * (2 * blockSize + 32);
}

function dotCalls(options: QuantizedMatmulOptions): KernelCalls {
  const { m, n, inputs: k, bits, gelu } = options;
  const rounded = roundedBytes(options);
  const partBytes = Math.ceil((m * rounded) / 64) * 64;
  const [bytes, place] = [rowBytes(options), placeOf(options)];
  return {
    workspaceBytes: (parts) => parts * partBytes,
    calls: (at) => {
      const { inputs, outputs, workspace } = at;
      const { bias, residual } = epilogueOf(options, at);
      const addresses = [inputs[0] ?? 0, inputs[1] ?? 0, outputs[0] ?? 0, bias];
      const words = [...addresses, m, n, k, bytes, place, Number(gelu ?? false), residual, workspace];
      const entry = bits === 8 ? 'int8Dots' : 'int4Dots';
      // A multiply-add takes a fourth of an element operation or less.
      return [{ entry, words: [...words, partBytes, rounded], ...sharing((m * n * k) / 4) }];
    },
  };
}

/** Numbers of W that are f32 at a time: 2 MiB. */
const slabNumbers = 1 << 19;

function panelCalls(options: QuantizedMatmulOptions): KernelCalls {
  const { m, n, inputs: k, bits, bias, gelu, residual, wide = false, slab = slabNumbers } = options;
  const width = panelWidth(wide);
  const columns = Math.max(width, Math.floor(slab / k / width) * width);
  const panelBytes = 4 * k * Math.ceil(Math.min(n, columns) / width) * width;
  const [bytes, place] = [rowBytes(options), placeOf(options)];
  const productOf = (count: number): KernelCalls =>
    matmulCalls({
      ...{ m, n: count, k, batch: 1, strideA: 0, strideB: 0, strideC: 0, transposeA: false, transposeB: false, ldc: n },
      ...{ bias: bias ? 'columns' : 'none', activation: gelu ? 'gelu' : 'none', residual: residual ?? false, wide },
      packedB: true,
    });
  const slabCalls = (from: number, at: Addresses, parts: number): readonly KernelCall[] => {
    const { inputs, outputs, workspace } = at;
    const count = Math.min(columns, n - from);
    const operands = epilogueOf(options, at);
    const words = [(inputs[1] ?? 0) + from * bytes, workspace, k, count, bytes, place, bits, width];
    const shift = (address: number): number => address + 4 * from;
    const product = productOf(count).calls(
      {
        inputs: [
          ...[inputs[0] ?? 0, workspace],
          ...(bias ? [shift(operands.bias)] : []),
          ...(residual ? [shift(operands.residual)] : []),
        ],
        outputs: [shift(outputs[0] ?? 0)],
        workspace: workspace + panelBytes,
      },
      parts,
    );
    return [{ entry: 'quantizedPanels', words, ...sharing(count * k) }, ...product];
  };
  return {
    workspaceBytes: (parts) =>
      panelBytes +
      Math.max(...[Math.min(n, columns), n % columns || columns].map((c) => productOf(c).workspaceBytes(parts))),
    calls: (at, parts) =>
      Array.from({ length: Math.ceil(n / columns) }, (_, i) => slabCalls(i * columns, at, parts)).flat(),
  };
}

/** Inputs [W words [rows, …], ids i32 [count]], outputs [out [count, inputs]]; an id outside the matrix gives a row of NaN. */
export function quantizedGatherRowsCalls(
  matrix: QuantizedMatrix & { readonly rows: number; readonly count: number },
): KernelCalls {
  const { rows, count, inputs: k, bits } = matrix;
  const [bytes, place] = [rowBytes(matrix), placeOf(matrix)];
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [w = 0, ids = 0], outputs: [out = 0] }) => [
      {
        entry: 'quantizedGatherRows',
        words: [w, ids, out, rows, k, bytes, place, count, bits],
        ...sharing(2 * count * k),
      },
    ],
  };
}
