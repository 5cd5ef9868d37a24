// The dispatches that long convolutions are made of. Two rows of the batch are one complex sequence, since the kernel is real: the
// convolution of a + ib is that of a plus i times that of b, and the real part of the correlation of two such sequences is the sum
// of both rows' correlations. So no spectrum is ever taken apart.
import { type Binding, type Dispatch, type Memory, reads, writes } from './dispatch.ts';
import { columnStages, type FftPlan, fftDeclarations, rowStages } from './fft.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';

export interface ConvolutionSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly taps: number;
}

/** What real rows a transform reads or writes: pairs of rows a channel, so many elements each. */
export interface RealRows {
  readonly memory: Memory;
  /** Rows of a channel: the batch, or 1 for kernels. */
  readonly rows: number;
  readonly length: number;
}

export const pairsOf = (rows: number): number => Math.ceil(rows / 2);

const twiddles: Binding = reads('twiddles', { space: 'table' }, 'vec2<f32>');

/** WGSL: `load_NAME(pair, t)`, element t of a pair of rows, zero behind their end. */
function pairLoad(name: string, { rows, length }: RealRows, skip: boolean): string {
  const pairs = pairsOf(rows);
  const second = rows === 1 ? '' : `if (pair % ${pairs}u * 2u + 1u < ${rows}u) { found.y = ${name}[at + ${length}u]; }`;
  return `fn load_${name}(pair: u32, t: u32) -> vec2<f32> {
  if (t >= ${length}u) { return vec2<f32>(0.0); }
  let at = (pair / ${pairs}u * ${rows}u + pair % ${pairs}u * 2u) * ${length}u + t;
  var found = vec2<f32>(${name}[at], 0.0);
  ${second}${skip ? 'if (t == 0u) { found.x += skip[pair]; }' : ''}
  return found;
}`;
}

function pairStore(name: string, { rows, length }: RealRows): string {
  const pairs = pairsOf(rows);
  return `fn store_${name}(pair: u32, t: u32, value: vec2<f32>) {
  if (t >= ${length}u) { return; }
  let at = (pair / ${pairs}u * ${rows}u + pair % ${pairs}u * 2u) * ${length}u + t;
  ${name}[at] = value.x;
  ${rows === 1 ? '' : `if (pair % ${pairs}u * 2u + 1u < ${rows}u) { ${name}[at + ${length}u] = value.y; }`}
}`;
}

const forRow = (plan: FftPlan, body: string): string =>
  `for (var i = thread; i < ${plan.rowLength}u; i += ${plan.threads}u) { ${body} }`;

function main(plan: FftPlan, count: number, body: string): string {
  return `@compute @workgroup_size(${plan.threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${count}u) { return; }
  ${body}
}`;
}

/** The stages that mix rows, from real rows to complex ones (forward) or back (inverse). */
export function columnPass(
  plan: FftPlan,
  direction: 'forward' | 'inverse',
  {
    real,
    complex,
    channels,
    skip,
  }: {
    readonly real: RealRows;
    readonly complex: Memory;
    readonly channels: number;
    readonly skip?: Memory | undefined;
  },
): Dispatch {
  const { size, rowLength, rows, columns, threads } = plan;
  const perSequence = rowLength / columns;
  const count = channels * pairsOf(real.rows) * perSequence;
  const forward = direction === 'forward';
  const each = (body: string): string => `for (var i = thread; i < ${rows * columns}u; i += ${threads}u) {
    let t = i / ${columns}u * ${rowLength}u + column + i % ${columns}u;
    ${body}
  }`;
  const body = `let pair = number / ${perSequence}u;
  let column = number % ${perSequence}u * ${columns}u;
  ${each(`z[place(i)] = ${forward ? 'load_given(pair, t)' : `given[pair * ${size}u + t]`};`)}
  workgroupBarrier();
  ${columnStages(plan, direction, 'column')}
  ${each(forward ? `result[pair * ${size}u + t] = z[place(i)];` : 'store_result(pair, t, z[place(i)]);')}`;
  const rowsOf = forward ? pairLoad('given', real, skip !== undefined) : pairStore('result', real);
  return {
    label: forward ? 'transform, columns' : 'inverse transform, columns',
    bindings: [
      ...(forward
        ? [reads('given', real.memory), writes('result', complex, 'vec2<f32>')]
        : [reads('given', complex, 'vec2<f32>'), writes('result', real.memory)]),
      ...(skip ? [reads('skip', skip)] : []),
      twiddles,
    ],
    code: `${fftDeclarations(rows * columns)}\n${rowsOf}\n${main(plan, count, body)}`,
    workgroups: gridOf(count),
  };
}

