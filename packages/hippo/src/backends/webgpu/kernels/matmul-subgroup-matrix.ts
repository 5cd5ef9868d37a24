// Matrix products in half precision by matrices of subgroups: factors are rounded to f16 on their way into workgroup memory, sums are f32.
//
// Work: a subgroup makes (tileM/subgroupsM) × (tileN/subgroupsN) sums as matrices of the device's size; each matrix of A and of B that
// it reads serves a row or a column of them. Traffic: as in matmul-tile.ts, half of it in workgroup memory. Factors are read from the
// second-level cache as f32, which bounds small tiles: 64×64 read 7 TB/s of an H100. With `prefetch` the next step's numbers are fetched
// before this step is multiplied and rounded after it, so that nobody waits for memory.
// Stores to workgroup memory are vectors: a first kernel that stored single f16 numbers reached 74 TFLOP/s on an H100. Offsets and
// strides of subgroupMatrixLoad count elements of the array, whatever its type is: here vectors. A row is eight numbers longer than its
// content, so that the rows of a matrix begin in different banks. Factors stay in the order in which they lie; which one that is, is an
// argument of the load.
// Measured at 4096³ on an H100 without bounds checks, TFLOP/s: 64×64 sums a subgroup 200 in tiles of 128×128, 205 in 256×128 (B
// transposed: 185); 64×32 sums, six reads for eight products instead of eight for sixteen, 157, with steps of 64 178, with two buffers
// 172; steps of 16 131. With bounds checks the best has 146.
// Too few tiles for the device: the sums along k are cut into parts, which a second dispatch adds in order (matmul-parts.ts).
// The extension is experimental (Chromium's name for it is in the shader), and its sizes come from the adapter.
import type { Dispatch } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { type Product, sumText, tidy, timesText } from './matmul-product.ts';
import { type Source, sourceA, sourceB } from './matmul-source.ts';
import { subgroupFinish } from './matmul-subgroup-finish.ts';
import {
  countsOf,
  padding,
  range,
  resultType,
  type SubgroupMatrixForm,
  subgroupThreads,
  sumsOf,
  type Tile,
  tilesOf,
} from './matmul-subgroup-form.ts';
import { partLength } from './matmul-tile.ts';

const numbersOf = { 'vec4<u32>': 8, 'vec4<f16>': 4 } as const;

export interface SubgroupMatrixOptions {
  readonly maxBindingBytes: number;
  readonly maxWorkgroupBytes: number;
  /** Parts of the sums along k; with more than one, C is [parts, batch, m, n], to be added up. Default 1. */
  readonly parts?: number;
}

