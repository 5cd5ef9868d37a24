// Quantised weights in shaders: numbers out of the words of tensor/quantization.ts, which says where each lies. Rows come in pairs whose
// pieces of 16 bytes take turns; an odd last row lies alone.
import { blocksOf, type QuantizedMatrix, rowBytes, scaleAt } from '../../../tensor/quantization.ts';
import { reads } from './dispatch.ts';
import { type Product, pieceOf } from './matmul-product.ts';
import type { WeightUnits } from './matmul-rows.ts';
import type { Source } from './matmul-source.ts';

/** WGSL: where a row begins, in pieces of 16 bytes, how many rows take turns, and which of them it is. */
function placeText(product: Product, matrix: QuantizedMatrix, first: number): string {
  const { n } = product;
  const pieces = rowBytes(matrix) / 16;
  const lone =
    n % 2 === 1 ? `\n  if (row == ${n - 1}u) { return RowPlace(${first / 4}u + row * ${pieces}u, 1u, 0u); }` : '';
  return `struct RowPlace { start: u32, lanes: u32, lane: u32 }
fn rowPlace(row: u32) -> RowPlace {${lone}
  return RowPlace(${first / 4}u + (row & 0xfffffffeu) * ${pieces}u, 2u, row & 1u);
}`;
}

/** The part of the words that the product's rows of B are. */
function wordsOf({ n, b }: Product, maxBindingBytes: number) {
  return pieceOf(b, n * b.lead, maxBindingBytes);
}

const signedBytes = `fn signedBytes(word: u32) -> vec4<f32> {
  return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word << 24u, word << 16u, word << 8u, word)) >> vec4<u32>(24u));
}`;
const halfBytes = `fn halfBytes(word: u32) -> vec4<f32> {
  return vec4<f32>(vec4<i32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u)) - vec4<i32>(8));
}`;

/** WGSL: pieces of 16 bytes between the start of rows and their integers, at 4 bits. */
const scalePieces = (matrix: QuantizedMatrix): string => {
  const blocks = blocksOf(matrix.inputs);
  return `select(${blocks}u, ${Math.ceil(blocks / 2)}u, place.lanes == 1u)`;
};

/** Four numbers of a row at a time, for tiles. What lies behind the inputs, up to a tile's step, are zeros or meets zeros of A. */
export function quantizedSource(product: Product, matrix: QuantizedMatrix, maxBindingBytes: number): Source {
  const { memory, first } = wordsOf(product, maxBindingBytes);
  const { bits, inputs } = matrix;
  const bytes = (row: string): string => `  let place = rowPlace(${row});
  let word = words[(place.start + quad / 4u * place.lanes + place.lane) * 4u + quad % 4u];
  let scale = bitcast<f32>(words[(place.start + place.lanes * ${scaleAt(inputs) / 16}u) * 4u + place.lane]);
  return signedBytes(word) * scale;`;
  const halves = (row: string): string => `  let place = rowPlace(${row});
  let block = quad / 32u;
  let group = quad / 8u % 4u;
  let piece = (block * 4u + quad / 2u % 4u) * place.lanes + place.lane;
  let word = words[(place.start + ${scalePieces(matrix)} + piece) * 4u + group];
  let scales = words[place.start * 4u + 2u * (block * place.lanes + place.lane) + group / 2u];
  let scale = bitcast<f32>(select(scales << 16u, scales & 0xffff0000u, group % 2u == 1u));
  return halfBytes(word >> (4u * (quad % 2u))) * scale;`;
  return {
    bindings: [reads('words', memory, 'u32')],
    alongK: true,
    lanes: 4,
    text: (name, checks) => {
      const row = checks.rows ? `min(row, ${product.n - 1}u)` : 'row';
      return `${placeText(product, matrix, first)}
${bits === 8 ? signedBytes : halfBytes}
fn ${name}(batch: u32, row: u32, quad: u32) -> vec4<f32> {
${bits === 8 ? bytes(row) : halves(row)}
}`;
    },
  };
}

/** Pieces of 16 bytes of a row at a time, for few rows. */
export function quantizedUnits(product: Product, matrix: QuantizedMatrix, maxBindingBytes: number): WeightUnits {
  const { memory, first } = wordsOf(product, maxBindingBytes);
  const bindings = [reads('words', memory, 'vec4<u32>')];
  const place = placeText(product, matrix, first);
  return matrix.bits === 8 ? byteUnits(matrix, bindings, place) : halfByteUnits(matrix, bindings, place);
}

type Bindings = WeightUnits['bindings'];

/** How many units a row has. */
export function unitCount({ bits, inputs }: QuantizedMatrix): number {
  return bits === 8 ? scaleAt(inputs) / 16 : blocksOf(inputs) * 4;
}

function byteUnits(matrix: QuantizedMatrix, bindings: Bindings, place: string): WeightUnits {
  return {
    bindings,
    quads: 4,
    count: unitCount(matrix),
    text: `${place}
${signedBytes}
fn piece(row: u32, unit: u32) -> vec4<u32> {
  let place = rowPlace(row);
  return words[place.start + unit * place.lanes + place.lane];
}
fn scaleOf(row: u32) -> f32 {
  let place = rowPlace(row);
  return bitcast<f32>(words[place.start + place.lanes * ${scaleAt(matrix.inputs) / 16}u][place.lane]);
}`,
    fetch: (name, row, unit) => `let ${name} = piece(${row}, ${unit});`,
    expand: (name, i) => `signedBytes(${name}.${'xyzw'[i]})`,
    place: (unit, i) => `(${unit}) * 4u + ${i}u`,
    scale: (row) => `scaleOf(${row})`,
  };
}

function halfByteUnits(matrix: QuantizedMatrix, bindings: Bindings, place: string): WeightUnits {
  return {
    bindings,
    quads: 8,
    count: unitCount(matrix),
    text: `${place}
${halfBytes}
fn piece(row: u32, unit: u32) -> vec4<u32> {
  let place = rowPlace(row);
  return words[place.start + ${scalePieces(matrix)} + unit * place.lanes + place.lane];
}
fn scalesOf(row: u32, unit: u32) -> vec4<f32> {
  let place = rowPlace(row);
  let pair = unit / 4u * place.lanes + place.lane;
  let both = words[place.start + pair / 2u];
  let halves = select(both.xy, both.zw, pair % 2u == 1u);
  return bitcast<vec4<f32>>(vec4<u32>(halves.x << 16u, halves.x & 0xffff0000u, halves.y << 16u, halves.y & 0xffff0000u));
}`,
    fetch: (name, row, unit) => `let ${name} = piece(${row}, ${unit}); let ${name}s = scalesOf(${row}, ${unit});`,
    expand: (name, i) => {
      const lane = 'xyzw'[Math.floor(i / 2)];
      return `halfBytes(${name}.${lane}${i % 2 === 1 ? ' >> 4u' : ''}) * ${name}s.${lane}`;
    },
    place: (unit, i) => `(${unit}) / 4u * 32u + ${Math.floor(i / 2) * 8 + (i % 2)}u + (${unit}) % 4u * 2u`,
  };
}