/** Where a pass over rows of a transform finds its elements: real rows where the transform is one row, else complex ones. */
export type Elements = { readonly real: RealRows } | { readonly complex: Memory };

function source(plan: FftPlan, name: string, elements: Elements, skip: boolean) {
  if ('real' in elements) {
    return {
      binding: reads(name, elements.real.memory),
      code: pairLoad(name, elements.real, skip),
      load: `load_${name}(pair, i)`,
    };
  }
  return {
    binding: reads(name, elements.complex, 'vec2<f32>'),
    code: '',
    load: `${name}[(pair * ${plan.rows}u + row) * ${plan.rowLength}u + i]`,
  };
}

function target(plan: FftPlan, name: string, elements: Elements) {
  if ('real' in elements) {
    return {
      binding: writes(name, elements.real.memory),
      code: pairStore(name, elements.real),
      store: (value: string): string => `store_${name}(pair, i, ${value});`,
    };
  }
  return {
    binding: writes(name, elements.complex, 'vec2<f32>'),
    code: '',
    store: (value: string): string => `${name}[(pair * ${plan.rows}u + row) * ${plan.rowLength}u + i] = ${value};`,
  };
}

/** The kernels' spectra, divided by the size of the transform; their skip terms are part of tap 0. */
export function spectrumPass(
  plan: FftPlan,
  {
    kernel,
    spectrum,
    channels,
    skip,
  }: {
    readonly kernel: Elements;
    readonly spectrum: Memory;
    readonly channels: number;
    readonly skip: Memory | undefined;
  },
): Dispatch {
  const { rows, rowLength, size } = plan;
  const own = 'real' in kernel ? skip : undefined;
  const from = source(plan, 'given', kernel, own !== undefined);
  const count = channels * rows;
  const body = `let pair = number / ${rows}u;
  let row = number % ${rows}u;
  ${forRow(plan, `z[place(i)] = ${from.load};`)}
  workgroupBarrier();
  ${rowStages(plan, 'forward')}
  ${forRow(plan, `spectrum[(pair * ${rows}u + row) * ${rowLength}u + i] = z[place(i)] * ${1 / size};`)}`;
  return {
    label: 'spectra of kernels',
    bindings: [from.binding, ...(own ? [reads('skip', own)] : []), writes('spectrum', spectrum, 'vec2<f32>'), twiddles],
    code: `${fftDeclarations(rowLength)}\n${from.code}\n${main(plan, count, body)}`,
    workgroups: gridOf(count),
  };
}

/** Rows through the transform, times the kernel's spectrum (or its conjugate, against time), and back. */
export function convolvePass(
  plan: FftPlan,
  {
    from,
    to,
    spectrum,
    batch,
    channels,
    ahead,
  }: {
    readonly from: Elements;
    readonly to: Elements;
    readonly spectrum: Memory;
    readonly batch: number;
    readonly channels: number;
    readonly ahead: boolean;
  },
): Dispatch {
  const { rows, rowLength } = plan;
  const [x, y] = [source(plan, 'given', from, false), target(plan, 'result', to)];
  const pairs = pairsOf(batch);
  const count = channels * pairs * rows;
  const body = `let pair = number / ${rows}u;
  let row = number % ${rows}u;
  ${forRow(plan, `z[place(i)] = ${x.load};`)}
  workgroupBarrier();
  ${rowStages(plan, 'forward')}
  ${forRow(plan, `z[place(i)] = ${ahead ? 'timesConjugate' : 'times'}(z[place(i)], spectrum[(pair / ${pairs}u * ${rows}u + row) * ${rowLength}u + i]);`)}
  workgroupBarrier();
  ${rowStages(plan, 'inverse')}
  ${forRow(plan, y.store('z[place(i)]'))}`;
  return {
    label: 'convolution by transform',
    bindings: [x.binding, reads('spectrum', spectrum, 'vec2<f32>'), y.binding, twiddles],
    code: `${fftDeclarations(rowLength)}\n${x.code}\n${y.code}\n${main(plan, count, body)}`,
    workgroups: gridOf(count),
  };
}

