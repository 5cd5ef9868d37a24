// The way of sums in matrices of subgroups to C. Where nothing follows and the tile is whole, matrices go to C at once (and sums that C
// held are loaded into them first); else by way of workgroup memory, as many matrices of a row at a time as fit, so that
// neighbouring threads write neighbouring numbers.
import type { Binding } from './dispatch.ts';
import { finishOf } from './matmul-finish.ts';
import { bindMatrix, extentC, type Product, sumText, timesText } from './matmul-product.ts';
import {
  countsOf,
  factorBytes,
  range,
  resultType,
  type SubgroupMatrixForm,
  scratchBytes,
  sumsOf,
} from './matmul-subgroup-form.ts';

interface FinishOptions {
  /** Whether tiles reach beyond C. */
  readonly over: { readonly m: boolean; readonly n: boolean };
  readonly maxBindingBytes: number;
  readonly maxWorkgroupBytes: number;
  readonly parts: number;
}

/** WGSL of a finish: declarations, statements before the sums, and statements after them. */
interface SubgroupFinish {
  readonly bindings: readonly Binding[];
  readonly declarations: string;
  readonly before: string;
  readonly text: string;
}

export function subgroupFinish(product: Product, form: SubgroupMatrixForm, options: FinishOptions): SubgroupFinish {
  const { bias, residual, gelu } = product;
  const { over, parts } = options;
  const batch = parts > 1 ? `(batch + part * ${product.batch}u)` : 'batch';
  if (bias || residual || gelu) return { ...scratchFinish(product, form, { ...options, batch }), before: '' };
  const direct = directFinish(product, form, { ...options, batch });
  if (!over.m && !over.n) return direct;
  const other = scratchFinish(product, form, { ...options, batch, single: true });
  const inside = [
    ...(over.m ? [`firstM + ${form.tileM}u <= ${product.m}u`] : []),
    ...(over.n ? [`firstN + ${form.tileN}u <= ${product.n}u`] : []),
  ];
  return {
    bindings: direct.bindings,
    declarations: other.declarations,
    before: `  let whole = ${inside.join(' && ')};${direct.before === '' ? '' : `\n  if (whole) {\n${direct.before}\n  }`}`,
    text: `  if (whole) {\n${direct.text}\n  } else {\n${other.text}\n  }`,
  };
}

function directFinish(
  product: Product,
  form: SubgroupMatrixForm,
  { maxBindingBytes, batch }: FinishOptions & { readonly batch: string },
): SubgroupFinish {
  const { matrix } = form;
  const extent = extentC(product);
  const options = { access: 'write', extent, maxBindingBytes, batches: product.batch, vectors: false } as const;
  const c = bindMatrix('matrixC', product.c, options);
  const placed = sumsOf(form).map(({ name, i, j }) => {
    const row = `(firstM + subgroupM + ${i * matrix.m}u)`;
    const offset = sumText(
      c.first,
      timesText(batch, c.batch),
      timesText(row, c.lead),
      'firstN',
      'subgroupN',
      j * matrix.n,
    );
    return { name, offset };
  });
  const loads = placed.map(
    ({ name, offset }) =>
      `  ${name} = subgroupMatrixLoad<${resultType(form)}, row_major>(&matrixC, ${offset}, ${c.lead}u);`,
  );
  const stores = placed.map(
    ({ name, offset }) => `  subgroupMatrixStore<row_major>(&matrixC, ${offset}, ${name}, ${c.lead}u);`,
  );
  return {
    bindings: [c.binding],
    declarations: '',
    before: product.accumulate ? loads.join('\n') : '',
    text: stores.join('\n'),
  };
}

/** The most matrices of a row, a divisor of their number, that fit beside the factors. */
function togetherOf(form: SubgroupMatrixForm, maxWorkgroupBytes: number): number {
  const { wide } = countsOf(form);
  const fits = (count: number): boolean => factorBytes(form) + scratchBytes(form, count) <= maxWorkgroupBytes;
  return [4, 2].find((count) => wide % count === 0 && fits(count)) ?? 1;
}

function scratchFinish(
  product: Product,
  form: SubgroupMatrixForm,
  options: FinishOptions & { readonly batch: string; readonly single?: boolean },
): Omit<SubgroupFinish, 'before'> {
  const { m, n } = product;
  const { matrix, size } = form;
  const { over, maxBindingBytes, maxWorkgroupBytes, batch, single = false } = options;
  const finish = finishOf(product, maxBindingBytes, single);
  const together = togetherOf(form, maxWorkgroupBytes);
  const columns = matrix.n * together;
  const cells = matrix.m * columns;
  const vectors = columns / 4;
  const writes = (finish.lanes === 4 ? [0] : range(4)).map((lane) => {
    const at = `subgroup * ${cells}u + vector * 4u`;
    const scratch = (i: number): string => `scratch[${sumText(at, i)}]`;
    const value = finish.lanes === 4 ? `vec4<f32>(${range(4).map(scratch).join(', ')})` : scratch(lane);
    const text = finish.write({ batch, row: 'row', column: 'column' }, value);
    const conditions = [...(over.m ? [`row < ${m}u`] : []), ...(over.n ? [`column < ${n}u`] : [])];
    return `{ let column = ${sumText('firstColumn', lane)}; ${conditions.length > 0 ? `if (${conditions.join(' && ')}) { ${text} }` : text} }`;
  });
  const groups = sumsOf(form).filter(({ j }) => j % together === 0);
  const lines = groups.map(({ i, j }) => {
    const stores = range(together).map(
      (t) =>
        `  subgroupMatrixStore<row_major>(&scratch, ${sumText(`subgroup * ${cells}u`, t * matrix.n)}, sum${i}_${j + t}, ${columns}u);`,
    );
    return `  workgroupBarrier();
${stores.join('\n')}
  workgroupBarrier();
  for (var vector = lane; vector < ${cells / 4}u; vector += ${size}u) {
    let row = firstM + subgroupM + ${i * matrix.m}u + vector / ${vectors}u;
    let firstColumn = firstN + subgroupN + ${j * matrix.n}u + vector % ${vectors}u * 4u;
    ${writes.join('\n    ')}
  }`;
  });
  return {
    bindings: finish.bindings,
    declarations: `var<workgroup> scratch: array<f32, ${cells * form.subgroupsM * form.subgroupsN}>;`,
    text: lines.join('\n'),
  };
}
