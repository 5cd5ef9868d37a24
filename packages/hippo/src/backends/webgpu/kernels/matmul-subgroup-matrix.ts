// Matrix products in half precision by matrices of subgroups: factors are rounded to f16 on their way into workgroup memory, sums are f32.
//
// Work: a subgroup makes (tileM/subgroupsM) × (tileN/subgroupsN) sums as matrices of the device's size; each matrix of A and of B that
// it reads serves a row or a column of them. Traffic: as in matmul-tile.ts, half of it in workgroup memory. The next step's numbers are
// fetched before this step is multiplied and rounded after it, so that nobody waits for memory.
// Stores to workgroup memory are vectors: a first kernel that stored single f16 numbers reached 74 TFLOP/s on an H100. Offsets and
// strides of subgroupMatrixLoad count elements of the array, whatever its type is: here vectors. A row is eight numbers longer than its
// content, so that the rows of a matrix begin in different banks. Factors stay in the order in which they lie; which one that is, is an
// argument of the load.
// The extension is experimental (Chromium's name for it is in the shader), and its sizes come from the adapter.
import type { DeviceTraits, SubgroupMatrix } from '../traits.ts';
import type { Dispatch } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { type Finish, finishOf } from './matmul-finish.ts';
import { bindMatrix, extentC, type Product, sumText, tidy, timesText } from './matmul-product.ts';
import { type Source, sourceA, sourceB } from './matmul-source.ts';

export interface SubgroupMatrixForm {
  readonly matrix: SubgroupMatrix;
  /** Threads of a subgroup. */
  readonly size: number;
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  /** Subgroups of a workgroup along m and n. */
  readonly subgroupsM: number;
  readonly subgroupsN: number;
  /** Element of workgroup memory: 8, 4 or 1 numbers. */
  readonly staging: 'vec4<u32>' | 'vec4<f16>' | 'f16';
  readonly buffers: 1 | 2;
}

/** Numbers of f16 by which a row in workgroup memory is longer than its content. */
const padding = 8;

const numbersOf = { 'vec4<u32>': 8, 'vec4<f16>': 4, f16: 1 } as const;

export const subgroupThreads = ({ size, subgroupsM, subgroupsN }: SubgroupMatrixForm): number =>
  size * subgroupsM * subgroupsN;

/** Rows and columns of the factors' tiles as they lie in workgroup memory. */
function tilesOf({ tileM, tileN, tileK }: SubgroupMatrixForm, alongA: boolean, alongB: boolean) {
  return {
    a: alongA ? { rows: tileM, columns: tileK } : { rows: tileK, columns: tileM },
    b: alongB ? { rows: tileN, columns: tileK } : { rows: tileK, columns: tileN },
  };
}

/** The most bytes of workgroup memory that the form takes, whichever way the factors lie. */
export function subgroupMatrixBytes(form: SubgroupMatrixForm): number {
  const { tileM, tileN, tileK, buffers, matrix, subgroupsM, subgroupsN } = form;
  const longest = (across: number): number => Math.max(across * (tileK + padding), tileK * (across + padding));
  return (longest(tileM) + longest(tileN)) * 2 * buffers + matrix.m * matrix.n * 4 * subgroupsM * subgroupsN;
}

/** Tiles from large to small: the largest that gives every multiprocessor of a large device one, or the smallest. */
const tileSizes = [
  { tileM: 128, tileN: 128, subgroupsM: 2, subgroupsN: 4 },
  { tileM: 64, tileN: 128, subgroupsM: 2, subgroupsN: 2 },
  { tileM: 64, tileN: 64, subgroupsM: 2, subgroupsN: 2 },
  { tileM: 32, tileN: 64, subgroupsM: 1, subgroupsN: 2 },
] as const;

const enoughTiles = 132;

