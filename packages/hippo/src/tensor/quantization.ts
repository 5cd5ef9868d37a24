// Weight-only quantisation: matrices W [outputs, inputs] as small integers with scales, packed in 32-bit words, one row of words an
// output. W[o, i] ≈ q·s, q a whole number, s a scale shared by a row (8 bits) or by 32 neighbouring inputs (4 bits).
//
// Plan. A generated token reads every weight once, so its time is the bytes of the weights: 4 a weight in f32, 1.02 in int8, 0.56 in
// int4. Kernels must keep up with memory, 8 bytes a cycle: products are sums of integers, the activations rounded to
// integers on the way (backends/wasm/kernels/quantized-dots.as.ts), and the layout below is the order in which that kernel reads.
//
// 8 bits, after absolute-maximum scaling as in LLM.int8 (Dettmers et al., arXiv 2208.07339): the row's integers −127 … 127, a byte
// each, zeros up to a multiple of 16 bytes; then the scale as f32, then 12 bytes of zeros, so that rows keep their alignment.
//
// 4 bits: blocks of 128 inputs, four groups of 32 (the last block filled up with zeros), 64 bytes each; then four bf16
// scales a block; then zeros up to a multiple of 16 bytes. Integers −8 … 7 are stored plus 8. Input i of group g of a block lies in
// byte 16·⌊i/8⌋ + 4g + i mod 4, in the low half where ⌊i/4⌋ is even: a lane of four bytes belongs to one group in every vector of 16
// bytes, so that lanes are sums of groups, without any sums across lanes.
import { CheckpointError } from '../errors.ts';

export type QuantizedBits = 4 | 8;

/** How the matrices of a model are stored. */
export interface Quantization {
  readonly bits: QuantizedBits;
}

/** Inputs that share a scale at 4 bits. */
export const groupSize = 32;
const groupsOfBlock = 4;
/** Inputs of a block at 4 bits. */
export const blockSize = groupSize * groupsOfBlock;
const blockBytes = blockSize / 2;
const scaleBytes = 2 * groupsOfBlock;
const alignment = 16;

/** A quantised matrix's own sizes: `inputs` cannot be told from the words. */
export type QuantizedMatrix = { readonly bits: QuantizedBits; readonly inputs: number };

const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** Where a row's scales begin, and the bytes of the row. */
export function rowLayout({ bits, inputs }: QuantizedMatrix): { readonly scalesAt: number; readonly bytes: number } {
  if (bits === 8) return { scalesAt: align(inputs), bytes: align(inputs) + alignment };
  const blocks = Math.ceil(inputs / blockSize);
  return { scalesAt: blocks * blockBytes, bytes: align(blocks * (blockBytes + scaleBytes)) };
}

/** 32-bit words of a row. */
export function rowWords(matrix: QuantizedMatrix): number {
  return rowLayout(matrix).bytes / 4;
}

/**
 * Packs a matrix [rows, inputs]: every number becomes the nearest multiple of its scale, at most half a step away.
 * @param name of the tensor, for the error.
 * @returns words [rows, rowWords]
 * @throws CheckpointError `not-finite` for NaN and ±∞, which no scale can hold.
 */
export function quantizeRows(data: Float32Array, matrix: QuantizedMatrix, name: string): Int32Array {
  const { inputs, bits } = matrix;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new CheckpointError(
      'not-finite',
      `quantize: tensor "${name}" must hold finite numbers; got ${data[bad]} at element ${bad}. Use a checkpoint without it.`,
      { tensor: name, element: bad },
    );
  const rows = data.length / inputs;
  const words = new Int32Array(rows * rowWords(matrix));
  const pack = bits === 8 ? packBytes : packHalfBytes;
  const { bytes } = rowLayout(matrix);
  for (let row = 0; row < rows; row++)
    pack(data.subarray(row * inputs, (row + 1) * inputs), new DataView(words.buffer, row * bytes, bytes), matrix);
  return words;
}

function packBytes(row: Float32Array, target: DataView, matrix: QuantizedMatrix): void {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = Math.fround(largest / 127);
  const code = (value: number): number => (scale === 0 ? 0 : clamp(Math.round(value / scale), -127, 127));
  row.forEach((value, i) => {
    target.setInt8(i, code(value));
  });
  target.setFloat32(rowLayout(matrix).scalesAt, scale, true);
}

function packHalfBytes(row: Float32Array, target: DataView, matrix: QuantizedMatrix): void {
  const { scalesAt } = rowLayout(matrix);
  for (let at = 0; at < scalesAt; at++) target.setUint8(at, 0x88); // zeros, where no input lies
  for (let from = 0; from < row.length; from += groupSize) {
    const group = row.subarray(from, from + groupSize);
    const half = groupScale(group);
    const scale = valueOfBfloat16(half);
    target.setUint16(scalesAt + (from / groupSize) * 2, half, true);
    group.forEach((value, i) => {
      const { byte, shift } = halfByteAt(from + i);
      const code = scale === 0 ? 8 : clamp(Math.round(value / scale), -8, 7) + 8;
      target.setUint8(byte, (target.getUint8(byte) & ~(15 << shift)) | (code << shift));
    });
  }
}

/** Byte of a row, and bits in it, of an input. */
function halfByteAt(input: number): { readonly byte: number; readonly shift: number } {
  const i = input % groupSize;
  const group = Math.floor(input / groupSize) % groupsOfBlock;
  const byte = Math.floor(input / blockSize) * blockBytes + 16 * Math.floor(i / 8) + 4 * group + (i % 4);
  return { byte, shift: 4 * (Math.floor(i / 4) % 2) };
}

/**
 * The bf16 scale of a group: the integers reach from −8 to 7, so one side may reach 8 steps and the other 7½. The sign says which.
 * Rounded away from zero, so that nothing is cut off.
 */
function groupScale(group: Float32Array): number {
  const most = group.reduce((best, value) => Math.max(best, value), 0);
  const least = group.reduce((best, value) => Math.min(best, value), 0);
  const plain = Math.max(-least / 8, most / 7.5);
  const turned = Math.max(most / 8, -least / 7.5);
  const size = bfloat16Above(Math.min(plain, turned));
  return turned < plain ? size | 0x8000 : size;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The bits of the smallest bf16 that is no smaller. */
function bfloat16Above(value: number): number {
  scratch[0] = value;
  return ((scratchBits[0] ?? 0) + 0xffff) >>> 16;
}

function valueOfBfloat16(half: number): number {
  scratchBits[0] = half << 16;
  return scratch[0] ?? 0;
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The f32 numbers [rows, inputs] that words stand for. */
export function dequantizeRows(words: Int32Array | Uint32Array, matrix: QuantizedMatrix): Float32Array {
  const { bits, inputs } = matrix;
  const { bytes, scalesAt } = rowLayout(matrix);
  const rows = (words.length * 4) / bytes;
  const result = new Float32Array(rows * inputs);
  for (let row = 0; row < rows; row++) {
    const view = new DataView(words.buffer, words.byteOffset + row * bytes, bytes);
    for (let i = 0; i < inputs; i++) {
      const { byte, shift } = halfByteAt(i);
      const [code, scale] =
        bits === 8
          ? [view.getInt8(i), view.getFloat32(scalesAt, true)]
          : [
              ((view.getUint8(byte) >> shift) & 15) - 8,
              valueOfBfloat16(view.getUint16(scalesAt + 2 * Math.floor(i / groupSize), true)),
            ];
      result[row * inputs + i] = code * scale;
    }
  }
  return result;
}
