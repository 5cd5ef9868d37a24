// Products with few rows (up to 8, a step of generation) or few columns: bound by reading the other factor, the weights, once. The
// factor with few is `few`, the other `many`, whichever of A and B they are.
//
// Weights along k (`dots`): a team of threads shares the sums of a few neighbouring weights' rows, each thread reading 16 bytes in turn.
// Weights along n (`columns`): a thread has four neighbouring columns and four numbers along k at a time; the threads of a workgroup
// share k. Either way the threads' sums meet in workgroup memory, those of a subgroup by one addition first where that is offered.
// Too few workgroups for the device: k is cut into parts too, which a second dispatch adds (matmul-parts.ts).
//
// How k is shared depends on n and k alone, never on how many rows there are, so that a row has the same bits alone and in company.
import type { DeviceTraits } from '../traits.ts';
import type { Binding, Dispatch } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { type Finish, finishOf } from './matmul-finish.ts';
import { type Product, sumText, tidy, timesText } from './matmul-product.ts';
import { type Source, sourceA, sourceB } from './matmul-source.ts';

/** Rows, or columns, that these kernels take at most. */
export const mostRows = 8;
/** Workgroups that fill a device; below that, work is cut finer. */
const enoughWorkgroups = 264;

/** Weights in units of several quads along k, read at once; `expand` makes numbers of them. */
export interface WeightUnits {
  readonly bindings: readonly Binding[];
  /** Quads of a unit, and units along k. */
  readonly quads: number;
  readonly count: number;
  readonly text: string;
  /** WGSL statements that read unit `unit` of row `row` under a name. */
  fetch(name: string, row: string, unit: string): string;
  /** WGSL: quad i of the unit of this name. */
  expand(name: string, i: number): string;
  /** WGSL: the number of quad i along k. */
  place(unit: string, i: number): string;
  /** WGSL factor of a row's sums. */
  scale?(row: string): string;
}

export interface RowsOptions {
  readonly traits: DeviceTraits;
  readonly parts: number;
  /** Weights that are no f32 matrix; then `few` is A. */
  readonly weights?: WeightUnits;
}

/** The sides of a product. */
interface Sides {
  readonly few: number;
  readonly many: number;
  /** True: the few are rows of C. */
  readonly rows: boolean;
}

function sidesOf({ m, n }: Product): Sides {
  return m <= mostRows ? { few: m, many: n, rows: true } : { few: n, many: m, rows: false };
}

/** Whether the weights lie along k. */
function isDots(product: Product): boolean {
  return sidesOf(product).rows ? product.transposeB : !product.transposeA;
}

interface Sharing {
  /** Threads that share a sum, teams of a workgroup, and columns of a team. */
  readonly team: number;
  readonly teams: number;
  readonly columns: number;
}

const powerBelow = (x: number): number => 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, x))));

/** `units`: reads of a row of weights. */
function dotSharing(many: number, few: number, units: number, batch: number): Sharing {
  const team = Math.min(128, Math.max(8, powerBelow(units / 4)));
  const teams = 128 / team;
  const fits = (columns: number): boolean => few * columns * teams * (team + 1) * 4 <= 16_384;
  const columns = [4, 2].find((c) => fits(c) && Math.ceil(many / (teams * c)) * batch >= enoughWorkgroups) ?? 1;
  return { team, teams, columns };
}

function columnSharing(
  many: number,
  quads: number,
  batch: number,
): { readonly lanes: number; readonly shares: number } {
  const vectors = Math.ceil(many / 4);
  const lanes = [32, 16, 8].find((count) => Math.ceil(vectors / count) * batch >= enoughWorkgroups) ?? 4;
  return { lanes, shares: Math.min(256 / lanes, Math.max(1, powerBelow(quads))) };
}

/** Parts of k, so that enough threads read: no part below 512 numbers. */
export function rowParts(product: Product, units = Math.ceil(product.k / 4)): number {
  const { many } = sidesOf(product);
  const { batch, k } = product;
  const { teams } = dotSharing(many, mostRows, units, batch);
  const workgroups = isDots(product)
    ? Math.ceil(many / teams) * batch
    : Math.ceil(many / 4 / columnSharing(many, Math.ceil(k / 4), batch).lanes) * batch;
  return workgroups >= 48 ? 1 : Math.max(1, Math.min(Math.ceil(96 / workgroups), Math.floor(k / 512)));
}

