// Matrix products by tiles in f32: a workgroup makes a tile of C in its threads' registers, with a step of A's and B's columns
// after the other in workgroup memory.
//
// Work of a thread: threadM × threadN sums; for each number along k, (threadM + threadN)/4 reads of 16 bytes of workgroup memory and
// threadM·threadN multiply-adds. Traffic: A is read n/tileN times and B m/tileM times, mostly from the second-level cache, for which
// tiles go through C in bands of 8 rows. With `prefetch` the factors' next step is fetched into registers while this one is multiplied.
// Workgroup memory holds both factors with four neighbours along m or n in a vector, whichever way they lie in memory: a thread
// fetches blocks of 4 × 4 and turns them over in registers. Eight neighbouring threads write eight neighbouring vectors, and of the 32 threads
// of a subgroup 8 lie along n and 4 along m, so that their reads are 8 and 4 different vectors: no two meet in a bank.
// Measured at 4096³ on an H100 without bounds checks, TFLOP/s: 128×128 in steps of 16 39.1 (Bᵀ 34.1), with prefetch 37.4 (33.1), with two
// buffers 33.9; in steps of 8 28.8; 256×128 by 512 threads 36.8; 128×64 29.2; 64×64 by 64 threads 32.3, by 128 threads 29.4.
// Too few tiles for the device: the sums along k are cut into parts, which a second dispatch adds in order (matmul-parts.ts).
import type { Dispatch } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { finishOf } from './matmul-finish.ts';
import { type Product, sumText, tidy, timesText } from './matmul-product.ts';
import { type Source, sourceA, sourceB } from './matmul-source.ts';

/** The parameters of a tile. */
export interface TileForm {
  readonly tileM: number;
  readonly tileN: number;
  /** Numbers along k in workgroup memory at once. */
  readonly tileK: number;
  /** Sums of a thread along m and n, multiples of 4. */
  readonly threadM: number;
  readonly threadN: number;
  /** Threads of 32 neighbours that lie along n. */
  readonly across: number;
  /** 2: one step is written while another is read, with one barrier a step. */
  readonly buffers: 1 | 2;
  /** The next step's numbers are fetched before this step is multiplied. */
  readonly prefetch: boolean;
  /** Numbers along k that the text spells out; the others are a loop. */
  readonly unroll: number;
}

export const tileForm = (
  tileM: number,
  tileN: number,
  threadM: number,
  threadN: number,
  other: Partial<TileForm> = {},
): TileForm => ({
  tileM,
  tileN,
  tileK: 16,
  threadM,
  threadN,
  across: 8,
  buffers: 1,
  prefetch: true,
  unroll: 8,
  ...other,
});

export const threadsOf = ({ tileM, tileN, threadM, threadN }: TileForm): number =>
  (tileM / threadM) * (tileN / threadN);

export const workgroupBytesOf = ({ tileM, tileN, tileK, buffers }: TileForm): number =>
  (tileM + tileN) * tileK * buffers * 4;

export interface TileOptions {
  readonly maxBindingBytes: number;
  /** Parts of the sums along k; with more than one, C is [parts, batch, m, n], to be added up. Default 1. */
  readonly parts?: number;
  /** How B is read, where it is no matrix of f32. */
  readonly b?: Source;
}

