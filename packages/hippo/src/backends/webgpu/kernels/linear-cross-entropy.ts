// Cross-entropy of a linear head and its gradient, x·Wᵀ for one chunk of rows at a time: the chunk's logits lie in the workspace, become
// losses and, in place, slopes d = (softmax − onehot)·dLoss; dx = d·W, and dW adds up dᵀ·x over the chunks. Where products round their
// factors to f16, slopes are that from the start: on an H100 dx, whose sums run along the whole vocabulary, took 2 to 4 times as long from
// f32 slopes.
// Bound by the three products (matmul-choose.ts). A chunk costs a pass over dW, so chunks are as large as 256 MiB of logits, or what one
// binding may cover, allow. A weight larger than that is cut by the products themselves.
// Rows of logits: a workgroup each, three passes (largest, sum, slopes) that hit the second-level cache; one reading with
// a running sum would save little beside the products.
import type { Node } from '../../../graph/value.ts';
import type { CrossEntropyAttributes } from '../../../ops/cross-entropy.ts';
import { linearCrossEntropyGradientOperation, linearCrossEntropyOperation } from '../../../ops/linear-cross-entropy.ts';
import type { DType } from '../../../tensor/dtype.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { alignRange, type Dispatch, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { haveSharedStorage, wholeMatrix } from './matmul.ts';
import { type ProductKernel, productKernel } from './matmul-choose.ts';
import { roundsFactors } from './matmul-forms.ts';
import type { Matrix, Product } from './matmul-product.ts';

export const linearCrossEntropyChoosers: Readonly<Record<string, Chooser>> = {
  [linearCrossEntropyOperation.name]: (node, traits) => choiceOf(node, traits, false),
  [linearCrossEntropyGradientOperation.name]: (node, traits) => choiceOf(node, traits, true),
};

/** Operands of the gradient that its products would rather read as f16: two of them read each. */
export function halvableOperands({ inputs: [x] }: Node, traits: DeviceTraits): readonly number[] {
  return roundsFactors(traits) && (x?.shape[1] ?? 0) % 8 === 0 ? [0, 0, 1, 1] : [];
}

/** Logits that exist at once, at most. Twice as many made a step of 16,384 tokens no faster on an H100. */
const mostLogitsBytes = 1 << 28;
/** Rows of a chunk come in these, so that the parts of every operand begin at multiples of 256 bytes. */
const step = 64;

interface Head extends CrossEntropyAttributes {
  readonly rows: number;
  readonly width: number;
  readonly columns: number;
  readonly shared: boolean;
  /** Types in which x and W lie. */
  readonly types: { readonly x: DType; readonly weight: DType };
  /** Slopes are f16, each row at the start of its logits: for products that round them anyway. */
  readonly halves: boolean;
}

interface Chunk {
  readonly from: number;
  readonly rows: number;
}

function chunksOf({ rows, columns }: Head, { maxBindingBytes }: DeviceTraits): readonly Chunk[] {
  const most = Math.floor(Math.min(mostLogitsBytes, maxBindingBytes) / (4 * columns));
  const whole = Math.max(step, Math.floor(most / step) * step);
  const even = Math.ceil(rows / Math.ceil(rows / whole) / step) * step;
  return Array.from({ length: Math.ceil(rows / even) }, (_, i) => ({
    from: i * even,
    rows: Math.min(even, rows - i * even),
  }));
}

function choiceOf(node: Node, traits: DeviceTraits, gradient: boolean): KernelChoice {
  const [x, weight] = node.inputs;
  const [rows = 0, width = 1] = x?.shape ?? [];
  const [columns = 1] = weight?.shape ?? [];
  // The attributes of both operations.
  const attributes = node.attributes as CrossEntropyAttributes;
  const types = { x: x?.dtype ?? 'f32', weight: weight?.dtype ?? 'f32' };
  const halves = gradient && roundsFactors(traits) && columns % 8 === 0;
  const head = { ...attributes, rows, width, columns, shared: haveSharedStorage(node.inputs), types, halves };
  const chunks = chunksOf(head, traits);
  const scratch = alignRange((chunks[0]?.rows ?? 0) * columns * 4);
  const steps = chunks.map((chunk) => chunkSteps(head, chunk, { traits, scratch, gradient }));
  return {
    dispatches: (wanted) =>
      steps.flatMap((kernels) => chunkDispatches(kernels, gradient ? wanted : [false, false, true])),
    workspaceBytes: Math.max(scratch, ...steps.flatMap(({ products }) => products.map((one) => one.workspaceBytes))),
    ...(gradient && { optionalOutputs: [0, 1, 2] }),
    reason: `logits of ${chunks[0]?.rows ?? 0} rows at a time`,
  };
}

interface ChunkKernels {
  /** logits, dx, dW */
  readonly products: readonly ProductKernel[];
  rowsDispatch(wanted: readonly boolean[]): Dispatch;
}

interface ChunkOptions {
  readonly traits: DeviceTraits;
  /** Byte of the workspace behind the logits. */
  readonly scratch: number;
  readonly gradient: boolean;
}

