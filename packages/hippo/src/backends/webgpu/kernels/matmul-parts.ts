// The second dispatch of a product whose sums along k were cut into parts: adds the parts in order, finishes and writes C.
// A thread makes four neighbouring numbers where rows allow, else one. Traffic: the parts once, C once.
import { type Dispatch, reads, workspace } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { finishOf } from './matmul-finish.ts';
import { elementOf, type Matrix, type Product } from './matmul-product.ts';

const threads = 256;

export function partsBytes({ m, n, batch }: Product, parts: number): number {
  return m * n * batch * parts * 4;
}

function partsMemory(product: Product, parts: number): Pick<Matrix, 'memory' | 'bytes'> {
  const { scratch = 0 } = product;
  const bytes = partsBytes(product, parts);
  return { memory: workspace(scratch, scratch + bytes), bytes };
}

/** The product that leaves its parts in the workspace, [parts, batch, m, n]. */
export function partsProduct(product: Product, parts: number): Product {
  const { bias: _bias, residual: _residual, ...rest } = product;
  const { m, n } = product;
  const c: Matrix = { ...partsMemory(product, parts), first: 0, lead: n, batch: m * n };
  return { ...rest, c, accumulate: false, gelu: false };
}

export function partsDispatch(product: Product, parts: number, maxBindingBytes: number): Dispatch {
  const { m, n, batch } = product;
  const finish = finishOf(product, maxBindingBytes);
  const { lanes } = finish;
  const count = (m * n * batch) / lanes;
  const type = elementOf(lanes);
  const sums = Array.from({ length: parts }, (_, part) => `  value += parts[i + ${part * count}u];`);
  const rows = n / lanes;
  const code = `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  var value = ${type}();
${sums.join('\n')}
  let column = i % ${rows}u${lanes === 4 ? ' * 4u' : ''};
  let row = i / ${rows}u % ${m}u;
  let batch = i / ${rows * m}u;
  ${finish.write({ batch: 'batch', row: 'row', column: 'column' }, 'value')}
}`;
  return {
    label: `matmul ${m}×${n}, sum of ${parts} parts`,
    bindings: [reads('parts', partsMemory(product, parts).memory, type), ...finish.bindings],
    code: withMath(code),
    workgroups: gridOf(Math.ceil(count / threads)),
  };
}