/** The dispatch of a product whose bindings are within the limits. */
export function tileDispatch(product: Product, form: TileForm, options: TileOptions): Dispatch {
  const { m, n, k, batch } = product;
  const { tileM, tileN, tileK } = form;
  const { maxBindingBytes, parts = 1 } = options;
  const a = sourceA(product, maxBindingBytes);
  const b = options.b ?? sourceB(product, maxBindingBytes);
  const finish = finishOf(product, maxBindingBytes);
  const partK = partLength(k, parts, tileK);
  const over = { m: m % tileM !== 0, n: n % tileN !== 0, k: k % tileK !== 0 };
  const [tilesM, tilesN] = [Math.ceil(m / tileM), Math.ceil(n / tileN)];
  const count = tilesM * tilesN * parts * batch;
  const steps = parts === 1 ? `${Math.ceil(k / tileK)}u` : 'steps';
  const code = `const threads = ${threadsOf(form)}u;
var<workgroup> tileA: array<vec4<f32>, ${(tileM / 4) * tileK * form.buffers}>;
var<workgroup> tileB: array<vec4<f32>, ${(tileN / 4) * tileK * form.buffers}>;
${a.text('loadA', a.alongK ? { rows: over.m, columns: over.k } : { rows: over.k, columns: over.m })}
${b.text('loadB', b.alongK ? { rows: over.n, columns: over.k } : { rows: over.k, columns: over.n })}
@compute @workgroup_size(${threadsOf(form)})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${count}u) { return; }
${placeLines({ tilesM, tilesN, parts, batch }, form)}
${parts === 1 ? '  const firstK = 0u;' : `  let firstK = part * ${partK}u;\n  let steps = (min(${partK}u, ${k}u - min(firstK, ${k}u)) + ${tileK - 1}u) / ${tileK}u;`}
${accumulatorLines(form)}
${loopLines(form, { a, b, steps })}
${finishLines(form, { product, finish, over, parts })}
}`;
  const label = `matmul ${m}×${k}×${n}, tiles of ${tileM}×${tileN}${parts > 1 ? ` in ${parts} parts` : ''}`;
  return {
    label,
    bindings: [...a.bindings, ...b.bindings, ...finish.bindings],
    code: withMath(tidy(code)),
    workgroups: gridOf(count),
  };
}

/** Numbers along k of one part, whole steps. */
export function partLength(k: number, parts: number, tileK: number): number {
  return Math.ceil(Math.ceil(k / tileK) / parts) * tileK;
}

/** Which tile, part and batch the workgroup has, and which of its threads this is. */
function placeLines(
  { tilesM, tilesN, parts, batch }: { readonly [size in 'tilesM' | 'tilesN' | 'parts' | 'batch']: number },
  { tileM, tileN, threadN, across }: TileForm,
): string {
  const band = Math.min(8, tilesM);
  const tiles = tilesM * tilesN;
  const groups = tileN / threadN / across;
  const high = 32 / across;
  const whole = tilesM % band === 0 ? `${band}u` : `min(${band}u, ${tilesM}u - band * ${band}u)`;
  return `  let tile = number ${parts * batch > 1 ? `% ${tiles}u` : ''};
  let band = tile / ${band * tilesN}u;
  let bandRows = ${whole};
  let inBand = tile % ${band * tilesN}u;
  let firstM = (band * ${band}u + inBand % bandRows) * ${tileM}u;
  let firstN = (inBand / bandRows) * ${tileN}u;
${parts > 1 ? `  let part = number / ${tiles}u % ${parts}u;` : ''}
  let batch = ${batch > 1 ? `number / ${tiles * parts}u` : '0u'};
  let threadX = thread % ${across}u + thread / 32u % ${groups}u * ${across}u;
  let threadY = thread / ${across}u % ${high}u + thread / ${32 * groups}u * ${high}u;`;
}

const rowsOf = ({ threadM }: TileForm): readonly number[] => Array.from({ length: threadM }, (_, i) => i);
const vectorsOf = (count: number): readonly number[] => Array.from({ length: count / 4 }, (_, i) => i);

function accumulatorLines(form: TileForm): string {
  return rowsOf(form)
    .map(
      (i) =>
        `  ${vectorsOf(form.threadN)
          .map((j) => `var sum${i}_${j} = vec4<f32>();`)
          .join(' ')}`,
    )
    .join('\n');
}