/** The form for a product on a device; undefined: not asked for, or not offered in a size that these kernels can use. */
export function chooseSubgroupMatrix(product: Product, traits: DeviceTraits): SubgroupMatrixForm | undefined {
  const { f16, subgroups, precision, subgroupMatrices } = traits;
  if (precision !== 'f16' || !f16 || !subgroups || subgroups.min !== subgroups.max) return undefined;
  const matrices = subgroupMatrices.filter(
    ({ component, result, m, n, k }) =>
      component === 'f16' && result === 'f32' && [m, n].every((size) => 32 % size === 0) && 32 % k === 0 && n % 4 === 0,
  );
  const [matrix] = [...matrices].sort((x, y) => y.m * y.n * y.k - x.m * x.n * x.k);
  if (!matrix) return undefined;
  const forms = tileSizes
    .map((sizes) => ({ ...sizes, matrix, size: subgroups.max, tileK: 32, staging: 'vec4<u32>', buffers: 1 }) as const)
    .filter(
      (form) => subgroupMatrixBytes(form) <= traits.maxWorkgroupBytes && subgroupThreads(form) <= traits.maxThreads,
    );
  const count = ({ tileM, tileN }: SubgroupMatrixForm): number =>
    Math.ceil(product.m / tileM) * Math.ceil(product.n / tileN) * product.batch;
  return forms.find((form) => count(form) >= enoughTiles) ?? forms[forms.length - 1];
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** The dispatch of a product whose bindings are within the limits. */
export function subgroupMatrixDispatch(product: Product, form: SubgroupMatrixForm, maxBindingBytes: number): Dispatch {
  const { m, n, k, batch } = product;
  const { tileM, tileN, tileK, staging, buffers } = form;
  const [a, b] = [sourceA(product, maxBindingBytes), sourceB(product, maxBindingBytes)];
  const over = { m: m % tileM !== 0, n: n % tileN !== 0, k: k % tileK !== 0 };
  const layout = tilesOf(form, a.alongK, b.alongK);
  const lengthOf = ({ rows, columns }: Tile): number => (rows * (columns + padding)) / numbersOf[staging];
  const finish = finishText(product, form, over, maxBindingBytes);
  const [tilesM, tilesN] = [Math.ceil(m / tileM), Math.ceil(n / tileN)];
  const count = tilesM * tilesN * batch;
  const band = Math.min(8, tilesM);
  const threads = subgroupThreads(form);
  const code = `var<workgroup> tileA: array<${staging}, ${lengthOf(layout.a) * buffers}>;
var<workgroup> tileB: array<${staging}, ${lengthOf(layout.b) * buffers}>;
${finish.declarations}
${a.text('loadA', a.alongK ? { rows: over.m, columns: over.k } : { rows: over.k, columns: over.m })}
${b.text('loadB', b.alongK ? { rows: over.n, columns: over.k } : { rows: over.k, columns: over.n })}
fn halves(x: vec4<f32>) -> vec2<u32> { return bitcast<vec2<u32>>(vec4<f16>(x)); }
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${count}u) { return; }
  let tile = number % ${tilesM * tilesN}u;
  let batch = ${batch > 1 ? `number / ${tilesM * tilesN}u` : '0u'};
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
${loopText(form, { a, b, layout, k })}
${finish.text}
}`;
  return {
    label: `matmul ${m}×${k}×${n}, subgroup matrices, tiles of ${tileM}×${tileN}`,
    bindings: [...a.bindings, ...b.bindings, ...finish.bindings],
    code: withMath(tidy(code)),
    extensions: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    workgroups: gridOf(count),
  };
}

interface Tile {
  readonly rows: number;
  readonly columns: number;
}

const resultType = ({ matrix }: SubgroupMatrixForm): string => `subgroup_matrix_result<f32, ${matrix.n}, ${matrix.m}>`;

/** Matrices of sums of a subgroup along m and n. */
function countsOf({ matrix, tileM, tileN, subgroupsM, subgroupsN }: SubgroupMatrixForm) {
  return { high: tileM / subgroupsM / matrix.m, wide: tileN / subgroupsN / matrix.n };
}

function sumsOf(
  form: SubgroupMatrixForm,
): readonly { readonly name: string; readonly i: number; readonly j: number }[] {
  const { high, wide } = countsOf(form);
  return range(high).flatMap((i) => range(wide).map((j) => ({ name: `sum${i}_${j}`, i, j })));
}

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
    const reads = range(quads).map(
      (i) =>
        `next${side}${slot}_${i} = load${side}(batch, ${row} + row, ${column} / 4u + ${sumText(timesText('column', quads), i)});`,
    );
    return guarded(guard, [place, ...reads].join(' '));
  });
}

function storeLines(form: SubgroupMatrixForm, { side, tile }: Factor): readonly string[] {
  const { staging, buffers } = form;
  const numbers = numbersOf[staging];
  const stride = (tile.columns + padding) / numbers;
  const base = buffers === 2 ? `buffer * ${tile.rows * stride}u + ` : '';
  return piecesOf(form, tile).map(({ slot, guard, place }) => {
    const at = `let at = ${base}row * ${stride}u + column${staging === 'f16' ? ' * 4u' : ''};`;
    const value = `next${side}${slot}`;
    const stores = {
      'vec4<u32>': [`tile${side}[at] = vec4<u32>(halves(${value}_0), halves(${value}_1));`],
      'vec4<f16>': [`tile${side}[at] = vec4<f16>(${value}_0);`],
      f16: range(4).map((i) => `tile${side}[at + ${i}u] = f16(${value}_0[${i}]);`),
    }[staging];
    return guarded(guard, [place, at, ...stores].join(' '));
  });
}