export function rowsDispatch(product: Product, options: RowsOptions): Dispatch {
  return isDots(product) ? dotsDispatch(product, options) : columnsDispatch(product, options);
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

function sourcesOf(product: Product, { traits: { maxBindingBytes } }: RowsOptions) {
  const [a, b] = [sourceA(product, maxBindingBytes), sourceB(product, maxBindingBytes)];
  return sidesOf(product).rows ? { few: a, many: b } : { few: b, many: a };
}

/** WGSL: function loadFew and statements that give quad `quad` along k of each of the few as `x0`, `x1`, … */
function fewText(source: Source, { few, padded }: { readonly few: number; readonly padded: boolean }) {
  if (source.alongK)
    return {
      text: source.text('loadFew', { rows: false, columns: padded }),
      fetch: (quad: string) =>
        range(few)
          .map((f) => `let x${f} = loadFew(batch, ${f}u, ${quad});`)
          .join(' '),
    };
  const blocks = range(Math.ceil(few / 4));
  return {
    text: source.text('loadFew', { rows: padded, columns: true }),
    fetch: (quad: string) =>
      [
        ...blocks.flatMap((j) => range(4).map((i) => `let y${j}_${i} = loadFew(batch, ${quad} * 4u + ${i}u, ${j}u);`)),
        ...range(few).map((f) => {
          const parts = range(4).map((i) => `y${Math.floor(f / 4)}_${i}.${'xyzw'[f % 4]}`);
          return `let x${f} = vec4<f32>(${parts.join(', ')});`;
        }),
      ].join(' '),
  };
}

/** Weights along k as they lie: a unit is a quad of f32, or 16 bytes of halves. */
function plainUnits(source: Source, k: number): WeightUnits {
  if (source.octets) return halfUnits(source.bindings, source.octets, k);
  return {
    bindings: source.bindings,
    quads: 1,
    count: Math.ceil(k / 4),
    text: source.text('loadMany', { rows: false, columns: k % 4 !== 0 }),
    fetch: (name, row, unit) => `let ${name} = loadMany(batch, ${row}, ${unit});`,
    expand: (name) => name,
    place: (unit) => unit,
  };
}

function halfUnits(bindings: readonly Binding[], octets: NonNullable<Source['octets']>, k: number): WeightUnits {
  return {
    bindings,
    quads: 2,
    count: k / 8,
    text: octets('loadMany', { rows: false, columns: false }),
    fetch: (name, row, unit) => `let ${name} = loadMany(batch, ${row}, ${unit});`,
    expand: (name, i) => {
      const [x, y] = i === 0 ? ['x', 'y'] : ['z', 'w'];
      return `vec4<f32>(unpack2x16float(${name}.${x}), unpack2x16float(${name}.${y}))`;
    },
    place: (unit, i) => sumText(timesText(`(${unit})`, 2), i),
  };
}

interface Numbering {
  readonly groups: number;
  readonly parts: number;
  readonly batch: number;
  /** Units along k, and of one part. */
  readonly units: number;
}

function partLines({ groups, parts, batch, units }: Numbering): string {
  const length = Math.ceil(units / parts);
  return `  let number = ${workgroupNumber};
  if (number >= ${groups * parts * batch}u) { return; }
  let group = number % ${groups}u;
  let batch = ${batch > 1 ? `number / ${groups * parts}u` : '0u'};
  let part = ${parts > 1 ? `number / ${groups}u % ${parts}u` : '0u'};
  let first = part * ${length}u;
  let end = ${parts > 1 ? `min(first + ${length}u, ${units}u)` : `${units}u`};`;
}

/** The write of one sum. */
function writeText(finish: Finish, { rows }: Sides, { parts, batch }: Numbering, few: string): string {
  const place = rows ? { row: few, column: 'column' } : { row: 'column', column: few };
  return finish.write({ batch: parts > 1 ? `(batch + part * ${batch}u)` : 'batch', ...place }, 'value');
}

function dotsDispatch(product: Product, options: RowsOptions): Dispatch {
  const { k, batch } = product;
  const { traits, parts } = options;
  const sides = sidesOf(product);
  const { few, many } = sides;
  const sources = sourcesOf(product, options);
  const weights = options.weights ?? plainUnits(sources.many, k);
  const units = weights.count;
  const { team, teams, columns } = dotSharing(many, few, units, batch);
  const padded = weights.count * weights.quads * 4 !== k;
  const x = fewText(sources.few, { few, padded });
  const finish = finishOf(product, traits.maxBindingBytes, true);
  const numbering = { groups: Math.ceil(many / (teams * columns)), parts, batch, units };
  const threads = team * teams;
  const { subgroups } = traits;
  const joined = subgroups && subgroups.min === subgroups.max && team % subgroups.max === 0 ? subgroups.max : 1;
  const slots = team / joined;
  const sums = range(few).flatMap((f) => range(columns).map((c) => `sum${f}_${c}`));
  // Several units at a time where they come out even, so that their reads overlap.
  const turns = [4, 2].find((count) => Math.ceil(units / parts) % (team * count) === 0 && units % parts === 0) ?? 1;
  const unitOf = (turn: number): string => sumText('unit', turn * team);
  const fetches = range(turns).flatMap((turn) =>
    range(columns).map((c) => `    ${weights.fetch(`w${c}_${turn}`, `row${c}`, unitOf(turn))}`),
  );
  const products = range(turns).flatMap((turn) =>
    range(weights.quads).map((i) => {
      const lines = range(few).flatMap((f) =>
        range(columns).map((c) => `sum${f}_${c} += dot(x${f}, ${weights.expand(`w${c}_${turn}`, i)});`),
      );
      return `    { ${x.fetch(`(${weights.place(unitOf(turn), i)})`)}\n      ${lines.join('\n      ')} }`;
    }),
  );
  const stores = sums.map((name, at) => {
    const index = `(${at * teams}u + team) * ${slots + 1}u + lane${joined > 1 ? ` / ${joined}u` : ''}`;
    return joined > 1
      ? `  let all${at} = subgroupAdd(${name}); if (lane % ${joined}u == 0u) { partial[${index}] = all${at}; }`
      : `  partial[${index}] = ${name};`;
  });
  const scale = weights.scale ? ` * ${weights.scale('column')}` : '';
  const code = `var<workgroup> partial: array<f32, ${sums.length * teams * (slots + 1)}>;
${x.text}
${weights.text}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
${partLines(numbering)}
  let lane = thread % ${team}u;
  let team = thread / ${team}u;
${range(columns)
  .map((c) => `  let row${c} = min((group * ${teams}u + team) * ${columns}u + ${c}u, ${many - 1}u);`)
  .join('\n')}
${sums.map((name) => `  var ${name} = 0.0;`).join('\n')}
  for (var unit = first + lane; unit < end; unit += ${turns * team}u) {
${fetches.join('\n')}
${products.join('\n')}
  }
${stores.join('\n')}
  workgroupBarrier();
  for (var at = thread; at < ${sums.length * teams}u; at += ${threads}u) {
    var value = 0.0;
    for (var slot = 0u; slot < ${slots}u; slot++) { value += partial[at * ${slots + 1}u + slot]; }
    let few = at / ${columns * teams}u;
    let column = (group * ${teams}u + at % ${teams}u) * ${columns}u + at / ${teams}u % ${columns}u;
    if (column < ${many}u) {
      value = value${scale};
      ${writeText(finish, sides, numbering, 'few')}
    }
  }
}`;
  return {
    label: `matmul ${product.m}×${k}×${product.n}, few rows, dot products${parts > 1 ? ` in ${parts} parts` : ''}`,
    bindings: [...sources.few.bindings, ...weights.bindings, ...finish.bindings],
    code: withMath(tidy(code)),
    ...(joined > 1 && { extensions: ['subgroups'] as const }),
    workgroups: gridOf(numbering.groups * parts * batch),
  };
}

function columnsDispatch(product: Product, options: RowsOptions): Dispatch {
  const { k, batch } = product;
  const { traits, parts } = options;
  const sides = sidesOf(product);
  const { few, many } = sides;
  const sources = sourcesOf(product, options);
  const quads = Math.ceil(k / 4);
  const { lanes, shares } = columnSharing(many, quads, batch);
  const threads = lanes * shares;
  const padded = k % 4 !== 0;
  const vectors = Math.ceil(many / 4);
  const x = fewText(sources.few, { few, padded });
  const finish = finishOf(product, traits.maxBindingBytes, true);
  const numbering = { groups: Math.ceil(vectors / lanes), parts, batch, units: quads };
  const adds = range(4).flatMap((i) =>
    range(few).map((f) => `sum${f} = fma(vec4<f32>(x${f}.${'xyzw'[i]}), w${i}, sum${f});`),
  );
  const rounds = range(few).map(
    (f) => `  ${f > 0 ? 'workgroupBarrier();' : ''}
  partial[thread] = sum${f};
  workgroupBarrier();
  for (var at = thread; at < ${lanes * 4}u; at += ${threads}u) {
    var value = 0.0;
    for (var share = 0u; share < ${shares}u; share++) { value += partial[share * ${lanes}u + at / 4u][at % 4u]; }
    let column = group * ${lanes * 4}u + at;
    if (column < ${many}u) { ${writeText(finish, sides, numbering, `${f}u`)} }
  }`,
  );
  const code = `var<workgroup> partial: array<vec4<f32>, ${threads}>;
${x.text}
${sources.many.text('loadMany', { rows: padded, columns: true })}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
${partLines(numbering)}
  let vector = group * ${lanes}u + thread % ${lanes}u;
${range(few)
  .map((f) => `  var sum${f} = vec4<f32>();`)
  .join('\n')}
  for (var quad = first + thread / ${lanes}u; quad < end; quad += ${shares}u) {
    ${range(4)
      .map((i) => `let w${i} = loadMany(batch, quad * 4u + ${i}u, vector);`)
      .join(' ')}
    ${x.fetch('quad')}
    ${adds.join('\n    ')}
  }
${rounds.join('\n')}
}`;
  return {
    label: `matmul ${product.m}×${k}×${product.n}, few rows, columns${parts > 1 ? ` in ${parts} parts` : ''}`,
    bindings: [...sources.few.bindings, ...sources.many.bindings, ...finish.bindings],
    code: withMath(tidy(code)),
    workgroups: gridOf(numbering.groups * parts * batch),
  };
}