/** Blocks of 4 × 4 numbers: those of A, then those of B, dealt out to the threads. */
function slotsOf(form: TileForm) {
  const [blocksA, blocksB] = [(form.tileM * form.tileK) / 16, (form.tileN * form.tileK) / 16];
  const threads = threadsOf(form);
  const total = blocksA + blocksB;
  return Array.from({ length: Math.ceil(total / threads) }, (_, slot) => {
    const [from, to] = [slot * threads, (slot + 1) * threads];
    return {
      slot,
      /** Block number of this thread among those of A, and among those of B. */
      inA: sumText('thread', from),
      inB: from >= blocksA ? sumText('thread', from - blocksA) : `thread - ${blocksA - from}u`,
      hasA: from < blocksA,
      hasB: to > blocksA,
      /** WGSL conditions; undefined: all threads. */
      ifA: to > blocksA ? `thread < ${blocksA - from}u` : undefined,
      ifB: to > total ? `thread < ${total - from}u` : undefined,
    };
  });
}

type Slot = ReturnType<typeof slotsOf>[number];

/** WGSL for what a slot does with its block of A or of B. */
function eitherText({ hasA, hasB, ifA, ifB }: Slot, ofA: string, ofB: string): string {
  const second = ifB === undefined ? `{ ${ofB} }` : `if (${ifB}) { ${ofB} }`;
  if (!hasA) return second;
  return hasB && ifA !== undefined ? `if (${ifA}) { ${ofA} } else ${second}` : `{ ${ofA} }`;
}

function fetchText(form: TileForm, { a, b }: { readonly a: Source; readonly b: Source }, indent: string): string {
  const block = (slot: Slot, side: 'A' | 'B', { alongK }: Source): string => {
    const [number, first] = side === 'A' ? [slot.inA, 'firstM'] : [slot.inB, 'firstN'];
    const quads = form.tileK / 4;
    const place = `let block = ${number}; let across = ${first} / 4u + block % 8u + block / ${8 * quads}u * 8u; let along = k / 4u + block / 8u % ${quads}u;`;
    const reads = [0, 1, 2, 3].map((i) =>
      alongK
        ? `let y${i} = load${side}(batch, across * 4u + ${i}u, along);`
        : `next${slot.slot}_${i} = load${side}(batch, along * 4u + ${i}u, across);`,
    );
    const turned = alongK
      ? [...'xyzw'].map(
          (lane, i) => `next${slot.slot}_${i} = vec4<f32>(y0.${lane}, y1.${lane}, y2.${lane}, y3.${lane});`,
        )
      : [];
    return [place, ...reads, ...turned].join(' ');
  };
  return slotsOf(form)
    .map((slot) => `${indent}${eitherText(slot, block(slot, 'A', a), block(slot, 'B', b))}`)
    .join('\n');
}

function storeText(form: TileForm, indent: string): string {
  const block = (slot: Slot, side: 'A' | 'B'): string => {
    const [number, width] = side === 'A' ? [slot.inA, form.tileM / 4] : [slot.inB, form.tileN / 4];
    const quads = form.tileK / 4;
    const base = form.buffers === 2 ? `buffer * ${width * form.tileK}u + ` : '';
    const at = `let block = ${number}; let at = ${base}block / 8u % ${quads}u * ${4 * width}u + block % 8u + block / ${8 * quads}u * 8u;`;
    const lines = [0, 1, 2, 3].map((i) => `tile${side}[${sumText('at', i * width)}] = next${slot.slot}_${i};`);
    return [at, ...lines].join(' ');
  };
  return slotsOf(form)
    .map((slot) => `${indent}${eitherText(slot, block(slot, 'A'), block(slot, 'B'))}`)
    .join('\n');
}

function loopLines(
  form: TileForm,
  { a, b, steps }: { readonly a: Source; readonly b: Source; readonly steps: string },
): string {
  const { buffers, prefetch, tileK } = form;
  const registers = slotsOf(form)
    .map(({ slot }) => `  ${[0, 1, 2, 3].map((i) => `var next${slot}_${i} = vec4<f32>();`).join(' ')}`)
    .join('\n');
  const fetch = `${fetchText(form, { a, b }, '      ')}`;
  const store = storeText(form, '      ');
  const k = `let k = firstK + step * ${tileK}u;`;
  if (!prefetch) {
    return `${registers}
  for (var step = 0u; step < ${steps}; step++) {
${buffers === 2 ? '    let buffer = step % 2u;' : '    workgroupBarrier();'}
    {
      ${k}
${fetch}
${store}
    }
    workgroupBarrier();
${multiplyLines(form)}
  }`;
  }
  // Fetches a step, multiplies the one before, then stores what was fetched; the text has each once.
  return `${registers}
  for (var step = 0u; step <= ${steps}; step++) {
    if (step < ${steps}) {
      ${k}
${fetch}
    }
    if (step > 0u) {
${buffers === 2 ? '      let buffer = (step - 1u) % 2u;' : ''}
${multiplyLines(form)}
    }
${buffers === 2 ? '' : '    workgroupBarrier();'}
    if (step < ${steps}) {
${buffers === 2 ? '      let buffer = step % 2u;' : ''}
${store}
    }
    workgroupBarrier();
  }`;
}

