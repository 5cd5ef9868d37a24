// The fast Fourier transform in workgroup memory, for convolutions: decimation in frequency forwards and in time backwards, both in
// place, so that a spectrum stays in digit-reversed order and nothing is ever reordered. A stage of radix R takes R elements of a
// block of B that lie B/R apart through a transform of R and turns the k-th result by w_B^{k·offset}.
// A transform longer than workgroup memory is `rows` rows of `rowLength`: the stages that mix rows run over some columns at once in a
// dispatch of their own (the four-step transform), with the same code.
import { type Dispatch, type KernelChoice, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { polePowers } from './pole-powers.ts';

export interface FftPlan {
  /** Complex elements, a power of two. */
  readonly size: number;
  readonly rowLength: number;
  /** 1: all in workgroup memory. */
  readonly rows: number;
  /** Columns that a workgroup takes through the stages that mix rows. */
  readonly columns: number;
  readonly threads: number;
}

/** Bytes of a complex element. */
export const complexBytes = 8;

/** A transform of at least so many elements, or undefined where rows of rows would be needed. */
export function planFft(
  least: number,
  { maxWorkgroupBytes, maxThreads }: { readonly maxWorkgroupBytes: number; readonly maxThreads: number },
): FftPlan | undefined {
  const size = Math.max(2, 2 ** Math.ceil(Math.log2(least)));
  const most = Math.min(4096, 2 ** Math.floor(Math.log2(maxWorkgroupBytes / complexBytes)));
  const rowLength = Math.min(size, most);
  const rows = size / rowLength;
  if (rows > most) return undefined;
  const columns = rows === 1 ? 1 : Math.min(32, most / rows, rowLength);
  return { size, rowLength, rows, columns, threads: Math.min(256, maxThreads, Math.max(1, rowLength / 8)) };
}

/** The factors w_size^k = exp(−2πi·k/size) as a table of the plan. */
export function twiddleTable({ size }: FftPlan): NonNullable<KernelChoice['table']> {
  const code = `${polePowers}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let k = ${workgroupNumber} * 64u + thread;
  if (k >= ${size}u) { return; }
  let turned = cosSinOfTurns(k << ${32 - Math.log2(size)}u);
  twiddles[k] = vec2<f32>(turned.x, -turned.y);
}`;
  const fill: Dispatch = {
    label: 'twiddle factors',
    bindings: [writes('twiddles', { space: 'table' }, 'vec2<f32>')],
    code,
    workgroups: gridOf(Math.ceil(size / 64)),
  };
  return { key: `twiddles ${size}`, bytes: complexBytes * size, fill };
}

/** WGSL that transforms share: the memory `z` of so many elements, and where element i lies in it, so that strides meet all banks. */
export const fftDeclarations = (elements: number): string => `var<workgroup> z: array<vec2<f32>, ${elements}>;
fn place(i: u32) -> u32 { return i ^ ((i >> 4u) & 15u); }
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
// a·conj b
fn timesConjugate(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}`;

type Direction = 'forward' | 'inverse';

/** WGSL: the stages within rows of `z`, ending with a barrier. */
export function rowStages(plan: FftPlan, direction: Direction): string {
  return stages(plan, direction, { block: plan.rowLength, columns: 1, stride: 1, column: '0u' });
}

/** WGSL: the stages that mix rows, over `columns` columns from `column` on; element (row, c) lies at row·columns + c. */
export function columnStages(plan: FftPlan, direction: Direction, column: string): string {
  return stages(plan, direction, { block: plan.size, columns: plan.columns, stride: plan.rowLength, column });
}

interface Part {
  /** The first stage's block. */
  readonly block: number;
  readonly columns: number;
  /** Elements between two rows; the stages go down to blocks of this size. */
  readonly stride: number;
  readonly column: string;
}

/** Stages of radix 8 are one loop, since compilers take their time over eight complex numbers; what is left over is a stage of its own. */
function stages(plan: FftPlan, direction: Direction, part: Part): string {
  const ratio = part.block / part.stride;
  const eights = Math.floor(Math.log2(ratio) / 3);
  const rest = ratio / 8 ** eights;
  const loop = eights === 0 ? '' : eightLoop(plan, direction, part, eights);
  const last = rest === 1 ? '' : stage(plan, direction, { ...part, radix: rest, apartBits: '0u' });
  return (direction === 'forward' ? [loop, last] : [last, loop]).join('\n');
}

function eightLoop(plan: FftPlan, direction: Direction, part: Part, count: number): string {
  const bits = Math.log2(part.block / part.stride);
  const first = direction === 'forward' ? bits - 3 : bits - 3 * count;
  // Counting down ends below zero, which wraps around: what is left over is less than three bits.
  const header =
    direction === 'forward'
      ? `for (var bits = ${first}u; bits < ${bits}u; bits -= 3u)`
      : `for (var bits = ${first}u; bits < ${bits}u; bits += 3u)`;
  return `${header} {
    ${stage(plan, direction, { ...part, radix: 8, apartBits: 'bits' })}
    }`;
}

/** One stage; `apartBits` is WGSL for the logarithm of the distance of a butterfly's elements, in rows. */
function stage(
  { size, threads, rowLength, rows }: FftPlan,
  direction: Direction,
  { radix, columns, stride, column, apartBits }: Part & { readonly radix: number; readonly apartBits: string },
): string {
  const elements = stride === 1 ? rowLength : rows * columns;
  const bits = { columns: Math.log2(columns), radix: Math.log2(radix) };
  const offset = stride === 1 ? 'o' : `(o * ${stride}u + ${column} + c)`;
  const at = (k: number): string => (k === 0 ? 'z[place(first)]' : `z[place(first + ${k}u * apart)]`);
  const factor = (k: number): string => `twiddles[${k}u * turn]`;
  const list = Array.from({ length: radix }, (_, k) => k);
  const reads = list.map(
    (k) => `let a${k} = ${direction === 'inverse' && k > 0 ? `timesConjugate(${at(k)}, ${factor(k)})` : at(k)};`,
  );
  const names = list.map((k) => `a${k}`);
  const { lines, results } = smallTransform(names, direction, '');
  const stores = results.map(
    (name, k) => `${at(k)} = ${direction === 'forward' && k > 0 ? `times(${name}, ${factor(k)})` : name};`,
  );
  return `for (var b = thread; b < ${elements / radix}u; b += ${threads}u) {
      let c = b & ${columns - 1}u;
      let rest = b >> ${bits.columns}u;
      let o = rest & ((1u << ${apartBits}) - 1u);
      let first = (((rest >> ${apartBits}) << (${apartBits} + ${bits.radix}u)) + o) * ${columns}u + c;
      let apart = ${columns}u << ${apartBits};
      // The block's w to the offset, as a power of the whole transform's.
      let turn = ${offset} << (${Math.log2(size / radix / stride)}u - ${apartBits});
      ${[...reads, ...lines, ...stores].join('\n      ')}
    }
    workgroupBarrier();`;
}

/** WGSL: the transform of a few complex numbers by halving. */
function smallTransform(
  names: readonly string[],
  direction: Direction,
  path: string,
): { readonly lines: readonly string[]; readonly results: readonly string[] } {
  const count = names.length;
  if (count === 1) return { lines: [], results: names };
  const half = count / 2;
  const sign = direction === 'forward' ? -1 : 1;
  const lines: string[] = [];
  const [sums, differences]: [string[], string[]] = [[], []];
  for (let i = 0; i < half; i++) {
    const [sum, difference] = [`s${path}${i}`, `d${path}${i}`];
    const angle = (2 * Math.PI * i) / count;
    lines.push(`let ${sum} = ${names[i]} + ${names[i + half]};`);
    const plain = `${names[i]} - ${names[i + half]}`;
    if (i === 0) lines.push(`let ${difference} = ${plain};`);
    else if (4 * i === count) {
      lines.push(`let r${path}${i} = ${plain};`);
      lines.push(
        `let ${difference} = vec2<f32>(${sign < 0 ? `r${path}${i}.y, -r${path}${i}.x` : `-r${path}${i}.y, r${path}${i}.x`});`,
      );
    } else
      lines.push(
        `let ${difference} = times(${plain}, vec2<f32>(${literal(Math.cos(angle))}, ${literal(sign * Math.sin(angle))}));`,
      );
    sums.push(sum);
    differences.push(difference);
  }
  const even = smallTransform(sums, direction, `${path}e`);
  const odd = smallTransform(differences, direction, `${path}o`);
  return {
    lines: [...lines, ...even.lines, ...odd.lines],
    results: names.map((_, k) => (k % 2 === 0 ? even : odd).results[k >> 1] ?? ''),
  };
}