/** The dispatch of a product whose bindings are within the limits. */
export function subgroupMatrixDispatch(
  product: Product,
  form: SubgroupMatrixForm,
  options: SubgroupMatrixOptions,
): Dispatch {
  const { m, n, k, batch } = product;
  const { tileM, tileN, tileK, staging, buffers } = form;
  const { maxBindingBytes, maxWorkgroupBytes, parts = 1 } = options;
  const [a, b] = [sourceA(product, maxBindingBytes), sourceB(product, maxBindingBytes)];
  const halved = [a, b].some(({ octets }) => octets !== undefined);
  if (halved && staging !== 'vec4<u32>')
    throw new Error('matmul: factors in halves are staged as they lie, eight at a time');
  const over = { m: m % tileM !== 0, n: n % tileN !== 0, k: k % tileK !== 0 };
  const layout = tilesOf(form, a.alongK, b.alongK);
  const lengthOf = ({ rows, columns }: Tile): number => (rows * (columns + padding)) / numbersOf[staging];
  const finish = subgroupFinish(product, form, { over, maxBindingBytes, maxWorkgroupBytes, parts });
  const partK = partLength(k, parts, tileK);
  const [tilesM, tilesN] = [Math.ceil(m / tileM), Math.ceil(n / tileN)];
  const count = tilesM * tilesN * parts * batch;
  const band = Math.min(8, tilesM);
  const threads = subgroupThreads(form);
  const code = `var<workgroup> tileA: array<${staging}, ${lengthOf(layout.a) * buffers}>;
var<workgroup> tileB: array<${staging}, ${lengthOf(layout.b) * buffers}>;
${finish.declarations}
${loaderOf(a)('loadA', a.alongK ? { rows: over.m, columns: over.k } : { rows: over.k, columns: over.m })}
${loaderOf(b)('loadB', b.alongK ? { rows: over.n, columns: over.k } : { rows: over.k, columns: over.n })}
${a.octets && b.octets ? '' : 'fn halves(x: vec4<f32>) -> vec2<u32> { return bitcast<vec2<u32>>(vec4<f16>(x)); }'}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${count}u) { return; }
  let tile = number % ${tilesM * tilesN}u;
  let batch = ${batch > 1 ? `number / ${tilesM * tilesN * parts}u` : '0u'};
${parts > 1 ? `  let part = number / ${tilesM * tilesN}u % ${parts}u;` : ''}
  let band = tile / ${band * tilesN}u;
  let bandRows = min(${band}u, ${tilesM}u - band * ${band}u);
  let inBand = tile % ${band * tilesN}u;
  let firstM = (band * ${band}u + inBand % bandRows) * ${tileM}u;
  let firstN = (inBand / bandRows) * ${tileN}u;
  let subgroupM = subgroup / ${form.subgroupsN}u * ${tileM / form.subgroupsM}u;
  let subgroupN = subgroup % ${form.subgroupsN}u * ${tileN / form.subgroupsN}u;
${sumsOf(form)
  .map(({ name }) => `  var ${name}: ${resultType(form)};`)
  .join('\n')}
${finish.before}
${parts === 1 ? '' : `  let firstK = part * ${partK}u;\n  let steps = (min(${partK}u, ${k}u - min(firstK, ${k}u)) + ${tileK - 1}u) / ${tileK}u;`}
${loopText(form, { a, b, layout, k, parts })}
${finish.text}
}`;
  return {
    label: `matmul ${m}×${k}×${n}, subgroup matrices, tiles of ${tileM}×${tileN}${parts > 1 ? ` in ${parts} parts` : ''}`,
    bindings: [...a.bindings, ...b.bindings, ...finish.bindings],
    code: withMath(tidy(code)),
    extensions: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    workgroups: gridOf(count),
  };
}

/** What a thread reads a factor by: eight halves at a time, or four numbers. */
const loaderOf = (source: Source): Source['text'] => source.octets ?? source.text;

/** Pieces of neighbouring numbers, dealt out to the threads: those of A, then those of B. */
function piecesOf(form: SubgroupMatrixForm, tile: Tile) {
  const quads = form.staging === 'vec4<u32>' ? 2 : 1;
  const count = (tile.rows * tile.columns) / (4 * quads);
  const threads = subgroupThreads(form);
  return range(Math.ceil(count / threads)).map((slot) => ({
    slot,
    quads,
    guard: (slot + 1) * threads > count ? `thread < ${count - slot * threads}u` : undefined,
    place: `let piece = ${sumText('thread', slot * threads)}; let row = piece / ${tile.columns / (4 * quads)}u; let column = piece % ${tile.columns / (4 * quads)}u;`,
  }));
}

const guarded = (guard: string | undefined, text: string): string =>
  guard === undefined ? `{ ${text} }` : `if (${guard}) { ${text} }`;

interface Factor {
  readonly side: 'A' | 'B';
  readonly source: Source;
  readonly tile: Tile;
}

function fetchLines(form: SubgroupMatrixForm, { side, source, tile }: Factor): readonly string[] {
  const first = side === 'A' ? 'firstM' : 'firstN';
  const [row, column] = source.alongK ? [first, 'k'] : ['k', first];
  return piecesOf(form, tile).map(({ slot, quads, guard, place }) => {
    if (source.octets) {
      const octet = `next${side}${slot}_0 = load${side}(batch, ${row} + row, ${column} / 8u + column);`;
      return guarded(guard, `${place} ${octet}`);
    }
    const reads = range(quads).map(
      (i) =>
        `next${side}${slot}_${i} = load${side}(batch, ${row} + row, ${column} / 4u + ${sumText(timesText('column', quads), i)});`,
    );
    return guarded(guard, [place, ...reads].join(' '));
  });
}

function storeLines(form: SubgroupMatrixForm, { side, source, tile }: Factor): readonly string[] {
  const { staging, buffers } = form;
  const numbers = numbersOf[staging];
  const stride = (tile.columns + padding) / numbers;
  const base = buffers === 2 ? `buffer * ${tile.rows * stride}u + ` : '';
  return piecesOf(form, tile).map(({ slot, guard, place }) => {
    const at = `let at = ${base}row * ${stride}u + column;`;
    const value = `next${side}${slot}`;
    const stores = {
      'vec4<u32>': [
        source.octets
          ? `tile${side}[at] = ${value}_0;`
          : `tile${side}[at] = vec4<u32>(halves(${value}_0), halves(${value}_1));`,
      ],
      'vec4<f16>': [`tile${side}[at] = vec4<f16>(${value}_0);`],
    }[staging];
    return guarded(guard, [place, at, ...stores].join(' '));
  });
}