interface LoopParts {
  readonly a: Source;
  readonly b: Source;
  readonly layout: { readonly a: Tile; readonly b: Tile };
  readonly k: number;
}

function loopText(form: SubgroupMatrixForm, { a, b, layout, k }: LoopParts): string {
  const factors: readonly Factor[] = [
    { side: 'A', source: a, tile: layout.a },
    { side: 'B', source: b, tile: layout.b },
  ];
  const registers = factors.flatMap(({ side, tile }) =>
    piecesOf(form, tile).flatMap(({ slot, quads }) =>
      range(quads).map((i) => `  var next${side}${slot}_${i}: vec4<f32>;`),
    ),
  );
  const fetch = (indent: string): string =>
    factors.flatMap((factor) => fetchLines(form, factor).map((line) => indent + line)).join('\n');
  const steps = Math.ceil(k / form.tileK);
  return `${registers.join('\n')}
  {
    let k = 0u;
${fetch('    ')}
  }
  for (var step = 0u; step < ${steps}u; step++) {
${form.buffers === 2 ? '    let buffer = step % 2u;' : '    workgroupBarrier();'}
${factors.flatMap((factor) => storeLines(form, factor).map((line) => `    ${line}`)).join('\n')}
    workgroupBarrier();
    if (step + 1u < ${steps}u) {
      let k = (step + 1u) * ${form.tileK}u;
${fetch('      ')}
    }
${multiplyLines(form, a.alongK, b.alongK).join('\n')}
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

/** The sums' way to C: straight where tiles are whole and nothing follows, else by way of workgroup memory. */
function finishText(
  product: Product,
  form: SubgroupMatrixForm,
  over: { readonly m: boolean; readonly n: boolean },
  maxBindingBytes: number,
): Pick<Finish, 'bindings'> & { readonly declarations: string; readonly text: string } {
  const { m, n, batch, bias, residual, gelu, accumulate } = product;
  const { matrix, size } = form;
  if (!over.m && !over.n && !bias && !residual && !gelu && !accumulate) {
    const options = {
      access: 'write',
      extent: extentC(product),
      maxBindingBytes,
      batches: batch,
      vectors: false,
    } as const;
    const c = bindMatrix('matrixC', product.c, options);
    const lines = sumsOf(form).map(({ name, i, j }) => {
      const row = `(firstM + subgroupM + ${i * matrix.m}u)`;
      const offset = sumText(
        c.first,
        timesText('batch', c.batch),
        timesText(row, c.lead),
        'firstN',
        'subgroupN',
        j * matrix.n,
      );
      return `  subgroupMatrixStore<row_major>(&matrixC, ${offset}, ${name}, ${c.lead}u);`;
    });
    return { bindings: [c.binding], declarations: '', text: lines.join('\n') };
  }
  const finish = finishOf(product, maxBindingBytes);
  const cells = matrix.m * matrix.n;
  const vectors = matrix.n / 4;
  const writes = (finish.lanes === 4 ? [0] : range(4)).map((lane) => {
    const at = `subgroup * ${cells}u + vector * 4u`;
    const value =
      finish.lanes === 4
        ? `vec4<f32>(${range(4)
            .map((i) => `scratch[${sumText(at, i)}]`)
            .join(', ')})`
        : `scratch[${sumText(at, lane)}]`;
    const text = finish.write({ batch: 'batch', row: 'row', column: 'column' }, value);
    const conditions = [...(over.m ? [`row < ${m}u`] : []), ...(over.n ? [`column < ${n}u`] : [])];
    return `{ let column = ${sumText('firstColumn', lane)}; ${conditions.length > 0 ? `if (${conditions.join(' && ')}) { ${text} }` : text} }`;
  });
  const lines = sumsOf(form).map(
    ({ name, i, j }) => `  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scratch, subgroup * ${cells}u, ${name}, ${matrix.n}u);
  workgroupBarrier();
  for (var vector = lane; vector < ${cells / 4}u; vector += ${size}u) {
    let row = firstM + subgroupM + ${i * matrix.m}u + vector / ${vectors}u;
    let firstColumn = firstN + subgroupN + ${j * matrix.n}u + vector % ${vectors}u * 4u;
    ${writes.join('\n    ')}
  }`,
  );
  return {
    bindings: finish.bindings,
    declarations: `var<workgroup> scratch: array<f32, ${cells * form.subgroupsM * form.subgroupsN}>;`,
    text: lines.join('\n'),
  };
}