/**
 * The gradient's pass over rows: du, and the sum over a workgroup's pairs of the spectra of correlations, already transformed back along
 * the row. Spectra stay in registers, a few elements a thread.
 */
export function gradientPass(
  plan: FftPlan,
  {
    u,
    dy,
    du,
    sums,
    spectrum,
    batch,
    channels,
    parts,
    causal,
  }: {
    readonly u: Elements;
    readonly dy: Elements;
    readonly du: Elements | undefined;
    readonly sums: Memory;
    readonly spectrum: Memory;
    readonly batch: number;
    readonly channels: number;
    /** Workgroups of a channel's row, whose sums lie one after another. */
    readonly parts: number;
    readonly causal: boolean;
  },
): Dispatch {
  const { rows, rowLength, threads, size } = plan;
  const pairs = pairsOf(batch);
  const count = channels * rows * parts;
  const [uRows, dyRows] = [source(plan, 'u', u, false), source(plan, 'dy', dy, false)];
  const duRows = du && target(plan, 'du', du);
  const own = Array.from({ length: rowLength / threads }, (_, m) => m);
  const at = (m: number): string => `z[place(thread + ${m * threads}u)]`;
  const [later, earlier] = causal ? ['g', 'x'] : ['x', 'g'];
  const lines = (text: (m: number) => string): string => own.map(text).join('\n    ');
  const back = `${lines((m) => `${at(m)} = ${causal ? 'timesConjugate' : 'times'}(${at(m)}, spectrum[(channel * ${rows}u + row) * ${rowLength}u + thread + ${m * threads}u]);`)}
    workgroupBarrier();
    ${rowStages(plan, 'inverse')}
    ${duRows ? forRow(plan, duRows.store('z[place(i)]')) : ''}`;
  const body = `let channel = number / ${rows * parts}u;
  let row = number / ${parts}u % ${rows}u;
  ${lines((m) => `var sum${m} = vec2<f32>(0.0);`)}
  for (var p = number % ${parts}u; p < ${pairs}u; p += ${parts}u) {
    let pair = channel * ${pairs}u + p;
    workgroupBarrier();
    ${forRow(plan, `z[place(i)] = ${uRows.load};`)}
    workgroupBarrier();
    ${rowStages(plan, 'forward')}
    ${lines((m) => `let x${m} = ${at(m)};`)}
    workgroupBarrier();
    ${forRow(plan, `z[place(i)] = ${dyRows.load};`)}
    workgroupBarrier();
    ${rowStages(plan, 'forward')}
    ${lines((m) => `let g${m} = ${at(m)}; sum${m} += timesConjugate(${later}${m}, ${earlier}${m});`)}
    ${duRows ? back : ''}
  }
  workgroupBarrier();
  ${lines((m) => `${at(m)} = sum${m} * ${1 / size};`)}
  workgroupBarrier();
  ${rowStages(plan, 'inverse')}
  ${forRow(plan, `sums[((channel * ${parts}u + number % ${parts}u) * ${rows}u + row) * ${rowLength}u + i] = z[place(i)];`)}`;
  return {
    label: 'gradient by transform',
    bindings: [
      uRows.binding,
      dyRows.binding,
      ...(duRows ? [reads('spectrum', spectrum, 'vec2<f32>'), duRows.binding] : []),
      writes('sums', sums, 'vec2<f32>'),
      twiddles,
    ],
    code: `${fftDeclarations(rowLength)}\n${uRows.code}\n${dyRows.code}\n${duRows?.code ?? ''}\n${main(plan, count, body)}`,
    workgroups: gridOf(count),
  };
}