function chunkSteps(head: Head, chunk: Chunk, { traits, scratch, gradient }: ChunkOptions): ChunkKernels {
  const { width, columns, shared, types, halves } = head;
  const plain = { batch: 1, transposeA: false, transposeB: false, accumulate: false, gelu: false, shared, scratch };
  const logits: Matrix = {
    ...wholeMatrix(workspace(0, chunk.rows * columns * 4), [chunk.rows, columns], { lead: columns }),
  };
  const x: Matrix = {
    ...wholeMatrix(input(0), [head.rows, width], { lead: width, dtype: types.x }),
    first: chunk.from * width,
  };
  const weight = wholeMatrix(input(1), [columns, width], { lead: width, dtype: types.weight });
  const slopes: Matrix = halves ? { ...logits, lead: 2 * columns, halves: true } : logits;
  const forward: Product = {
    ...plain,
    m: chunk.rows,
    n: columns,
    k: width,
    transposeB: true,
    a: x,
    b: weight,
    c: logits,
  };
  const toX: Product = {
    ...plain,
    m: chunk.rows,
    n: width,
    k: columns,
    a: slopes,
    b: weight,
    c: { ...wholeMatrix(output(0), [head.rows, width], { lead: width }), first: chunk.from * width },
  };
  const toWeight: Product = {
    ...plain,
    m: columns,
    n: width,
    k: chunk.rows,
    transposeA: true,
    a: slopes,
    b: x,
    c: wholeMatrix(output(1), [columns, width], { lead: width }),
    accumulate: chunk.from > 0,
  };
  return {
    products: (gradient ? [forward, toX, toWeight] : [forward]).map((product) => productKernel(product, traits)),
    rowsDispatch: (wanted) => lossDispatch(head, chunk, { gradient, wanted }),
  };
}

function chunkDispatches({ products, rowsDispatch }: ChunkKernels, wanted: readonly boolean[]): readonly Dispatch[] {
  const [forward, toX, toWeight] = products;
  return [
    ...(forward?.dispatches ?? []),
    rowsDispatch(wanted),
    ...((wanted[0] && toX?.dispatches) || []),
    ...((wanted[1] && toWeight?.dispatches) || []),
  ];
}

const threads = 256;

/** The losses of a chunk's rows and, where somebody reads a gradient, the slopes in the logits' place. */
function lossDispatch(
  { columns, classes, ignoreIndex, halves }: Head,
  { from, rows }: Chunk,
  { gradient, wanted }: { readonly gradient: boolean; readonly wanted: readonly boolean[] },
): Dispatch {
  const part = { from: from * 4, to: (from + rows) * 4 };
  const sloped = wanted[0] || wanted[1];
  const packed = sloped && halves;
  const logits = workspace(0, rows * columns * 4);
  const logit = (at: string): string => (packed ? `bitcast<f32>(logits[${at}])` : `logits[${at}]`);
  const bindings = [
    writes('logits', logits, packed ? 'u32' : 'f32'),
    reads('targets', input(2, part), 'i32'),
    ...(sloped ? [reads('slopes', input(3, part))] : []),
    ...(wanted[2] ? [writes('losses', output(gradient ? 2 : 0, part))] : []),
  ];
  const code = `var<workgroup> shares: array<f32, ${threads}>;
fn together(thread: u32, value: f32, largest: bool) -> f32 {
  workgroupBarrier();
  shares[thread] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (thread < half) {
      let other = shares[thread + half];
      shares[thread] = select(shares[thread] + other, select(shares[thread], other, other > shares[thread]), largest);
    }
    workgroupBarrier();
  }
  return shares[0];
}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let row = ${workgroupNumber};
  if (row >= ${rows}u) { return; }
  let first = row * ${columns}u;
  let target_class = targets[row];
  let counts = target_class != ${ignoreIndex};
  var largest = bitcast<f32>(0xff7fffffu);
  for (var i = thread; i < ${classes}u; i += ${threads}u) {
    let score = ${logit('first + i')};
    largest = select(largest, score, score > largest);
  }
  largest = together(thread, largest, true);
  var total = 0.0;
  for (var i = thread; i < ${classes}u; i += ${threads}u) { total += expNegative1(${logit('first + i')} - largest); }
  let logSumExp = largest + log1(together(thread, total, false));
${wanted[2] ? lossLines(classes, logit) : ''}
${sloped ? slopeLines({ columns, classes, packed: packed === true }) : ''}
}`;
  return { label: `cross-entropy of ${rows} rows`, bindings, code: withMath(code), workgroups: gridOf(rows) };
}

function lossLines(classes: number, logit: (at: string) => string): string {
  return `  if (thread == 0u) {
    let known = target_class >= 0 && target_class < ${classes};
    let score = select(nonFinite(0x7fc00000u), ${logit('first + u32(max(target_class, 0))')}, known);
    losses[row] = select(0.0, logSumExp - score, counts);
  }`;
}

function slopeLines({
  columns,
  classes,
  packed,
}: {
  readonly columns: number;
  readonly classes: number;
  readonly packed: boolean;
}): string {
  const slope = (logit: string, i: string): string => {
    const hit = `select(0.0, 1.0, i32(${i}) == target_class)`;
    const inside = classes < columns ? ` && ${i} < ${classes}u` : '';
    return `select(0.0, (exp1(${logit} - logSumExp) - ${hit}) * slope, counts${inside})`;
  };
  if (!packed) {
    return `  workgroupBarrier();
  let slope = slopes[row];
  for (var i = thread; i < ${columns}u; i += ${threads}u) { logits[first + i] = ${slope('logits[first + i]', 'i')}; }`;
  }
  // Each round reads two logits a thread and writes them, as one word, no further on than all rounds before it have read.
  return `  workgroupBarrier();
  let slope = slopes[row];
  for (var begin = 0u; begin < ${columns}u; begin += ${2 * threads}u) {
    let i = begin + 2u * thread;
    var pair = vec2<f32>();
    if (i < ${columns}u) { pair = bitcast<vec2<f32>>(vec2<u32>(logits[first + i], logits[first + i + 1u])); }
    storageBarrier();
    workgroupBarrier();
    if (i < ${columns}u) {
      logits[first + i / 2u] = pack2x16float(vec2<f32>(${slope('pair.x', 'i')}, ${slope('pair.y', 'i + 1u')}));
    }
  }`;
}
