// Weight-only quantisation: matrices W [outputs, inputs] as small integers with scales, packed in 32-bit words, one row of words an
// output. W[o, i] ≈ q·s, q a whole number, s a scale shared by a row (8 bits) or by 32 neighbouring inputs (4 bits).
//
// Plan. A generated token reads every weight once, so its time is the bytes of the weights: 4 a weight in f32, 1.02 in int8, 0.56 in
// int4. Kernels must keep up with memory, 8 bytes a cycle: products are sums of integers, the activations rounded to
// integers on the way (backends/wasm/kernels/quantized-dots.as.ts), and the layout below is the order in which that kernel reads.
//
// Rows lie in pairs, their pieces of 16 bytes in turn, so that a kernel reads both as one stream; an odd last row lies alone.
//
// 8 bits, after absolute-maximum scaling as in LLM.int8 (Dettmers et al., arXiv 2208.07339): the integers −127 … 127, a byte each, zeros
// up to a multiple of 16 of a row; then an f32 scale a row; then zeros up to two rows of words.
//
// 4 bits: the scales, then the integers, then zeros up to two rows of words. Inputs come in blocks of 128, four groups of 32 (the last block filled
// up with zeros): of each block four bf16 scales of the one row and four of the other; then of each block the first 16
// bytes of the one row, the first of the other, the second of the one and so on, 64 bytes a row. Integers −8 … 7 are stored plus 8. Input i
// of group g of a block lies in byte 4g + i mod 4 of the row's ⌊i/8⌋th 16 bytes, in the low half where ⌊i/4⌋ is even: a lane of four
// bytes belongs to one group in every vector of 16 bytes, so that lanes are sums of groups, without any sums across lanes.
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

/** Blocks of a row at 4 bits. */
export function blocksOf(inputs: number): number {
  return Math.ceil(inputs / blockSize);
}

/** Bytes of a row of words. */
export function rowBytes({ bits, inputs }: QuantizedMatrix): number {
  return bits === 8 ? align(inputs) + alignment : align(blocksOf(inputs) * (blockBytes + scaleBytes));
}

/** From the start of a lone row to its scale, at 8 bits. */
export function scaleAt(inputs: number): number {
  return align(inputs);
}

/** 32-bit words of a row. */
export function rowWords(matrix: QuantizedMatrix): number {
  return rowBytes(matrix) / 4;
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
  const target = new DataView(words.buffer);
  for (let row = 0; row < rows; row++) {
    const numbers = data.subarray(row * inputs, (row + 1) * inputs);
    if (bits === 8) packBytes(numbers, target, bytePlaces(row, rows, matrix));
    else packHalfBytes(numbers, target, placesOf(row, rows, matrix));
  }
  return words;
}

function packBytes(row: Float32Array, target: DataView, places: BytePlaces): void {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = Math.fround(largest / 127);
  const code = (value: number): number => (scale === 0 ? 0 : clamp(Math.round(value / scale), -127, 127));
  row.forEach((value, i) => {
    target.setInt8(places.code(i), code(value));
  });
  target.setFloat32(places.scale, scale, true);
}

function packHalfBytes(row: Float32Array, target: DataView, places: Places): void {
  const padded = blocksOf(row.length) * blockSize;
  for (let from = 0; from < padded; from += groupSize) {
    const group = row.subarray(from, from + groupSize); // empty beyond the row
    const half = groupScale(group);
    const scale = valueOfBfloat16(half);
    target.setUint16(places.scale(from), half, true);
    for (let i = 0; i < groupSize; i++) {
      const { byte, shift } = places.code(from + i);
      const code = scale === 0 ? 8 : clamp(Math.round((group[i] ?? 0) / scale), -8, 7) + 8;
      target.setUint8(byte, (target.getUint8(byte) & ~(15 << shift)) | (code << shift));
    }
  }
}

/** How many rows lie together with a row, which of them it is, and where they begin. */
function pairOf(row: number, rows: number, matrix: QuantizedMatrix) {
  const [lanes, lane] = row === rows - 1 && rows % 2 === 1 ? [1, 0] : [2, row % 2];
  return { lanes, lane, start: (row - lane) * rowBytes(matrix) };
}

/** Where a row's integers and its scale lie at 8 bits. */
interface BytePlaces {
  code(input: number): number;
  readonly scale: number;
}

function bytePlaces(row: number, rows: number, matrix: QuantizedMatrix): BytePlaces {
  const { lanes, lane, start } = pairOf(row, rows, matrix);
  return {
    code: (input) => start + 16 * (Math.floor(input / 16) * lanes + lane) + (input % 16),
    scale: start + lanes * scaleAt(matrix.inputs) + 4 * lane,
  };
}

/** Where a row's numbers lie at 4 bits, by input: the byte and the bits in it; the byte of its group's scale. */
interface Places {
  code(input: number): { readonly byte: number; readonly shift: number };
  scale(input: number): number;
}

function placesOf(row: number, rows: number, matrix: QuantizedMatrix): Places {
  const { lanes, lane, start: scales } = pairOf(row, rows, matrix);
  const codes = scales + align(lanes * scaleBytes * blocksOf(matrix.inputs));
  const groupOf = (input: number): number => Math.floor(input / groupSize) % groupsOfBlock;
  const blockOf = (input: number): number => Math.floor(input / blockSize);
  return {
    code: (input) => {
      const i = input % groupSize;
      const piece = (blockOf(input) * 4 + Math.floor(i / 8)) * lanes + lane;
      return { byte: codes + 16 * piece + 4 * groupOf(input) + (i % 4), shift: 4 * (Math.floor(i / 4) % 2) };
    },
    scale: (input) => scales + scaleBytes * (blockOf(input) * lanes + lane) + 2 * groupOf(input),
  };
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
  const bytes = rowBytes(matrix);
  const rows = (words.length * 4) / bytes;
  const result = new Float32Array(rows * inputs);
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  for (let row = 0; row < rows; row++) {
    const bytes8 = bytePlaces(row, rows, matrix);
    const places = placesOf(row, rows, matrix);
    for (let i = 0; i < inputs; i++) {
      result[row * inputs + i] =
        bits === 8 ? view.getInt8(bytes8.code(i)) * view.getFloat32(bytes8.scale, true) : halfByteIn(view, places, i);
    }
  }
  return result;
}

function halfByteIn(view: DataView, places: Places, input: number): number {
  const { byte, shift } = places.code(input);
  return (((view.getUint8(byte) >> shift) & 15) - 8) * valueOfBfloat16(view.getUint16(places.scale(input), true));
}