interface LoopParts {
  readonly a: Source;
  readonly b: Source;
  readonly layout: { readonly a: Tile; readonly b: Tile };
  readonly k: number;
  readonly parts: number;
}

function loopText(form: SubgroupMatrixForm, { a, b, layout, k, parts }: LoopParts): string {
  const factors: readonly Factor[] = [
    { side: 'A', source: a, tile: layout.a },
    { side: 'B', source: b, tile: layout.b },
  ];
  const { tileK, buffers, prefetch } = form;
  const registers = factors.flatMap(({ side, source, tile }) =>
    piecesOf(form, tile).flatMap(({ slot, quads }) =>
      source.octets
        ? [`var next${side}${slot}_0: vec4<u32>;`]
        : range(quads).map((i) => `var next${side}${slot}_${i}: vec4<f32>;`),
    ),
  );
  const fetch = factors.flatMap((factor) => fetchLines(form, factor));
  const store = factors.flatMap((factor) => storeLines(form, factor));
  const lines = (texts: readonly string[], indent: string): string => texts.map((line) => indent + line).join('\n');
  const steps = parts === 1 ? `${Math.ceil(k / tileK)}u` : 'steps';
  const at = (step: string): string => `let k = ${parts === 1 ? '' : 'firstK + '}${timesText(step, tileK)};`;
  const multiply = multiplyLines(form, a.alongK, b.alongK).join('\n');
  const turn = buffers === 2 ? 'let buffer = step % 2u;' : 'workgroupBarrier();';
  if (!prefetch) {
    return `  for (var step = 0u; step < ${steps}; step++) {
    ${turn}
    {
      ${at('step')}
${lines([...registers, ...fetch, ...store], '      ')}
    }
    workgroupBarrier();
${multiply}
  }`;
  }
  return `${lines(registers, '  ')}
  {
    let k = ${parts === 1 ? '0u' : 'firstK'};
${lines(fetch, '    ')}
  }
  for (var step = 0u; step < ${steps}; step++) {
    ${turn}
${lines(store, '    ')}
    workgroupBarrier();
    if (step + 1u < ${steps}) {
      ${at('(step + 1u)')}
${lines(fetch, '      ')}
    }
${multiply}
  }`;
}

function multiplyLines(form: SubgroupMatrixForm, alongA: boolean, alongB: boolean): readonly string[] {
  const { matrix, tileK, staging, buffers } = form;
  const numbers = numbersOf[staging];
  const layout = tilesOf(form, alongA, alongB);
  const { high, wide } = countsOf(form);
  const load = (side: 'A' | 'B', i: number, l: number): string => {
    const along = side === 'A' ? alongA : alongB;
    const { rows, columns } = side === 'A' ? layout.a : layout.b;
    const [start, size] = side === 'A' ? ['subgroupM', matrix.m] : ['subgroupN', matrix.n];
    const stride = columns + padding;
    const across = `(${sumText(start, i * size)})`;
    const place = along
      ? sumText(timesText(across, stride / numbers), (l * matrix.k) / numbers)
      : sumText(`${across} / ${numbers}u`, (l * matrix.k * stride) / numbers);
    const offset = buffers === 2 ? `buffer * ${(rows * stride) / numbers}u + ${place}` : place;
    const type =
      side === 'A'
        ? `subgroup_matrix_left<f16, ${matrix.k}, ${matrix.m}>`
        : `subgroup_matrix_right<f16, ${matrix.n}, ${matrix.k}>`;
    const order = along === (side === 'A') ? 'row_major' : 'col_major';
    return `subgroupMatrixLoad<${type}, ${order}>(&tile${side}, ${offset}, ${stride / numbers}u)`;
  };
  return range(tileK / matrix.k).flatMap((l) => [
    '    {',
    ...range(high).map((i) => `      let a${i} = ${load('A', i, l)};`),
    ...range(wide).flatMap((j) => [
      `      let b${j} = ${load('B', j, l)};`,
      ...range(high).map((i) => `      sum${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, sum${i}_${j});`),
    ]),
    '    }',
  ]);
}
