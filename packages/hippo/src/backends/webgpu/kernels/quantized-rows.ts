// quantizedGatherRows: rows of a quantised matrix made f32, laid out as tensor/quantization.ts says. A thread makes four neighbouring
// numbers of one row: their integers lie in one word, at 4 bits in the same half of its bytes, and share a scale.
import { quantizedGatherRowsOperation } from '../../../ops/quantized.ts';
import { blocksOf, type QuantizedMatrix, rowBytes, rowWords, scaleAt } from '../../../tensor/quantization.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { rowRanges, threads } from './rows.ts';

export const quantizedRowsChoosers: Readonly<Record<string, Chooser>> = {
  [quantizedGatherRowsOperation.name]: ({ inputs: [words, ids], attributes }, traits) => {
    // The chooser stands under the name of the operation with these attributes.
    const matrix = attributes as QuantizedMatrix;
    const sizes = { rows: words?.shape[0] ?? 0, count: elementCount(ids?.shape ?? []) };
    return quantizedRowsChoice({ ...matrix, ...sizes }, traits);
  },
};

/**
 * WGSL: `rowNumbers(row, quad)`, the numbers 4·quad … of a row of the matrix bound as `words` (u32), of which it sees `rows` rows
 * from an even one on.
 */
export function rowNumbersText(matrix: QuantizedMatrix, rows: number): string {
  const pair = `let lanes = select(2u, 1u, row == ${rows - 1}u && ${rows % 2 === 1});
  let lane = row % 2u;
  let start = (row - lane) * ${rowWords(matrix)}u;`;
  return matrix.bits === 8 ? bytesText(matrix, pair) : halfBytesText(matrix, pair);
}

function bytesText({ inputs }: QuantizedMatrix, pair: string): string {
  return `fn rowNumbers(row: u32, quad: u32) -> vec4<f32> {
  ${pair}
  let word = words[start + 4u * (quad / 4u * lanes + lane) + quad % 4u];
  let scale = bitcast<f32>(words[start + lanes * ${scaleAt(inputs) / 4}u + lane]);
  let codes = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
  return vec4<f32>(codes) * scale;
}`;
}

function halfBytesText({ inputs }: QuantizedMatrix, pair: string): string {
  const blocks = blocksOf(inputs);
  // Scales of a row take 2 words a block; the integers begin behind them at a multiple of 4 words.
  return `fn rowNumbers(row: u32, quad: u32) -> vec4<f32> {
  ${pair}
  let block = quad / 32u;
  let group = quad / 8u % 4u;
  let codes = start + (lanes * ${2 * blocks}u + 3u) / 4u * 4u;
  let word = words[codes + 4u * ((block * 4u + quad % 8u / 2u) * lanes + lane) + group] >> (4u * (quad % 2u));
  let scales = words[start + 2u * (block * lanes + lane) + group / 2u];
  let scale = bitcast<f32>((scales >> (16u * (group % 2u))) << 16u);
  let numbers = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
  return (vec4<f32>(numbers) - 8.0) * scale;
}`;
}

export function quantizedRowsChoice(
  { rows, count, ...matrix }: QuantizedMatrix & { readonly rows: number; readonly count: number },
  { maxBindingBytes }: Pick<DeviceTraits, 'maxBindingBytes'>,
): KernelChoice {
  const { inputs } = matrix;
  const quads = Math.ceil(inputs / 4);
  const whole = inputs % 4 === 0;
  // Pairs of rows stay together.
  const tables = rowRanges(rows, rowBytes(matrix) / 4, maxBindingBytes, 2);
  const dispatches = rowRanges(count, inputs, maxBindingBytes).flatMap((positions) =>
    tables.map((table, at): Dispatch => {
      const total = positions.rows * quads;
      const store = whole
        ? 'y[i] = numbers;'
        : `for (var k = 0u; k < min(4u, ${inputs}u - 4u * quad); k++) { y[position * ${inputs}u + 4u * quad + k] = numbers[k]; }`;
      // Ids outside the matrix fall to its first part.
      const nowhere = at === 0 ? ` || id < 0 || id >= ${rows}` : '';
      return {
        label: 'quantizedGatherRows',
        bindings: [
          reads('words', input(0, table.bytes), 'u32'),
          reads('ids', input(1), 'i32'),
          writes('y', output(0, positions.bytes), whole ? 'vec4<f32>' : 'f32'),
        ],
        code: withMath(`${rowNumbersText(matrix, table.rows)}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${total}u) { return; }
  let position = i / ${quads}u;
  let quad = i % ${quads}u;
  let id = ids[position + ${positions.from}u];
  let inside = id >= ${table.from} && id < ${table.from + table.rows};
  if (inside${nowhere}) {
    var numbers = vec4<f32>(nonFinite(0x7fc00000u));
    if (inside) { numbers = rowNumbers(u32(id - ${table.from}), quad); }
    ${store}
  }
}`),
        workgroups: gridOf(Math.ceil(total / threads)),
      };
    }),
  );
  return { dispatches: () => dispatches };
}