/** The multiply-adds of one step. */
function multiplyLines(form: TileForm): string {
  const { tileM, tileN, tileK, threadM, threadN, buffers, unroll } = form;
  const [high, wide] = [tileM / threadM, tileN / threadN];
  const spelled = Math.min(unroll, tileK);
  const looped = spelled < tileK;
  const baseOf = (width: number): string =>
    sumText(looped ? timesText('l', width) : '', buffers === 2 ? timesText('buffer', width * tileK) : '');
  const lines: string[] = [
    `let fromA = ${sumText(baseOf(tileM / 4) === '0u' ? '' : baseOf(tileM / 4), 'threadY')};`,
    `let fromB = ${sumText(baseOf(tileN / 4) === '0u' ? '' : baseOf(tileN / 4), 'threadX')};`,
  ];
  for (let l = 0; l < spelled; l++) {
    for (const r of vectorsOf(threadM))
      lines.push(`let a${l}_${r} = tileA[${sumText('fromA', (l * tileM) / 4 + r * high)}];`);
    for (const j of vectorsOf(threadN))
      lines.push(`let b${l}_${j} = tileB[${sumText('fromB', (l * tileN) / 4 + j * wide)}];`);
    for (const i of rowsOf(form)) {
      const factor = `vec4<f32>(a${l}_${Math.floor(i / 4)}.${'xyzw'[i % 4]})`;
      for (const j of vectorsOf(threadN)) lines.push(`sum${i}_${j} = fma(${factor}, b${l}_${j}, sum${i}_${j});`);
    }
  }
  const indent = looped ? '      ' : '    ';
  const body = lines.map((line) => `${indent}${line}`).join('\n');
  return looped ? `    for (var l = 0u; l < ${tileK}u; l += ${spelled}u) {\n${body}\n    }` : body;
}

function finishLines(
  form: TileForm,
  {
    product: { m, n, batch: batches },
    finish,
    over,
    parts,
  }: {
    readonly product: Product;
    readonly finish: ReturnType<typeof finishOf>;
    readonly over: { readonly m: boolean; readonly n: boolean };
    readonly parts: number;
  },
): string {
  const [high, wide] = [form.tileM / form.threadM, form.tileN / form.threadN];
  const lines = rowsOf(form).flatMap((i) => {
    const row = `firstM + (threadY + ${Math.floor(i / 4) * high}u) * 4u + ${i % 4}u`;
    const writesOfRow = vectorsOf(form.threadN).flatMap((j) => {
      const first = `firstN + (threadX + ${j * wide}u) * 4u`;
      const cells = finish.lanes === 4 ? [['', 0] as const] : [...'xyzw'].map((lane, at) => [`.${lane}`, at] as const);
      return cells.map(([lane, at]) => {
        const column = sumText(first, at);
        const batch = parts > 1 ? `(batch + part * ${batches}u)` : 'batch';
        const text = finish.write({ batch, row: 'row', column: 'column' }, `sum${i}_${j}${lane}`);
        return `{ let column = ${column}; ${over.n ? `if (column < ${n}u) { ${text} }` : text} }`;
      });
    });
    const body = writesOfRow.map((line) => `    ${line}`).join('\n');
    return [`  { let row = ${row};`, over.m ? `    if (row < ${m}u) {\n${body}\n    }` : body, '  }'];
  });
  return lines.join('\n');
}
